"""Wrong answers to the exercises of lesson 9a, as learners write them: each must get its own sentence."""

import asyncio
from collections import deque

from course_lib.exercises import lesson_09a as ex
from course_lib.pipeline import pipeline, stage
from wrong_answers import told

END = object()

# work_ahead


@told(ex.work_ahead, "and your function raised AttributeError (at line ")
async def asks_an_error_for_its_message(source, work, workers, size):
    queue, results = asyncio.Queue(size), []

    async def worker():
        while (item := await queue.get()) is not END:
            results.append(await work(item))

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(workers):
                group.create_task(worker())
            async for item in source:
                await queue.put(item)
            for _ in range(workers):
                await queue.put(END)
    except ExceptionGroup as error:
        print(error.reason)
        raise
    return results


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


@told(ex.work_ahead, "None, which came before it, was never worked on")
async def none_for_each_end(source, work, workers, size):
    queue, results = asyncio.Queue(size), []

    async def run_worker():
        while (item := await queue.get()) is not None:
            results.append(await work(item))

    async with asyncio.TaskGroup() as group:
        for _ in range(workers):
            group.create_task(run_worker())
        async for item in source:
            await queue.put(item)
        for _ in range(workers):
            await queue.put(None)
    return results


@told(ex.work_ahead, "None, which came before it, was never worked on")
async def leaves_out_what_is_falsy(source, work, workers, size):
    queue, results = asyncio.Queue(size), []

    async def run_worker():
        while (item := await queue.get()) is not END:
            if item:
                results.append(await work(item))

    async with asyncio.TaskGroup() as group:
        for _ in range(workers):
            group.create_task(run_worker())
        async for item in source:
            await queue.put(item)
        for _ in range(workers):
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


@told(ex.work_ahead, "Never more than 1 call of `work` was under way")
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


@told(
    ex.work_ahead, "Read ahead, as far as there is room: with size=2, item 3 could be asked for at 0 s, and was asked"
)
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


def work_behind(queue_of):
    """Return an answer whose queue is what `queue_of` makes of the number of workers and the size."""

    async def work_ahead(source, work, workers, size):
        queue, results = queue_of(workers, size), []

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

    return work_ahead


@told(
    ex.work_ahead, "Read ahead, as far as there is room: with size=2, item 5 could be asked for at 0 s, and was asked"
)
async def one_place_only(source, work, workers, size):
    return await work_behind(lambda workers, size: asyncio.Queue(1))(source, work, workers, size)


@told(ex.work_ahead, "Read ahead, as far as there is room: with size=2")
async def places_by_the_workers(source, work, workers, size):
    return await work_behind(lambda workers, size: asyncio.Queue(workers))(source, work, workers, size)


@told(
    ex.work_ahead, "Read ahead, as far as there is room: with size=2, item 4 could be asked for at 0 s, and was asked"
)
async def slots_and_no_queue(source, work, workers, size):
    slots, results = asyncio.Semaphore(workers), []

    async def one(item):
        try:
            results.append(await work(item))
        finally:
            slots.release()

    async with asyncio.TaskGroup() as group:
        async for item in source:
            await slots.acquire()
            group.create_task(one(item))
    return results


@told(ex.work_ahead, "The source is held up too late: is `size` the limit of the queue?")
async def one_place_too_many(source, work, workers, size):
    return await work_behind(lambda workers, size: asyncio.Queue(size + 1))(source, work, workers, size)


@told(ex.work_ahead, "put_nowait does not wait for room, and the limit is to stay: `await queue.put(...)`")
async def puts_without_waiting(source, work, workers, size):
    queue, results = asyncio.Queue(size), []

    async def run_worker():
        while (item := await queue.get()) is not END:
            results.append(await work(item))

    async with asyncio.TaskGroup() as group:
        for _ in range(workers):
            group.create_task(run_worker())
        async for item in source:
            queue.put_nowait(item)
        for _ in range(workers):
            queue.put_nowait(END)
    return results


