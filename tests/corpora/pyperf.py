"""Stands in for `pyperf` in the programs of pyperformance, which `pyperformance.py` runs under CPython and in sandgate.

It times in the process that it is in, a few times, and prints the best. How many calls one measurement makes is found
by the first run, which leaves it in a file beside the program, so that the next run measures the same work.
It must not do anything that one of the two interpreters could not.
"""

import argparse
import asyncio
import json
import sys
from time import perf_counter

LOOPS = "pyperf.loops.json"
LEAST = 0.05  # seconds a measurement takes where the number of calls is found
VALUES = 2
ENOUGH = 3.0  # seconds, after which no further measurement is begun


def python_implementation():
    return sys.implementation.name


class Runner:
    def __init__(self, add_cmdline_args=None, **_options):
        self.argparser = argparse.ArgumentParser()
        self.metadata = {}
        self.args = None
        try:
            with open(LOOPS) as file:
                self.loops = json.load(file)
        except FileNotFoundError:
            self.loops = {}

    def parse_args(self, args=None):
        if self.args is None:
            self.args = self.argparser.parse_args(args)
        return self.args

    def bench_time_func(self, name, function, *args, **_options):
        self.parse_args()
        loops = self.loops.get(name)
        if loops is None:
            loops = 1
            while function(loops, *args) < LEAST:
                loops *= 2
            self.loops[name] = loops
            with open(LOOPS, "w") as file:
                json.dump(self.loops, file)
        best, begun = None, perf_counter()
        for _ in range(VALUES):
            value = function(loops, *args)
            best = value if best is None else min(best, value)
            if perf_counter() - begun > ENOUGH:
                break
        print(f"pyperf\t{name}\t{best!r}")

    def bench_func(self, name, function, *args, **_options):
        def timed(loops):
            calls = range(loops)
            begun = perf_counter()
            for _ in calls:
                function(*args)
            return perf_counter() - begun

        self.bench_time_func(name, timed)

    def bench_async_func(self, name, function, *args, **_options):
        async def timed(loops):
            begun = perf_counter()
            for _ in range(loops):
                await function(*args)
            return perf_counter() - begun

        self.bench_time_func(name, lambda loops: asyncio.run(timed(loops)))

    def bench_command(self, name, _command):
        raise RuntimeError(f"{name} measures another process")
