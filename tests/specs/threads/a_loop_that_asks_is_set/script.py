import threading, time
stop, count = threading.Event(), 0
def spin():
    global count
    while not stop.is_set():
        count += 1
t = threading.Thread(target=spin)
t.start()
time.sleep(0.05)
stop.set()
t.join()
print(count > 10)
