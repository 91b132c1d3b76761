"""Threads without threads: the guest has one, so a thread runs to its end when it is started.

Run once before the snapshot, before `threading` is imported: it replaces what `_thread` offers. A program that only
needs its results cannot tell the difference; a wait that nothing could ever end raises an error that says so.
"""

import _thread

_MAIN = 1
_FOREVER = "this would wait for ever: in the sandbox a thread runs to its end when it is started, so nobody is left to "


class _Threads:
    """Who is running, innermost last."""

    running = [_MAIN]
    last = _MAIN


def _forever(what):
    raise RuntimeError(_FOREVER + what)


def _pause(timeout):
    import time

    time.sleep(timeout)


class lock:
    """A lock of one thread: taken or not."""

    __slots__ = ("_taken", "__weakref__")

    def __init__(self):
        self._taken = False

    def acquire(self, blocking=True, timeout=-1):
        if not self._taken:
            self._taken = True
            return True
        if not blocking:
            if timeout != -1:
                raise ValueError("can't specify a timeout for a non-blocking call")
            return False
        if timeout is None or timeout < 0:
            if timeout not in (None, -1):
                raise ValueError("timeout value must be a non-negative number")
            _forever("release the lock")
        _pause(timeout)
        return False

    def release(self):
        if not self._taken:
            raise RuntimeError("release unlocked lock")
        self._taken = False

    def locked(self):
        return self._taken

    def __enter__(self):
        return self.acquire()

    def __exit__(self, *_):
        self.release()

    def _at_fork_reinit(self):
        self._taken = False

    acquire_lock, release_lock, locked_lock = acquire, release, locked

    def __repr__(self):
        return f"<{'locked' if self._taken else 'unlocked'} _thread.lock object at {id(self):#x}>"


class RLock:
    """A lock that its holder may take again."""

    __slots__ = ("_owner", "_count", "__weakref__")

    def __init__(self):
        self._owner = self._count = 0

    def acquire(self, blocking=True, timeout=-1):
        me = get_ident()
        if self._count and self._owner != me:
            if not blocking:
                return False
            if timeout is None or timeout < 0:
                _forever("release the lock")
            _pause(timeout)
            return False
        self._owner = me
        self._count += 1
        return True

    def release(self):
        if not self._count or self._owner != get_ident():
            raise RuntimeError("cannot release un-acquired lock")
        self._count -= 1

    def locked(self):
        return self._count > 0

    def __enter__(self):
        return self.acquire()

    def __exit__(self, *_):
        self.release()

    def _is_owned(self):
        return self._count > 0 and self._owner == get_ident()

    def _recursion_count(self):
        return self._count if self._is_owned() else 0

    def _release_save(self):
        if not self._count:
            raise RuntimeError("cannot release un-acquired lock")
        saved, self._count = (self._count, self._owner), 0
        return saved

    def _acquire_restore(self, saved):
        self._count, self._owner = saved

    def _at_fork_reinit(self):
        self._owner = self._count = 0

    def __repr__(self):
        state = "locked" if self._count else "unlocked"
        return f"<{state} _thread.RLock object owner={self._owner} count={self._count} at {id(self):#x}>"


class _ThreadHandle:
    """What `threading` keeps of a thread it started."""

    def __init__(self):
        self.ident, self._done = None, False

    def _set_done(self):
        self._done = True

    def is_done(self):
        return self._done

    def join(self, timeout=None):
        if self._done:
            return
        if self.ident in _Threads.running:
            raise RuntimeError("Cannot join current thread")
        if timeout is None or timeout < 0:
            _forever("end the thread that is joined")
        _pause(timeout)

    def __repr__(self):
        return f"<_ThreadHandle object: ident={self.ident}>"


class _local:
    """Attributes that each thread has its own of."""

    __slots__ = ("_spaces", "_made_with", "__dict__", "__weakref__")

    def __new__(cls, /, *args, **kwargs):
        if (args or kwargs) and cls.__init__ is object.__init__:
            raise TypeError("Initialization arguments are not supported")
        self = object.__new__(cls)
        space = {}
        object.__setattr__(self, "_spaces", {get_ident(): space})
        object.__setattr__(self, "_made_with", (args, kwargs))
        object.__setattr__(self, "__dict__", space)
        return self

    def __getattribute__(self, name):
        _enter(self)
        return object.__getattribute__(self, name)

    def __setattr__(self, name, value):
        if name == "__dict__":
            raise AttributeError(f"{type(self).__name__!r} object attribute '__dict__' is read-only")
        _enter(self)
        object.__setattr__(self, name, value)

    def __delattr__(self, name):
        _enter(self)
        object.__delattr__(self, name)


def _enter(self):
    spaces, me = object.__getattribute__(self, "_spaces"), get_ident()
    space = spaces.get(me)
    if space is not None:
        object.__setattr__(self, "__dict__", space)
        return
    spaces[me] = space = {}
    object.__setattr__(self, "__dict__", space)
    if type(self).__init__ is not object.__init__:
        args, kwargs = object.__getattribute__(self, "_made_with")
        self.__init__(*args, **kwargs)


def start_joinable_thread(function, *, handle=None, daemon=True):
    handle = handle or _ThreadHandle()
    _Threads.last += 1
    handle.ident = _Threads.last
    _Threads.running.append(handle.ident)
    try:
        function()
    finally:
        _Threads.running.remove(handle.ident)
        handle._done = True
    return handle


def start_new_thread(function, args, kwargs=None):
    if not callable(function):
        raise TypeError("first arg must be callable")

    def run():
        try:
            function(*args, **(kwargs or {}))
        except SystemExit:
            pass
        except BaseException as error:
            import sys

            sys.unraisablehook(_Unraisable(type(error), error, error.__traceback__, function))

    return start_joinable_thread(run).ident


class _Unraisable:
    def __init__(self, exc_type, exc_value, exc_traceback, function):
        self.exc_type, self.exc_value, self.exc_traceback = exc_type, exc_value, exc_traceback
        self.err_msg, self.object = "Exception ignored in thread started by", function


def _make_thread_handle(ident):
    handle = _ThreadHandle()
    handle.ident = ident
    return handle


def get_ident():
    return _Threads.running[-1]


def stack_size(size=0):
    if size and size < 32768:
        raise ValueError(f"size not valid: {size} bytes")
    return 0


def _no_exit():
    raise SystemExit


for _type in (lock, RLock, _ThreadHandle, _local):
    _type.__module__ = "_thread"
for _name, _value in {
    "lock": lock,
    "LockType": lock,
    "allocate_lock": lock,
    "allocate": lock,
    "_set_sentinel": lock,
    "RLock": RLock,
    "_local": _local,
    "_ThreadHandle": _ThreadHandle,
    "_make_thread_handle": _make_thread_handle,
    "start_joinable_thread": start_joinable_thread,
    "start_new_thread": start_new_thread,
    "start_new": start_new_thread,
    "get_ident": get_ident,
    "get_native_id": get_ident,
    "_get_main_thread_ident": lambda: _MAIN,
    "_is_main_interpreter": lambda: True,
    "daemon_threads_allowed": lambda: True,
    "_count": lambda: len(_Threads.running) - 1,
    "_shutdown": lambda: None,
    "stack_size": stack_size,
    "exit": _no_exit,
    "exit_thread": _no_exit,
    "TIMEOUT_MAX": 4294967.0,
    "error": RuntimeError,
}.items():
    setattr(_thread, _name, _value)
