"""The functions that the tests of lesson 11 are about, as the tasks show them: all of them right."""
# mypy: disable-error-code="var-annotated"
# (a learner writes asyncio.LifoQueue(), and not asyncio.LifoQueue[str]())

import asyncio
from contextlib import asynccontextmanager


async def retry(call, attempts, pause):
    for attempt in range(attempts):
        try:
            return await call()
        except OSError:
            if attempt == attempts - 1:
                raise
            await asyncio.sleep(pause * 2**attempt)


async def run_limited(calls, limit):
    slots = asyncio.Semaphore(limit)

    async def one(call):
        async with slots:
            return await call()

    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one(call)) for call in calls]
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from None
    return [task.result() for task in tasks]


def share(load):
    loads = {}

    async def get(key):
        if key not in loads:
            loads[key] = asyncio.create_task(load(key))
            loads[key].add_done_callback(lambda task: forget(key, task))
        return await asyncio.shield(loads[key])

    def forget(key, task):
        if task.cancelled() or task.exception():
            del loads[key]

    return get


def make_pool(connect, size):
    places, unopened = asyncio.LifoQueue(), object()
    for _ in range(size):
        places.put_nowait(unopened)

    @asynccontextmanager
    async def borrow():
        connection = await places.get()
        try:
            if connection is unopened:
                connection = await connect()
            yield connection
        finally:
            places.put_nowait(connection)

    return borrow
