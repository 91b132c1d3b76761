import queue, threading
q = queue.Queue()
def items():
    while (item := q.get()) is not None:
        yield item
out = []
def consume():
    for item in items(): out.append(item)
    out.append("end")
t = threading.Thread(target=consume)
t.start()
for n in range(3): q.put(n)
q.put(None)
t.join()
print(out)
