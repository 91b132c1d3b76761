import functools, queue, threading
q, out = queue.Queue(), []
def take(name, count): out.append((name, [q.get() for _ in range(count)]))
t = threading.Thread(target=functools.partial(take, "p", count=2))
t.start()
q.put("x"); q.put("y")
t.join()
print(out)
