import threading, time
stop, ticks = threading.Event(), []
def tick():
    while not stop.wait(0.02):
        ticks.append(1)
t = threading.Thread(target=tick)
t.start()
while len(ticks) < 3: time.sleep(0.01)
stop.set()
t.join()
print(len(ticks) >= 3, t.is_alive())