@told(ex.work_ahead, "they wait for an item that never comes: cancel them, and then await them")
async def joins_and_leaves_them(source, work, workers, size):
    queue, results = asyncio.Queue(size), []

    async def run_worker():
        while True:
            item = await queue.get()
            results.append(await work(item))
            queue.task_done()

    tasks = [asyncio.create_task(run_worker()) for _ in range(workers)]
    async for item in source:
        await queue.put(item)
    await queue.join()
    assert not any(task.done() for task in tasks)
    return results


@told(ex.work_ahead, "after `join`, cancel the workers, and then await them")
async def joins_and_awaits_them(source, work, workers, size):
    queue, results = asyncio.Queue(size), []

    async def run_worker():
        while True:
            item = await queue.get()
            results.append(await work(item))
            queue.task_done()

    tasks = [asyncio.create_task(run_worker()) for _ in range(workers)]
    async for item in source:
        await queue.put(item)
    await queue.join()
    for task in tasks:
        await task
    return results


@told(ex.work_ahead, "a `finally` or an `except` that waits at `put` waits for a worker that is dead")
async def puts_the_end_in_a_finally(source, work, workers, size):
    queue, results = asyncio.Queue(size), []

    async def read():
        try:
            async for item in source:
                await queue.put(item)
        finally:
            for _ in range(workers):
                await queue.put(END)

    async def run_worker():
        while (item := await queue.get()) is not END:
            results.append(await work(item))

    async with asyncio.TaskGroup() as group:
        group.create_task(read())
        for _ in range(workers):
            group.create_task(run_worker())
    return results


@told(ex.work_ahead, "Who waits, waits at `put`, and nobody takes anything out")
async def limits_the_results(source, work, workers, size):
    queue, results = asyncio.Queue(size), asyncio.Queue(size)

    async def run_worker():
        while (item := await queue.get()) is not END:
            await results.put(await work(item))

    async with asyncio.TaskGroup() as group:
        for _ in range(workers):
            group.create_task(run_worker())
        async for item in source:
            await queue.put(item)
        for _ in range(workers):
            await queue.put(END)
    return [results.get_nowait() for _ in range(results.qsize())]


@told(ex.work_ahead, "and let them wait at `get` also while the queue is empty")
async def goes_home_when_it_is_empty(source, work, workers, size):
    queue, results = asyncio.Queue(size), []

    async def run_worker():
        while not queue.empty():
            results.append(await work(await queue.get()))

    async with asyncio.TaskGroup() as group:
        for _ in range(workers):
            group.create_task(run_worker())
        async for item in source:
            await queue.put(item)
    return results


@told(ex.work_ahead, "but did not wait until")
async def cancels_and_does_not_wait(source, work, workers, size):
    queue, results = asyncio.Queue(size), []

    async def read():
        async for item in source:
            await queue.put(item)
        for _ in range(workers):
            await queue.put(END)

    async def run_worker():
        while (item := await queue.get()) is not END:
            results.append(await work(item))

    tasks = [asyncio.create_task(each) for each in (read(), *(run_worker() for _ in range(workers)))]
    try:
        await asyncio.gather(*tasks)
    except BaseException:
        for task in tasks:
            task.cancel()
        raise
    return results


@told(ex.work_ahead, "`source` was never asked for an item")
async def awaits_the_workers_first(source, work, workers, size):
    queue, results = asyncio.Queue(size), []

    async def run_worker():
        while (item := await queue.get()) is not END:
            results.append(await work(item))

    async with asyncio.TaskGroup():
        for _ in range(workers):
            await run_worker()
        async for item in source:
            await queue.put(item)
        for _ in range(workers):
            await queue.put(END)
    return results


@told(ex.work_ahead, "`source` failed: who waits at `get` then waits for an item that never comes")
async def nobody_watches_the_reader(source, work, workers, size):
    queue, results = asyncio.Queue(size), []

    async def read():
        async for item in source:
            await queue.put(item)
        for _ in range(workers):
            await queue.put(END)

    async def run_worker():
        while (item := await queue.get()) is not END:
            results.append(await work(item))

    reader = asyncio.create_task(read())
    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(workers):
                group.create_task(run_worker())
    finally:
        reader.cancel()
        await asyncio.wait({reader})
    await reader
    return results


