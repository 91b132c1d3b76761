import threading, time
class Limiter:
    def __init__(self, every): self.every, self.next, self.lock = every, 0.0, threading.Lock()
    def __enter__(self):
        with self.lock:
            now = time.monotonic()
            turn = max(now, self.next)
            self.next = turn + self.every
        time.sleep(max(0, turn - now))
        return turn
    def __exit__(self, *_): pass
limiter, turns = Limiter(0.02), []
def work():
    with limiter as turn: turns.append((turn, time.monotonic() >= turn))
ts = [threading.Thread(target=work) for _ in range(4)]
for t in ts: t.start()
for t in ts: t.join()
times = [turn for turn, _ in turns]
print(times == sorted(times), all(b - a > 0.019 for a, b in zip(times, times[1:])), all(late for _, late in turns))
