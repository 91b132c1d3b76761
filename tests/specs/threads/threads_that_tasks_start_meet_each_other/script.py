# Twice: code that runs for the first time is not specialised, and what threads may wait in must not depend on that.
import asyncio, threading, time


def meet(met, n):
    time.sleep(0)
    met.wait()
    return n * 2


async def main():
    for start in (asyncio.to_thread, lambda *call: asyncio.get_running_loop().run_in_executor(None, *call)):
        met = threading.Barrier(5)
        print(await asyncio.gather(*[start(meet, met, n) for n in range(5)]), met.broken)


asyncio.run(main())
