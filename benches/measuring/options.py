"""What the commands that measure take alike, and what their results begin with.

`compare` and `growth` have them here. A part of a measurement must not take the place of a whole one: with --only or --quick nothing
is written that was not asked for by name.
"""

import pathlib
import sys

from measuring import machine
from measuring.built import ROOT, NotBuilt, programs


def add(parser, written):
    """Those that both take; `written` are the files of the result."""
    parser.add_argument("--sandgate", metavar="PATH", help="the command to measure; without it cargo builds one")
    parser.add_argument("--build", metavar="TEXT", default="as cargo builds it with --release", help="what to say of how it was built")
    parser.add_argument("--results", type=pathlib.Path, metavar="DIR", help=f"where {written} are written [default: benches/results; nothing with --only or --quick]")


def ours(options, command):
    """What is measured of ours; where it cannot be had, the command says why and ends."""
    try:
        return programs(options.sandgate)
    except NotBuilt as why:
        sys.exit(f"{command}: {why}")


def head(options, ours):
    """When, where and of what something was measured."""
    asked = (["--quick"] if options.quick else []) + (["--only", *options.only] if options.only else [])
    return {
        "date": machine.today(),
        "machine": machine.described(),
        "sandgate": ours.version(),
        "build": options.build,
        "arguments": "".join(f" {word}" for word in asked),
    }


def results(options):
    """The directory that the result is written to, which is made; nothing where it is only shown."""
    place = options.results or (None if options.only or options.quick else ROOT / "benches" / "results")
    if place:
        place.mkdir(parents=True, exist_ok=True)
    return place
