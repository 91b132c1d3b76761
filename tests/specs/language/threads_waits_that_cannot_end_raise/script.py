import queue, threading

for wait in (
    threading.Event().wait,
    queue.Queue().get,
    threading.Barrier(2).wait,
    threading.Semaphore(0).acquire,
):
    try:
        wait()
    except RuntimeError as error:
        print(error)
try:
    queue.Queue().get(timeout=0.01)
except queue.Empty:
    print("empty")
