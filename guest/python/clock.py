"""`time` as POSIX systems have it, but for local time; RustPython leaves half of it out on WASI. Run once before the snapshot.

There is one clock for everything that elapses. Nothing here may read that clock by itself.
"""

import re
import time
from datetime import date

_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = (
    "January February March April May June July August September October November December".split()
)

_gmtime = time.gmtime


def gmtime(seconds=None, /):
    """As a structure of UTC. RustPython counts the days of the week from Sunday here, and Python from Monday."""
    t = _gmtime(seconds)
    return time.struct_time((*t[:6], (t[6] + 6) % 7, t[7], 0, "UTC", 0))


# The fields that follow the year, with what they may be.
_RANGES = (
    ("month", 1, 12),
    ("day of month", 1, 31),
    ("hour", 0, 23),
    ("minute", 0, 59),
    ("seconds", 0, 61),
    ("day of week", -1, float("inf")),  # counted round
    ("day of year", 1, 366),
)


def _checked(t):
    if t is None:
        return time.localtime()
    if not isinstance(t, (tuple, time.struct_time)):
        raise TypeError("Tuple or struct_time argument required")
    if len(t) < 9:
        raise TypeError("function takes exactly 9 arguments")
    year, *fields = t[:8]
    for at, (name, least, most) in enumerate(_RANGES):
        if least == 1:
            fields[at] = fields[at] or 1  # a 0 stands for the first
        if not least <= fields[at] <= most:
            raise ValueError(f"{name} out of range")
    fields[5] %= 7
    zone = getattr(t, "tm_zone", None) or ("" if t[8] < 0 else time.tzname[t[8] > 0])
    return time.struct_time((year, *fields, t[8], zone, getattr(t, "tm_gmtoff", None) or 0))


def _iso(t):
    week = (t.tm_yday - t.tm_wday + 9) // 7
    if week < 1:
        return t.tm_year - 1, date(t.tm_year - 1, 12, 28).isocalendar().week
    if week == 53 and date(t.tm_year, 12, 28).isocalendar().week == 52:
        return t.tm_year + 1, 1
    return t.tm_year, week


def _offset(t):
    if t.tm_isdst < 0:
        return ""
    hours, seconds = divmod(abs(t.tm_gmtoff), 3600)
    return f"{'-' if t.tm_gmtoff < 0 else '+'}{hours:02}{seconds // 60:02}"


