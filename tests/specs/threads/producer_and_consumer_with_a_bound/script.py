import queue, threading
q = queue.Queue(maxsize=2)
received = []
def produce():
    for n in range(10):
        q.put(n)
    q.put(None)
def consume():
    while (item := q.get()) is not None:
        received.append(item)
p, c = threading.Thread(target=produce), threading.Thread(target=consume)
p.start(); c.start(); p.join(); c.join()
print(received, q.qsize())
