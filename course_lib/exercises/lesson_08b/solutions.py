"""The reference solutions of lesson 8b, as a learner would write them."""

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager


@asynccontextmanager
async def logged_in(open_line, log_in):
    line = await open_line()
    try:
        await log_in(line)
        yield line
    finally:
        await line.close()


async def use_all(resources, work):
    async with AsyncExitStack() as stack:
        values = []
        for resource in resources:
            values.append(await stack.enter_async_context(resource))
        return await work(values)


async def leave(close, seconds):
    async def in_time():
        async with asyncio.timeout(seconds):
            return await close()

    task, cancellation = asyncio.create_task(in_time()), None
    while not task.done():
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError as error:
            cancellation = error
    if cancellation is not None:
        raise cancellation
    return task.result()
