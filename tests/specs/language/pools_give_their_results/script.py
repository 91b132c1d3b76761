import threading
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor, as_completed, wait
from multiprocessing.pool import ThreadPool

def work(n):
    if n == 2:
        raise ValueError(n)
    return threading.current_thread().name, n

with ThreadPoolExecutor(max_workers=2, thread_name_prefix="w") as pool:
    futures = [pool.submit(work, n) for n in range(4)]
    print(sorted(str(f.exception() or f.result()) for f in as_completed(futures)), len(wait(futures).done))
    print(list(pool.map(pow, [2, 3], [3, 2])))
try:
    pool.submit(work, 0)
except RuntimeError as error:
    print(error)
with ThreadPool(4) as pool:
    print(pool.map(abs, [-1]), pool.starmap(pow, [(2, 3)]), pool.apply_async(int, ("x",)).successful(), [*pool.imap(abs, [-3])])
with ProcessPoolExecutor() as pool:
    print(list(pool.map(abs, [-1])))
