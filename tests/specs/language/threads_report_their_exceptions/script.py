import threading

def fail():
    raise KeyError("in a thread")

thread = threading.Thread(target=fail, name="T")
thread.start()
thread.join()
print("main goes on")
