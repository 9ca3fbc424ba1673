"""The reference solutions of lesson 4b, as a learner would write them."""

import asyncio
from contextlib import aclosing


async def first_match(stream, matches):
    async with aclosing(stream()) as pages:
        async for url, text in pages:
            if await matches(text):
                return url
    raise LookupError("no page matches")


async def fetch_in_one_session(open_session, urls):
    async with open_session() as session:
        return await asyncio.gather(*(session.get(url) for url in urls), return_exceptions=True)


async def use_as_they_come(stream, use, at_once):
    room, values = asyncio.Semaphore(at_once), {}

    async def one(url, text):
        async with room:
            values[url] = await use(text)

    async with aclosing(stream()) as pages, asyncio.TaskGroup() as group:
        async for url, text in pages:
            group.create_task(one(url, text))
    return values
