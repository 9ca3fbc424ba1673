"""Wrong answers to the exercises of lesson 9a, as learners write them: each must get its own sentence."""

import asyncio

from course_lib.exercises import lesson_09a as ex
from course_lib.pipeline import pipeline, stage
from wrong_answers import told

END = object()

# work_ahead


@told(ex.work_ahead, "The source is to be held up: put into a queue with a limit")
async def no_limit(source, work, workers, size):
    queue, results = asyncio.Queue(), []

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


@told(ex.work_ahead, "3 items had been read, and nobody worked: make the workers before you read the source")
async def reads_before_it_works(source, work, workers, size):
    queue, results = asyncio.Queue(size), []

    async def run_worker():
        while (item := await queue.get()) is not END:
            results.append(await work(item))

    async for item in source:
        await queue.put(item)
    for _ in range(workers):
        await queue.put(END)
    await asyncio.gather(*(run_worker() for _ in range(workers)))
    return results


@told(ex.work_ahead, "Your list has coroutines or tasks where their results belong: an `await` is missing")
async def forgets_to_await(source, work, workers, size):
    queue, results = asyncio.Queue(size), []

    async def run_worker():
        while (item := await queue.get()) is not END:
            results.append(work(item))

    async with asyncio.TaskGroup() as group:
        for _ in range(workers):
            group.create_task(run_worker())
        async for item in source:
            await queue.put(item)
        for _ in range(workers):
            await queue.put(END)
    return results


@told(ex.work_ahead, "does each worker hear that nothing more comes? One sentinel ends one worker")
async def one_sentinel(source, work, workers, size):
    queue, results = asyncio.Queue(size), []

    async def run_worker():
        while (item := await queue.get()) is not END:
            results.append(await work(item))

    async with asyncio.TaskGroup() as group:
        for _ in range(workers):
            group.create_task(run_worker())
        async for item in source:
            await queue.put(item)
        await queue.put(END)
    return results


@told(ex.work_ahead, "Did a worker take an item for the end? An item may be anything, also None")
async def none_for_the_end(source, work, workers, size):
    queue, results = asyncio.Queue(size), []

    async def run_worker():
        while (item := await queue.get()) is not None:
            results.append(await work(item))
        queue.put_nowait(None)

    async with asyncio.TaskGroup() as group:
        for _ in range(workers):
            group.create_task(run_worker())
        async for item in source:
            await queue.put(item)
        await queue.put(None)
    return results


@told(ex.work_ahead, "who waits at `put` for a worker that is dead waits for ever. One task group over both sides")
async def nobody_watches_the_workers(source, work, workers, size):
    queue, results = asyncio.Queue(size), []

    async def run_worker():
        while (item := await queue.get()) is not END:
            results.append(await work(item))

    tasks = [asyncio.create_task(run_worker()) for _ in range(workers)]
    try:
        async for item in source:
            await queue.put(item)
        for _ in tasks:
            await queue.put(END)
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
    return results


@told(ex.work_ahead, "At most 1 calls of `work` were under way at one time")
async def one_after_another(source, work, workers, size):
    return [await work(item) async for item in source]


@told(ex.work_ahead, "4 calls of `work` were under way at one time: so many workers, each with one item after another")
async def a_task_for_each(source, work, workers, size):
    slots, results = asyncio.Semaphore(workers + size), []

    async def one(item):
        results.append(await work(item))
        slots.release()

    async with asyncio.TaskGroup() as group:
        async for item in source:
            await slots.acquire()
            group.create_task(one(item))
    return results


@told(ex.work_ahead, "items had been read whose work had not begun")
async def reads_it_all_first(source, work, workers, size):
    items, results = [item async for item in source], []

    async def run_worker():
        while items:
            results.append(await work(items.pop(0)))

    async with asyncio.TaskGroup() as group:
        for _ in range(workers):
            group.create_task(run_worker())
    return results


@told(ex.work_ahead, "this can be done at")
async def no_queue_between(source, work, workers, size):
    iterator, results, turn = aiter(source), [], asyncio.Lock()

    async def run_worker():
        while True:
            async with turn:
                item = await anext(iterator, END)
            if item is END:
                return
            results.append(await work(item))

    async with asyncio.TaskGroup() as group:
        for _ in range(workers):
            group.create_task(run_worker())
    return results


