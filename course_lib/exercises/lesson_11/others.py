"""Other implementations of the functions of lesson 11, right ones and wrong ones, that a test meets unseen."""

import asyncio
from collections import defaultdict
from contextlib import asynccontextmanager

# Right: retry


async def retry_counting_down(call, attempts, pause):
    while attempts > 0:
        attempts -= 1
        try:
            answer = await call()
        except OSError:
            if not attempts:
                raise
        else:
            return answer
        await asyncio.sleep(pause)
        pause *= 2


async def retry_in_tasks(call, attempts, pause):
    await asyncio.sleep(0)
    if attempts < 1:
        return None
    try:
        return await asyncio.ensure_future(call())
    except OSError:
        if attempts == 1:
            raise
    await asyncio.sleep(pause)
    return await retry_in_tasks(call, attempts - 1, 2 * pause)


# Right: run_limited


async def run_limited_by_workers(calls, limit):
    results = [None] * len(calls)
    numbered = enumerate(calls)

    async def worker():
        for number, call in numbered:
            results[number] = await call()

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(min(limit, len(calls))):
                group.create_task(worker())
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from None
    return results


async def run_limited_as_they_end(calls, limit):
    results, running, numbered = [None] * len(calls), {}, list(enumerate(calls))
    try:
        while numbered or running:
            while numbered and len(running) < limit:
                number, call = numbered.pop(0)
                running[asyncio.create_task(call())] = number
            await asyncio.sleep(0)
            done, _ = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                results[running.pop(task)] = task.result()
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
    return results


# Right: share


def share_two_dictionaries(load):
    values, tasks = {}, {}

    async def fly(key):
        try:
            values[key] = await load(key)
            return values[key]
        finally:
            del tasks[key]

    async def get(key):
        if key in values:
            return values[key]
        if key not in tasks:
            tasks[key] = asyncio.create_task(fly(key))
            tasks[key].add_done_callback(lambda task: task.cancelled() or task.exception())
        return await asyncio.shield(tasks[key])

    return get


def share_waiting_lists(load):
    values, waiting, tasks = {}, {}, set()

    async def fly(key):
        try:
            values[key] = await load(key)
        except Exception as error:
            for future in waiting.pop(key):
                if not future.done():
                    future.set_exception(error)
        else:
            for future in waiting.pop(key):
                if not future.done():
                    future.set_result(values[key])

    async def get(key):
        await asyncio.sleep(0)
        if key in values:
            return values[key]
        if key not in waiting:
            waiting[key] = []
            task = asyncio.create_task(fly(key))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
        future = asyncio.get_running_loop().create_future()
        waiting[key].append(future)
        return await future

    return get


# Right: make_pool


def make_pool_with_slots(connect, size):
    idle, slots = [], asyncio.Semaphore(size)

    @asynccontextmanager
    async def borrow():
        async with slots:
            connection = idle.pop() if idle else await connect()
            try:
                yield connection
            finally:
                idle.append(connection)

    return borrow


def make_pool_as_a_class(connect, size):
    idle, slots = [], asyncio.BoundedSemaphore(size)

    class Borrowing:
        async def __aenter__(self):
            await asyncio.sleep(0)
            await slots.acquire()
            try:
                self.connection = idle.pop() if idle else await connect()
            except BaseException:
                slots.release()
                raise
            return self.connection

        async def __aexit__(self, *_):
            idle.append(self.connection)
            slots.release()

    def borrow():
        return Borrowing()

    return borrow


# With a bug: run_limited


async def run_limited_by_gather(calls, limit):
    slots = asyncio.Semaphore(limit)

    async def one(call):
        async with slots:
            return await call()

    tasks = [asyncio.create_task(one(call)) for call in calls]
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def run_limited_in_batches(calls, limit):
    results = []
    try:
        for start in range(0, len(calls), limit):
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(call()) for call in calls[start : start + limit]]
            results += [task.result() for task in tasks]
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from None
    return results


# With a bug: share


def share_values_alone(load):
    values = {}

    async def get(key):
        if key not in values:
            values[key] = await load(key)
        return values[key]

    return get


def share_one_lock(load):
    values, lock = {}, asyncio.Lock()

    async def get(key):
        async with lock:
            if key not in values:
                values[key] = await load(key)
            return values[key]

    return get


def share_a_lock_a_key(load):
    values, locks = {}, defaultdict(asyncio.Lock)

    async def get(key):
        async with locks[key]:
            if key not in values:
                values[key] = await load(key)
            return values[key]

    return get


def share_the_first_ones_load(load):
    futures = {}

    async def get(key):
        if key in futures:
            return await asyncio.shield(futures[key])
        futures[key] = asyncio.get_running_loop().create_future()
        try:
            value = await load(key)
        except Exception as error:
            future = futures.pop(key)
            future.set_exception(error)
            future.exception()
            raise
        futures[key].set_result(value)
        return value

    return get


# With a bug: make_pool


def make_pool_that_counts_late(connect, size):
    idle, opened, returned = [], 0, asyncio.Event()

    @asynccontextmanager
    async def borrow():
        nonlocal opened
        while not idle and opened >= size:
            returned.clear()
            await returned.wait()
        if idle:
            connection = idle.pop()
        else:
            connection = await connect()
            opened += 1
        try:
            yield connection
        finally:
            idle.append(connection)
            returned.set()

    return borrow
