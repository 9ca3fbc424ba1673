"""Right answers to the exercises of lesson 8a, in other styles than the solutions."""

import asyncio
from contextlib import AsyncExitStack, aclosing, suppress

from course_lib.exercises import lesson_08a as ex
from right_answers import right

# take


@right(ex.take)
async def counts_before_it_asks(source, count):
    async with aclosing(source) as items:
        if count == 0:
            return
        async for item in items:
            yield item
            count -= 1
            if not count:
                return


@right(ex.take)
async def closes_in_a_finally(source, count):
    try:
        while count:
            yield await anext(source)
            count -= 1
    except StopAsyncIteration:
        pass
    finally:
        await source.aclose()


@right(ex.take)
async def with_a_mark_for_the_end(source, count):
    end = object()
    async with AsyncExitStack() as stack:
        stack.push_async_callback(source.aclose)
        for _ in range(count):
            item = await anext(source, end)
            if item is end:
                break
            yield item


# each_within


@right(ex.each_within)
async def with_wait_for(source, seconds):
    end = object()
    async with aclosing(source) as items:
        while (item := await asyncio.wait_for(anext(items, end), seconds)) is not end:
            yield item


@right(ex.each_within)
async def asks_in_a_function(source, seconds):
    async def one():
        async with asyncio.timeout(seconds):
            return await anext(source)

    try:
        while True:
            try:
                item = await one()
            except StopAsyncIteration:
                break
            yield item
    finally:
        await source.aclose()


@right(ex.each_within)
async def moves_its_limit(source, seconds):
    # One limit, off while the consumer is at work, and entered anew by whoever asks.
    loop = asyncio.get_running_loop()
    async with aclosing(source) as items:
        with suppress(StopAsyncIteration):
            while True:
                async with asyncio.timeout_at(loop.time() + seconds):
                    item = await items.__anext__()
                yield item


# in_pairs


@right(ex.in_pairs)
async def in_a_group_that_is_unpacked(left, right):
    end = object()

    async def one(source):
        return await anext(source, end)

    async with aclosing(left), aclosing(right):
        while True:
            try:
                async with asyncio.TaskGroup() as group:
                    first, second = (group.create_task(one(each)) for each in (left, right))
            except BaseExceptionGroup as errors:
                raise errors.exceptions[0] from None
            if first.result() is end or second.result() is end:
                return
            yield first.result(), second.result()


@right(ex.in_pairs)
async def ends_with_the_first_to_end(left, right):
    async with aclosing(left), aclosing(right):
        while True:
            tasks = [asyncio.ensure_future(anext(each)) for each in (left, right)]
            try:
                await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
                pair = tuple(task.result() for task in tasks if task.done())
            except StopAsyncIteration:
                return
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.wait(tasks)
            yield pair


@right(ex.in_pairs)
async def asks_one_here_and_one_in_a_task(left, right):
    end = object()

    async def one(source):
        return await anext(source, end)

    try:
        while True:
            tasks = asyncio.create_task(one(left)), asyncio.create_task(one(right))
            try:
                await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
                for task in tasks:
                    if task.done() and task.exception():
                        raise task.exception()
                pair = tuple([await task for task in tasks])
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.wait(tasks)
            if pair[0] is end or pair[1] is end:
                return
            yield pair
    finally:
        await left.aclose()
        await right.aclose()
