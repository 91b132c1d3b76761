"""Scripts in pydantic-monty, a worker process of its pool for each run; the same lines as benches/warm.rs has.

`benches/compare` starts it under a Python that has the package. It must not keep anything from one run to the next.
"""

import asyncio
import os
import pathlib
import threading
import time

import lines
from pydantic_monty import AsyncMonty, CollectString, Monty


def processor():
    """Of this process and of its workers, whose threads the system counts in nanoseconds."""
    used = time.process_time()
    for worker in workers():
        for task in pathlib.Path(f"/proc/{worker}/task").glob("*/schedstat"):
            used += int(task.read_text().split()[0]) / 1e9
    return used


def workers():
    """Whichever thread of this process began them."""
    return [child for task in pathlib.Path("/proc/self/task").glob("*/children") for child in task.read_text().split()]


def proportional(process):
    rollup = pathlib.Path(f"/proc/{process}/smaps_rollup").read_text()
    return next(int(line.split()[1]) * 1024 for line in rollup.splitlines() if line.startswith("Pss:"))


def run(pool, code):
    output = CollectString()
    with pool.checkout() as session:
        session.feed_run(code, external_lookup={"call": lambda n: n + 1}, print_callback=output)
    return output.output


async def nap(milliseconds):
    await asyncio.sleep(milliseconds / 1000)
    return 0


def waiting(number):
    """Bytes that so many sessions take, each in a process of its own, while they wait in a call."""

    async def hold():
        there, go = asyncio.Semaphore(0), asyncio.Event()

        async def gate():
            there.release()
            await go.wait()
            return 0

        async with AsyncMonty(min_processes=1, max_processes=number + 1) as pool:
            before = proportional("self") + sum(map(proportional, workers()))

            async def one():
                async with pool.checkout() as session:
                    await session.feed_run("await gate()", external_lookup={"gate": gate})

            tasks = [asyncio.create_task(one()) for _ in range(number)]
            for _ in tasks:
                await there.acquire()
            held = proportional("self") + sum(map(proportional, workers()))
            go.set()
            await asyncio.gather(*tasks)
            return {"before": before, "waiting": held}

    return asyncio.run(hold())


def asynchronous(code, times):
    """Runs whose host functions are coroutines."""

    async def all_of_them():
        each = []
        async with AsyncMonty() as pool:
            async with pool.checkout() as session:
                await session.feed_run("1")
            for _ in range(times):
                begun = time.perf_counter_ns()
                async with pool.checkout() as session:
                    await session.feed_run(code, external_lookup={"nap": nap})
                each.append(time.perf_counter_ns() - begun)
        return each

    return {"each_ns": asyncio.run(all_of_them())}


def main():
    with Monty(min_processes=os.cpu_count()) as pool:
        for order, what in lines.orders():
            if order == "wait":
                lines.answer(waiting(what["runs"]))
            elif what.get("asynchronous"):
                lines.answer(asynchronous(what["code"], what.get("times", 1)))
            else:
                lines.answer(lines.measured(lambda code: run(pool, code), processor, threading.Thread, **what))


main()
