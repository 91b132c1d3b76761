"""The rows of the comparison: what is measured, in whom, in which unit, and what it is to come to.

`__main__.py` measures those that were asked for. A row must be measured in turns, or say that it was not (`alone`).
"""

import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

import scripts
from measuring.pairs import compared, in_turns, mean
from measuring.progress import say
from measuring.worker import Worker, WorkerEnded, whole
from rivals import Missing

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from modules import LIMITS, POLICY, PROGRAMS, program  # noqa: E402

POLICY_OF_CALLS = """@id("reads") @because("It may look.")
permit (principal, action == Action::"numbers.number.next", resource) when { context.n < 1000000 };
@id("naps") @because("It may rest.")
permit (principal, action == Action::"numbers.nap.take", resource);
"""
# What preparing the image took before it was made cheaper, with the processor on which that was measured (results/2026-11-28.md).
IMAGE_BEFORE = 36.8
# Programs of which `--quick` measures every so manieth.
EVERY = 8


class Bench:
    """What rows need: programs of ours, rivals, a place for files, and how many turns there are."""

    def __init__(self, programs, rivals, place, turns, quick):
        self.programs = programs
        self.rivals = rivals
        self.place = place
        self.turns = turns
        self.quick = quick
        self.cache = rivals.scratch / "cache"
        (place / "work").mkdir()

    def warm(self, **opening):
        """A process of ours that stays: the library, without the command's wall, as an embedder has it."""
        worker = Worker([self.programs.warm])
        worker.ask("open", cache=str(self.cache), **opening)
        return worker

    def command(self, state, *arguments):
        # Before the script: what follows it is the script's.
        return [self.programs.sandgate, "--quiet", "--cache-dir", self.cache, "--state-dir", self.place / state, *arguments]

    def context(self, name, policy=POLICY):
        """A directory of contexts with one called so."""
        directory = self.place / f"{name}-contexts" / name
        directory.mkdir(parents=True)
        (directory / "policy.cedar").write_text(policy)
        (directory / "limits.toml").write_text(LIMITS)
        return directory.parent


def _runs(worker, code, times, **how):
    """What one turn took: seconds a run by the wall (the median of the runs) and of the processor."""
    answer = worker.ask("run", code=code, times=times, **how)
    return statistics.median(answer["each_ns"]) / 1e9, answer["processor_ns"] / times / 1e9


def _timed(worker, code):
    """Seconds that a script measured for itself, and of the processor for all of the run."""
    answer = worker.ask("run", code=code)
    return float(answer["output"]), answer["processor_ns"] / 1e9


def _pair(bench, rival, ours, theirs, times):
    """One script for both, in processes that stay."""
    with bench.warm() as mine, bench.rivals.worker(rival) as other:
        for worker, code in ((mine, ours), (other, theirs)):
            _runs(worker, code, 3)
        return compared(in_turns(lambda: _runs(mine, ours, times), lambda: _runs(other, theirs, times), bench.turns))


def compute(bench):
    """Six scripts that compute, in processes that stay; times are those that the scripts measure themselves."""
    parts = []
    with bench.warm() as mine, bench.rivals.worker("eryx") as other:
        for name in scripts.COMPUTE:
            code = scripts.timed(name)
            pairs = in_turns(lambda: _timed(mine, code), lambda: _timed(other, code), bench.turns)
            parts.append({"name": name, **compared(pairs)})
    return _whole_of(parts)


def _whole_of(parts):
    """A row whose ratio is the mean of its parts'."""
    processors = [part["processor_ratio"] for part in parts if part["processor_ratio"]]
    ratios = [part["ratio"] for part in parts]
    return {
        "parts": parts,
        "ratio": mean(ratios),
        "least": min(ratios),
        "most": max(ratios),
        "worst": max(parts, key=lambda part: part["ratio"])["name"],
        "processor_ratio": mean(processors) if processors else None,
        "turns": parts[0]["turns"],
    }


