import threading
a, b, met = threading.Lock(), threading.Lock(), threading.Barrier(2)
def work(first, second):
    with first:
        met.wait()
        with second: pass
ts = [threading.Thread(target=work, args=x, daemon=True) for x in ((a, b), (b, a))]
for t in ts: t.start()
try:
    for t in ts: t.join()
except RuntimeError as error:
    print(error)
