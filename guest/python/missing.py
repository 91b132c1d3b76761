"""Modules that cannot be in the sandbox: a stand-in for those that scripts import and hardly use, a reason for the rest.

Run once before the snapshot, after everything that looks at what there is when it is imported. A stand-in never
pretends to have done something: what would need the real module raises.
"""

import difflib
import sys
import time
import types

import _sandgate
from _sandgate_absent import no_network


def _module(name, doc, **names):
    module = types.ModuleType(name, doc)
    for key, value in names.items():
        if isinstance(value, types.FunctionType) and value is not no_network:
            value.__name__ = value.__qualname__ = key
        setattr(module, key, value)
    sys.modules[name] = module
    return module


# Limits are the host's; what asks for them or for more gets an answer.
class _Usage(tuple):
    ru_utime = property(lambda self: self[0])
    ru_stime = property(lambda self: self[1])
    ru_maxrss = property(lambda self: self[2])


_module(
    "resource",
    "Limits of a process; those that hold are the sandbox's own.",
    **{f"RLIMIT_{name}": at for at, name in enumerate("CPU FSIZE DATA STACK CORE RSS NPROC NOFILE MEMLOCK AS".split())},
    RLIM_INFINITY=-1,
    RUSAGE_SELF=0,
    RUSAGE_CHILDREN=-1,
    error=OSError,
    getrusage=lambda _who: _Usage((time.process_time(), 0.0, _sandgate.memory()[1] // 1024) + (0,) * 13),
    getrlimit=lambda _which: (-1, -1),
    setrlimit=lambda _which, _limits: None,
    getpagesize=lambda: 65536,
)


# Memory is what the guest's allocator has given out; nothing is traced.
_traced = types.SimpleNamespace(start=None)


def _traced_memory():
    if _traced.start is None:
        return 0, 0
    now, highest = _sandgate.memory()
    return max(0, now - _traced.start), max(0, highest - _traced.start)


def _start(_frames=1):
    if _traced.start is None:
        _sandgate.forget_peak()
        _traced.start = _sandgate.memory()[0]


def _stop():
    _traced.start = None


_module(
    "_tracemalloc",
    "What tracemalloc asks; where memory was allocated is not known.",
    start=_start,
    stop=_stop,
    is_tracing=lambda: _traced.start is not None,
    clear_traces=lambda: None,
    reset_peak=_sandgate.forget_peak,
    get_traced_memory=_traced_memory,
    get_tracemalloc_memory=lambda: 0,
    get_traceback_limit=lambda: 1,
    _get_object_traceback=lambda _object: None,
    _get_traces=lambda: [],
)


# Contexts can be made, as programs do before they connect; a connection cannot.
class _SSLError(OSError):
    """An error of TLS, of which there can be none."""


class _SSLContext:
    """Settings of connections that will not be made."""

    check_hostname, verify_mode, post_handshake_auth = True, 2, None

    def __init__(self, protocol=16):
        self.protocol = protocol

    def _accept(self, *_arguments, **_named):
        """Nothing comes of it."""

    load_verify_locations = load_cert_chain = load_default_certs = set_ciphers = set_alpn_protocols = _accept
    wrap_socket = wrap_bio = no_network


_SSLError.__name__, _SSLContext.__name__ = "SSLError", "SSLContext"
_module(
    "ssl",
    "TLS, without the network that it is for.",
    SSLError=_SSLError,
    SSLContext=_SSLContext,
    SSLSocket=type("SSLSocket", (), {"__new__": no_network}),
    **{name: type(name, (_SSLError,), {}) for name in "SSLCertVerificationError SSLEOFError SSLZeroReturnError SSLWantReadError SSLWantWriteError".split()},
    CERT_NONE=0,
    CERT_OPTIONAL=1,
    CERT_REQUIRED=2,
    PROTOCOL_TLS=2,
    PROTOCOL_TLS_CLIENT=16,
    PROTOCOL_TLS_SERVER=17,
    OPENSSL_VERSION="none",
    create_default_context=lambda *_arguments, **_named: _SSLContext(),
    _create_default_https_context=lambda *_arguments, **_named: _SSLContext(),
    _create_unverified_context=lambda *_arguments, **_named: _SSLContext(),
    wrap_socket=no_network,
    get_server_certificate=no_network,
)

# Modules of the standard library that cannot be here.
_WHY = {
    "it is native code and has no place in the sandbox; use the standard library": "ctypes _ctypes",
    "there is no terminal and no display in the sandbox": "readline termios tty pty curses tkinter _tkinter turtle",
    "the sandbox has no users and no system log": "pwd grp syslog",
    "files cannot be mapped in the sandbox; read them": "mmap",
    "Zstandard is not built in; use zlib, bz2 or lzma": "compression.zstd",
}
_reasons = {name: reason for reason, names in _WHY.items() for name in names.split()}
_reasons.update(_sandgate.packages())
_ours = "packages cannot be installed in the sandbox; the standard library, files of the workspace and `services` can be imported"


_asked = []


def ask(remark):
    """Has a function asked what follows `No module named …`, before it is said that no package can be installed."""
    _asked.append(remark)


def _remark(name):
    """What follows `No module named …`; nothing where Python has said enough."""
    if name in _reasons:
        return f": {_reasons[name]}"
    if "." in name or name in sys.stdlib_module_names or name.startswith("_"):
        return ""
    for remark in _asked:
        said = remark(name)
        if said:
            return said
    near = [known for known in sys.stdlib_module_names if known[0] == name[0] and abs(len(known) - len(name)) < 3]
    near = difflib.get_close_matches(name, near, 1, 0.75)
    return f". Did you mean: {near[0]!r}?" if near else f": {_ours}"


_importlib = sys.modules["_frozen_importlib"]
_find_and_load = _importlib._find_and_load_unlocked


def _find_or_say(name, import_):
    try:
        return _find_and_load(name, import_)
    except ModuleNotFoundError as error:
        if error.name == name or name in _reasons:
            remark = _remark(name)
            if remark:
                raise ModuleNotFoundError(f"No module named {name!r}{remark}", name=name) from None
        raise


# Tracebacks leave out the frames of that file, and this one is as little of interest.
_find_or_say.__code__ = _find_or_say.__code__.replace(co_filename=_find_and_load.__code__.co_filename)
_importlib._find_and_load_unlocked = _find_or_say
