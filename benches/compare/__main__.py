"""sandgate beside others that run scripts of models: one command installs them, measures all in turns, and writes what came out.

People run it: `python3 benches/compare`. Everything but the result lies in a scratch directory, which stays, so that the second
time nothing is installed. It must not print anything but the table on standard output.
"""

import argparse
import pathlib
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
sys.dont_write_bytecode = True

from measuring import machine, options  # noqa: E402
from measuring.progress import say  # noqa: E402
from measuring.worker import WorkerEnded  # noqa: E402
from result import Result  # noqa: E402
from rivals import Missing, Rivals  # noqa: E402
from rows import ROWS, Bench  # noqa: E402

EXAMPLES = """\
examples:
  python3 benches/compare                       everything, about five minutes; needs cargo, and PyPI the first time
  python3 benches/compare --quick               fewer turns and programs, under three minutes
  python3 benches/compare --only fresh call     two rows
  python3 benches/compare --sandgate target/release/sandgate --build 'as released'

What is measured in a process that stays is the library (benches/warm.rs, found beside the binary in deps/), as an embedder has it;
whole processes are the command with its wall and its journal. CPython is the fastest 3.11 that is found, or uv's.
A rival that cannot be installed is named in the result with the reason.
"""


def arguments():
    parser = argparse.ArgumentParser(
        prog="python3 benches/compare", description=__doc__.splitlines()[0], epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    names = [row.name for row in ROWS]
    parser.add_argument("--only", nargs="+", metavar="ROW", choices=names, help=f"rows to measure: {', '.join(names)}")
    parser.add_argument("--repetitions", type=int, metavar="N", help="turns of each pair [default: 9, 3 with --quick]")
    parser.add_argument("--quick", action="store_true", help="few turns, every eighth program, no image: under three minutes")
    parser.add_argument("--scratch", type=pathlib.Path, metavar="DIR", default=machine.scratch(), help="where rivals are kept [default: sandgate-compare in the cache directory]")
    options.add(parser, "compare-DATE.json, compare-DATE.md and compare.svg")
    return parser.parse_args()


def measure(bench, row):
    """A row, or why there is none."""
    say(f"{row.name}: {row.what}" + (f", beside {row.rival}" if row.rival else ""))
    try:
        return row.measure(bench)
    except (Missing, WorkerEnded) as why:
        say(f"{row.name} was not measured: {why}")
        return {"missing": str(why)}


def main():
    given = arguments()
    ours = options.ours(given, "compare")
    rivals = Rivals(given.scratch.resolve())
    rivals.install()
    turns = given.repetitions or (3 if given.quick else 9)
    # Preparing an image takes half a minute, so it is not for --quick.
    wanted = [row for row in ROWS if (row.name in given.only if given.only else not (given.quick and row.name == "image"))]
    head = {**options.head(given, ours), "versions": rivals.versions, "missing": rivals.missing}
    result = Result(head)
    with tempfile.TemporaryDirectory(prefix="sandgate-compare-") as place:
        bench = Bench(ours, rivals, pathlib.Path(place), turns, given.quick)
        say("the image is prepared, unless it is there")
        with bench.warm():
            pass
        for row in wanted:
            result.add(row, measure(bench, row))
    print(result.table(), end="")
    results = options.results(given)
    if results:
        dated = results / f"compare-{head['date']}"
        dated.with_suffix(".json").write_text(result.json())
        dated.with_suffix(".md").write_text(result.table())
        # The README shows it, so that its name has no date; its caption does.
        (results / "compare.svg").write_text(result.plot())
        say(f"written: {dated}.json, {dated}.md and compare.svg beside them")


if __name__ == "__main__":
    main()
