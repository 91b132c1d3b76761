import asyncio, threading
loop = asyncio.new_event_loop()
t = threading.Thread(target=loop.run_forever, daemon=True)
t.start()
async def add(a, b):
    await asyncio.sleep(0.01)
    return a + b
print(asyncio.run_coroutine_threadsafe(add(2, 3), loop).result(timeout=5))
loop.call_soon_threadsafe(loop.stop)
t.join()
loop.close()