@told(ex.work_ahead, "who was cancelled waits at `get` all the same: let CancelledError through")
async def asks_on_when_cancelled(source, work, workers, size):
    queue, results = asyncio.Queue(size), []

    async def run_worker():
        while True:
            try:
                item = await queue.get()
            except asyncio.CancelledError:
                continue
            if item is END:
                break
            results.append(await work(item))

    async with asyncio.TaskGroup() as group:
        for _ in range(workers):
            group.create_task(run_worker())
        async for item in source:
            await queue.put(item)
        for _ in range(workers):
            await queue.put(END)
    return results


@told(ex.work_ahead, "only an object of your own can say that nothing more comes")
async def a_text_for_the_end(source, work, workers, size):
    queue, results = asyncio.Queue(size), []

    async def run_worker():
        while (item := await queue.get()) != "END":
            results.append(await work(item))

    async with asyncio.TaskGroup() as group:
        for _ in range(workers):
            group.create_task(run_worker())
        async for item in source:
            await queue.put(item)
        for _ in range(workers):
            await queue.put("END")
    return results


@told(ex.work_ahead, "when the source has ended, what waits in the queue is still to be worked on")
async def cancels_with_items_in_the_queue(source, work, workers, size):
    queue, results = asyncio.Queue(size), []

    async def run_worker():
        while True:
            results.append(await work(await queue.get()))

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(run_worker()) for _ in range(workers)]
        async for item in source:
            await queue.put(item)
        for task in tasks:
            task.cancel()
    return results


@told(ex.work_ahead, "All the work was done, and `join` waits: for one `task_done()` for each item that was put in")
async def joins_and_reports_nothing(source, work, workers, size):
    queue, results = asyncio.Queue(size), []

    async def run_worker():
        while True:
            results.append(await work(await queue.get()))

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(run_worker()) for _ in range(workers)]
        async for item in source:
            await queue.put(item)
        await queue.join()
        for task in tasks:
            task.cancel()
    return results


@told(ex.work_ahead, "`async for` ends by itself after the last item; `anext` gives its second argument there")
async def asks_for_one_more(source, work, workers, size):
    queue, results = asyncio.Queue(size), []

    async def run_worker():
        while (item := await queue.get()) is not END:
            results.append(await work(item))

    async with asyncio.TaskGroup() as group:
        for _ in range(workers):
            group.create_task(run_worker())
        while True:
            await queue.put(await anext(source))
    return results


if hasattr(asyncio, "QueueShutDown"):  # from Python 3.13 on

    @told(
        ex.work_ahead, "`get` raises QueueShutDown when nothing is left of a queue that was shut down: catch it there"
    )
    async def shuts_down_the_workers_too(source, work, workers, size):
        queue, results = asyncio.Queue(size), []

        async def run_worker():
            while True:
                results.append(await work(await queue.get()))

        async with asyncio.TaskGroup() as group:
            for _ in range(workers):
                group.create_task(run_worker())
            async for item in source:
                await queue.put(item)
            queue.shutdown()
        return results


# keep_newest


@told(ex.keep_newest, "Did the one who uses the items take an item for the end? An item may be anything, also None")
async def ends_with_none(feed, use, size):
    queue, dropped = asyncio.Queue(size), []

    async def consume():
        while (item := await queue.get()) is not None:
            await use(item)

    async with asyncio.TaskGroup() as group:
        group.create_task(consume())
        async for item in feed:
            if queue.full():
                dropped.append(queue.get_nowait())
            queue.put_nowait(item)
        await queue.put(None)
    return dropped


@told(ex.keep_newest, "`use` failed, and with it the task that called it: who waits at `put` for a task that is dead")
async def nobody_watches_the_user(feed, use, size):
    queue, dropped = asyncio.Queue(size), []

    async def consume():
        while (item := await queue.get()) is not END:
            await use(item)

    user = asyncio.create_task(consume())
    async for item in feed:
        if queue.full():
            dropped.append(queue.get_nowait())
        queue.put_nowait(item)
    await queue.put(END)
    await user
    return dropped


