"""What a program may ask of an operating system that is not there.

Run once before the snapshot. Each stand-in either behaves as on a machine where nothing of the kind ever happens, or
raises one exception that says what to use instead.
"""

import errno
import fcntl
import os
import signal
import socket
import subprocess


def no_network(*_arguments, **_named):
    """What stands in the place of everything that would connect."""
    raise PermissionError("there is no network in the sandbox: a service is the only way out")


socket.socket.__new__ = no_network
socket.create_connection = socket.create_server = socket.getaddrinfo = socket.gethostbyname = no_network
socket.gethostname = lambda: "sandbox"


def _chmod(path, mode, *, dir_fd=None, follow_symlinks=True):
    """A workspace knows no rights; what asks for them must still exist."""
    os.stat(path)


def _access(path, mode, *, dir_fd=None, effective_ids=False, follow_symlinks=True):
    """What exists can be read and written, and not executed."""
    return not mode & os.X_OK and os.path.exists(path)


def _get_terminal_size(_fd=1):
    raise OSError(errno.ENOTTY, "Inappropriate ioctl for device")


_chmod.__name__, _access.__name__, _get_terminal_size.__name__ = "chmod", "access", "get_terminal_size"
os.chmod, os.access, os.get_terminal_size = _chmod, _access, _get_terminal_size
os.umask = lambda _mask: 0o022
os.supports_effective_ids = set()
os.get_inheritable, os.set_inheritable = (lambda _fd: False), (lambda _fd, _inheritable: None)
os.sched_getaffinity = lambda _pid: {0}
os.sched_yield = os.sync = lambda: None
fcntl.flock = fcntl.lockf = lambda *_arguments: None  # nobody else is there
fcntl.LOCK_SH, fcntl.LOCK_EX, fcntl.LOCK_NB, fcntl.LOCK_UN = 1, 2, 4, 8


def _no_process(*_arguments, **_named):
    raise PermissionError("there are no processes in the sandbox: call what you need as a module or a service")


subprocess.Popen.__init__ = _no_process
subprocess.Popen.__del__ = lambda _self: None
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
