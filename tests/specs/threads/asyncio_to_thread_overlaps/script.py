import asyncio, threading, time
met = threading.Barrier(5)
def blocking(n):
    time.sleep(0.01)
    met.wait()
    return n * 2
async def main():
    print(await asyncio.gather(*(asyncio.to_thread(blocking, n) for n in range(5))), met.broken)
asyncio.run(main())
