"""Right answers to the exercises of lesson 9a, in other styles than the solutions."""

import asyncio
from collections import deque

from course_lib.exercises import lesson_09a as ex
from right_answers import right

END = object()

# work_ahead


@right(ex.work_ahead)
async def puts_the_end_back(source, work, workers, size):
    queue, results = asyncio.Queue(maxsize=size), []

    async def run_worker():
        while True:
            item = await queue.get()
            if item is END:
                queue.put_nowait(END)
                return
            results.append(await work(item))

    async def read():
        async for item in source:
            await queue.put(item)
        await queue.put(END)

    async with asyncio.TaskGroup() as group:
        group.create_task(read())
        for _ in range(workers):
            group.create_task(run_worker())
    return results


@right(ex.work_ahead)
async def joins_and_cancels(source, work, workers, size):
    queue, results = asyncio.Queue(size), []

    async def run_worker():
        while True:
            item = await queue.get()
            results.append(await work(item))
            queue.task_done()

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(run_worker()) for _ in range(workers)]
        async for item in source:
            await queue.put(item)
        await queue.join()
        for task in tasks:
            task.cancel()
    return results


@right(ex.work_ahead)
async def hands_and_waits(source, work, workers, size):
    queue, results = asyncio.Queue(size), []

    async def run_worker():
        while (boxed := await queue.get())[0]:
            results.append(await work(boxed[1]))

    tasks = [asyncio.ensure_future(run_worker()) for _ in range(workers)]

    async def read():
        async for item in source:
            await queue.put((True, item))
        for _ in range(workers):
            await queue.put((False, None))

    tasks.append(asyncio.ensure_future(read()))
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
    return results


@right(ex.work_ahead)
async def waits_for_an_item_or_the_end(source, work, workers, size):
    queue, results, ended = asyncio.Queue(size), [], asyncio.Event()

    async def run_worker():
        while True:
            getting = asyncio.create_task(queue.get())
            tasks = [getting, asyncio.create_task(ended.wait())]
            try:
                await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
                if getting.done():
                    item = getting.result()
                elif queue.empty():
                    return
                else:
                    item = queue.get_nowait()
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.wait(tasks)
            results.append(await work(item))

    async with asyncio.TaskGroup() as group:
        for _ in range(workers):
            group.create_task(run_worker())
        async for item in source:
            await queue.put(item)
        ended.set()
    return results


if hasattr(asyncio, "QueueShutDown"):  # from Python 3.13 on

    @right(ex.work_ahead)
    async def shuts_down(source, work, workers, size):
        queue, results = asyncio.Queue(size), []

        async def run_worker():
            try:
                while True:
                    results.append(await work(await queue.get()))
            except asyncio.QueueShutDown:
                pass

        async with asyncio.TaskGroup() as group:
            for _ in range(workers):
                group.create_task(run_worker())
            async for item in source:
                await queue.put(item)
            queue.shutdown()
        return results


# keep_newest


@right(ex.keep_newest)
async def with_a_deque(feed, use, size):
    waiting, dropped, changed, ended = deque(), [], asyncio.Event(), False

    async def consume():
        while waiting or not ended:
            if not waiting:
                changed.clear()
                await changed.wait()
                continue
            await use(waiting.popleft())

    async with asyncio.TaskGroup() as group:
        group.create_task(consume())
        await asyncio.sleep(0)
        async for item in feed:
            if len(waiting) == size:
                dropped.append(waiting.popleft())
            waiting.append(item)
            changed.set()
        ended = True
        changed.set()
    return dropped


@right(ex.keep_newest)
async def catches_queue_full(feed, use, size):
    queue, dropped = asyncio.Queue(size), []

    async def listen():
        async for item in feed:
            try:
                queue.put_nowait(item)
            except asyncio.QueueFull:
                dropped.append(queue.get_nowait())
                queue.put_nowait(item)
        await queue.put(END)

    async with asyncio.TaskGroup() as group:
        group.create_task(listen())
        while (item := await queue.get()) is not END:
            await use(item)
    return dropped


@right(ex.keep_newest)
async def joins(feed, use, size):
    queue, dropped = asyncio.Queue(size), []

    async def consume():
        while True:
            await use(await queue.get())
            queue.task_done()

    async with asyncio.TaskGroup() as group:
        user = group.create_task(consume())
        async for item in feed:
            if queue.qsize() == size:
                dropped.append(queue.get_nowait())
                queue.task_done()
            queue.put_nowait(item)
        await queue.join()
        user.cancel()
    return dropped


# call_paced


@right(ex.call_paced)
async def begins_them_itself(call, items, at_once, gap):
    slots, tasks = asyncio.Semaphore(at_once), []
    loop = asyncio.get_running_loop()
    last = loop.time() - gap

    async with asyncio.TaskGroup() as group:
        for item in items:
            await slots.acquire()
            await asyncio.sleep(last + gap - loop.time())
            last = loop.time()
            task = group.create_task(call(item))
            task.add_done_callback(lambda _: slots.release())
            tasks.append(task)
    return [task.result() for task in tasks]


@right(ex.call_paced)
async def workers_and_a_lock(call, items, at_once, gap):
    answers, numbers, turn = [None] * len(items), iter(range(len(items))), asyncio.Lock()
    loop = asyncio.get_running_loop()
    next_start = 0

    async def run_worker():
        nonlocal next_start
        while True:
            async with turn:
                number = next(numbers, None)
                if number is None:
                    return
                await asyncio.sleep(next_start - loop.time())
                next_start = loop.time() + gap
            answers[number] = await call(items[number])

    async with asyncio.TaskGroup() as group:
        for _ in range(at_once):
            group.create_task(run_worker())
    return answers


@right(ex.call_paced)
async def the_pause_is_a_lock(call, items, at_once, gap):
    slots, turn, loop = asyncio.Semaphore(at_once), asyncio.Lock(), asyncio.get_running_loop()
    allowed = -gap

    async def one(item):
        nonlocal allowed
        async with slots:
            async with turn:
                await asyncio.sleep(allowed + gap - loop.time())
                allowed = loop.time()
            return await call(item)

    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one(item)) for item in items]
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from None
    return [task.result() for task in tasks]
