"""Threads: each has a Python stack of its own, and another one goes on where one waits.

Run once before the snapshot, before `threading` is imported: it replaces what `_thread` offers. Nothing runs beside
anything else: a thread goes on until it waits (for a lock, a time, a call of a service) or ends, and a new one runs when
it is started. How a stack is set aside is the interpreter's (`vm/green.rs`); who goes on next is decided here.
"""

import _thread
import functools
import time
import types
from collections import deque
from heapq import heappop, heappush
from itertools import count
from time import monotonic

import _sandgate

_ENDED = "this would wait for ever: every other thread has ended, or waits as well"
_BELOW = (
    "this would wait for ever: the thread that could end it waits, further down the stack, for a function that is not "
    "Python's (sorted, map, a property, a destructor) to return; wait outside of such a function"
)
_native_sleep = time.sleep
# Called as `_switch(*number)` and `_resume(*iterator)`: that is the one way to call in which the interpreter knows them.
_switch, _resume = _sandgate.switch, _sandgate.resume


class _Thread:
    """One thread: where its stack is, and whether it can go on."""

    __slots__ = ("ident", "number", "parked", "woken", "deadline", "doomed", "daemon", "ended", "joining")

    def __init__(self, ident, number, daemon):
        self.ident, self.number, self.daemon = ident, number, daemon
        self.parked = self.woken = self.doomed = self.ended = False
        self.deadline, self.joining = None, deque()

    def wake(self):
        """Lets it go on, in its turn; False where it did not wait."""
        if not self.parked:
            return False
        self.parked, self.woken = False, True
        _ready.append(self)
        return True

    def end(self):
        """It has ended, and whoever waits for that goes on."""
        self.ended = True
        while self.joining:
            self.joining.popleft().wake()


_main = _Thread(1, (0,), False)


class _Now:
    """Who runs, and what became of the whole."""

    thread = _main
    last = 1
    why = failed = None
    pump = None


_others = {}  # the threads that have not ended, by number, but for the first one
_ready = deque()
_sleeping = []
_order = count()
_idle = []  # threads that wait for whatever comes: event loops


def current():
    """The thread that runs."""
    return _Now.thread


def pump_with(pump):
    """Says how to wait for calls of services: for so many milliseconds; False where none is under way."""
    _Now.pump = pump


def alone():
    """Whether there is no other thread."""
    return not _others


def _expire():
    now = None
    while _sleeping:
        deadline, _, thread = _sleeping[0]
        if thread.parked and thread.deadline == deadline:
            if now is None:
                now = monotonic()
            if deadline > now:
                return
            thread.parked = False
            _ready.append(thread)
        heappop(_sleeping)


def _wait_outside():
    """Waits for what comes next from outside; False where nothing can."""
    _expire()
    if _ready:
        return True
    milliseconds = -1
    if _sleeping:
        milliseconds = max(0, int((_sleeping[0][0] - monotonic()) * 1000 + 0.999))
    if _Now.pump is not None and _Now.pump(milliseconds):
        return True
    if milliseconds < 0:
        return False
    _native_sleep(milliseconds / 1000)
    return True


def _go_to(thread):
    """Switches to a thread; False where it cannot go on from here. Returns when this one is switched to."""
    me, _Now.thread = _Now.thread, thread
    if _switch(*thread.number):
        return True
    _Now.thread = me
    return False


def _go_to_any(me):
    for thread in list(_ready):
        if thread is not me:
            index = _ready.index(thread)
            del _ready[index]
            if _go_to(thread):
                return True
            _ready.insert(index, thread)
    return False


def park(deadline=None):
    """Lets others go on until somebody wakes this thread, or the time comes: False."""
    me = _Now.thread
    me.parked, me.woken, me.deadline = True, False, deadline
    if deadline is not None:
        heappush(_sleeping, (deadline, next(_order), me))
    while True:
        _expire()
        if not me.parked:
            _ready.remove(me)
            break
        if _go_to_any(me):
            break
        waiting = [thread for thread in _ready if thread is not me]
        if not _wait_outside_of(waiting):
            _give_up(me, _BELOW if waiting else _ENDED)
            break
    if me.doomed:
        me.doomed = False
        if me is not _main:
            _Now.failed = _Now.why
        raise RuntimeError(_Now.why)
    return me.woken


