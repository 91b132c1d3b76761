import queue, threading, time
tasks, done = queue.Queue(), []
def worker(name):
    while True:
        item = tasks.get()
        time.sleep(0.01)
        done.append(item)
        tasks.task_done()
for i in range(2):
    threading.Thread(target=worker, args=(f"w{i}",), daemon=True).start()
for item in "abcdef": tasks.put(item)
tasks.join()
print(sorted(done))
