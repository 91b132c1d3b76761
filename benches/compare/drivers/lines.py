"""What drivers of rivals have in common: orders come as lines of JSON, answers go as such, and runs are timed.

It must be as plain as benches/warm.rs: what it does between two readings of the clock counts for the rival.
"""

import json
import sys
import time


def orders():
    for line in sys.stdin:
        ((order, what),) = json.loads(line).items()
        yield order, what


def answer(what):
    print(json.dumps(what), flush=True)


def measured(run, processor, thread, code, times=1, at_once=1):
    """Runs a script so many times, so many of them at once."""
    each, output = [], [""]

    def some(number):
        for _ in range(number):
            begun = time.perf_counter_ns()
            output[0] = run(code)
            each.append(time.perf_counter_ns() - begun)

    used, begun = processor(), time.perf_counter_ns()
    if at_once == 1:
        some(times)
    else:
        threads = [thread(target=some, args=(times // at_once,)) for _ in range(at_once)]
        for one in threads:
            one.start()
        for one in threads:
            one.join()
    wall = time.perf_counter_ns() - begun
    return {"each_ns": each, "wall_ns": wall, "processor_ns": round((processor() - used) * 1e9), "output": output[0]}
