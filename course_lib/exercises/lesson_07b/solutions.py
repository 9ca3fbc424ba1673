"""The reference solutions of lesson 7b, as a learner would write them."""
# mypy: disable-error-code="var-annotated"
# (a learner writes asyncio.Queue(), and not asyncio.Queue[str]())

import asyncio


async def sell(free, pay):
    if not free:
        return None
    seat = free.pop()
    try:
        await pay(seat)
    except BaseException:
        free.append(seat)
        raise
    return seat


async def work_off(jobs, handle, workers):
    queue = asyncio.Queue()
    for job in jobs:
        queue.put_nowait(job)

    async def worker():
        while True:
            job = await queue.get()
            await handle(job)
            queue.task_done()

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(worker()) for _ in range(workers)]
        await queue.join()
        for task in tasks:
            task.cancel()
    return len(jobs)


async def pump(read, write):
    queue, count = asyncio.Queue(maxsize=3), 0

    async def reader():
        while (block := await read()) is not None:
            await queue.put(block)
        await queue.put(None)

    async with asyncio.TaskGroup() as group:
        group.create_task(reader())
        while (block := await queue.get()) is not None:
            await write(block)
            count += 1
    return count


async def move(source, target, amount, approve):
    first, second = sorted([source, target], key=lambda account: account.name)
    async with first.lock, second.lock:
        if source.balance < amount or not await approve(source, target, amount):
            return False
        source.balance -= amount
        target.balance += amount
        return True


async def ask_within(slots, ask, patience, seconds):
    try:
        async with asyncio.timeout(patience):
            await slots.acquire()
    except TimeoutError:
        return "busy"
    try:
        async with asyncio.timeout(seconds):
            return await ask()
    except TimeoutError:
        return "too late"
    finally:
        slots.release()
