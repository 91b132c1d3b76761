import threading
from concurrent.futures import ThreadPoolExecutor, wait, FIRST_COMPLETED
gate = threading.Event()
with ThreadPoolExecutor(3) as pool:
    futures = [pool.submit(gate.wait), pool.submit(int, "7")]
    done, left = wait(futures, return_when=FIRST_COMPLETED)
    print([f.result() for f in done], len(left))
    done, left = wait(futures, timeout=0.01)
    print(len(done), len(left))
    gate.set()
    print(len(wait(futures).done))
