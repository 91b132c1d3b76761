import asyncio

async def fetch(n):
    await asyncio.sleep(0)
    if n == 2:
        raise ValueError(f"bad item {n}")
    return n

async def main():
    results = await asyncio.gather(*(fetch(i) for i in range(4)))
    print(results)

asyncio.run(main())
