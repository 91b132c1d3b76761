import threading, time
stop, ticks = threading.Event(), []
def tick():
    while not stop.wait(0.02):
        ticks.append(1)
t = threading.Thread(target=tick)
t.start()
time.sleep(0.15)
stop.set()
t.join()
print(2 <= len(ticks) <= 9, t.is_alive())