def python_programs(bench):
    """benches/modules.py's programs in whole processes; times are those that the programs measure themselves."""
    bench.rivals.require("CPython")
    contexts = bench.context("programs")
    script = bench.place / "work" / "program.py"
    run = bench.command("programs", "run", "--policies", contexts, "--context", "programs", script)
    names = list(PROGRAMS)[:: EVERY if bench.quick else 1]
    parts, failed = [], []

    def once(command):
        _, used, said = whole(command, cwd=script.parent)
        return next(float(line.split()[1]) for line in said.splitlines() if line.startswith("took ")), used

    for number, name in enumerate(names):
        if number % 10 == 0:
            say(f"programs: {number} of {len(names)}")
        script.write_text(program(*PROGRAMS[name]))
        python = [bench.rivals.commands["CPython"], script]
        try:
            parts.append({"name": name, **compared(in_turns(lambda: once(run), lambda: once(python), min(bench.turns, 3)))})
        except (WorkerEnded, StopIteration, ZeroDivisionError) as error:
            failed.append(f"{name}: {error}")
    return {**_whole_of(parts), "failed": failed}


def fresh(bench, rival="Monty"):
    script = "console.log(1+1)" if rival == "modebox" else scripts.PRINT
    return _pair(bench, rival, scripts.PRINT, script, 100)


def fresh_after(bench):
    """The same, each turn after a script that sorts: what it left of the process counts."""
    large = scripts.timed("sort 200,000")
    with bench.warm() as mine, bench.rivals.worker("Monty") as other:

        def one(worker):
            worker.ask("run", code=large)
            return _runs(worker, scripts.PRINT, 50)

        return compared(in_turns(lambda: one(mine), lambda: one(other), bench.turns))


def imports(bench):
    return _pair(bench, "eryx", scripts.IMPORTS, scripts.IMPORTS, 20)


def rate(bench):
    """Two callers, each with its own fresh runs: seconds a run, of which both make two at once."""
    times = 400 if bench.quick else 2000
    with bench.warm() as mine, bench.rivals.worker("Monty") as other:

        def both(worker):
            answer = worker.ask("run", code=scripts.PRINT, times=times, at_once=2)
            return answer["wall_ns"] / times / 1e9, answer["processor_ns"] / times / 1e9

        both(mine), both(other)
        return compared(in_turns(lambda: both(mine), lambda: both(other), bench.turns))


def process(bench, rival="CPython", state="process"):
    """A whole process, from its start to its end, its journal written to the disk; the median of ten in each turn."""
    script = bench.place / "work" / "print.py"
    script.write_text(scripts.PRINT + "\n")
    bench.rivals.require(rival)
    theirs = {
        "CPython": lambda: [bench.rivals.commands["CPython"], "-I", "-S", script],
        "uv": lambda: [bench.rivals.commands["uv"], "run", "--quiet", "--no-project", "--offline", script],
        "Monty": lambda: [bench.rivals.monty(), script],
    }[rival]()
    ours = bench.command(state, "run", script)
    environment = {**os.environ, "VIRTUAL_ENV": str(bench.rivals.scratch / "venv")}

    def ten(command):
        done = [whole(command, env=environment)[:2] for _ in range(10)]
        return statistics.median(wall for wall, _ in done), statistics.mean(used for _, used in done)

    ten(ours), ten(theirs)
    return compared(in_turns(lambda: ten(ours), lambda: ten(theirs), bench.turns))


def process_without_disk(bench):
    """The same with the journal in memory: what is left is not the disk's."""
    if not pathlib.Path("/dev/shm").is_dir():
        raise Missing("there is no /dev/shm")
    with tempfile.TemporaryDirectory(dir="/dev/shm") as state:
        return process(bench, state=state)


class Service:
    """A service on a Unix socket (`warm serve`), registered, with a context that may call it and a journal."""

    def __init__(self, bench):
        self.bench = bench
        self.place = pathlib.Path(tempfile.mkdtemp(dir=bench.place))

    def __enter__(self):
        socket, state, contexts = (self.place / name for name in ("rpc.sock", "state", "contexts"))
        self.process = subprocess.Popen([self.bench.programs.warm, "serve", socket], stdout=subprocess.PIPE)
        self.process.stdout.readline()
        (contexts / "bench").mkdir(parents=True)
        (contexts / "bench" / "policy.cedar").write_text(POLICY_OF_CALLS)
        (contexts / "bench" / "limits.toml").write_text(LIMITS + "calls = 1000000\n")
        add = self.bench.command(state, "service", "add", "numbers", "--socket", socket)
        subprocess.run([*add, "--effect", "number.next=read", "--effect", "nap.take=read"], check=True, stdout=subprocess.DEVNULL)
        self.worker = self.bench.warm(registrations=str(state), contexts=str(contexts), journal=str(self.place / "journal"))
        return self.worker

    def __exit__(self, *_):
        self.worker.__exit__()
        self.process.terminate()
        self.process.wait()


