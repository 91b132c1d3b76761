import asyncio, threading
async def main():
    loop, future = asyncio.get_running_loop(), asyncio.get_running_loop().create_future()
    t = threading.Thread(target=lambda: loop.call_soon_threadsafe(future.set_result, "from a thread"))
    t.start()
    print(await future)
    t.join()
asyncio.run(main())
