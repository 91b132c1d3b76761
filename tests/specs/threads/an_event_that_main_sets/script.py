import threading
ready, log = threading.Event(), []
def waiter():
    log.append("waiting")
    ready.wait()
    log.append("went on")
t = threading.Thread(target=waiter)
t.start()
log.append("main sets")
ready.set()
t.join()
print(log)
