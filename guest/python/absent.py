"""What a program may ask of an operating system that is not there.

Run once before the snapshot. Each stand-in either behaves as on a machine where nothing of the kind ever happens, or
raises one exception that says what to use instead.
"""

import os
import signal
import socket
import sys
import types


def _no_network(*_arguments, **_named):
    raise PermissionError("there is no network in the sandbox: a service is the only way out")


socket.socket.__init__ = _no_network
socket.create_connection = socket.create_server = socket.getaddrinfo = socket.gethostbyname = _no_network
socket.gethostname = lambda: "sandbox"


def _chmod(path, mode, *, dir_fd=None, follow_symlinks=True):
    """A workspace knows no rights; what asks for them must still exist."""
    os.stat(path)


_chmod.__name__ = "chmod"
os.chmod = _chmod


def _no_process(*_arguments, **_named):
    raise PermissionError("there are no processes in the sandbox: call what you need as a module or a service")


os.system = _no_process  # the others are asked for by name before they are used, and must not exist
os.getppid = lambda: 0

# Signals can be asked for and never arrive.
_handlers = {}


def _signal(number, handler):
    previous = _handlers.get(int(number), signal.SIG_DFL)
    _handlers[int(number)] = handler
    return previous


def _default_int_handler(_number=None, _frame=None):
    raise KeyboardInterrupt


for _name, _number in {
    "SIG_DFL": 0,
    "SIG_IGN": 1,
    "SIGHUP": 1,
    "SIGINT": 2,
    "SIGQUIT": 3,
    "SIGABRT": 6,
    "SIGKILL": 9,
    "SIGUSR1": 10,
    "SIGSEGV": 11,
    "SIGUSR2": 12,
    "SIGPIPE": 13,
    "SIGALRM": 14,
    "SIGTERM": 15,
    "SIGCHLD": 17,
    "ITIMER_REAL": 0,
}.items():
    if not hasattr(signal, _name):
        setattr(signal, _name, _number)
signal.signal = _signal
signal.getsignal = lambda number: _handlers.get(int(number), signal.SIG_DFL)
signal.default_int_handler = _default_int_handler
_handlers[signal.SIGINT] = _default_int_handler
signal.alarm = lambda _seconds: 0
signal.setitimer = lambda _which, _seconds, _interval=0.0: (0.0, 0.0)
signal.raise_signal = _no_process
signal.set_wakeup_fd = lambda _fd, **_named: -1
signal.siginterrupt = lambda _number, _flag: None

# Limits are the host's; what asks for them or for more gets an answer.
_resource = types.ModuleType("resource", "Limits of a process; those that hold are the sandbox's own.")
_resource.error = OSError
_resource.RLIM_INFINITY = -1
for _number, _name in enumerate("CPU FSIZE DATA STACK CORE RSS NPROC NOFILE MEMLOCK AS".split()):
    setattr(_resource, f"RLIMIT_{_name}", _number)
_resource.RUSAGE_SELF, _resource.RUSAGE_CHILDREN = 0, -1


class _Usage(tuple):
    ru_utime = property(lambda self: self[0])
    ru_stime = property(lambda self: self[1])
    ru_maxrss = property(lambda self: self[2])


def _getrusage(_who):
    import time

    return _Usage((time.perf_counter(), 0.0, 0) + (0,) * 13)


_resource.getrusage = _getrusage
_resource.getrlimit = lambda _which: (-1, -1)
_resource.setrlimit = lambda _which, _limits: None
_resource.getpagesize = lambda: 65536
sys.modules["resource"] = _resource


class _Absent:
    """The last of the finders: says of modules that people expect what to use instead."""

    network = "there is no network in the sandbox; call a service instead"
    native = "it is written in C and has no place in the sandbox; use the standard library"
    why = {
        **dict.fromkeys("requests httpx aiohttp urllib3 websockets websocket paramiko boto3 _ssl".split(), network),
        **dict.fromkeys("numpy pandas scipy matplotlib sklearn torch tensorflow PIL cv2 lxml _ctypes".split(), native),
        **dict.fromkeys("readline termios curses _tkinter tkinter".split(), "there is no terminal and no display in the sandbox"),
        **dict.fromkeys("pwd grp syslog".split(), "the sandbox has no users and no system log"),
        "mmap": "files cannot be mapped in the sandbox; read them",
        "yaml": "YAML is not part of the standard library; use json or tomllib",
        "pytest": "use unittest, which is there",
    }

    @classmethod
    def find_spec(cls, name, path=None, target=None):
        reason = cls.why.get(name)
        if reason is not None:
            raise ModuleNotFoundError(f"No module named {name!r}: {reason}", name=name)
        return None


sys.meta_path.append(_Absent)
