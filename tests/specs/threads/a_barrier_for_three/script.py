import threading
barrier, lock, passed = threading.Barrier(3), threading.Lock(), []
def party(n):
    with lock: passed.append(("before", n))
    barrier.wait()
    with lock: passed.append(("after", n))
ts = [threading.Thread(target=party, args=(n,)) for n in range(3)]
for t in ts: t.start()
for t in ts: t.join()
print([p[0] for p in passed], sorted(p[1] for p in passed[3:]), barrier.broken)
