"""The curves: what grows, with what, and how it is measured at each number.

`__main__.py` measures those that were asked for. A point must be the smallest of some turns, so that the machine's other work is
no part of a shape.
"""

from measuring import machine
from measuring.progress import say
from measuring.worker import Worker, whole

PRINT = "print(1+1)"
CALLS = 1000
# Methods of each service, as many as one of a person's own has.
METHODS = 8


class Bench:
    """What curves need."""

    def __init__(self, programs, place, quick, runs):
        self.programs = programs
        self.place = place
        self.quick = quick
        self.runs = runs
        self.cache = machine.scratch() / "cache"

    def worker(self):
        return Worker([self.programs.warm])

    def open(self, worker, **opening):
        """Seconds of the processor that opening a host takes."""
        return worker.ask("open", cache=str(self.cache), **opening)["processor_ns"] / 1e9

    def numbers(self, *numbers):
        """In a hurry, without the last."""
        return numbers[:-1] if self.quick else numbers


def _least(worker, code, turns=5, times=1, **how):
    """Milliseconds of the processor of one run, the least of some turns."""
    return min(worker.ask("run", code=code, times=times, **how)["processor_ns"] / times for _ in range(turns)) / 1e6


def _series(*names):
    return {name: [] for name in names}


def _add(series, number, *values):
    """A point of each, in the order in which they are named."""
    for points, value in zip(series.values(), values, strict=True):
        points.append((number, value))


def size(bench):
    """Scripts of so many lines, each of which is run once."""
    found = _series("run, ms", "a line, µs", "memory, MiB")
    with bench.worker() as worker:
        bench.open(worker)
        for lines in bench.numbers(1, 10, 100, 1000, 10_000):
            code = "\n".join(f"value{n % 100} = {n} + len('line {n}')" for n in range(lines))
            took = _least(worker, code, turns=3)
            peak = worker.ask("run", code=code)["peak_memory"]
            _add(found, lines, took, took * 1000 / lines, peak / 2**20)
    return found


def services(bench):
    """So many services of eight methods each, of which a script calls one, or none."""
    found = _series("opening, ms", "print(1+1), ms", "one call, ms", "memory, MiB")
    call = "from services import s0\nprint(s0.thing0_get(n=1))"
    for number in bench.numbers(1, 5, 20, 100, 500):
        with bench.worker() as worker:
            opened = bench.open(worker, services=number, methods=METHODS) * 1000
            held = worker.ask("memory")["pss"]
            worker.ask("run", code=call, times=3)
            _add(found, number, opened, _least(worker, PRINT, times=20), _least(worker, call, times=20), held / 2**20)
    return found


def policies(bench):
    """So many policies, all about methods of the service that is called, and true of none of its calls but the first."""
    found = _series("opening, ms", "a call, µs", "print(1+1), ms", "memory, MiB")
    calls = f"from services import s0\nfor n in range({CALLS}): s0.thing0_get(n=n + 1000000)"
    for number in bench.numbers(1, 10, 100, 300, 1000):
        with bench.worker() as worker:
            opened = bench.open(worker, methods=METHODS, policies=number) * 1000
            held = worker.ask("memory")["pss"]
            worker.ask("run", code=PRINT, times=3)
            called = _least(worker, calls, turns=3) * 1000 / CALLS
            _add(found, number, opened, called, _least(worker, PRINT, times=20), held / 2**20)
    return found


def together(bench):
    """So many runs at once, each of which waits in a call until all are there."""
    found = _series("until all wait, ms a run", "their end, ms a run", "memory, MiB", "memory, MiB a run")
    for number in bench.numbers(1, 10, 100, 300, 1000):
        with bench.worker() as worker:
            bench.open(worker, instances=max(number, 2))
            worker.ask("run", code=PRINT, times=3)
            answer = worker.ask("wait", runs=number)
            each = (answer["processor_ns"] / 1e6, answer["ending_ns"] / 1e6, (answer["waiting"] - answer["before"]) / 2**20)
            begun, ended, held = (value / number for value in each)
            values = (begun, ended, answer["waiting"] / 2**20, held)
            _add(found, number, *(max(value, 1e-4) for value in values))
    return found


def journal(bench):
    """So many runs in the journal before: what one more costs, and the commands that look at them."""
    found = _series("one more run, ms", "journal list, ms", "journal show last, ms", "approvals, ms", "on the disk, KiB a run")
    state = bench.place / "state"
    state.mkdir(mode=0o700)
    list_of = [bench.programs.sandgate, "--quiet", "--state-dir", state]
    there = 0
    with bench.worker() as worker:
        bench.open(worker, journal=str(state))
        for number in (100, 1000, 10_000, 100_000, 1_000_000):
            if number > min(bench.runs, 10_000 if bench.quick else bench.runs):
                break
            while there < number:
                some = min(number - there, 20_000)
                worker.ask("run", code=PRINT, times=some, at_once=2)
                there += some
                if there % 20_000 == 0:
                    say(f"journal: {there:,} runs")
            least = _least(worker, PRINT, turns=7, times=20)
            there += 140
            kept = sum(file.stat().st_size for file in state.rglob("*") if file.is_file())
            commands = (["journal", "list"], ["journal", "show", "last"], ["approvals"])
            took = (min(whole([*list_of, *command])[1] for _ in range(5)) * 1000 for command in commands)
            _add(found, number, least, *took, kept / there / 1024)
    return found


class Curve:
    """One plot."""

    def __init__(self, name, title, across, up, measure):
        self.name = name
        self.title = title
        self.across = across
        self.up = up
        self.measure = measure


UP = "processor time and memory, in the unit that stands with each"
CURVES = [
    Curve("size", "What a run costs, by the size of its script", "lines", UP, size),
    Curve("services", "What a run costs, by the number of services", "services of 8 methods", UP, services),
    Curve("policies", "What a run costs, by the number of policies", "policies", UP, policies),
    Curve("together", "What a run costs, by the number of those that wait beside it", "runs at once", UP, together),
    Curve("journal", "What a run costs, by the number of those in the journal", "runs in the journal", UP, journal),
]
