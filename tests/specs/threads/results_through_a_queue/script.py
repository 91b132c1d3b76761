import queue, threading
def fetch(url, out): out.put((url, len(url)))
out = queue.Queue()
ts = [threading.Thread(target=fetch, args=(u, out)) for u in ("a", "bbb", "cc")]
for t in ts: t.start()
for t in ts: t.join()
results = {}
while not out.empty():
    url, size = out.get_nowait()
    results[url] = size
print(dict(sorted(results.items())))
