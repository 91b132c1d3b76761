import threading
gate, lock, total = threading.Event(), threading.Lock(), 0
def work(n):
    global total
    gate.wait()
    with lock: total += n
ts = [threading.Thread(target=work, args=(n,)) for n in range(100)]
for t in ts: t.start()
print(threading.active_count(), total)
gate.set()
for t in ts: t.join()
print(threading.active_count(), total)
