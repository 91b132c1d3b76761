import queue, threading
q, results, lock = queue.Queue(), [], threading.Lock()
def worker():
    while True:
        item = q.get()
        if item is None:
            q.task_done()
            break
        with lock:
            results.append(item * item)
        q.task_done()
workers = [threading.Thread(target=worker) for _ in range(3)]
for w in workers: w.start()
for n in range(5): q.put(n)
q.join()
for _ in workers: q.put(None)
for w in workers: w.join()
print(sorted(results))
