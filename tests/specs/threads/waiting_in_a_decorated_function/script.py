import functools, queue, threading
def logged(function):
    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        return function(*args, **kwargs), function.__name__
    return wrapper
q, out = queue.Queue(), []
@logged
def take(count, *, offset=0): return [q.get() + offset for _ in range(count)]
t = threading.Thread(target=lambda: out.append(take(2, offset=10)))
t.start()
q.put(1); q.put(2)
t.join()
print(out)
