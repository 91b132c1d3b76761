"""Pools of threads: `ThreadPoolExecutor`, `ThreadPool`.

Run once before the snapshot, after `threads.py`. A call of a service that is handed in is only begun, so that such calls
overlap without a thread for each.
"""

import concurrent.futures
import concurrent.futures.thread
import multiprocessing
import multiprocessing.pool

import _sandgate_calls
import _sandgate_threads

_Executor = concurrent.futures.thread.ThreadPoolExecutor


class ThreadPoolExecutor(_Executor):
    """Runs what is submitted in threads. Where nobody says how many, there are as many as a large machine would have."""

    def __init__(self, max_workers=None, thread_name_prefix="", initializer=None, initargs=(), **named):
        super().__init__(32 if max_workers is None else max_workers, thread_name_prefix, initializer, initargs, **named)
        self._calls = []

    def submit(self, fn, /, *args, **kwargs):
        if not self._shutdown and not self._broken:
            call = _sandgate_calls.future_of(fn, args, kwargs)
            if call is not None:
                self._calls.append(call)
                return call
        fn, args, kwargs = _sandgate_threads.plain(fn, args, kwargs)
        return super().submit(fn, *args, **kwargs)

    def shutdown(self, wait=True, *, cancel_futures=False):
        super().shutdown(wait, cancel_futures=cancel_futures)
        if wait:
            _sandgate_calls.settle(self._calls)


ThreadPoolExecutor.__module__ = "concurrent.futures.thread"
concurrent.futures.thread.ThreadPoolExecutor = concurrent.futures.ThreadPoolExecutor = ThreadPoolExecutor


class _Result:
    """What comes of work that was handed in: of all of it, or an error."""

    def __init__(self, futures, many, callback, error_callback):
        self._futures, self._many = futures, many
        self._left = len(futures)
        self._callback, self._error_callback = callback, error_callback
        for future in futures:
            future.add_done_callback(self._one_is_done)
        if not futures:
            self._tell()

    def _one_is_done(self, _future):
        self._left -= 1
        if not self._left:
            self._tell()

    def _tell(self):
        error = self._error()
        if error is None and self._callback is not None:
            self._callback(self._value())
        elif error is not None and self._error_callback is not None:
            self._error_callback(error)

    def _error(self):
        return next((future.exception() for future in self._futures if future.exception() is not None), None)

    def _value(self):
        values = [future.result() for future in self._futures]
        return values if self._many else values[0]

    def get(self, timeout=None):
        self.wait(timeout)
        if not self.ready():
            raise multiprocessing.TimeoutError
        error = self._error()
        if error is not None:
            raise error
        return self._value()

    def wait(self, timeout=None):
        concurrent.futures.wait(self._futures, timeout)

    def ready(self):
        _sandgate_threads.pass_on()
        return all([future.done() for future in self._futures])

    def successful(self):
        if not self.ready():
            raise ValueError(f"{self!r} not ready")
        return self._error() is None


class ThreadPool:
    """A pool of threads."""

    def __init__(self, processes=None, initializer=None, initargs=()):
        if processes is not None and processes < 1:
            raise ValueError("Number of processes must be at least 1")
        if initializer is not None and not callable(initializer):
            raise TypeError("initializer must be a callable")
        self._executor = ThreadPoolExecutor(processes, "ThreadPool", initializer, initargs)

    def _submit(self, func, args, kwds):
        if self._executor._shutdown:
            raise ValueError("Pool not running")
        return self._executor.submit(func, *args, **kwds)

    def apply_async(self, func, args=(), kwds={}, callback=None, error_callback=None):
        return _Result([self._submit(func, args, kwds)], False, callback, error_callback)

    def map_async(self, func, iterable, chunksize=None, callback=None, error_callback=None):
        return _Result([self._submit(func, (item,), {}) for item in iterable], True, callback, error_callback)

    def starmap_async(self, func, iterable, chunksize=None, callback=None, error_callback=None):
        return _Result([self._submit(func, items, {}) for items in iterable], True, callback, error_callback)

    def apply(self, func, args=(), kwds={}):
        return self.apply_async(func, args, kwds).get()

    def map(self, func, iterable, chunksize=None):
        return self.map_async(func, iterable).get()

    def starmap(self, func, iterable, chunksize=None):
        return self.starmap_async(func, iterable).get()

    def imap(self, func, iterable, chunksize=1):
        return _each([self._submit(func, (item,), {}) for item in iterable])

    def imap_unordered(self, func, iterable, chunksize=1):
        return _each(concurrent.futures.as_completed([self._submit(func, (item,), {}) for item in iterable]))

    def close(self):
        self._executor.shutdown(wait=False)

    def terminate(self):
        self._executor.shutdown(wait=False, cancel_futures=True)

    def join(self):
        if not self._executor._shutdown:
            raise ValueError("Pool is still running")
        self._executor.shutdown(wait=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.terminate()


def _each(futures):
    for future in futures:
        yield future.result()


ThreadPool.__module__ = "multiprocessing.pool"
multiprocessing.pool.ThreadPool = ThreadPool