@told(ex.work_ahead, "`work` raised OSError at 2 s, and your function returned")
async def swallows_what_fails(source, work, workers, size):
    queue, results = asyncio.Queue(size), []

    async def run_worker():
        while (item := await queue.get()) is not END:
            try:
                results.append(await work(item))
            except Exception as error:
                results.append(error)

    async with asyncio.TaskGroup() as group:
        for _ in range(workers):
            group.create_task(run_worker())
        async for item in source:
            await queue.put(item)
        for _ in range(workers):
            await queue.put(END)
    return results


@told(ex.work_ahead, "`source` was asked by two tasks at the same time: one task reads it")
async def all_read(source, work, workers, size):
    iterator, results = aiter(source), []

    async def run_worker():
        async for item in iterator:
            results.append(await work(item))

    async with asyncio.TaskGroup() as group:
        for _ in range(workers):
            group.create_task(run_worker())
    return results


@told(ex.work_ahead, "and it left your function at")
async def lets_them_end(source, work, workers, size):  # which is what the course's pipeline does
    async def each():
        async for item in source:
            yield item

    async with pipeline(stage(work, at_once=workers, ordered=False, waiting=size))(each()) as results:
        return [result async for result in results]


# keep_newest


@told(ex.keep_newest, "came at 2 s, and nobody was waiting for it: it is lost, and you do not know it")
async def one_loop(feed, use, size):
    async for item in feed:
        await use(item)
    return []


@told(ex.keep_newest, "and nobody was waiting for it: it is lost, and you do not know it")
async def waits_for_room(feed, use, size):
    queue = asyncio.Queue(size)

    async def consume():
        while (item := await queue.get()) is not END:
            await use(item)

    async with asyncio.TaskGroup() as group:
        group.create_task(consume())
        async for item in feed:
            await queue.put(item)
        await queue.put(END)
    return []


@told(ex.keep_newest, "When all places are taken, the oldest that waits goes, and the new one stands at the end")
async def drops_the_newest(feed, use, size):
    queue, dropped = asyncio.Queue(size), []

    async def consume():
        while (item := await queue.get()) is not END:
            await use(item)

    async with asyncio.TaskGroup() as group:
        group.create_task(consume())
        async for item in feed:
            try:
                queue.put_nowait(item)
            except asyncio.QueueFull:
                dropped.append(item)
        await queue.put(END)
    return dropped


@told(ex.keep_newest, "Return a list of the dropped items; your function returned 3")
async def returns_a_number(feed, use, size):
    queue, dropped = asyncio.Queue(size), 0

    async def consume():
        while (item := await queue.get()) is not END:
            await use(item)

    async with asyncio.TaskGroup() as group:
        group.create_task(consume())
        async for item in feed:
            if queue.full():
                queue.get_nowait()
                dropped += 1
            queue.put_nowait(item)
        await queue.put(END)
    return dropped


@told(ex.keep_newest, "and no item came that needed its place: at the end there is time")
async def drops_for_the_end(feed, use, size):
    queue, dropped = asyncio.Queue(size), []

    async def consume():
        while (item := await queue.get()) is not END:
            await use(item)

    def add(item):
        if queue.full():
            dropped.append(queue.get_nowait())
        queue.put_nowait(item)

    async with asyncio.TaskGroup() as group:
        group.create_task(consume())
        async for item in feed:
            add(item)
        add(END)
    return dropped


@told(ex.keep_newest, "`use` was called while it still used another item: one item at a time")
async def uses_all_at_once(feed, use, size):
    async with asyncio.TaskGroup() as group:
        async for item in feed:
            group.create_task(use(item))
    return []


@told(ex.keep_newest, "the item used as number 2 is")
async def no_limit_at_all(feed, use, size):
    queue = asyncio.Queue()

    async def consume():
        while (item := await queue.get()) is not END:
            await use(item)

    async with asyncio.TaskGroup() as group:
        group.create_task(consume())
        async for item in feed:
            queue.put_nowait(item)
        queue.put_nowait(END)
    return []


