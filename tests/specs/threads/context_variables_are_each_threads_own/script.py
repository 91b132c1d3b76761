import contextvars, threading
who = contextvars.ContextVar("who", default="nobody")
who.set("main")
seen, gate = [], threading.Event()
def work(name):
    before = who.get()
    who.set(name)
    gate.wait()
    seen.append((before, who.get()))
ts = [threading.Thread(target=work, args=(n,)) for n in "ab"]
for t in ts: t.start()
gate.set()
for t in ts: t.join()
print(sorted(seen), who.get())
