"""The reference solutions of lesson 2, as a learner would write them."""

import asyncio


async def in_chunks(items, work):
    results = []
    for number, item in enumerate(items, start=1):
        results.append(work(item))
        if number % 10 == 0:
            await asyncio.sleep(0)
    return results


async def ask(start):
    future = asyncio.get_running_loop().create_future()
    start(future.set_result, future.set_exception)
    return await future


async def count_tasks(main):
    loop = asyncio.get_running_loop()
    before = loop.get_task_factory()
    created = failed = 0

    async def watched(coro):
        nonlocal failed
        try:
            return await coro
        except Exception:
            failed += 1
            raise

    def factory(loop, coro, **kwargs):
        nonlocal created
        created += 1
        task = asyncio.Task(watched(coro), loop=loop, **kwargs)
        # A task that is cancelled before its first step never runs watched(), and so coro would never be awaited.
        task.add_done_callback(lambda _: coro.close())
        return task

    loop.set_task_factory(factory)
    try:
        await main()
    finally:
        loop.set_task_factory(before)
    return created, failed
