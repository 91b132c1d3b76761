import threading
from concurrent.futures import ThreadPoolExecutor, CancelledError
gate = threading.Event()
with ThreadPoolExecutor(max_workers=1) as pool:
    running, waiting = pool.submit(gate.wait), pool.submit(print, "never")
    print(waiting.cancel(), running.cancel())
    gate.set()
print(running.result(), waiting.cancelled())
