"""Right answers to the exercises of lesson 2, in other styles than the solutions."""

import asyncio
from collections.abc import Coroutine
from contextlib import ExitStack

from course_lib.exercises import lesson_02 as ex
from right_answers import right

# in_chunks


@right(ex.in_chunks)
async def by_slices(items, work):
    results = []
    for first in range(0, len(items), 10):
        results += [work(item) for item in items[first : first + 10]]
        await asyncio.sleep(0)
    return results


@right(ex.in_chunks)
async def after_each_item(items, work):
    results = []
    for item in items:
        await asyncio.sleep(0)
        results.append(work(item))
    return results


class Turn:
    def __await__(self):
        yield


@right(ex.in_chunks)
async def with_an_awaitable_of_its_own(items, work):
    async def results():
        for number, item in enumerate(items):
            if number % 7 == 6:
                await Turn()
            yield work(item)

    return [result async for result in results()]


@right(ex.in_chunks)
async def counts_down(items, work):
    left, rest = 10, iter(items)
    results = []
    while True:
        try:
            item = next(rest)
        except StopIteration:
            return results
        if left == 0:
            await asyncio.sleep(0)
            left = 10
        left -= 1
        results.append(work(item))


# ask


@right(ex.ask)
async def with_an_event(start):
    event, answer, error = asyncio.Event(), None, None

    def on_result(value):
        nonlocal answer
        answer = value
        event.set()

    def on_error(exception):
        nonlocal error
        error = exception
        event.set()

    start(on_result, on_error)
    await event.wait()
    if error is not None:
        raise error
    return answer


@right(ex.ask)
async def with_a_queue(start):
    queue = asyncio.Queue()
    start(lambda answer: queue.put_nowait((answer, None)), lambda error: queue.put_nowait((None, error)))
    answer, error = await queue.get()
    if error:
        raise error
    return answer


@right(ex.ask)
async def with_careful_callbacks(start):
    future = asyncio.Future()

    def on_result(answer):
        if not future.done():
            future.set_result(answer)

    def on_error(error):
        if not future.done():
            future.set_exception(error)

    start(on_result, on_error)
    return await asyncio.wait_for(future, None)


# count_tasks


@right(ex.count_tasks)
async def looks_at_what_the_task_keeps(main):
    loop = asyncio.get_running_loop()
    before, created, failed = loop.get_task_factory(), [], []

    def on_done(task):
        if not task.cancelled() and task._exception is not None:
            failed.append(1)

    def factory(loop, coro, **kwargs):
        task = asyncio.Task(coro, loop=loop, **kwargs)
        created.append(1)
        task.add_done_callback(on_done)
        return task

    with ExitStack() as stack:
        stack.callback(loop.set_task_factory, before)
        loop.set_task_factory(factory)
        await main()
    return len(created), len(failed)


class Watched(Coroutine):
    """Passes everything on to a coroutine, and notes its failure."""

    def __init__(self, coro, failed):
        self.coro, self.failed = coro, failed

    def send(self, value):
        return self._noted(self.coro.send, value)

    def throw(self, *error):
        return self._noted(self.coro.throw, *error)

    def _noted(self, step, *args):
        try:
            return step(*args)
        except StopIteration:
            raise
        except Exception as error:
            self.failed.append(error)
            raise

    def close(self):
        self.coro.close()

    def __await__(self):
        return self


@right(ex.count_tasks)
async def with_a_coroutine_of_its_own(main):
    loop, failed, tasks = asyncio.get_running_loop(), [], []
    before = loop.get_task_factory()

    def factory(loop, coro, **kwargs):
        tasks.append(None)
        return asyncio.Task(Watched(coro, failed), loop=loop, **kwargs)

    try:
        loop.set_task_factory(factory)
        await main()
        return [len(tasks), len(failed)]
    finally:
        loop.set_task_factory(before)


@right(ex.count_tasks)
async def counts_in_a_dictionary(main):
    loop = asyncio.get_running_loop()
    before, counts = loop.get_task_factory(), {"created": 0, "failed": 0}

    async def watched(coro):
        try:
            return await coro
        except asyncio.CancelledError:
            raise
        except BaseException:
            counts["failed"] += 1
            raise

    def factory(loop, coro, **kwargs):
        counts["created"] += 1
        task = asyncio.Task(watched(coro), loop=loop, **kwargs)

        def close(task):
            coro.close()

        task.add_done_callback(close)
        return task

    loop.set_task_factory(factory)
    try:
        await main()
    finally:
        loop.set_task_factory(before)
    return tuple(counts.values())
