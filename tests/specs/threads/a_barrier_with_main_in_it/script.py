import threading
barrier = threading.Barrier(2, action=lambda: print("all there"))
t = threading.Thread(target=lambda: (barrier.wait(), print("thread passed")))
t.start()
index = barrier.wait()
t.join()
print(index in (0, 1))
