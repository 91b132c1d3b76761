import queue, threading
q = queue.Queue()
def key(n): return q.get()
def work():
    print("sorted", sorted([3, 1, 2], key=key))
t = threading.Thread(target=work)
t.start()
for n in (3, 1, 2): q.put(n)
t.join()
