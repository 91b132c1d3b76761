#!/usr/bin/env python3
"""Runs the programs of pyperformance under CPython and in sandgate, side by side, and writes `pyperformance.md`.

People run it by hand; README.md says how. Each program gets a workspace of its files, the packages it needs without
their compiled parts, and `pyperf.py`. It must not treat a program differently in the two interpreters, nor change one.
"""

import argparse
import dataclasses
import glob
import json
import math
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import time
import tomllib

VERSION = "1.14.0"
CONTEXT = "pyperformance"
LONG = 30  # seconds, after which a program gets no further turn
HERE = pathlib.Path(__file__).resolve().parent
CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "sandgate-pyperformance"

# What measures something other than Python: not tried.
ELSEWHERE = {
    "2to3": "starts processes",
    "asyncio_tcp": "uses the network",
    "asyncio_tcp_ssl": "uses the network",
    "asyncio_websockets": "uses the network",
    "dask": "uses the network",
    "fastapi": "uses the network, and a compiled package",
    "hg_startup": "starts processes",
    "python_startup": "starts processes",
    "python_startup_no_site": "starts processes",
    "tornado_http": "uses the network",
}

# Their packages are of a time when Python had `distutils`; since 3.12 it comes with this package.
DISTUTILS = {"bm_django_template", "bm_sympy"}
SETUPTOOLS = "setuptools==69.5.1"

LIMITS = """hero_context = 1
timeout = "{seconds}s"
memory = "2GiB"
output = "16MiB"
workspace_bytes = "1GiB"
workspace_files = 50000
approvals = false
"""
POLICY = """@id("nothing")
@because("These programs make no calls.")
forbid (principal, action, resource);
"""


class Failed(Exception):
    """A program did not run; the text is one line that says why."""


@dataclasses.dataclass
class Row:
    """What became of one program."""

    name: str
    ours: float = 0.0  # seconds in sandgate
    theirs: float = 0.0  # seconds in CPython
    failed: str = ""  # one line, where it did not run
    counts: bool = True  # not where CPython does not run it, or where it was not tried

    def __str__(self):
        return self.failed or f"{self.ours:.3f} s, CPython {self.theirs:.3f} s, ratio {self.ours / self.theirs:.1f}"


def pip(target, *arguments):
    """Installs below a directory and throws away what is compiled; both interpreters then run the same Python."""
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-compile", "--disable-pip-version-check"]
    done = subprocess.run([*command, "--target", target, *arguments], capture_output=True, text=True)
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        raise Failed(f"its packages do not install: {lines[-1] if lines else done.returncode}")
    for compiled in glob.glob(f"{target}/**/*.so", recursive=True):
        os.remove(compiled)


def programs(cache):
    """Every program: its name, the directory of its files, its arguments."""
    data = cache / f"pyperformance-{VERSION}"
    if not data.exists():
        pip(data, "--no-deps", f"pyperformance=={VERSION}")
    for path in sorted(data.glob("pyperformance/data-files/benchmarks/bm_*/*.toml")):
        tool = tomllib.loads(path.read_text())["tool"]["pyperformance"]
        yield tool["name"], path.parent, tool.get("extra_opts", [])


def workspace(cache, files):
    """The directory that a program runs in, made once."""
    place = cache / "workspaces" / files.name
    if not place.exists():
        making = place.with_suffix(".making")
        shutil.rmtree(making, ignore_errors=True)
        shutil.copytree(files, making)
        if (requirements := making / "requirements.txt").exists():
            pip(making, "--requirement", requirements)
        if files.name in DISTUTILS:
            pip(making, SETUPTOOLS)
            shutil.copytree(making / "setuptools" / "_distutils", making / "distutils")
        making.rename(place)
    shutil.copy(HERE / "pyperf.py", place)
    return place


def times(text):
    """The stand-in's lines, as seconds by benchmark."""
    lines = [line.split("\t") for line in text.splitlines() if line.startswith("pyperf\t")]
    return {name: float(seconds) for _, name, seconds in lines}


def cpython(python, place, arguments, seconds):
    """One run with nothing but the standard library and the workspace."""
    command = [python, "-S", "-E", "run_benchmark.py", *arguments]
    try:
        done = subprocess.run(command, cwd=place, capture_output=True, text=True, timeout=seconds)
    except subprocess.TimeoutExpired:
        raise Failed(f"takes longer than {seconds} s") from None
    if done.returncode:
        raise Failed((done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1])
    return times(done.stdout)


