import queue, threading
jobs, done = queue.PriorityQueue(), []
for priority, name in ((3, "c"), (1, "a"), (2, "b")): jobs.put((priority, name))
def worker():
    while True:
        try: _, name = jobs.get(timeout=0.05)
        except queue.Empty: return
        done.append(name)
        jobs.task_done()
t = threading.Thread(target=worker)
t.start(); jobs.join(); t.join()
print(done)
