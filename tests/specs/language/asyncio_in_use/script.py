import asyncio
import time
from contextlib import asynccontextmanager

async def worker(name, queue, results):
    while True:
        item = await queue.get()
        try:
            await asyncio.sleep(0.001 * item)
            results.append((name, item))
        finally:
            queue.task_done()

async def ticker(n):
    for i in range(n):
        yield i
        await asyncio.sleep(0)

class Client:
    async def __aenter__(self):
        print("connect")
        return self
    async def __aexit__(self, *exc):
        print("disconnect", exc[0])
    async def fetch(self, n):
        await asyncio.sleep(0.001)
        if n == 3:
            raise ValueError(f"item {n}")
        return n * n

async def main():
    queue, results = asyncio.Queue(), []
    tasks = [asyncio.create_task(worker(f"w{i}", queue, results), name=f"w{i}") for i in range(2)]
    for item in (3, 1, 2):
        queue.put_nowait(item)
    await queue.join()
    for task in tasks:
        task.cancel()
    print(await asyncio.gather(*tasks, return_exceptions=True), len(results))
    print([i async for i in ticker(3)], {i: i async for i in ticker(2) if i})
    async with Client() as client:
        print(await asyncio.gather(*(client.fetch(n) for n in range(5)), return_exceptions=True))
    try:
        await asyncio.wait_for(asyncio.sleep(5), 0.01)
    except asyncio.TimeoutError:
        print("timeout")
    async with asyncio.TaskGroup() as group:
        first = group.create_task(asyncio.sleep(0.002, "first"))
        second = group.create_task(asyncio.sleep(0.001, "second"))
    print(first.result(), second.result())
    semaphore, running, most = asyncio.Semaphore(2), 0, 0
    async def limited():
        nonlocal running, most
        async with semaphore:
            running += 1
            most = max(most, running)
            await asyncio.sleep(0.001)
            running -= 1
    await asyncio.gather(*(limited() for _ in range(6)))
    print("at most", most)
    done, pending = await asyncio.wait([asyncio.create_task(asyncio.sleep(d, d)) for d in (0.001, 1)], return_when=asyncio.FIRST_COMPLETED)
    print(len(done), len(pending), [t.result() for t in done])
    for t in pending:
        t.cancel()
    for next_done in asyncio.as_completed([asyncio.sleep(0.5, "slow"), asyncio.sleep(0.001, "fast")]):
        print(await next_done)
    event = asyncio.Event()
    asyncio.get_running_loop().call_later(0.001, event.set)
    print(await event.wait(), await asyncio.to_thread(sum, [1, 2]))
    future = asyncio.get_running_loop().create_future()
    future.set_result("future")
    print(await future, asyncio.current_task().get_name())
    try:
        async with asyncio.timeout(0.001):
            await asyncio.Event().wait()
    except TimeoutError as error:
        print(repr(error))
    task = asyncio.create_task(asyncio.sleep(10))
    await asyncio.sleep(0)
    task.cancel("reason")
    try:
        await task
    except asyncio.CancelledError as error:
        print("cancelled", error.args, task.cancelled())
    lock = asyncio.Lock()
    async with lock:
        print(lock.locked())
    return "end"

print(asyncio.run(main()))