def _wait_outside_of(waiting):
    # Those that cannot go on from here are left out, as they would end the wait at once.
    for thread in waiting:
        _ready.remove(thread)
    try:
        return _wait_outside()
    finally:
        _ready.extendleft(reversed(waiting))


def _give_up(me, why):
    """Nothing can end this wait. The first thread is told, as it is the one whose result counts, or else this one."""
    _Now.why = why
    if me is not _main and _main.parked:
        _main.parked, _main.doomed = False, True
        if _go_to(_main):
            return
        _main.parked, _main.doomed = True, False
    me.parked, me.doomed = False, True


def pass_on():
    """Lets those go on that can, where somebody asks in a loop whether they have."""
    if _others:
        _expire()
        if _ready:
            me = _Now.thread
            _ready.append(me)
            if not _go_to_any(me):
                _ready.remove(me)


def rest(seconds):
    """Waits until anything comes from outside or from another thread, at most so long."""
    if seconds is not None and seconds <= 0:
        pass_on()
        return
    me = _Now.thread
    _idle.append(me)
    try:
        park(None if seconds is None else monotonic() + seconds)
    finally:
        if me in _idle:
            _idle.remove(me)


def stir():
    """Ends the rest of whoever rests."""
    while _idle:
        _idle.pop().wake()


def _end(thread):
    """Ends a thread and returns the number of the one that goes on."""
    del _others[thread.number[0]]
    thread.end()
    while True:
        _expire()
        for other in _ready:
            if _sandgate.can_switch(*other.number):
                _ready.remove(other)
                _Now.thread = other
                return other.number[0]
        waiting = list(_ready)
        if not _wait_outside_of(waiting):
            _Now.why = _BELOW if waiting else _ENDED
            for other in (_main, *_others.values()):
                if other.parked and _sandgate.can_switch(*other.number):
                    other.parked, other.doomed = False, True
                    _Now.thread = other
                    return other.number[0]


def sleep(seconds, /):
    if not _others or not isinstance(seconds, (int, float)) or not seconds >= 0:
        return _native_sleep(seconds)
    park(monotonic() + seconds)


sleep.__module__ = "time"
time.sleep = sleep


def _deadline(blocking, timeout):
    if not blocking:
        if timeout not in (-1, None):
            raise ValueError("can't specify a timeout for a non-blocking call")
        return None
    if timeout is None or timeout < 0:
        if timeout not in (None, -1):
            raise ValueError("timeout value must be a non-negative number")
        return None
    return monotonic() + timeout


def _await_release(self, deadline):
    """Waits until the lock may be free; False where the time has come."""
    me = _Now.thread
    if self._waiters is None:
        self._waiters = deque()
    self._waiters.append(me)
    try:
        return park(deadline)
    finally:
        if me in self._waiters:
            self._waiters.remove(me)


def _released(self):
    waiters = self._waiters
    while waiters and not waiters.popleft().wake():
        pass


_PATIENCE = 100
_turns = _PATIENCE


def _take_turns():
    """A loop that takes and releases a lock until something has happened lets it happen."""
    global _turns
    _turns -= 1
    if not _turns:
        _turns = _PATIENCE
        pass_on()


