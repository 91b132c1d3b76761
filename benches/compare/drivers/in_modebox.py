"""JavaScript in modebox, a fresh one for each run; the same lines as benches/warm.rs has.

`benches/compare` starts it under a Python that has the package. It must not keep anything from one run to the next.
"""

import asyncio
import time

import lines
import modebox


async def call(n):
    return n + 1


async def nap(milliseconds):
    await asyncio.sleep(milliseconds / 1000)
    return 0


def main():
    functions = {"host": {"call": call, "nap": nap}}
    runner = modebox.Runner(limits=modebox.Limits(timeout_ms=600_000))

    async def some(code, times):
        each = []
        for _ in range(times):
            begun = time.perf_counter_ns()
            result = await runner.run(code, host_functions=functions)
            each.append(time.perf_counter_ns() - begun)
        return each, "".join(f"{entry.message}\n" for entry in result.logs)

    for _, what in lines.orders():
        begun, used = time.perf_counter_ns(), time.process_time_ns()
        each, output = asyncio.run(some(what["code"], what.get("times", 1)))
        lines.answer(
            {"each_ns": each, "wall_ns": time.perf_counter_ns() - begun, "processor_ns": time.process_time_ns() - used, "output": output}
        )


main()