def call(bench, rival="Monty"):
    """A thousand calls, one after the other: ours to a service on a socket, theirs to a function of their own process."""
    ours = f"from services import numbers\nfor n in range({scripts.CALLS}):\n    numbers.number_next(n=n)"
    theirs = {
        "Monty": f"for n in range({scripts.CALLS}):\n    call(n)",
        "eryx": f"for n in range({scripts.CALLS}):\n    await call(n=n)",
        "modebox": f"for (let n = 0; n < {scripts.CALLS}; n++) await host.call(n)",
    }[rival]
    with Service(bench) as mine, bench.rivals.worker(rival) as other:
        return _calls(bench, mine, ours, other, theirs)


def _calls(bench, mine, ours, other, theirs):
    """A call of each, of a script that makes so many."""

    def one(worker, code):
        answer = worker.ask("run", code=code)
        return answer["each_ns"][0] / scripts.CALLS / 1e9, answer["processor_ns"] / scripts.CALLS / 1e9

    one(mine, ours), one(other, theirs)
    return compared(in_turns(lambda: one(mine, ours), lambda: one(other, theirs), bench.turns))


def tool(bench):
    """The same to functions of either host, without a journal."""
    ours = f"from services import s0\nfor n in range({scripts.CALLS}):\n    s0.thing0_get(n=n)"
    theirs = f"for n in range({scripts.CALLS}):\n    call(n)"
    with bench.warm() as mine, bench.rivals.worker("Monty") as other:
        return _calls(bench, mine, ours, other, theirs)


def gather(bench, rival="Monty"):
    """A hundred calls at once that take 10 ms each."""
    ours = "import asyncio\nfrom services.aio import numbers\nasync def main():\n    await asyncio.gather(*[numbers.nap_take(ms=10) for _ in range(100)])\nasyncio.run(main())"
    theirs = {
        "Monty": "import asyncio\nawait asyncio.gather(*[nap(10) for _ in range(100)])",
        "eryx": "import asyncio\nawait asyncio.gather(*[nap(milliseconds=10) for _ in range(100)])",
        "modebox": "await Promise.all(Array.from({length: 100}, () => host.nap(10)))",
    }[rival]
    with Service(bench) as mine, bench.rivals.worker(rival) as other:

        def one(worker, code, **how):
            answer = worker.ask("run", code=code, times=5, **how)
            return statistics.median(answer["each_ns"]) / 1e9, answer.get("processor_ns", 0) / 5e9

        one(mine, ours), one(other, theirs, asynchronous=True)
        return compared(in_turns(lambda: one(mine, ours), lambda: one(other, theirs, asynchronous=True), bench.turns))


def waiting(bench):
    """Bytes of one more run that waits in a call: what forty take more than ten, in new processes each turn."""

    def slope(begin):
        held = []
        for runs in (10, 40):
            with begin() as worker:
                worker.ask("run", code=scripts.PRINT)
                held.append(worker.ask("wait", runs=runs)["waiting"])
        return (held[1] - held[0]) / 30, 0

    turns = min(bench.turns, 3)
    row = compared(in_turns(lambda: slope(bench.warm), lambda: slope(lambda: bench.rivals.worker("Monty")), turns))
    if not bench.quick:
        with bench.warm(instances=1000) as mine:
            answer = mine.ask("wait", runs=1000)
            row["note"] = f"1,000 runs waited in one process, which then took {answer['waiting'] / 2**20:.0f} MiB"
    return row