class lock:
    """A lock of one thread: taken or not."""

    __slots__ = ("_taken", "_waiters", "__weakref__")

    def __init__(self):
        self._taken, self._waiters = False, None

    def acquire(self, blocking=True, timeout=-1):
        if not self._taken and timeout == -1:
            self._taken = True
            return True
        deadline = _deadline(blocking, timeout)
        while self._taken:
            if not blocking or not _await_release(self, deadline) and self._taken:
                return False
        self._taken = True
        return True

    def release(self):
        if not self._taken:
            raise RuntimeError("release unlocked lock")
        self._taken = False
        if self._waiters:
            _released(self)
        elif _others:
            _take_turns()

    def locked(self):
        if self._taken:
            pass_on()
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

    __slots__ = ("_owner", "_count", "_waiters", "__weakref__")

    def __init__(self):
        self._owner = self._count = 0
        self._waiters = None

    def acquire(self, blocking=True, timeout=-1):
        me = _Now.thread.ident
        if self._count and self._owner != me:
            deadline = _deadline(blocking, timeout)
            while self._count:
                if not blocking or not _await_release(self, deadline) and self._count:
                    return False
        self._owner = me
        self._count += 1
        return True

    def release(self):
        if not self._count or self._owner != _Now.thread.ident:
            raise RuntimeError("cannot release un-acquired lock")
        self._count -= 1
        if not self._count:
            if self._waiters:
                _released(self)
            elif _others:
                _take_turns()

    def locked(self):
        return self._count > 0

    def __enter__(self):
        return self.acquire()

    def __exit__(self, *_):
        self.release()

    def _is_owned(self):
        return self._count > 0 and self._owner == _Now.thread.ident

    def _recursion_count(self):
        return self._count if self._is_owned() else 0

    def _release_save(self):
        if not self._count:
            raise RuntimeError("cannot release un-acquired lock")
        saved, self._count = (self._count, self._owner), 0
        if self._waiters:
            _released(self)
        return saved

    def _acquire_restore(self, saved):
        self.acquire()
        self._count, self._owner = saved

    def _at_fork_reinit(self):
        self._owner = self._count = 0

    def __repr__(self):
        state = "locked" if self._count else "unlocked"
        return f"<{state} _thread.RLock object owner={self._owner} count={self._count} at {id(self):#x}>"


class _ThreadHandle:
    """What `threading` keeps of a thread it started."""

    def __init__(self):
        self.ident = self._thread = None

    def _set_done(self):
        """The first thread is done, for whoever joins it, when it only waits for the others."""
        self._thread.end()

    def is_done(self):
        thread = self._thread
        if thread is None:
            return False
        if not thread.ended:
            pass_on()
        return thread.ended

    def join(self, timeout=None):
        thread = self._thread
        if thread is None or thread.ended:
            return
        if thread is _Now.thread:
            raise RuntimeError("Cannot join current thread")
        deadline = None if timeout is None or timeout < 0 else monotonic() + timeout
        while not thread.ended:
            thread.joining.append(_Now.thread)
            if not park(deadline):
                return

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


def _iter_until(function, sentinel):
    while (value := function()) != sentinel:
        yield value


def _prepare():
    """Before the second thread: a loop over `iter(queue.get, None)` and `next` of a generator must be able to wait."""
    import builtins

    native_iter = builtins.iter

    def iter(object, /, *sentinel):
        return _iter_until(object, *sentinel) if sentinel and callable(object) else native_iter(object, *sentinel)

    def next(iterator, /, *default):
        try:
            return _resume(*(iterator,))
        except StopIteration:
            if len(default) == 1:
                return default[0]
            raise

    iter.__module__ = next.__module__ = "builtins"
    builtins.iter, builtins.next = iter, next


def start_joinable_thread(function, *, handle=None, daemon=True):
    handle = handle or _ThreadHandle()
    if _Now.last == _main.ident:
        _prepare()
    _Now.last += 1

    def run():
        try:
            function()
        except BaseException as error:
            _unraisable(error, function)
        return _end(thread)

    context = getattr(getattr(function, "__self__", None), "_context", None)
    number = _sandgate.thread(run, context)
    thread = _Thread(_Now.last, (number,), daemon)
    handle.ident, handle._thread = thread.ident, thread
    _others[number] = thread
    me = _Now.thread
    _ready.appendleft(me)
    if not _go_to(thread):
        _ready.remove(me)
        _ready.append(thread)
    return handle


def start_new_thread(function, args, kwargs=None):
    if not callable(function):
        raise TypeError("first arg must be callable")

    def run():
        target, positional, named = plain(function, args, kwargs or {})
        try:
            target(*positional, **named)
        except SystemExit:
            pass
        except BaseException as error:
            _unraisable(error, function)

    return start_joinable_thread(run).ident


