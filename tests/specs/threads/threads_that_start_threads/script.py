import threading
log, lock = [], threading.Lock()
def work(depth, path):
    with lock: log.append(path)
    if depth:
        ts = [threading.Thread(target=work, args=(depth - 1, path + c)) for c in "ab"]
        for t in ts: t.start()
        for t in ts: t.join()
t = threading.Thread(target=work, args=(2, "r"))
t.start(); t.join()
print(sorted(log))