def sandgate(binary, cache, place, arguments):
    """One run in the sandbox, with limits that leave room."""
    command = [binary, "run", "--json", "--quiet", "--policies", cache / "policies", "--context", CONTEXT]
    command += ["--state-dir", cache / "state", "--workspace", place, place / "run_benchmark.py", "--", *arguments]
    done = subprocess.run(command, capture_output=True, text=True)
    try:
        outcome = json.loads(done.stdout)
    except ValueError:
        raise Failed((done.stderr.strip().splitlines() or ["sandgate printed nothing"])[0]) from None
    if outcome["exit_code"] == 0:
        return times(outcome["stdout"])
    if outcome["exception"] is None:
        raise Failed(outcome["reason"] or outcome["status"])
    raise Failed(outcome["exception"]["traceback"].strip().splitlines()[-1])


def measure(options, name, files, arguments):
    """Runs one program in both interpreters in turns, and keeps the best time of each of its benchmarks."""
    if name in ELSEWHERE:
        return Row(name, failed=f"not tried: {ELSEWHERE[name]}", counts=False)
    ours, theirs = {}, {}
    turns = (
        (theirs, lambda: cpython(options.python, place, arguments, options.timeout)),
        (ours, lambda: sandgate(options.sandgate, options.cache, place, arguments)),
    )
    best = theirs
    try:
        place = workspace(options.cache, files)
        (place / "pyperf.loops.json").unlink(missing_ok=True)
        for _ in range(options.repeat):
            begun = time.monotonic()
            for best, run in turns:
                for benchmark, seconds in run().items():
                    best[benchmark] = min(seconds, best.get(benchmark, seconds))
            if time.monotonic() - begun > LONG:
                break
    except Failed as error:
        if best is theirs:
            return Row(name, failed=f"not counted, CPython does not run it: {error}", counts=False)
        return Row(name, failed=str(error))
    if not ours or ours.keys() != theirs.keys():
        return Row(name, failed="its benchmarks are not those that it has in CPython")
    return Row(name, sum(ours.values()), sum(theirs.values()))


def table(rows, version):
    """The Markdown of all rows."""
    ran = [row for row in rows if not row.failed]
    counted = sum(row.counts for row in rows)
    mean = statistics.geometric_mean(row.ours / row.theirs for row in ran) if ran else math.nan
    lines = [
        f"Programs of pyperformance {VERSION} in sandgate and CPython {version}; `pyperformance.py` writes this file.",
        "Seconds are for the same number of calls in both, the best of several measurements in turns; start and import",
        "do not count.",
        "",
        f"{len(ran)} of {counted} programs run; the geometric mean of the ratios is {mean:.1f}.",
        "",
        "| program | runs | sandgate, s | CPython, s | ratio |",
        "|---|---|---|---|---|",
    ]
    for row in rows:
        if row.failed:
            reason = row.failed.replace("|", "\\|").replace("<", "\\<")
            lines.append(f"| {row.name} | {reason} | | | |")
        else:
            lines.append(f"| {row.name} | yes | {row.ours:.3f} | {row.theirs:.3f} | {row.ours / row.theirs:.1f} |")
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sandgate", default="sandgate", help="the binary to measure")
    parser.add_argument("--python", default=sys.executable, help="the CPython to compare with")
    parser.add_argument("--cache", type=pathlib.Path, default=CACHE, help="where packages and workspaces are kept")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="these programs, and write no file")
    parser.add_argument("--repeat", type=int, default=2, help="turns of both interpreters")
    parser.add_argument("--timeout", type=int, default=300, metavar="SECONDS", help="for one run of one program")
    options = parser.parse_args()
    options.cache = options.cache.resolve()
    context = options.cache / "policies" / CONTEXT
    context.mkdir(parents=True, exist_ok=True)
    (context / "limits.toml").write_text(LIMITS.format(seconds=options.timeout))
    (context / "policy.cedar").write_text(POLICY)
    rows = []
    for name, files, arguments in sorted(programs(options.cache)):
        if not options.only or name in options.only:
            rows.append(measure(options, name, files, arguments))
            print(f"{name}: {rows[-1]}", file=sys.stderr, flush=True)
    version = subprocess.run([options.python, "-V"], capture_output=True, text=True).stdout.split()[-1]
    text = table(rows, version)
    if options.only:
        print(text, end="")
    else:
        (HERE / "pyperformance.md").write_text(text)


if __name__ == "__main__":
    main()
