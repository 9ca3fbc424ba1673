"""The reference solutions of lesson 3, as a learner would write them."""

import asyncio


async def fetch_or_default(fetch, seconds, default):
    failed = []
    try:
        async with asyncio.timeout(seconds):
            try:
                return await fetch()
            except TimeoutError as error:
                failed.append(error)  # the fetch's own: out there, nobody could tell it from the limit's
    except TimeoutError:
        return default
    raise failed[0]


async def work_through(get_job, handle, close):
    handled = 0
    try:
        while (job := await get_job()) is not None:
            try:
                await handle(job)
                handled += 1
            except Exception:
                pass
        return handled
    finally:
        await close()


async def first_answer(sources):
    tasks = [asyncio.create_task(source()) for source in sources]
    errors = []
    try:
        for finished in asyncio.as_completed(tasks):
            try:
                return await finished
            except Exception as error:
                errors.append(error)
        raise ExceptionGroup("no source answered", errors)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
