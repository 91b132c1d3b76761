from concurrent.futures import ThreadPoolExecutor
with ThreadPoolExecutor(max_workers=4) as pool:
    def tree(n):
        if n == 0: return 1
        left, right = pool.submit(tree, 0), pool.submit(tree, 0)
        return n + left.result() + right.result()
    print(pool.submit(tree, 5).result(), [f.result() for f in [pool.submit(tree, n) for n in range(3)]])
