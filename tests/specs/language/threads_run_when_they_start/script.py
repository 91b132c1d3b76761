import threading

done = []
local = threading.local()
local.name = "main"

def work(n):
    try:
        local.name
    except AttributeError:
        local.name = f"worker {n}"
    done.append((n, threading.current_thread().name, local.name))

threads = [threading.Thread(target=work, args=(n,), name=f"T{n}") for n in range(3)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(done, local.name, [thread.is_alive() for thread in threads], threading.active_count())

event = threading.Event()
threading.Timer(0.01, event.set).start()
print(event.wait(1))

lock, rlock, condition = threading.Lock(), threading.RLock(), threading.Condition()
with lock, rlock, rlock, condition:
    print(lock.locked(), lock.acquire(blocking=False), lock.acquire(timeout=0.01), condition.wait(0.01))
