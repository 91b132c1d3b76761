import threading, time
fired = []
a = threading.Timer(0.05, fired.append, args=("a",))
b = threading.Timer(0.05, fired.append, args=("b",))
a.start(); b.start(); b.cancel()
a.join(); b.join()
print(fired)
