"""Right answers to the exercises of lesson 4b, in other styles than the solutions."""

import asyncio
from contextlib import AsyncExitStack, aclosing

from course_lib.exercises import lesson_04b as ex
from right_answers import right


@right(ex.first_match)
async def closes_in_a_finally(stream, matches):
    pages = stream()
    try:
        async for url, text in pages:
            if await matches(text):
                return url
        raise LookupError
    finally:
        await pages.aclose()


@right(ex.first_match)
async def with_a_stack(stream, matches):
    async with AsyncExitStack() as stack:
        pages = await stack.enter_async_context(aclosing(stream()))
        async for url, text in pages:
            if not await matches(text):
                continue
            return url
        raise LookupError("nothing")


@right(ex.first_match)
async def page_by_page(stream, matches):
    found = None
    async with aclosing(stream()) as pages:
        while True:
            try:
                url, text = await anext(pages)
            except StopAsyncIteration:
                break
            if await matches(text):
                found = url
                break
    if found is None:
        raise KeyError("no page")
    return found


# fetch_in_one_session


@right(ex.fetch_in_one_session)
async def in_a_group(open_session, urls):
    async def one(url):
        try:
            return await session.get(url)
        except Exception as error:
            return error

    async with open_session() as session, asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(url)) for url in urls]
    return [task.result() for task in tasks]


@right(ex.fetch_in_one_session)
async def kept_under_their_numbers(open_session, urls):
    pages = [None] * len(urls)

    async def one(session, number, url):
        try:
            pages[number] = await session.get(url)
        except Exception as error:
            pages[number] = error

    async with open_session() as session:
        await asyncio.gather(*(one(session, number, url) for number, url in enumerate(urls)))
    return pages


@right(ex.fetch_in_one_session)
async def with_a_stack_of_one(open_session, urls):
    async with AsyncExitStack() as stack:
        session = await stack.enter_async_context(open_session())
        tasks = [asyncio.create_task(session.get(url)) for url in urls]
        try:
            if tasks:
                await asyncio.wait(tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        return [task.exception() or task.result() for task in tasks]


# use_as_they_come


@right(ex.use_as_they_come)
async def takes_a_place_first(stream, use, at_once):
    room, values = asyncio.Semaphore(at_once), {}

    async def one(url, text):
        try:
            values[url] = await use(text)
        finally:
            room.release()

    async with aclosing(stream()) as pages, asyncio.TaskGroup() as group:
        async for url, text in pages:
            await room.acquire()
            group.create_task(one(url, text))
    return values


@right(ex.use_as_they_come)
async def workers_on_a_queue(stream, use, at_once):
    queue, values = asyncio.Queue(), {}

    async def work():
        while page := await queue.get():
            url, text = page
            values[url] = await use(text)

    async with aclosing(stream()) as pages, asyncio.TaskGroup() as group:
        for _ in range(at_once):
            group.create_task(work())
        async for page in pages:
            queue.put_nowait(page)
        for _ in range(at_once):
            queue.put_nowait(None)
    return values


@right(ex.use_as_they_come)
async def workers_share_the_stream(stream, use, at_once):
    values, lock = {}, asyncio.Lock()

    async def work():
        while True:
            async with lock:
                page = await anext(pages, None)
            if page is None:
                return
            url, text = page
            values[url] = await use(text)

    async with aclosing(stream()) as pages, asyncio.TaskGroup() as group:
        for _ in range(at_once):
            group.create_task(work())
    return values


@right(ex.use_as_they_come)
async def leaves_through_the_stream(stream, use, at_once):
    # Its body never waits, so whatever ends this loop comes by way of the stream, and ends that first.
    room, values = asyncio.Semaphore(at_once), {}

    async def one(url, text):
        async with room:
            values[url] = await use(text)

    async with asyncio.TaskGroup() as group:
        async for url, text in stream():
            group.create_task(one(url, text))
    return values


@right(ex.use_as_they_come)
async def takes_a_place_in_the_loop(stream, use, at_once):
    room, values = asyncio.Semaphore(at_once), {}

    async def one(url, text):
        try:
            values[url] = await use(text)
        finally:
            room.release()

    async with aclosing(stream()) as pages, asyncio.TaskGroup() as group:
        async for url, text in pages:
            await room.acquire()
            group.create_task(one(url, text))
    return values
