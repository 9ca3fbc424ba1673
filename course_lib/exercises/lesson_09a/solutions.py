"""The reference solutions of lesson 9a, as a learner would write them."""
# mypy: disable-error-code="var-annotated"
# (a learner writes asyncio.Queue(), and not asyncio.Queue[str]())

import asyncio

END = object()


async def work_ahead(source, work, workers, size):
    queue, results = asyncio.Queue(size), []

    async def run_worker():
        while (item := await queue.get()) is not END:
            results.append(await work(item))

    async with asyncio.TaskGroup() as group:
        for _ in range(workers):
            group.create_task(run_worker())
        async for item in source:
            await queue.put(item)
        for _ in range(workers):
            await queue.put(END)
    return results


async def keep_newest(feed, use, size):
    queue, dropped = asyncio.Queue(size), []

    async def consume():
        while (item := await queue.get()) is not END:
            await use(item)

    async with asyncio.TaskGroup() as group:
        group.create_task(consume())
        async for item in feed:
            if queue.full():
                dropped.append(queue.get_nowait())
            queue.put_nowait(item)
        await queue.put(END)
    return dropped


async def call_paced(call, items, at_once, gap):
    loop = asyncio.get_running_loop()
    slots, next_start = asyncio.Semaphore(at_once), loop.time()

    async def one(item):
        nonlocal next_start
        async with slots:
            start = max(next_start, loop.time())
            next_start = start + gap
            await asyncio.sleep(start - loop.time())
            return await call(item)

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(item)) for item in items]
    return [task.result() for task in tasks]
