"""What the bug hunts of lesson 7b show: code as somebody found it, to be mended."""
# mypy: disable-error-code="var-annotated"
# (a learner writes asyncio.Queue(), and not asyncio.Queue[str]())

import asyncio


async def sell(free, pay):
    if not free:
        return None
    seat = free[0]
    await pay(seat)
    free.remove(seat)
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

    tasks = [asyncio.create_task(worker()) for _ in range(workers)]
    await queue.join()
    for task in tasks:
        task.cancel()
    return len(jobs)


async def pump(read, write):
    queue, count = asyncio.Queue(), 0

    async def reader():
        while (block := await read()) is not None:
            queue.put_nowait(block)
        queue.put_nowait(None)

    task = asyncio.create_task(reader())
    while (block := await queue.get()) is not None:
        await write(block)
        count += 1
    await task
    return count


async def move(source, target, amount, approve):
    async with source.lock, target.lock:
        if source.balance < amount or not await approve(source, target, amount):
            return False
        source.balance -= amount
        target.balance += amount
        return True


async def ask_within(slots, ask, patience, seconds):
    try:
        async with asyncio.timeout(patience + seconds):
            async with slots:
                return await ask()
    except TimeoutError:
        return "too late"
