import threading, time
def work(): time.sleep(0.05)
t = threading.Thread(target=work)
t.start()
while t.is_alive():
    pass
print("ended", t.is_alive())
