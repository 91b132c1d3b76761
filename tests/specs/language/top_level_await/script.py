import asyncio

async def double(x):
    await asyncio.sleep(0)
    return 2 * x

first = await double(1)

def uses_a_global():
    return first

async with asyncio.timeout(1):
    rest = [await double(x) for x in range(3)]

[uses_a_global(), rest]
