from concurrent.futures import ThreadPoolExecutor
def work(n):
    if n == 2: raise ValueError(f"no {n}")
    return n
with ThreadPoolExecutor(2) as pool:
    futures = [pool.submit(work, n) for n in range(4)]
    for f in futures:
        try: print(f.result())
        except ValueError as error: print("error:", error)