@told(ex.keep_newest, "`join` waits for one `task_done()` for each item that was put in, also for one that you drop")
async def reports_nothing_dropped(feed, use, size):
    queue, dropped = asyncio.Queue(size), []

    async def consume():
        while True:
            await use(await queue.get())
            queue.task_done()

    async with asyncio.TaskGroup() as group:
        user = group.create_task(consume())
        async for item in feed:
            if queue.full():
                dropped.append(queue.get_nowait())
            queue.put_nowait(item)
        await queue.join()
        user.cancel()
    return dropped


@told(ex.keep_newest, "'item 3' was dropped, and its place was not needed: only when 2 wait, besides the one in use")
async def one_place_less(feed, use, size):
    queue, dropped = asyncio.Queue(size), []

    async def consume():
        while (item := await queue.get()) is not END:
            await use(item)

    async with asyncio.TaskGroup() as group:
        group.create_task(consume())
        async for item in feed:
            queue.put_nowait(item)
            if queue.full():
                dropped.append(queue.get_nowait())
        await queue.put(END)
    return dropped


@told(ex.keep_newest, "'item 3' was dropped, and its place was not needed")
async def empties_the_queue(feed, use, size):
    queue, dropped = asyncio.Queue(size), []

    async def consume():
        while (item := await queue.get()) is not END:
            await use(item)

    async with asyncio.TaskGroup() as group:
        group.create_task(consume())
        async for item in feed:
            if queue.full():
                while not queue.empty():
                    dropped.append(queue.get_nowait())
            queue.put_nowait(item)
        await queue.put(END)
    return dropped


@told(ex.keep_newest, "3 items waited, and `size` is 2")
async def one_place_more(feed, use, size):
    queue, dropped = asyncio.Queue(size + 1), []

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


@told(ex.keep_newest, "items waited, and `size` is 2")
async def a_task_for_each_item(feed, use, size):
    turn = asyncio.Lock()

    async def one(item):
        async with turn:
            await use(item)

    async with asyncio.TaskGroup() as group:
        async for item in feed:
            group.create_task(one(item))
    return []


@told(ex.keep_newest, "The feed had ended at 4 s, and who waits at `get` does not hear of it")
async def looks_for_the_end_before_it_waits(feed, use, size):
    queue, dropped, over = asyncio.Queue(size), [], False

    async def consume():
        while not (over and queue.empty()):
            await use(await queue.get())

    async with asyncio.TaskGroup() as group:
        group.create_task(consume())
        async for item in feed:
            if queue.full():
                dropped.append(queue.get_nowait())
            queue.put_nowait(item)
        over = True
    return dropped


@told(ex.keep_newest, "at the end there is time: `await queue.put(...)` waits for room")
async def does_not_wait_at_the_end(feed, use, size):
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
        queue.put_nowait(END)
    return dropped


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


@told(ex.keep_newest, "You dropped 'item 7', and no item came that needed its place: at the end there is time")
async def throws_one_away_for_the_end(feed, use, size):
    queue, dropped = asyncio.Queue(size), []

    async def consume():
        while (item := await queue.get()) is not END:
            await use(item)

    def drop_oldest(item):  # the lesson's
        out = [queue.get_nowait()] if queue.full() else []
        queue.put_nowait(item)
        return out

    async with asyncio.TaskGroup() as group:
        group.create_task(consume())
        async for item in feed:
            dropped += drop_oldest(item)
        drop_oldest(END)
    return dropped


@told(ex.keep_newest, "`use` was called while it still used another item: one item at a time")
async def uses_all_at_once(feed, use, size):
    async with asyncio.TaskGroup() as group:
        async for item in feed:
            group.create_task(use(item))
    return []


@told(ex.keep_newest, "items waited, and `size` is 2")
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


@told(ex.keep_newest, "take the oldest out first, with `get_nowait()`, and keep it among the dropped")
async def makes_no_room(feed, use, size):
    queue, dropped = asyncio.Queue(size), []

    async def consume():
        while (item := await queue.get()) is not END:
            await use(item)

    async with asyncio.TaskGroup() as group:
        group.create_task(consume())
        async for item in feed:
            queue.put_nowait(item)
        await queue.put(END)
    return dropped


