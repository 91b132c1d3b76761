"""What programs take for granted of the machine: 64 bits, and sums as CPython has them.

Run once before the snapshot.
"""

import builtins
import compression._common._streams as _streams
import csv
import sys
import types

import _sandgate_sum

# Scripts take it for infinity, for a seed or for a limit; a size of 32 bits would change what they compute.
sys.maxsize = 2**63 - 1

_field_size_limit = csv.field_size_limit


def field_size_limit(*limit):
    """As the interpreter's own, for limits that only 64 bits hold as well."""
    return _field_size_limit(*(min(number, 2**31 - 1) for number in limit))


field_size_limit.__module__ = "_csv"
csv.field_size_limit = field_size_limit

# gzip, bz2 and lzma read what is left by asking for that much, and a read takes no more than the interpreter's own size.
_streams.sys = types.SimpleNamespace(maxsize=2**31 - 1)

builtins.sum = _sandgate_sum.sum
