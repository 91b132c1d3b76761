"""What every script finds in place: run once, before the snapshot, and then called around each run.

The guest's `script.rs` calls start, describe and finish. Nothing here may depend on the machine, the time or the user.
"""

import sys

# What model-written scripts import most. Importing it here costs nothing at run time.
import abc, argparse, array, ast, asyncio, base64, binascii, bisect, calendar, cmath, codecs, collections, collections.abc
import concurrent.futures, contextlib, contextvars, copy, csv, dataclasses, datetime, decimal, difflib, enum, errno, fnmatch, fractions, functools
import glob, hashlib, heapq, hmac, html, inspect, io, itertools, json, keyword, linecache, locale, logging, math, numbers
import operator, os, os.path, pathlib, pickle, pprint, queue, random, re, reprlib, secrets, shutil, statistics, stat, string
import struct, tempfile, textwrap, threading, time, tokenize, traceback, types, typing, unicodedata, unittest, urllib.parse
import uuid, warnings, weakref, zlib
import _strptime, socket, sqlite3, zoneinfo
import encodings.idna, encodings.latin_1, encodings.utf_16
import _random, _sandgate, _sandgate_errors, _sandgate_streams
from _sandgate import WORKSPACE
from _sandgate_local import localtime  # for SQLite, which calls it through `localtime.rs`
from _sandgate_threads import shut_down

_main = sys.modules["__main__"]
_globals = _main.__dict__


class _ScriptLoader:
    """Gives the script's own lines to `inspect`, and as an entry of `linecache` to tracebacks and warnings."""

    def __init__(self):
        self.start("", "")

    def start(self, name, source):
        self.name, self.source, self.lines = name, source, None

    def get_source(self, _module):
        return self.source

    # An entry is size, time, lines and name; without a time nobody looks for a file of that name. Lines are made late.

    def __len__(self):
        return 4

    def __iter__(self):
        if self.lines is None:
            self.lines = [line + "\n" for line in self.source.split("\n")]
        return iter((len(self.source), None, self.lines, self.name))

    def __getitem__(self, index):
        return tuple(self)[index]


_loader = _ScriptLoader()
_globals["__loader__"] = _loader


_seed = random.Random.seed


def _seed_afresh(self, a=None, version=2):
    """As `Random.seed`, but what it takes by itself must come from the host: the snapshot's own generator does not."""
    _seed(self, int.from_bytes(os.urandom(32)) if a is None else a, version)


_seed_afresh.__name__ = "seed"
random.Random.seed = _seed_afresh
random.seed = random._inst.seed
_reseed = functools.partial(_random.Random.seed, random._inst)


def start(name, source, arguments, environment, workspace):
    """Prepares a run; returns the namespace that the script runs in."""
    _loader.start(name, source)
    _globals["__file__"] = name
    linecache.cache[name] = _loader
    sys.argv = [name, *arguments]
    if environment:
        os.environ.update(environment)
        if "TZ" in environment:
            time.tzset()
    _reseed(int.from_bytes(os.urandom(32)))
    if not workspace:  # the snapshot is in one
        sys.path, tempfile.tempdir = [], None
        _sandgate_errors.no_files()
    return _globals


def go_on(name, source, shown):
    """Prepares the next script of a session, whose lines are kept beside those of the earlier ones. At a prompt there is
    nothing to run, `None`, where the text ends within a statement."""
    if shown and _ends_within(source):
        return None
    linecache.cache[name] = loader = _ScriptLoader()
    loader.start(name, source)
    return _globals


def _ends_within(source):
    import codeop

    try:
        return codeop.compile_command(source, "", "single") is None
    except (SyntaxError, ValueError, OverflowError):  # more of it would be no better
        return False


def run_async(code):
    """Runs a script that awaits at its top level; its names are the module's, as everywhere else."""
    return asyncio.run(types.FunctionType(code, _globals)())


def describe(error):
    """What Python would print of an exception that nobody caught; a hook of the script is called as well."""
    traceback_ = error.__traceback__
    while traceback_ is not None and traceback_.tb_frame.f_globals is not _globals:
        traceback_ = traceback_.tb_next
    _shorten(traceback_)
    shown = "".join(traceback.format_exception(type(error), error, traceback_))
    if sys.excepthook is not sys.__excepthook__:
        try:
            sys.excepthook(type(error), error, traceback_)
        except Exception as second:
            sys.stderr.write("Error in sys.excepthook:\n" + "".join(traceback.format_exception(second)))
    return shown


