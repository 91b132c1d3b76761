"""Pools of threads: `ThreadPoolExecutor`, `ThreadPool`.

Run once before the snapshot, after `threads.py`, whose rule holds here as well: work is done when it is handed in.
"""

import concurrent.futures
import concurrent.futures.thread
import multiprocessing.pool
import threading

import _sandgate_calls


class ThreadPoolExecutor(concurrent.futures.Executor):
    """Runs what is submitted when it is submitted, in a thread of its own name. Calls of services overlap."""

    _count = 0

    def __init__(self, max_workers=None, thread_name_prefix="", initializer=None, initargs=(), **_contexts):
        if max_workers is not None and max_workers <= 0:
            raise ValueError("max_workers must be greater than 0")
        if initializer is not None and not callable(initializer):
            raise TypeError("initializer must be a callable")
        if not thread_name_prefix:
            thread_name_prefix = f"ThreadPoolExecutor-{ThreadPoolExecutor._count}"
            ThreadPoolExecutor._count += 1
        self._max_workers = max_workers or 1
        self._prefix, self._next = thread_name_prefix, 0
        self._initializer, self._initargs = initializer, initargs
        self._shutdown, self._calls = False, []

    def submit(self, fn, /, *args, **kwargs):
        if self._shutdown:
            raise RuntimeError("cannot schedule new futures after shutdown")
        call = None if self._initializer else _sandgate_calls.future_of(fn, args, kwargs)
        if call is not None:
            self._calls.append(call)
            return call
        future = concurrent.futures.Future()
        number, self._next = self._next, (self._next + 1) % self._max_workers
        initializer, self._initializer = self._initializer, None

        def run():
            if initializer is not None:
                initializer(*self._initargs)
            future.set_running_or_notify_cancel()
            try:
                result = fn(*args, **kwargs)
            except BaseException as error:
                future.set_exception(error)
            else:
                future.set_result(result)

        threading.Thread(target=run, name=f"{self._prefix}_{number}").start()
        return future

    def shutdown(self, wait=True, *, cancel_futures=False):
        self._shutdown = True
        if wait:
            _sandgate_calls.settle(self._calls)


ThreadPoolExecutor.__module__ = "concurrent.futures.thread"
concurrent.futures.thread.ThreadPoolExecutor = concurrent.futures.ThreadPoolExecutor = ThreadPoolExecutor


class _Result:
    """What is left of work that is already done."""

    def __init__(self, work, callback, error_callback):
        self._value = self._error = None

        def run():
            try:
                self._value = work()
            except Exception as error:
                self._error = error

        threading.Thread(target=run).start()
        if self._error is None and callback is not None:
            callback(self._value)
        elif self._error is not None and error_callback is not None:
            error_callback(self._error)

    def get(self, timeout=None):
        if self._error is not None:
            raise self._error
        return self._value

    def wait(self, timeout=None):
        pass

    def ready(self):
        return True

    def successful(self):
        return self._error is None


class ThreadPool:
    """A pool of threads, each of which runs to its end when it is given something to do."""

    def __init__(self, processes=None, initializer=None, initargs=()):
        if processes is not None and processes < 1:
            raise ValueError("Number of processes must be at least 1")
        self._closed = False
        if initializer is not None:
            initializer(*initargs)

    def apply_async(self, func, args=(), kwds={}, callback=None, error_callback=None):
        if self._closed:
            raise ValueError("Pool not running")
        return _Result(lambda: func(*args, **kwds), callback, error_callback)

    def map_async(self, func, iterable, chunksize=None, callback=None, error_callback=None):
        return self.apply_async(lambda: [func(item) for item in iterable], callback=callback, error_callback=error_callback)

    def starmap_async(self, func, iterable, chunksize=None, callback=None, error_callback=None):
        return self.map_async(lambda items: func(*items), iterable, chunksize, callback, error_callback)

    def apply(self, func, args=(), kwds={}):
        return self.apply_async(func, args, kwds).get()

    def map(self, func, iterable, chunksize=None):
        return self.map_async(func, iterable).get()

    def starmap(self, func, iterable, chunksize=None):
        return self.starmap_async(func, iterable).get()

    def imap(self, func, iterable, chunksize=1):
        return iter(self.map(func, iterable))

    imap_unordered = imap

    def close(self):
        self._closed = True

    terminate = close

    def join(self):
        if not self._closed:
            raise ValueError("Pool is still running")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


ThreadPool.__module__ = "multiprocessing.pool"
multiprocessing.pool.ThreadPool = ThreadPool
