from multiprocessing.pool import ThreadPool
import time
def work(n):
    time.sleep(0.02)
    return n * n
with ThreadPool(4) as pool:
    print(pool.map(work, range(5)), pool.starmap(pow, [(2, 3), (3, 2)]))
    result = pool.apply_async(work, (7,))
    print(result.get(timeout=5), sorted(pool.imap_unordered(work, [3, 1, 2])), list(pool.imap(work, [1, 2])))