# What each letter stands for: a form in terms of others, or (value, width, padding).
_WHOLE = {
    "c": "%a %b %e %H:%M:%S %Y",
    "D": "%m/%d/%y",
    "F": "%Y-%m-%d",
    "h": "%b",
    "n": "\n",
    "R": "%H:%M",
    "r": "%I:%M:%S %p",
    "T": "%H:%M:%S",
    "t": "\t",
    "x": "%m/%d/%y",
    "X": "%H:%M:%S",
}
_PART = {
    "%": lambda t: ("%", 0, ""),
    "A": lambda t: (_DAYS[t.tm_wday], 0, ""),
    "a": lambda t: (_DAYS[t.tm_wday][:3], 0, ""),
    "B": lambda t: (_MONTHS[t.tm_mon - 1], 0, ""),
    "b": lambda t: (_MONTHS[t.tm_mon - 1][:3], 0, ""),
    "C": lambda t: (t.tm_year // 100, 2, "0"),
    "d": lambda t: (t.tm_mday, 2, "0"),
    "e": lambda t: (t.tm_mday, 2, " "),
    "G": lambda t: (_iso(t)[0], 0, "0"),
    "g": lambda t: (_iso(t)[0] % 100, 2, "0"),
    "H": lambda t: (t.tm_hour, 2, "0"),
    "I": lambda t: ((t.tm_hour + 11) % 12 + 1, 2, "0"),
    "j": lambda t: (t.tm_yday, 3, "0"),
    "k": lambda t: (t.tm_hour, 2, " "),
    "l": lambda t: ((t.tm_hour + 11) % 12 + 1, 2, " "),
    "M": lambda t: (t.tm_min, 2, "0"),
    "m": lambda t: (t.tm_mon, 2, "0"),
    "P": lambda t: ("am" if t.tm_hour < 12 else "pm", 0, ""),
    "p": lambda t: ("AM" if t.tm_hour < 12 else "PM", 0, ""),
    "S": lambda t: (t.tm_sec, 2, "0"),
    "s": lambda t: (int(time.mktime(t)), 0, ""),
    "U": lambda t: ((t.tm_yday + 6 - (t.tm_wday + 1) % 7) // 7, 2, "0"),
    "u": lambda t: (t.tm_wday + 1, 0, ""),
    "V": lambda t: (_iso(t)[1], 2, "0"),
    "W": lambda t: ((t.tm_yday + 6 - t.tm_wday) // 7, 2, "0"),
    "w": lambda t: ((t.tm_wday + 1) % 7, 0, ""),
    "Y": lambda t: (t.tm_year, 0, "0"),
    "y": lambda t: (t.tm_year % 100, 2, "0"),
    "Z": lambda t: (t.tm_zone, 0, ""),
    "z": lambda t: (_offset(t), 0, ""),
}
_DIRECTIVE = re.compile(r"%([-_0^#]?)(\d*)[EO]?([%A-Za-z])")


# Of a format of plain numbers: how it is filled in, and with what of the time. `None` for any other.
_NUMBERS = {"Y": ("%d", 0), "m": ("%02d", 1), "d": ("%02d", 2), "H": ("%02d", 3), "M": ("%02d", 4), "S": ("%02d", 5)}
_SHORT = {"T": "%H:%M:%S", "F": "%Y-%m-%d", "R": "%H:%M", "X": "%H:%M:%S"}
_forms = {}


def _form(format):
    if len(_forms) > 100:
        _forms.clear()
    whole = re.sub("%([TFRX])", lambda found: _SHORT[found[1]], format)
    directives = re.findall("%(.?)", whole)
    form = None
    if "%%" not in format and directives and all(letter in _NUMBERS for letter in directives):
        filled = re.sub("%(.)", lambda found: _NUMBERS[found[1]][0], whole)
        form = filled, [_NUMBERS[letter][1] for letter in directives]
    _forms[format] = form
    return form


def strftime(format, t=None, /):
    """The time as text, in the C locale."""
    if t is None:
        t = time.localtime()
    if type(format) is str and type(t) in (tuple, time.struct_time) and len(t) >= 9:
        form = _forms[format] if format in _forms else _form(format)
        if form:
            _, month, day, hour, minute, second, week, year, _ = t[:9]
            usual = 1 <= month <= 12 and 1 <= day <= 31 and 0 <= hour <= 23 and 0 <= minute <= 59 and 0 <= second <= 61
            if usual and week >= -1 and 0 <= year <= 366:
                return form[0] % tuple([t[at] for at in form[1]])
    t = _checked(t)

    def one(found):
        flag, width, letter = found.groups()
        if letter in _WHOLE:
            text, least, padding = _DIRECTIVE.sub(one, _WHOLE[letter]), 0, " "
        elif letter in _PART:
            text, least, padding = _PART[letter](t)
        else:
            return found[0]
        if flag == "-":
            least = 0
        elif flag in ("_", "0"):
            padding = " " if flag == "_" else "0"
        text = str(text).rjust(int(width or least), padding or " ")
        return text.upper() if flag == "^" else text.swapcase() if flag == "#" else text

    return _DIRECTIVE.sub(one, format)


def asctime(t=None, /):
    """As `strftime("%c")`."""
    return strftime("%a %b %e %H:%M:%S %Y", t)


def ctime(seconds=None, /):
    """As `asctime` of those seconds."""
    return asctime(time.localtime(seconds))


def clock_gettime_ns(clock, /):
    """The wall clock, or the one clock for everything else."""
    return time.time_ns() if clock == time.CLOCK_REALTIME else time.perf_counter_ns()


def clock_gettime(clock, /):
    """As `clock_gettime_ns`, in seconds."""
    return clock_gettime_ns(clock) / 1e9


def clock_getres(clock, /):
    """The sandbox's clock is no finer."""
    return 0.001


_get_clock_info = time.get_clock_info


def get_clock_info(name, /):
    """The clocks of processor time are the monotonic one."""
    return _get_clock_info("monotonic" if name in ("process_time", "thread_time") else name)


# Processor time is the host's to measure; to a script it is the time that passes.
def process_time():
    """The time that passed."""
    return time.perf_counter()


def process_time_ns():
    """The time that passed, in nanoseconds."""
    return time.perf_counter_ns()


time.thread_time, time.thread_time_ns = process_time, process_time_ns
time.CLOCK_REALTIME, time.CLOCK_MONOTONIC, time.CLOCK_PROCESS_CPUTIME_ID, time.CLOCK_THREAD_CPUTIME_ID = range(4)
time.CLOCK_MONOTONIC_RAW, time.CLOCK_BOOTTIME = 4, 7
for _function in (
    gmtime, strftime, asctime, ctime, clock_gettime, clock_gettime_ns, clock_getres,
    get_clock_info, process_time, process_time_ns,
):
    _function.__module__ = "time"
    # As a function of the interpreter: a class that keeps it (`logging.Formatter.converter`) does not make it a method.
    setattr(time, _function.__name__, staticmethod(_function))