@told(ex.keep_newest, "to drop one, ask `queue.full()` before, with its brackets")
async def forgets_to_call_full(feed, use, size):
    queue, dropped = asyncio.Queue(size), []

    async def consume():
        while (item := await queue.get()) is not END:
            await use(item)

    async with asyncio.TaskGroup() as group:
        group.create_task(consume())
        async for item in feed:
            if queue.full:
                dropped.append(queue.get_nowait())
            queue.put_nowait(item)
        await queue.put(END)
    return dropped


@told(ex.keep_newest, "`feed` was never asked for an item")
async def awaits_the_user_first(feed, use, size):
    queue, dropped = asyncio.Queue(size), []

    async def consume():
        while (item := await queue.get()) is not END:
            await use(item)

    async with asyncio.TaskGroup():
        await consume()
        async for item in feed:
            if queue.full():
                dropped.append(queue.get_nowait())
            queue.put_nowait(item)
        await queue.put(END)
    return dropped


@told(ex.keep_newest, "only an object of your own can say that nothing more comes")
async def a_number_for_the_end(feed, use, size):
    queue, dropped = asyncio.Queue(size), []

    async def consume():
        while (item := await queue.get()) != -1:
            await use(item)

    async with asyncio.TaskGroup() as group:
        group.create_task(consume())
        async for item in feed:
            if queue.full():
                dropped.append(queue.get_nowait())
            queue.put_nowait(item)
        await queue.put(-1)
    return dropped


@told(ex.keep_newest, "'item 6' came before 'item 8', which you have used already: use what waits in the order")
async def uses_the_newest_first(feed, use, size):
    waiting, dropped, changed, ended = deque(), [], asyncio.Event(), False

    async def consume():
        while waiting or not ended:
            if not waiting:
                changed.clear()
                await changed.wait()
                continue
            await use(waiting.pop())

    async with asyncio.TaskGroup() as group:
        group.create_task(consume())
        async for item in feed:
            if len(waiting) == size:
                dropped.append(waiting.popleft())
            waiting.append(item)
            changed.set()
        ended = True
        changed.set()
    return dropped


@told(ex.keep_newest, "'item 1' can be used from 1 s on, while more come; the first that you used was 'item 7', at 8 s")
async def uses_what_is_left_when_the_feed_ends(feed, use, size):
    waiting, dropped = deque(), []
    async for item in feed:
        if len(waiting) == size:
            dropped.append(waiting.popleft())
        waiting.append(item)
    for item in waiting:
        await use(item)
    return dropped


@told(ex.keep_newest, "Who uses the items goes on until the feed has ended, and nothing waits any more")
async def goes_home_when_the_feed_has_ended(feed, use, size):
    queue, dropped = asyncio.Queue(size), []

    async def consume():
        while True:
            await use(await queue.get())

    async with asyncio.TaskGroup() as group:
        user = group.create_task(consume())
        async for item in feed:
            if queue.full():
                dropped.append(queue.get_nowait())
            queue.put_nowait(item)
        user.cancel()
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


@told(ex.call_paced, "With gap=1, calls 1 and 2 both began at 0 s: each is to draw a turn of its own")
async def the_semaphore_alone(call, items, at_once, gap):
    slots = asyncio.Semaphore(at_once)

    async def one(item):
        async with slots:
            return await call(item)

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(item)) for item in items]
    return [task.result() for task in tasks]


@told(ex.call_paced, "Call 4 may have drawn its turn early, for 1.5 s, and then waited for a slot: a slot first")
async def turn_before_slot(call, items, at_once, gap):
    slots = asyncio.Semaphore(at_once)

    async def one(number, item):
        await asyncio.sleep(number * gap)
        async with slots:
            return await call(item)

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(number, item)) for number, item in enumerate(items)]
    return [task.result() for task in tasks]


@told(ex.call_paced, "The gap is from start to start, and whoever ends makes room at once")
async def one_after_another_with_a_pause(call, items, at_once, gap):
    answers = []
    for item in items:
        answers.append(await call(item))
        await asyncio.sleep(gap)
    return answers


@told(ex.call_paced, "The gap is from start to start, and whoever ends makes room at once")
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


