import threading
a, b = threading.Semaphore(1), threading.Semaphore(0)
log = []
def play(mine, other, word):
    for _ in range(3):
        mine.acquire()
        log.append(word)
        other.release()
ts = [threading.Thread(target=play, args=(a, b, "ping")), threading.Thread(target=play, args=(b, a, "pong"))]
for t in ts: t.start()
for t in ts: t.join()
print(log)
