import asyncio

async def fail(n):
    raise ValueError(n)

async def main():
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(fail(1))
            group.create_task(fail(2))
    except* ValueError as errors:
        print(sorted(e.args[0] for e in errors.exceptions))

asyncio.run(main())