def image(bench):
    """Seconds of the processor that preparing the image takes, in an empty cache. It is compared with a number that was kept."""
    with tempfile.TemporaryDirectory(dir=bench.place) as cache:
        wall, used, _ = whole([bench.programs.sandgate, "--quiet", "image", "warm", "--cache-dir", cache])
    return {"alone": True, "ours": used, "theirs": IMAGE_BEFORE, "ratio": used / IMAGE_BEFORE, "processor_ratio": used / IMAGE_BEFORE, "wall": wall, "turns": 1}


def prints(bench):
    """Whole processes that print 300,000 numbers into a file."""
    bench.rivals.require("CPython")
    script = bench.place / "work" / "prints.py"
    script.write_text(scripts.PRINTS)
    contexts = bench.context("prints")
    ours = bench.command("prints", "run", "--policies", contexts, "--context", "prints", script)

    def once(command):
        with open(bench.place / "work" / "printed.txt", "wb") as printed:
            return whole(command, output=printed)[:2]

    theirs = [bench.rivals.commands["CPython"], "-I", "-S", script]
    return compared(in_turns(lambda: once(ours), lambda: once(theirs), bench.turns))


def kill(bench):
    """Seconds past its deadline until the caller has the outcome of a script that never ends, while two others never end either."""
    with bench.warm() as mine:
        late = sorted(mine.ask("kill", rounds=50 if bench.quick else 300, deadline_ms=50)["late_ns"])
    at = lambda percent: late[(len(late) - 1) * percent // 100] / 1e9
    return {"alone": True, "ours": at(99), "median": at(50), "most": at(100), "turns": len(late)}


class Row:
    """One line of the result. `most` bounds the ratio; `bound` bounds ours, in its own unit."""

    def __init__(self, name, what, rival, measure, unit="s", most=None, bound=None, most_of_a_part=None):
        self.name = name
        self.what = what
        self.rival = rival
        self.measure = measure
        self.unit = unit
        self.most = most
        self.bound = bound
        self.most_of_a_part = most_of_a_part


ROWS = [
    Row("compute", "six scripts that compute", "eryx", compute, most=0.75, most_of_a_part=1.5),
    Row("programs", "programs of modules.py", "CPython", python_programs, most=3.0, most_of_a_part=15),
    Row("fresh", "fresh print(1+1), warm host", "Monty", fresh, most=1.0),
    Row("fresh-eryx", "fresh print(1+1), warm host", "eryx", lambda bench: fresh(bench, "eryx")),
    Row("fresh-modebox", "fresh print(1+1), warm host", "modebox", lambda bench: fresh(bench, "modebox")),
    Row("fresh-after", "the same after a large script", "Monty", fresh_after, most=1.0),
    Row("imports", "json, re, datetime, a dataclass", "eryx", imports, most=0.25),
    Row("rate", "a run, two callers at once", "Monty", rate, most=0.83),
    Row("process", "whole process, print(1+1)", "CPython", process, most=0.40),
    Row("process-memory", "the same, its journal in memory", "CPython", process_without_disk, most=0.40),
    Row("process-uv", "whole process, print(1+1)", "uv", lambda bench: process(bench, "uv")),
    Row("process-monty", "whole process, print(1+1)", "Monty", lambda bench: process(bench, "Monty")),
    Row("call", "a call: our service, their function", "Monty", call, most=0.25),
    Row("call-eryx", "a call: our service, their function", "eryx", lambda bench: call(bench, "eryx")),
    Row("call-modebox", "a call: our service, their function", "modebox", lambda bench: call(bench, "modebox")),
    Row("tool", "a call of a function of the host", "Monty", tool),
    Row("gather", "100 calls of 10 ms at once", "Monty", gather, bound=0.013),
    Row("gather-eryx", "100 calls of 10 ms at once", "eryx", lambda bench: gather(bench, "eryx")),
    Row("gather-modebox", "100 calls of 10 ms at once", "modebox", lambda bench: gather(bench, "modebox")),
    Row("waiting", "memory of a run in a call", "Monty", waiting, unit="B", most=1.0),
    Row("image", "image prepared, processor time", "sandgate of 2026-11-27", image, most=0.5),
    Row("prints", "300,000 print into a file", "CPython", prints, most=2.0),
    Row("kill", "past the deadline, p99, cores busy", "", kill, bound=0.020),
]

__all__ = ["Bench", "Missing", "ROWS"]
