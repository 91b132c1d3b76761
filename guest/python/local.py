"""Local time: that of the zone in `TZ`, as POSIX systems read it, and UTC where there is none. Run once before the snapshot.

The prelude calls `tzset` where a run is given a zone, and scripts may. Nothing here may read the clock before that.
"""

import io
import math
import os
import re
import time
from bisect import bisect_right
from datetime import date, timedelta
from zoneinfo._zoneinfo import ZoneInfo, _parse_tz_str, _ttinfo, _TZStr

import _sandgate_tzdata

_DAY = 86400
_WEEK = 7 * _DAY
_YEAR = (365 * 24 + 6) * 3600
_RULE = re.compile(r"(<[A-Za-z0-9+-]+>|[A-Za-z]{3,})[+-]?\d")
# Where `TZ` names the two times and not when they begin, they begin as in the United States.
_RULES = ",M3.2.0,M11.1.0"


class _Period:
    """A time in which one offset holds."""

    __slots__ = ("offset", "summer", "name")

    def __init__(self, info):
        self.offset, self.summer, self.name = int(info.utcoff.total_seconds()), int(bool(info.dstoff)), info.tzname


class _Zone:
    """What holds when; from the database, or from a rule alone."""

    def __init__(self, rule, moments=(), infos=(), before=None):
        self.rule, self.moments, self.infos, self.before = rule, moments, infos, before

    def at(self, seconds):
        """What holds that many seconds after 1970 began."""
        if self.moments and seconds < self.moments[0]:
            info = self.before
        elif self.moments and (seconds < self.moments[-1] or not isinstance(self.rule, _TZStr)):
            info = self.infos[bisect_right(self.moments, seconds) - 1]
        elif isinstance(self.rule, _TZStr):
            info = self.rule.get_trans_info_fromutc(seconds, time.gmtime(seconds).tm_year)[0]
        else:
            info = self.rule
        return _Period(info)


def _named(name):
    """The zone of that name, or the one that the name describes. What is neither is UTC under another name, as in C."""
    name = name.removeprefix(":")
    data = _sandgate_tzdata.data(name)
    if data is not None:
        zone = ZoneInfo.from_file(io.BytesIO(data))
        return _Zone(zone._tz_after, zone._trans_utc, zone._ttinfos, zone._tti_before)
    for rule in (name, name + _RULES) if _RULE.match(name) else ():
        try:
            return _Zone(_parse_tz_str(rule))
        except ValueError:
            pass
    called = re.match("[A-Za-z]{3,}", name)
    return _Zone(_ttinfo(timedelta(), timedelta(), called[0] if called else ""))


_UTC = _Zone(_ttinfo(timedelta(), timedelta(), "UTC"))
_zone = _UTC


def tzset():
    """Takes the zone from `TZ`."""
    global _zone
    if name := os.environ.get("TZ"):
        _zone = _named(name)
        winter = int(time.time() // _YEAR * _YEAR)
        _tell(_zone.at(winter), _zone.at(winter + _YEAR // 2))
    else:
        _zone = _UTC
        _tell(_UTC.at(0), _UTC.at(0))


def _tell(winter, summer):
    """What `time` says of the zone: what holds in the halves of the year, where CPython looks for them."""
    if winter.offset > summer.offset:  # south of the equator
        winter, summer = summer, winter
    time.tzname = (winter.name, summer.name)
    time.timezone, time.altzone = -winter.offset, -summer.offset
    time.daylight = int(winter.offset != summer.offset)


def localtime(seconds=None, /):
    """As a structure of the local time."""
    if _zone is _UTC:
        return time.gmtime(seconds)
    if seconds is None:
        seconds = time.time()
    time.gmtime(seconds)  # says what is wrong with it
    period = _zone.at(math.floor(seconds))
    t = time.gmtime(seconds + period.offset)
    return time.struct_time((*t[:8], period.summer, period.name, period.offset))


def mktime(t, /):
    """The seconds since the epoch; what is out of its range counts on into the next, as in C."""
    year, month, day, hour, minute, second = t[:6]
    years, month = divmod(month - 1, 12)
    try:
        days = date(year + years, month + 1, 1).toordinal() - 719163 + day - 1
    except (ValueError, OverflowError):
        raise OverflowError("mktime argument out of range") from None
    seconds = ((days * 24 + hour) * 60 + minute) * 60 + second
    return float(seconds - _offset(seconds, t[8]))


def _offset(seconds, summer):
    """The offset of that time of a local clock. Whether that is summer time may be said, and else is -1."""
    around = _zone.at(seconds - _DAY), _zone.at(seconds + _DAY)
    if summer < 0:
        # A time that does not exist is taken as if the clock had not been moved; of two, C finds the one nearer to UTC.
        exist = [period for period in around if _zone.at(seconds - period.offset).offset == period.offset]
        return min((period.offset for period in exist or around[:1]), key=abs)
    summer = int(summer > 0)
    for period in around:
        if period.summer == summer:
            return period.offset
    # It is said of a time to which it does not apply: the clock is read as it was when it did, or may have.
    for distance in range(_WEEK, _YEAR, _WEEK):
        for there in (seconds - distance, seconds + distance):
            if (period := _zone.at(there)).summer == summer:
                return period.offset
    return around[0].offset + (3600 if summer else -3600)


_tell(_UTC.at(0), _UTC.at(0))
for _function in (tzset, localtime, mktime):
    _function.__module__ = "time"
    setattr(time, _function.__name__, staticmethod(_function))
