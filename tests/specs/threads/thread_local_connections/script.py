import threading
local, seen = threading.local(), []
def connection():
    if not hasattr(local, "connection"):
        local.connection = f"connection of {threading.current_thread().name}"
    return local.connection
def work(pause):
    first = connection()
    pause.wait()
    seen.append(first == connection() and first)
pause = threading.Event()
ts = [threading.Thread(target=work, args=(pause,), name=f"t{n}") for n in range(3)]
for t in ts: t.start()
pause.set()
for t in ts: t.join()
print(sorted(seen))
