import queue, threading, traceback
q, out = queue.Queue(), []
def inner(): raise KeyError(q.get())
def outer():
    try: inner()
    except KeyError: out.append(traceback.format_exc())
t = threading.Thread(target=outer)
t.start()
q.put("late")
t.join()
print(out[0].strip().splitlines()[-1], out[0].count("in inner"), out[0].count("in outer"))
