import time
from concurrent.futures import ThreadPoolExecutor, as_completed
def work(delay):
    time.sleep(delay)
    return delay
with ThreadPoolExecutor(max_workers=3) as pool:
    futures = [pool.submit(work, d) for d in (0.3, 0.2, 0.1)]
    print([f.result() for f in as_completed(futures)])
