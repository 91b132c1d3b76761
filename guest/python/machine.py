"""What programs take for granted of the machine: 64 bits, a processor's clock, a local time zone, sums as CPython has them.

Run once before the snapshot.
"""

import builtins
import csv
import sys
import time

import _sandgate_sum

# Scripts take it for infinity, for a seed or for a limit; a size of 32 bits would change what they compute.
sys.maxsize = 2**63 - 1

_field_size_limit = csv.field_size_limit


def field_size_limit(*limit):
    """As the interpreter's own, for limits that only 64 bits hold as well."""
    return _field_size_limit(*(min(number, 2**31 - 1) for number in limit))


csv.field_size_limit = field_size_limit

# A run has its processor to itself as far as it can tell.
time.process_time = time.thread_time = time.perf_counter
time.process_time_ns = time.thread_time_ns = time.perf_counter_ns

# `time.localtime` is UTC.
time.tzname = ("UTC", "UTC")
time.timezone = time.altzone = time.daylight = 0
time.tzset = lambda: None

builtins.sum = _sandgate_sum.sum
