import asyncio, time
def blocking(n):
    time.sleep(0.1)
    return n * 2
async def main():
    start = time.monotonic()
    results = await asyncio.gather(*(asyncio.to_thread(blocking, n) for n in range(5)))
    print(results, time.monotonic() - start < 0.4)
asyncio.run(main())
