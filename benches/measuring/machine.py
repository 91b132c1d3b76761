"""The machine that something was measured on, in the words of its result.

Results and captions of plots have it. It must name nothing that only its owner knows: no host, no user, no path.
"""

import datetime
import os
import pathlib
import platform


def described():
    """One line: processor, cores, memory, kernel, and how busy it was when this was asked."""
    model = next(
        (line.split(":", 1)[1].strip() for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")),
        platform.machine(),
    )
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    load = os.getloadavg()[1]
    return f"{os.cpu_count()} cores ({model}), {memory:.0f} GiB, Linux {platform.release()}, load of {load:.1f} over five minutes"


def scratch():
    """Where rivals and prepared images are kept from one measurement to the next."""
    cache = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
    return pathlib.Path(cache) / "sandgate-compare"


def today():
    return datetime.date.today().isoformat()
