import threading
release = threading.Event()
t = threading.Thread(target=release.wait)
t.start()
t.join(timeout=0.05)
print(t.is_alive())
release.set()
t.join(timeout=5)
print(t.is_alive())
