import queue, threading
q, seen = queue.Queue(maxsize=1), []
def consume():
    for item in iter(q.get, None):
        seen.append(item)
t = threading.Thread(target=consume)
t.start()
for n in range(6): q.put(n)
q.put(None)
t.join()
print(seen)
