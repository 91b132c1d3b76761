import threading, time
stop, count = threading.Event(), 0
def spin():
    global count
    while not stop.is_set():
        count += 1
t = threading.Thread(target=spin)
t.start()
while count <= 10: time.sleep(0.001)
stop.set()
t.join()
print(count > 10)
