"""Right answers to the exercises of lesson 3, in other styles than the solutions."""

import asyncio
import sys
from contextlib import AsyncExitStack, aclosing, suppress

from course_lib.exercises import lesson_03 as ex
from right_answers import right

# fetch_or_default


@right(ex.fetch_or_default)
async def waits_for_a_task(fetch, seconds, default):
    task = asyncio.create_task(fetch())
    try:
        await asyncio.wait([task], timeout=seconds)
        if task.done():
            return task.result()
        task.cancel()
        await asyncio.wait([task])
        return default if task.cancelled() else task.result()
    finally:
        task.cancel()
        await asyncio.wait([task])


class OfTheFetch(Exception):
    pass


@right(ex.fetch_or_default)
async def wraps_the_fetchs_own(fetch, seconds, default):
    async def told_apart():
        try:
            return await fetch()
        except TimeoutError as error:
            raise OfTheFetch from error

    try:
        async with asyncio.timeout(seconds):
            return await told_apart()
    except TimeoutError:
        return default
    except OfTheFetch as wrapped:
        raise wrapped.__cause__ from None


@right(ex.fetch_or_default)
async def with_a_timer_of_its_own(fetch, seconds, default):
    late = []

    def strike():
        late.append(True)
        task.cancel()

    task = asyncio.create_task(fetch())
    timer = asyncio.get_running_loop().call_later(seconds, strike)
    try:
        await asyncio.wait([task])
    except asyncio.CancelledError:
        task.cancel()
        await asyncio.wait([task])
        raise
    finally:
        timer.cancel()
    return default if late and task.cancelled() else task.result()


async def carefully_waits_for(fetch, seconds, default):
    failed = []

    async def kept():
        try:
            return await fetch()
        except TimeoutError as error:
            failed.append(error)
            raise

    try:
        return await asyncio.wait_for(kept(), seconds)
    except TimeoutError:
        if failed:
            raise failed[0] from None
        return default


if sys.version_info >= (3, 12):  # before, wait_for forgot what it waited for: the task says so
    right(ex.fetch_or_default)(carefully_waits_for)


# work_through


@right(ex.work_through)
async def breaks_at_none(get_job, handle, close):
    count = 0
    try:
        while True:
            job = await get_job()
            if job is None:
                break
            try:
                await handle(job)
            except Exception:
                continue
            count += 1
    finally:
        await close()
    return count


@right(ex.work_through)
async def with_a_stack(get_job, handle, close):
    async with AsyncExitStack() as stack:
        stack.push_async_callback(close)
        handled = []
        while (job := await get_job()) is not None:
            with suppress(Exception):
                handled.append(await handle(job))
        return len(handled)


@right(ex.work_through)
async def with_a_generator(get_job, handle, close):
    async def jobs():
        while (job := await get_job()) is not None:
            yield job

    async def good(job):
        try:
            await handle(job)
        except Exception:
            return False
        return True

    try:
        async with aclosing(jobs()) as every:
            return sum([await good(job) async for job in every])
    finally:
        await close()


@right(ex.work_through)
async def each_job_in_a_task(get_job, handle, close):
    handled = 0
    try:
        job = await get_job()
        while job is not None:
            async with asyncio.TaskGroup() as group:
                task = group.create_task(_outcome(handle, job))
            handled += task.result()
            job = await get_job()
        return handled
    finally:
        await close()


async def _outcome(handle, job):
    try:
        await handle(job)
        return 1
    except Exception:
        return 0


# first_answer


@right(ex.first_answer)
async def waits_again_and_again(sources):
    pending = {asyncio.create_task(source()) for source in sources}
    everyone, errors = set(pending), []
    try:
        while pending:
            done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                if not task.exception():
                    return task.result()
                errors.append(task.exception())
        raise ExceptionGroup("nobody", errors)
    finally:
        for task in everyone:
            task.cancel()
        await asyncio.wait(everyone)


@right(ex.first_answer)
async def with_a_queue(sources):
    queue, errors = asyncio.Queue(), []

    async def ask(source):
        try:
            queue.put_nowait((await source(), None))
        except Exception as error:
            queue.put_nowait((None, error))

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(ask(source)) for source in sources]
        for _ in sources:
            answer, error = await queue.get()
            if error is None:
                for task in tasks:
                    task.cancel()
                break
            errors.append(error)
        else:
            raise_later = ExceptionGroup("all failed", errors)
    if len(errors) == len(sources):
        raise raise_later
    return answer


@right(ex.first_answer)
async def with_a_future(sources):
    first, errors = asyncio.get_running_loop().create_future(), []

    async def ask(source):
        try:
            answer = await source()
        except Exception as error:
            errors.append(error)
            if len(errors) == len(sources) and not first.done():
                first.set_exception(ExceptionGroup("all failed", errors))
        else:
            if not first.done():
                first.set_result(answer)

    tasks = [asyncio.create_task(ask(source)) for source in sources]
    try:
        return await first
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
