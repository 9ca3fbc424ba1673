"""Right answers to the exercises of lesson 8b, in other styles than the solutions."""

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager

from course_lib.exercises import lesson_08b as ex
from course_lib.lifecycle import finish
from right_answers import right

# logged_in


@right(ex.logged_in)
@asynccontextmanager
async def with_a_stack(open_line, log_in):
    async with AsyncExitStack() as stack:
        line = await open_line()
        stack.push_async_callback(line.close)
        await log_in(line)
        yield line


@right(ex.logged_in)
@asynccontextmanager
async def of_two(open_line, log_in):
    @asynccontextmanager
    async def opened():
        line = await open_line()
        try:
            yield line
        finally:
            await finish(line.close())

    async with opened() as line:
        await log_in(line)
        yield line


@right(ex.logged_in)
@asynccontextmanager
async def half_way_in_apart(open_line, log_in):
    line = await open_line()
    try:
        await log_in(line)
    except BaseException:
        await line.close()
        raise
    try:
        yield line
    finally:
        await line.close()


@right(ex.logged_in)
@asynccontextmanager
async def shields_the_closing(open_line, log_in):
    line = await open_line()
    try:
        await log_in(line)
        yield line
    finally:
        await asyncio.shield(line.close())


@right(ex.logged_in)
@asynccontextmanager
async def closes_in_a_task(open_line, log_in):
    line = await open_line()
    try:
        await log_in(line)
        yield line
    finally:
        await asyncio.wait([asyncio.create_task(line.close())])


@right(ex.logged_in)
class LoggedIn:
    def __init__(self, open_line, log_in):
        self.open_line, self.log_in = open_line, log_in

    async def __aenter__(self):
        self.line = await self.open_line()
        try:
            await self.log_in(self.line)
        except BaseException:
            await self.line.close()
            raise
        return self.line

    async def __aexit__(self, *_):
        await self.line.close()


@right(ex.logged_in)
def a_function_that_gives_one(open_line, log_in):
    return LoggedIn(open_line, log_in)


# use_all


@right(ex.use_all)
async def nested_by_recursion(resources, work):
    async def enter(rest, values):
        if not rest:
            return await work(values)
        async with rest[0] as value:
            return await enter(rest[1:], [*values, value])

    return await enter(resources, [])


@right(ex.use_all)
async def a_list_comprehension(resources, work):
    async with AsyncExitStack() as stack:
        return await work([await stack.enter_async_context(resource) for resource in resources])


@right(ex.use_all)
async def takes_them_out_of_the_list(resources, work):
    async with AsyncExitStack() as stack:
        values = []
        while resources:
            values.append(await stack.enter_async_context(resources.pop(0)))
        return await work(values)


@right(ex.use_all)
async def a_scope_of_its_own(resources, work):
    @asynccontextmanager
    async def all_of(resources):
        async with AsyncExitStack() as stack:
            yield [await stack.enter_async_context(resource) for resource in resources]

    async with all_of(resources) as values:
        return await work(values)


@right(ex.use_all)
async def closed_by_hand(resources, work):
    stack = AsyncExitStack()
    await stack.__aenter__()
    try:
        values = []
        for resource in resources:
            values += [await stack.enter_async_context(resource)]
        result = await work(values)
    except BaseException as error:
        if not await stack.__aexit__(type(error), error, error.__traceback__):
            raise
    else:
        await stack.aclose()
        return result


@right(ex.use_all)
async def left_to_the_end(resources, work):
    stack = AsyncExitStack()
    try:
        result = await work([await stack.enter_async_context(resource) for resource in resources])
    except asyncio.CancelledError as error:
        await finish(stack.__aexit__(type(error), error, error.__traceback__), cancellation=error)
    except Exception as error:
        await finish(stack.__aexit__(type(error), error, error.__traceback__))
        raise
    else:
        await finish(stack.aclose())
        return result


# leave


@right(ex.leave)
async def of_the_course(close, seconds):
    return await finish(close(), seconds)


@right(ex.leave)
async def with_wait_for(close, seconds):
    task, cancellations = asyncio.create_task(asyncio.wait_for(close(), seconds)), []
    while not task.done():
        try:
            await asyncio.shield(asyncio.wait([task]))
        except asyncio.CancelledError as error:
            cancellations.append(error)
    if cancellations:
        raise cancellations[0]
    return await task


@right(ex.leave)
async def with_an_own_clock(close, seconds):
    loop = asyncio.get_running_loop()
    task, cancelled = asyncio.create_task(close()), False
    timer = loop.call_later(seconds, task.cancel)
    while not task.done():
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError:
            cancelled = True
    timer.cancel()
    if cancelled:
        raise asyncio.CancelledError
    if task.cancelled():
        raise TimeoutError
    return task.result()
