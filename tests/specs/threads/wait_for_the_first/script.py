import time
from concurrent.futures import ThreadPoolExecutor, wait, FIRST_COMPLETED
def work(d):
    time.sleep(d)
    return d
with ThreadPoolExecutor(3) as pool:
    futures = [pool.submit(work, d) for d in (0.3, 0.05)]
    done, left = wait(futures, return_when=FIRST_COMPLETED)
    print([f.result() for f in done], len(left))
    done, left = wait(futures, timeout=0.01)
    print(len(done), len(left))