class Bucket:  # the lesson's
    def __init__(self, rate):
        self.gap = 1 / rate
        self.next = 0

    async def wait(self):
        now = asyncio.get_running_loop().time()
        start = max(self.next, now)
        self.next = start + self.gap
        await asyncio.sleep(start - now)


@told(ex.call_paced, "Call 4 may have drawn its turn early, for 1.5 s, and then waited for a slot: a slot first")
async def bucket_before_slot(call, items, at_once, gap):
    slots, bucket = asyncio.Semaphore(at_once), Bucket(1 / gap)

    async def one(item):
        await bucket.wait()
        async with slots:
            return await call(item)

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(item)) for item in items]
    return [task.result() for task in tasks]


@told(ex.call_paced, "2 seconds apart, which is 1 / gap: the lesson's Bucket takes a rate, 1 / gap")
async def a_gap_for_a_rate(call, items, at_once, gap):
    slots, bucket = asyncio.Semaphore(at_once), Bucket(gap)

    async def one(item):
        async with slots:
            await bucket.wait()
            return await call(item)

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(item)) for item in items]
    return [task.result() for task in tasks]


@told(ex.call_paced, "both began at 0 s: each is to draw a turn of its own, from one bucket")
async def a_bucket_for_each(call, items, at_once, gap):
    slots = asyncio.Semaphore(at_once)

    async def one(item):
        async with slots:
            await Bucket(1 / gap).wait()
            return await call(item)

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(item)) for item in items]
    return [task.result() for task in tasks]


@told(ex.call_paced, "that moves on before anything is awaited")
async def moves_on_too_late(call, items, at_once, gap):
    loop = asyncio.get_running_loop()
    slots, next_start = asyncio.Semaphore(at_once), 0

    async def one(item):
        nonlocal next_start
        async with slots:
            await asyncio.sleep(max(0, next_start - loop.time()))
            next_start = loop.time() + gap
            return await call(item)

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(item)) for item in items]
    return [task.result() for task in tasks]


@told(ex.call_paced, "two items may be equal, and each has an answer of its own")
async def one_answer_for_equal_items(call, items, at_once, gap):
    slots, bucket, answers = asyncio.Semaphore(at_once), Bucket(1 / gap), {}

    async def one(item):
        async with slots:
            await bucket.wait()
            answers[item] = await call(item)

    async with asyncio.TaskGroup() as group:
        for item in items:
            group.create_task(one(item))
    return [answers[item] for item in items]


@told(ex.call_paced, "but did not wait until")
async def cancels_and_leaves(call, items, at_once, gap):
    slots, bucket = asyncio.Semaphore(at_once), Bucket(1 / gap)

    async def one(item):
        async with slots:
            await bucket.wait()
            return await call(item)

    tasks = [asyncio.create_task(one(item)) for item in items]
    try:
        return list(await asyncio.gather(*tasks))
    except BaseException:
        for task in tasks:
            task.cancel()
        raise


@told(ex.call_paced, "2 of 6 items were asked about, and all have their answers: `async with slots:` gives a slot back")
async def keeps_the_slots(call, items, at_once, gap):
    slots, bucket = asyncio.Semaphore(at_once), Bucket(1 / gap)

    async def one(item):
        await slots.acquire()
        await bucket.wait()
        return await call(item)

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(item)) for item in items]
    return [task.result() for task in tasks]


@told(ex.call_paced, "At 3 s `call` failed, and your function went on: let its exception through")
async def tries_again(call, items, at_once, gap):
    slots, bucket = asyncio.Semaphore(at_once), Bucket(1 / gap)

    async def one(item):
        async with slots:
            while True:
                await bucket.wait()
                try:
                    return await call(item)
                except Exception:
                    continue

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(item)) for item in items]
    return [task.result() for task in tasks]


@told(ex.call_paced, "after the last call there is nothing to wait for")
async def pauses_after_each(call, items, at_once, gap):
    slots, tasks = asyncio.Semaphore(at_once), []

    async def one(item):
        try:
            return await call(item)
        finally:
            slots.release()

    async with asyncio.TaskGroup() as group:
        for item in items:
            await slots.acquire()
            tasks.append(group.create_task(one(item)))
            await asyncio.sleep(gap)
    return [task.result() for task in tasks]
