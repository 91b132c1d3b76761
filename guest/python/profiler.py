"""`cProfile`, whose collector is written in C and absent: one that keeps the same statistics, by `sys.setprofile`.

Run once before the snapshot. It must never be on the way of a script that does not profile.
"""

import marshal
import profile
import pstats
import sys
import time
import types


class Profile:
    """Counts calls and the time in them, from `enable` to `disable`."""

    def __init__(self, timer=None, timeunit=0.0, subcalls=True, builtins=True):
        self._timer = timer or time.perf_counter
        self._builtins = builtins
        self._calls = []  # of each call under way: key, when it began, time in calls of its own
        self._active = {}  # how often each key is under way
        self._totals = {}  # calls that are not recursive, all calls, own time, whole time, the same by caller
        self.stats = {}

    def enable(self, subcalls=True, builtins=True):
        self._builtins = builtins
        sys.setprofile(self._event)

    def disable(self):
        sys.setprofile(None)
        while self._calls:
            self._leave(self._timer())

    def clear(self):
        self._totals.clear()

    def _event(self, frame, event, argument):
        now = self._timer()
        if event == "call":
            code = frame.f_code
            if code.co_filename == __file__:
                return
            self._enter((code.co_filename, code.co_firstlineno, code.co_name), now)
        elif event == "return":
            if self._calls and frame.f_code.co_filename != __file__:
                self._leave(now)
        elif self._builtins:
            if event == "c_call":
                name = getattr(argument, "__qualname__", None) or repr(argument)
                self._enter(("~", 0, f"<built-in method {name}>"), now)
            elif self._calls and self._calls[-1][0][0] == "~":
                self._leave(now)

    def _enter(self, key, now):
        self._calls.append([key, now, 0.0])
        self._active[key] = self._active.get(key, 0) + 1

    def _leave(self, now):
        key, began, inner = self._calls.pop()
        whole = now - began
        self._active[key] -= 1
        outermost = not self._active[key]
        total = self._totals.setdefault(key, [0, 0, 0.0, 0.0, {}])
        counted = [total]
        if self._calls:
            self._calls[-1][2] += whole
            counted.append(total[4].setdefault(self._calls[-1][0], [0, 0, 0.0, 0.0]))
        for numbers in counted:
            numbers[0] += outermost
            numbers[1] += 1
            numbers[2] += whole - inner
            numbers[3] += whole if outermost else 0.0

    def create_stats(self):
        self.disable()
        self.stats = {
            key: (*numbers[:4], {caller: tuple(of) for caller, of in numbers[4].items()})
            for key, numbers in self._totals.items()
        }

    def print_stats(self, sort=-1):
        sort = sort if isinstance(sort, tuple) else (sort,)
        pstats.Stats(self).strip_dirs().sort_stats(*sort).print_stats()

    def dump_stats(self, file):
        self.create_stats()
        with open(file, "wb") as out:
            marshal.dump(self.stats, out)

    def run(self, statement):
        main = sys.modules["__main__"].__dict__
        return self.runctx(statement, main, main)

    def runctx(self, statement, globals, locals):
        with self:
            exec(statement, globals, locals)
        return self

    def runcall(self, function, /, *arguments, **named):
        with self:
            return function(*arguments, **named)

    def __enter__(self):
        self.enable()
        return self

    def __exit__(self, *_):
        self.disable()


def run(statement, filename=None, sort=-1):
    """Runs a statement and prints, or stores, where its time went."""
    return profile._Utils(Profile).run(statement, filename, sort)


def runctx(statement, globals, locals, filename=None, sort=-1):
    """As `run`, in these namespaces."""
    return profile._Utils(Profile).runctx(statement, globals, locals, filename, sort)


__file__ = Profile._event.__code__.co_filename
_module = types.ModuleType("cProfile", profile.__doc__)
for _each in (Profile, run, runctx):
    _each.__module__ = "cProfile"
    setattr(_module, _each.__name__, _each)
sys.modules["cProfile"] = _module
