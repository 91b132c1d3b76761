import time
from concurrent.futures import ThreadPoolExecutor
log = []
def work(n):
    log.append(("begin", n))
    time.sleep(0.01)
    log.append(("end", n))
with ThreadPoolExecutor(max_workers=1) as pool:
    for n in range(3): pool.submit(work, n)
print(log)
