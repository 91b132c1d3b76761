import threading
lock, log = threading.RLock(), []
def inner(name):
    with lock: log.append(name)
def outer(name):
    with lock:
        inner(name)
        inner(name)
ts = [threading.Thread(target=outer, args=(n,)) for n in "ab"]
with lock:
    for t in ts: t.start()
    log.append("main")
for t in ts: t.join()
print(log)