def _shorten(traceback_, most=1000):
    """Leaves out the middle of a recursion that nobody could read; making its lines would take many seconds."""
    entries = []
    while traceback_ is not None:
        entries.append(traceback_)
        traceback_ = traceback_.tb_next
    if len(entries) > 2 * most:
        entries[most - 1].tb_next = entries[-most]


def plain(value):
    """What stands in JSON for a value that has no form there; see `value.rs`. One level: what is in it comes next."""
    if isinstance(value, (datetime.date, datetime.time)):
        return value.isoformat()
    if isinstance(value, datetime.timedelta):
        return value.total_seconds()
    if isinstance(value, (decimal.Decimal, fractions.Fraction, uuid.UUID, pathlib.PurePath)):
        return str(value)
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, (bytes, bytearray)):
        return base64.b64encode(value).decode()
    if isinstance(value, (set, frozenset)):
        try:
            return sorted(value)
        except TypeError:
            return list(value)
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        return dict(zip(value._fields, value))
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    for base in (str, int, float, list, tuple, dict):  # what only adds to a type that has a form
        if isinstance(value, base):
            return base(value)
    return NotImplemented


def finish():
    """Runs exit handlers, closes what was left open, and flushes."""
    atexit._run_exitfuncs()
    if _sandgate.open_files() or any([isinstance(value, type) and "__del__" in vars(value) for value in list(_globals.values())]):
        for key in [key for key in _globals if not key.startswith("__")]:
            _globals[key] = None
        gc.collect()  # only what the run made: the snapshot's own objects are frozen
    flush()


def flush():
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (AttributeError, ValueError, OSError):
            pass


import _sitebuiltins, _strptime, atexit, builtins, gc, pydoc

# They ask where they lie, so that warnings point elsewhere; frozen modules lie nowhere.
functools.__file__ = _strptime.__file__ = "<frozen>/module.py"
builtins.help = _sitebuiltins._Helper()
pydoc.pager = pydoc.plainpager
atexit._clear()
os.chdir(WORKSPACE)
sys.path = [WORKSPACE]
tempfile.tempdir = WORKSPACE
sys.path_importer_cache.clear()
sys.executable = ""


def _write_through(stream):
    """Has what is written to standard output go to the host at once; see `streams.rs`."""
    stream.reconfigure(line_buffering=True)
    buffer = stream.buffer
    write = buffer.write

    def write_bytes(data):
        number = write(data)
        buffer.flush()
        return number

    def leave(name):
        method = getattr(stream, name)

        def with_layers(*args, **named):
            for changed in ("write", *_LEAVING):
                stream.__dict__.pop(changed, None)
            return method(*args, **named)

        return with_layers

    _sandgate_streams.replace(stream, stream.write, builtins.print, io.TextIOWrapper, io.StringIO)
    stream.__dict__.update({name: leave(name) for name in _LEAVING}, write=_sandgate_streams.write)
    buffer.write = write_bytes
    builtins.print = _sandgate_streams.print
    builtins.print.__module__ = "builtins"
    _sandgate_errors.takes_keywords(builtins.print, "sep end file flush")


# What changes how text becomes bytes, or where they go.
_LEAVING = ("reconfigure", "close", "detach")
_write_through(sys.stdout)

_own = list(_globals)
_used_up = []


def settle():
    """What is done last before the snapshot: forgets the rehearsal, and uses up the objects that it freed.

    The interpreter takes a freed object before it makes a new one, and those lie all over the snapshot.
    """
    own = {name: _globals[name] for name in _own}
    _globals.clear()
    _globals.update(own)
    linecache.clearcache()
    for cached in gc.get_objects():
        if isinstance(cached, functools._lru_cache_wrapper):
            cached.cache_clear()  # they are keyed by hashes, which every run makes anew

    def frame():
        yield

    for number in range(2100):
        _used_up.append((number,))
    for number in range(220):
        _used_up.extend(([number], {number: number}, 10 ** 9 + number, 0.5 + number, 1j + number, frame()))
    _used_up.extend([range(1), range(2), range(3), range(4), range(5), range(6), slice(1)])
