import threading, time
semaphore, lock = threading.BoundedSemaphore(2), threading.Lock()
inside = most = 0
def work():
    global inside, most
    with semaphore:
        with lock:
            inside += 1
            most = max(most, inside)
        time.sleep(0.01)
        with lock: inside -= 1
ts = [threading.Thread(target=work) for _ in range(6)]
for t in ts: t.start()
for t in ts: t.join()
print(most, inside)
