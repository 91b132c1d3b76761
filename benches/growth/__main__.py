"""How what a run costs grows: with its script, with services and policies that there are, with runs beside it, with runs before it.

People run it: `python3 benches/growth`. For each it writes a plot, and all of it as JSON and as a table that says where something
grew faster than what it grows with. It must not print anything but the table on standard output.
"""

import argparse
import json
import pathlib
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
sys.dont_write_bytecode = True

from measuring import options, plot  # noqa: E402
from measuring.progress import say  # noqa: E402
from measuring.worker import WorkerEnded  # noqa: E402
from curves import CURVES, Bench  # noqa: E402

EXAMPLES = """\
examples:
  python3 benches/growth                      everything, some minutes; needs cargo
  python3 benches/growth --quick              smaller numbers, under three minutes
  python3 benches/growth --only policies      one curve
  python3 benches/growth --runs 1000000       a journal of a million runs, another quarter of an hour

All of it is the library in a process that stays (benches/warm.rs), but for the journal, which is listed by the command. Each point is
the smallest of some turns, as what else the machine does only makes it larger.
"""


def arguments():
    parser = argparse.ArgumentParser(
        prog="python3 benches/growth", description=__doc__.splitlines()[0], epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    names = [curve.name for curve in CURVES]
    parser.add_argument("--only", nargs="+", metavar="CURVE", choices=names, help=f"curves to measure: {', '.join(names)}")
    parser.add_argument("--quick", action="store_true", help="without the largest numbers")
    parser.add_argument("--runs", type=int, default=100_000, metavar="N", help="runs in the journal at most [default: 100000]")
    options.add(parser, "growth-DATE.json, growth-DATE.md and growth-CURVE.svg")
    return parser.parse_args()


def steep(points):
    """Where something grew by half as much again as what it grows with: a cliff, if it is more than the noise."""
    found = []
    for (x, y), (next_x, next_y) in zip(points, points[1:]):
        if next_y / y > 1.5 * next_x / x:
            found.append(f"from {x:,g} to {next_x:,g} by {next_y / y:.1f}")
    return found


def table(head, curves):
    lines = [f"# {head['date']}: how what a run costs grows", "", f"`python3 benches/growth{head['arguments']}`; {head['machine']}. {head['sandgate']}; {head['build']}.", ""]
    for curve in curves:
        lines += [f"## {curve['title']}", ""]
        if "missing" in curve:
            lines += [f"Not measured: {curve['missing']}", ""]
            continue
        numbers = sorted({x for points in curve["series"].values() for x, _ in points})
        lines += [f"| {curve['across']} | " + " | ".join(f"{number:,}" for number in numbers) + " |", "|---" * (len(numbers) + 1) + "|"]
        for name, points in curve["series"].items():
            at = dict(map(tuple, points))
            lines.append(f"| {name} | " + " | ".join(plot.number(at[number]) if number in at else "" for number in numbers) + " |")
        cliffs = {name: steep(points) for name, points in curve["series"].items()}
        said = [f"{name} {place}" for name, places in cliffs.items() for place in places]
        lines += ["", f"Steeper than what it grows with: {'; '.join(said) or 'nothing'}.", ""]
    return "\n".join(lines).rstrip() + "\n"


def main():
    given = arguments()
    ours = options.ours(given, "growth")
    head = options.head(given, ours)
    measured = []
    # On a disk, as journals are.
    with tempfile.TemporaryDirectory(prefix="sandgate-growth-") as place:
        bench = Bench(ours, pathlib.Path(place), given.quick, given.runs)
        for curve in CURVES:
            if given.only and curve.name not in given.only:
                continue
            say(f"{curve.name}: {curve.title}")
            about = {"curve": curve.name, "title": curve.title, "across": curve.across, "up": curve.up}
            try:
                measured.append({**about, "series": curve.measure(bench)})
            except WorkerEnded as why:
                say(f"{curve.name} was not measured: {why}")
                measured.append({**about, "missing": str(why)})
    print(table(head, measured), end="")
    results = options.results(given)
    if results:
        (results / f"growth-{head['date']}.json").write_text(json.dumps({**head, "curves": measured}, indent=1, ensure_ascii=False) + "\n")
        (results / f"growth-{head['date']}.md").write_text(table(head, measured))
        for curve in measured:
            if "series" in curve:
                below = [f"{head['date']}, {head['machine']}; {head['sandgate']}, {head['build']}. Both scales are logarithmic."]
                picture = plot.lines(curve["title"], curve["across"], curve["up"], list(curve["series"].items()), below)
                (results / f"growth-{curve['curve']}.svg").write_text(picture)
        say(f"written to {results}")


if __name__ == "__main__":
    main()