@told(ex.keep_newest, "`use` raised OSError at")
async def goes_on_without_a_user(feed, use, size):
    queue, dropped = asyncio.Queue(size), []

    async def consume():
        while (item := await queue.get()) is not END:
            await use(item)

    task = asyncio.create_task(consume())
    try:
        async for item in feed:
            if queue.full():
                dropped.append(queue.get_nowait())
            queue.put_nowait(item)
        if not task.done():
            await queue.put(END)
        await task
    finally:
        task.cancel()
        await asyncio.wait([task])
    return dropped


# call_paced


@told(ex.call_paced, "5 calls were under way at one time: a gap between the starts does not limit that")
async def the_rate_alone(call, items, at_once, gap):
    async with asyncio.TaskGroup() as group:
        tasks = []
        for number, item in enumerate(items):
            if number:
                await asyncio.sleep(gap)
            tasks.append(group.create_task(call(item)))
    return [task.result() for task in tasks]


@told(ex.call_paced, "With gap=1, call 1 began at 0 s, and call 2 at 0 s. Semaphores do not limit that")
async def the_semaphore_alone(call, items, at_once, gap):
    slots = asyncio.Semaphore(at_once)

    async def one(item):
        async with slots:
            return await call(item)

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(item)) for item in items]
    return [task.result() for task in tasks]


@told(ex.call_paced, "a turn that is taken before the wait for a slot is old when the call begins")
async def turn_before_slot(call, items, at_once, gap):
    slots = asyncio.Semaphore(at_once)

    async def one(number, item):
        await asyncio.sleep(number * gap)
        async with slots:
            return await call(item)

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(number, item)) for number, item in enumerate(items)]
    return [task.result() for task in tasks]


@told(ex.call_paced, "the gap is from start to start, and whoever ends makes room at once")
async def one_after_another_with_a_pause(call, items, at_once, gap):
    answers = []
    for item in items:
        answers.append(await call(item))
        await asyncio.sleep(gap)
    return answers


@told(ex.call_paced, "the gap is from start to start, and whoever ends makes room at once")
async def pauses_with_the_slot(call, items, at_once, gap):
    slots, turn = asyncio.Semaphore(at_once), asyncio.Lock()

    async def one(item):
        async with slots:
            async with turn:
                await asyncio.sleep(gap)
            return await call(item)

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(item)) for item in items]
    return [task.result() for task in tasks]


@told(ex.call_paced, "the answers stand in the order of the items")
async def as_they_come(call, items, at_once, gap):
    loop = asyncio.get_running_loop()
    slots, next_start, answers = asyncio.Semaphore(at_once), loop.time(), []

    async def one(item):
        nonlocal next_start
        async with slots:
            start = max(next_start, loop.time())
            next_start = start + gap
            await asyncio.sleep(start - loop.time())
            answers.append(await call(item))

    async with asyncio.TaskGroup() as group:
        for item in items:
            group.create_task(one(item))
    return answers


@told(ex.call_paced, "Your list has coroutines or tasks where their results belong: an `await` is missing")
async def calls_and_does_not_await(call, items, at_once, gap):
    return [call(item) for item in items]


@told(ex.call_paced, "`call` raised OSError at 3 s, and your function returned")
async def keeps_failures(call, items, at_once, gap):
    loop = asyncio.get_running_loop()
    slots, next_start = asyncio.Semaphore(at_once), loop.time()

    async def one(item):
        nonlocal next_start
        async with slots:
            start = max(next_start, loop.time())
            next_start = start + gap
            await asyncio.sleep(start - loop.time())
            return await call(item)

    return await asyncio.gather(*(one(item) for item in items), return_exceptions=True)


@told(ex.call_paced, "this was still running")
async def gathers_and_leaves(call, items, at_once, gap):
    loop = asyncio.get_running_loop()
    slots, next_start = asyncio.Semaphore(at_once), loop.time()

    async def one(item):
        nonlocal next_start
        async with slots:
            start = max(next_start, loop.time())
            next_start = start + gap
            await asyncio.sleep(start - loop.time())
            return await call(item)

    return list(await asyncio.gather(*(one(item) for item in items)))