def plain(function, args, kwargs):
    """The same call by nothing but Python, where there is one, so that it can wait: of what is in a `partial`, in
    `Context.run` or behind `__call__`."""
    while True:
        if isinstance(function, functools.partial):
            args, kwargs = (*function.args, *args), {**function.keywords, **kwargs}
            function = function.func
        elif isinstance(function, types.BuiltinMethodType) and args and _is_context(function.__self__):
            return _in_context, (function.__self__, args[0], args[1:], kwargs), {}
        elif isinstance(function, (types.FunctionType, types.MethodType, type)):
            return function, args, kwargs
        else:
            call = getattr(function, "__call__", None)
            return call if isinstance(call, types.MethodType) else function, args, kwargs


def _is_context(object):
    return type(object).__name__ == "Context" and type(object).__module__.endswith("contextvars")


def _in_context(context, function, args, kwargs):
    function, args, kwargs = plain(function, args, kwargs)
    before = _sandgate.enter_contexts([context])
    try:
        return function(*args, **kwargs)
    finally:
        _sandgate.enter_contexts(before)


def _unraisable(error, function):
    import sys

    sys.unraisablehook(_Unraisable(type(error), error, error.__traceback__, function))


class _Unraisable:
    def __init__(self, exc_type, exc_value, exc_traceback, function):
        self.exc_type, self.exc_value, self.exc_traceback = exc_type, exc_value, exc_traceback
        self.err_msg, self.object = "Exception ignored in thread started by", function


def _make_thread_handle(ident):
    handle = _ThreadHandle()
    handle.ident, handle._thread = ident, _Now.thread  # which asks for its own
    return handle


def get_ident():
    return _Now.thread.ident


def stack_size(size=0):
    if size and size < 32768:
        raise ValueError(f"size not valid: {size} bytes")
    return 0


def _no_exit():
    raise SystemExit


def _join_all():
    """At the end of the script: waits for all threads but daemons."""
    while True:
        thread = next((thread for thread in _others.values() if not thread.daemon), None)
        if thread is None:
            return
        thread.joining.append(_Now.thread)
        park()


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
    "_get_main_thread_ident": lambda: _main.ident,
    "_is_main_interpreter": lambda: True,
    "daemon_threads_allowed": lambda: True,
    "_count": lambda: len(_others),
    "_shutdown": _join_all,
    "stack_size": stack_size,
    "exit": _no_exit,
    "exit_thread": _no_exit,
    "TIMEOUT_MAX": 4294967.0,
    "error": RuntimeError,
}.items():
    setattr(_thread, _name, _value)
_sandgate.know(_switch, _resume)

import queue
import threading

queue.SimpleQueue = queue._PySimpleQueue
queue.SimpleQueue.__name__ = queue.SimpleQueue.__qualname__ = "SimpleQueue"


class _Started:
    """What `Thread` does in the thread: as `threading` has it, but for what stands between two pieces of Python."""

    def _bootstrap_inner(self):
        try:
            self._set_ident()
            self._set_native_id()
            self._started.set()
            with threading._active_limbo_lock:
                threading._active[self._ident] = self
                del threading._limbo[self]
            try:
                self.run()
            except:
                self._invoke_excepthook(self)
        finally:
            self._delete()

    def run(self):
        try:
            if self._target is not None:
                target, args, kwargs = plain(self._target, self._args, self._kwargs)
                target(*args, **kwargs)
        finally:
            # A reference cycle, where the thread is an argument of its own function.
            del self._target, self._args, self._kwargs

    def is_set(self):
        if not self._flag:
            pass_on()
        return self._flag


threading.Thread._bootstrap_inner, threading.Thread.run = _Started._bootstrap_inner, _Started.run
threading.Event.is_set = _Started.is_set


def shut_down():
    """Ends the threads of a script that has ended, and raises where one of them could not do its work."""
    if _Now.last != _main.ident:
        threading._shutdown()
        if _Now.failed is not None:
            raise RuntimeError(_Now.failed)
