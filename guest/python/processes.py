"""`multiprocessing` and `ProcessPoolExecutor`: there are no processes, and what is handed to one runs as a thread here.

Run once before the snapshot, after `pool.py`. A program that only wants the results gets the same ones; what a process
changes is seen by all, as there is one memory.
"""

import concurrent.futures
import multiprocessing
import multiprocessing.dummy as dummy
import multiprocessing.pool
import os
import threading


class Process(dummy.Process):
    """A process that has run to its end when `start` returns."""

    pid = property(lambda self: os.getpid() if self._start_called else None)
    authkey = sentinel = None

    def terminate(self):
        """It has ended."""

    kill = close = terminate


class Pool(multiprocessing.pool.ThreadPool):
    """A pool of processes, each of which runs to its end when it is given something to do."""

    def __init__(self, processes=None, initializer=None, initargs=(), maxtasksperchild=None, context=None):
        super().__init__(processes, initializer, initargs)


class Queue(dummy.Queue):
    """A queue that nobody else holds."""

    def close(self):
        """Nothing is buffered."""

    join_thread = cancel_join_thread = close


class Shared:
    """A value that would be shared, and its lock."""

    def __init__(self, value):
        self.value, self._lock = value, threading.RLock()

    def get_lock(self):
        return self._lock

    get_obj = property(lambda self: lambda: self)

    def __enter__(self):
        return self._lock.__enter__()

    def __exit__(self, *raised):
        return self._lock.__exit__(*raised)


class SharedList(list):
    """An array that would be shared, and its lock."""

    def get_lock(self):
        return self.__dict__.setdefault("_lock", threading.RLock())


class Manager:
    """Gives out what would be shared, and ends without having to be told."""

    dict, list, Namespace, Queue, JoinableQueue = dict, list, dummy.Namespace, Queue, Queue
    Lock, RLock, Event, Condition = threading.Lock, threading.RLock, threading.Event, threading.Condition
    Semaphore, BoundedSemaphore, Barrier = threading.Semaphore, threading.BoundedSemaphore, threading.Barrier

    def Value(self, _kind, value, lock=True):
        return Shared(value)

    def Array(self, _kind, values, lock=True):
        return SharedList(values)

    def start(self):
        """It has nothing to start."""

    shutdown = start

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass


def _value(kind, *values, lock=True):
    return Shared(values[0] if values else 0)


def _array(kind, size_or_values, *, lock=True):
    return SharedList([0] * size_or_values if isinstance(size_or_values, int) else size_or_values)


for _class in (Process, Pool, Queue, Manager):
    _class.__module__ = "multiprocessing"
for _name in "Lock RLock Event Condition Semaphore BoundedSemaphore Barrier".split():
    setattr(multiprocessing, _name, getattr(threading, _name))
multiprocessing.Process, multiprocessing.Pool, multiprocessing.Manager = Process, Pool, Manager
multiprocessing.Queue = multiprocessing.SimpleQueue = multiprocessing.JoinableQueue = Queue
multiprocessing.Value = multiprocessing.RawValue = _value
multiprocessing.Array = multiprocessing.RawArray = _array
multiprocessing.Pipe = dummy.Pipe
multiprocessing.pool.Pool = Pool
multiprocessing.current_process = dummy.current_process
multiprocessing.active_children = lambda: []
multiprocessing.parent_process = lambda: None
multiprocessing.cpu_count = lambda: 1
multiprocessing.get_context = lambda _method=None: multiprocessing
multiprocessing.set_start_method = lambda _method, force=False: None
multiprocessing.get_start_method = lambda allow_none=False: "spawn"
multiprocessing.freeze_support = lambda: None


class ProcessPoolExecutor(concurrent.futures.ThreadPoolExecutor):
    """What is handed in runs here, which gives the same results."""

    def __init__(self, max_workers=None, mp_context=None, initializer=None, initargs=(), *, max_tasks_per_child=None):
        super().__init__(max_workers, "", initializer, initargs)

    def map(self, fn, *iterables, timeout=None, chunksize=1, **named):
        return super().map(fn, *iterables, timeout=timeout)


ProcessPoolExecutor.__module__ = "concurrent.futures.process"
concurrent.futures.ProcessPoolExecutor = ProcessPoolExecutor
