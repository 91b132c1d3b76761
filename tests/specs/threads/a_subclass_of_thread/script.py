import threading
class Summer(threading.Thread):
    def __init__(self, numbers):
        super().__init__()
        self.numbers, self.result = numbers, None
    def run(self):
        self.result = sum(self.numbers)
ts = [Summer(range(n)) for n in (3, 10, 100)]
for t in ts: t.start()
for t in ts: t.join()
print([t.result for t in ts])
