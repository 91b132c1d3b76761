# A hundred sleeps of half a second take the time of one, because waiting is one wait.
import asyncio, time

async def one(i):
    await asyncio.sleep(0.5)
    return i

async def main():
    start = time.monotonic()
    results = await asyncio.gather(*[one(i) for i in range(100)])
    return results == list(range(100)), time.monotonic() - start < 10

print(asyncio.run(main()))
