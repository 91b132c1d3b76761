import asyncio

async def worker(number, queue, seen):
    while (item := await queue.get()) is not None:
        seen.append(item)
        queue.task_done()
    return number

async def main():
    queue, seen = asyncio.Queue(), []
    for item in [1, 2, 3, None, None]:
        queue.put_nowait(item)
    print(await asyncio.gather(worker(0, queue, seen), worker(1, queue, seen)), seen)
    try:
        async with asyncio.timeout(0.01):
            await asyncio.sleep(10)
    except TimeoutError:
        print("timeout")
    try:
        await asyncio.wait_for(asyncio.Event().wait(), 0.01)
    except TimeoutError:
        print("wait_for")
    async with asyncio.TaskGroup() as group:
        a = group.create_task(asyncio.sleep(0.002, "a"))
        b = group.create_task(asyncio.sleep(0.001, "b"))
    print(a.result(), b.result())
    done, pending = await asyncio.wait(
        [asyncio.create_task(asyncio.sleep(n, n)) for n in (0, 5)], return_when=asyncio.FIRST_COMPLETED
    )
    print(len(done), len(pending))
    print(await asyncio.to_thread(sum, [1, 2]))
    print(await asyncio.get_running_loop().run_in_executor(None, max, [1, 2]))
    async with asyncio.Semaphore(1), asyncio.Lock() as _:
        print("inside")

    async def numbers():
        for n in range(3):
            yield n
            await asyncio.sleep(0)

    print([n async for n in numbers()])
    print([await one for one in asyncio.as_completed([asyncio.sleep(0.5, "x"), asyncio.sleep(0.001, "y")])])
    task = asyncio.create_task(asyncio.sleep(10))
    await asyncio.sleep(0)
    task.cancel()
    try:
        await task
    except asyncio.CancelledError:
        print("cancelled")

asyncio.run(main())
