"""Scripts in pyeryx, a fresh sandbox for each run; the same lines as benches/warm.rs has.

`benches/compare` starts it under a Python that has the package. It must not keep anything from one run to the next.
"""

import asyncio
import threading
import time

import eryx
import lines


async def call(n: int):
    return n + 1


async def nap(milliseconds: int):
    await asyncio.sleep(milliseconds / 1000)
    return 0


def main():
    callbacks = [{"name": function.__name__, "fn": function, "description": "A function of the host."} for function in (call, nap)]
    limits = eryx.ResourceLimits(execution_timeout_ms=600_000, callback_timeout_ms=600_000, max_callback_invocations=1_000_000)
    sandbox = eryx.Sandbox(callbacks=callbacks, resource_limits=limits)
    for _, what in lines.orders():
        what.pop("asynchronous", None)
        run = lambda code: sandbox.execute(code).stdout_text
        lines.answer(lines.measured(run, time.process_time, threading.Thread, **what))


main()
