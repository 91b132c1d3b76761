import contextlib, threading
gate, log = threading.Event(), []
@contextlib.contextmanager
def opened():
    gate.wait()
    log.append("open")
    yield "file"
    log.append("closed")
def work():
    with opened() as f: log.append(f)
t = threading.Thread(target=work)
t.start()
log.append("main")
gate.set()
t.join()
print(log)
