import queue, threading
a, b, c = queue.Queue(), queue.Queue(), queue.Queue()
END = object()
def stage(source, target, function):
    while True:
        item = source.get()
        if item is END:
            target.put(END)
            return
        target.put(function(item))
ts = [threading.Thread(target=stage, args=x) for x in ((a, b, lambda n: n + 1), (b, c, lambda n: n * 10))]
for t in ts: t.start()
for n in range(5): a.put(n)
a.put(END)
out = []
while (item := c.get()) is not END: out.append(item)
for t in ts: t.join()
print(out)
