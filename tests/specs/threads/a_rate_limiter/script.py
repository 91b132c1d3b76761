import threading, time
class Limiter:
    def __init__(self, every): self.every, self.next, self.lock = every, 0.0, threading.Lock()
    def __enter__(self):
        with self.lock:
            now = time.monotonic()
            pause, self.next = max(0, self.next - now), max(now, self.next) + self.every
        time.sleep(pause)
    def __exit__(self, *_): pass
limiter, stamps = Limiter(0.02), []
def work():
    with limiter: stamps.append(time.monotonic())
ts = [threading.Thread(target=work) for _ in range(4)]
for t in ts: t.start()
for t in ts: t.join()
print(all(b - a > 0.01 for a, b in zip(stamps, stamps[1:])))
