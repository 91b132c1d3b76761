import threading
class Counter:
    def __init__(self): self.value, self.lock = 0, threading.Lock()
    def add(self):
        for _ in range(500):
            with self.lock: self.value += 1
c = Counter()
ts = [threading.Thread(target=c.add) for _ in range(8)]
[t.start() for t in ts]
[t.join() for t in ts]
print(c.value)
