"""What a person sees while something is measured, on standard error: a line that says what is done now, and for how long.

Both commands use it for whatever takes over a second. It must never write to standard output, where results go.
"""

import sys
import time

BEGUN = time.monotonic()


def say(text):
    """A line with the seconds since the start before it."""
    print(f"[{time.monotonic() - BEGUN:5.0f} s] {text}", file=sys.stderr, flush=True)
