import sys, threading
gate, seen = threading.Event(), []
def work(n):
    try:
        raise ValueError(n)
    except ValueError:
        gate.wait()
        seen.append(str(sys.exception()))
        try: raise
        except ValueError as error: seen.append(error.args[0])
ts = [threading.Thread(target=work, args=(n,)) for n in (1, 2)]
for t in ts: t.start()
print(sys.exception())
gate.set()
for t in ts: t.join()
print(sorted(map(str, seen)))
