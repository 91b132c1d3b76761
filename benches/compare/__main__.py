"""sandgate beside others that run scripts of models: one command installs them, measures all in turns, and writes what came out.

People run it: `python3 benches/compare`. Everything but the result lies in a scratch directory, which stays, so that the second
time nothing is installed. It must not print anything but the table on standard output.
"""

import argparse
import os
import pathlib
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
sys.dont_write_bytecode = True

from measuring import machine  # noqa: E402
from measuring.built import NotBuilt, programs  # noqa: E402
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


def scratch():
    cache = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
    return pathlib.Path(cache) / "sandgate-compare"


def arguments():
    parser = argparse.ArgumentParser(
        prog="python3 benches/compare", description=__doc__.splitlines()[0], epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    names = [row.name for row in ROWS]
    parser.add_argument("--only", nargs="+", metavar="ROW", choices=names, help=f"rows to measure: {', '.join(names)}")
    parser.add_argument("--repetitions", type=int, metavar="N", help="turns of each pair [default: 9, 3 with --quick]")
    parser.add_argument("--quick", action="store_true", help="few turns, every eighth program, no image: under three minutes")
    parser.add_argument("--sandgate", metavar="PATH", help="the command to measure; without it cargo builds one")
    parser.add_argument("--build", metavar="TEXT", default="as cargo builds it with --release", help="what to say of how it was built")
    parser.add_argument("--scratch", type=pathlib.Path, metavar="DIR", default=scratch(), help="where rivals are kept [default: sandgate-compare in the cache directory]")
    parser.add_argument("--results", type=pathlib.Path, metavar="DIR", help="where compare-DATE.json, compare-DATE.md and compare.svg are written [default: benches/results; nothing with --only or --quick]")
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
    options = arguments()
    try:
        ours = programs(options.sandgate)
    except NotBuilt as why:
        sys.exit(f"compare: {why}")
    rivals = Rivals(options.scratch.resolve())
    rivals.install()
    turns = options.repetitions or (3 if options.quick else 9)
    # Preparing an image takes half a minute, so it is not for --quick.
    wanted = [row for row in ROWS if (row.name in options.only if options.only else not (options.quick and row.name == "image"))]
    head = {
        "date": machine.today(),
        "machine": machine.described(),
        "sandgate": ours.version(),
        "build": options.build,
        "arguments": "".join(f" {word}" for word in (["--quick"] if options.quick else []) + (["--only", *options.only] if options.only else [])),
        "versions": rivals.versions,
        "missing": rivals.missing,
    }
    result = Result(head)
    with tempfile.TemporaryDirectory(prefix="sandgate-compare-") as place:
        bench = Bench(ours, rivals, pathlib.Path(place), turns, options.quick)
        say("the image is prepared, unless it is there")
        with bench.warm():
            pass
        for row in wanted:
            result.add(row, measure(bench, row))
    print(result.table(), end="")
    results = options.results or (None if options.only or options.quick else pathlib.Path(__file__).resolve().parents[1] / "results")
    if results:
        results.mkdir(parents=True, exist_ok=True)
        dated = results / f"compare-{head['date']}"
        dated.with_suffix(".json").write_text(result.json())
        dated.with_suffix(".md").write_text(result.table())
        # The README shows it, so that its name has no date; its caption does.
        (results / "compare.svg").write_text(result.plot())
        say(f"written: {dated}.json, {dated}.md and compare.svg beside them")


if __name__ == "__main__":
    main()
