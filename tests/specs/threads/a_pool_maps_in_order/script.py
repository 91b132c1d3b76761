import time
from concurrent.futures import ThreadPoolExecutor
def work(n):
    time.sleep(0.03 * (3 - n))
    return n
with ThreadPoolExecutor() as pool:
    print(list(pool.map(work, range(4))))
