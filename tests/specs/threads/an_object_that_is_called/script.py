import queue, threading
class Worker:
    def __init__(self, q): self.q, self.sum = q, 0
    def __call__(self):
        while (n := self.q.get()): self.sum += n
q = queue.Queue()
w = Worker(q)
t = threading.Thread(target=w)
t.start()
for n in (1, 2, 3, 0): q.put(n)
t.join()
print(w.sum)
