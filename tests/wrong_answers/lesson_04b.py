"""Wrong answers to the exercises of lesson 4b, as learners write them: each must get its own sentence."""

import asyncio
from contextlib import aclosing

from course_lib.exercises import lesson_04b as ex
from wrong_answers import told


@told(ex.first_match, "Leaving an `async for` does not close its generator")
async def leaves_it_open(stream, matches):
    async for url, text in stream():
        if await matches(text):
            return url
    raise LookupError("no page matches")


@told(ex.first_match, "after 4 pages: look at each as it comes")
async def collects_them_first(stream, matches):
    for url, text in [page async for page in stream()]:
        if await matches(text):
            return url
    raise LookupError("no page matches")


@told(ex.first_match, "after 4 pages: look at each as it comes")
async def goes_on_to_the_end(stream, matches):
    found = None
    async with aclosing(stream()) as pages:
        async for url, text in pages:
            if found is None and await matches(text):
                found = url
    if found is None:
        raise LookupError("no page matches")
    return found


@told(ex.first_match, "You returned 'd' at")
async def takes_the_last(stream, matches):
    found = None
    async with aclosing(stream()) as pages:
        async for url, text in pages:
            if await matches(text):
                found = url
    if found is None:
        raise LookupError("no page matches")
    return found


@told(ex.first_match, "and its stream was still open")
async def closes_after_success_only(stream, matches):
    pages = stream()
    async for url, text in pages:
        if await matches(text):
            await pages.aclose()
            return url
    raise LookupError("no page matches")


@told(ex.first_match, "take its pages with `async for`")
async def plain_for(stream, matches):
    async with aclosing(stream()) as pages:
        for url, text in pages:
            if await matches(text):
                return url
    raise LookupError("no page matches")


@told(ex.first_match, "take its pages with `async for`")
async def awaits_the_stream(stream, matches):
    for url, text in await stream():
        if await matches(text):
            return url
    raise LookupError("no page matches")


@told(ex.first_match, "matches(text) is a coroutine, await it")
async def forgets_to_await_matches(stream, matches):
    async with aclosing(stream()) as pages:
        async for url, text in pages:
            if matches(text):
                return url
    raise LookupError("no page matches")


@told(ex.first_match, "No page matches, and your function returned None: raise LookupError")
async def returns_none(stream, matches):
    async with aclosing(stream()) as pages:
        async for url, text in pages:
            if await matches(text):
                return url


@told(ex.first_match, "matches(text) raised ValueError, and your function raised LookupError")
async def hides_a_failure(stream, matches):
    async with aclosing(stream()) as pages:
        async for url, text in pages:
            try:
                if await matches(text):
                    return url
            except Exception:
                continue
    raise LookupError("no page matches")


@told(ex.first_match, "you never called it: `stream()` gives the pages")
async def does_not_call_it(stream, matches):
    async with aclosing(stream) as pages:
        async for url, text in pages:
            if await matches(text):
                return url
    raise LookupError("no page matches")


@told(ex.first_match, "You called `stream()` 2 times")
async def opens_two_streams(stream, matches):
    async with aclosing(stream()):
        async for url, text in stream():
            if await matches(text):
                return url
    raise LookupError("no page matches")


@told(ex.first_match, "leave at once")
async def looks_again_to_be_sure(stream, matches):
    async with aclosing(stream()) as pages:
        async for url, text in pages:
            if await matches(text) and await matches(text):
                return url
    raise LookupError("no page matches")


@told(ex.first_match, "let it through")
async def hides_one_kind(stream, matches):
    async with aclosing(stream()) as pages:
        async for url, text in pages:
            try:
                if await matches(text):
                    return url
            except LookupError:
                continue
    raise LookupError("no page matches")


# fetch_in_one_session


@told(ex.fetch_in_one_session, "You opened 6 sessions. Open one")
async def one_session_each(open_session, urls):
    async def one(url):
        async with open_session() as session:
            return await session.get(url)

    return await asyncio.gather(*(one(url) for url in urls), return_exceptions=True)


@told(ex.fetch_in_one_session, "with all requests at once it is 4 s")
async def one_after_another(open_session, urls):
    async with open_session() as session:
        return [await session.get(url) for url in urls]


@told(ex.fetch_in_one_session, "3 requests under way. Wait for all of them inside its `async with`, also when one")
async def lets_a_failure_out(open_session, urls):
    async with open_session() as session:
        return await asyncio.gather(*(session.get(url) for url in urls))


@told(ex.fetch_in_one_session, "the others' pages are lost")
async def in_a_group_that_fails(open_session, urls):
    async with open_session() as session, asyncio.TaskGroup() as group:
        tasks = [group.create_task(session.get(url)) for url in urls]
    return [task.result() for task in tasks]


@told(ex.fetch_in_one_session, "ran when its session was closed: await your requests inside")
async def fetches_outside(open_session, urls):
    async with open_session() as session:
        requests = [session.get(url) for url in urls]
    return await asyncio.gather(*requests, return_exceptions=True)


@told(ex.fetch_in_one_session, "The session was closed with 6 requests under way")
async def leaves_with_requests_under_way(open_session, urls):
    async with open_session() as session:
        tasks = [asyncio.create_task(session.get(url)) for url in urls]
        await asyncio.sleep(0)
    return await asyncio.gather(*tasks, return_exceptions=True)


@told(ex.fetch_in_one_session, "`open_session` is a function")
async def does_not_open_it(open_session, urls):
    async with open_session as session:
        return await asyncio.gather(*(session.get(url) for url in urls), return_exceptions=True)


@told(ex.fetch_in_one_session, "The list should be, in the order of the URLs")
async def as_they_come(open_session, urls):
    pages = []

    async def one(session, url):
        try:
            pages.append(await session.get(url))
        except Exception as error:
            pages.append(error)

    async with open_session() as session, asyncio.TaskGroup() as group:
        for url in urls:
            group.create_task(one(session, url))
    return pages


@told(ex.fetch_in_one_session, "The list should be, in the order of the URLs")
async def drops_what_is_falsy(open_session, urls):
    async with open_session() as session:
        pages = await asyncio.gather(*(session.get(url) for url in urls), return_exceptions=True)
    return [page or None for page in pages]


# use_as_they_come


@told(ex.use_as_they_come, "`async for` waits for its body: let tasks do the using")
async def uses_in_the_loop(stream, use, at_once):
    values = {}
    async with aclosing(stream()) as pages:
        async for url, text in pages:
            values[url] = await use(text)
    return values


@told(ex.use_as_they_come, "let tasks do the using, and take the next page")
async def in_batches(stream, use, at_once):
    values, batch = {}, []

    async def work():
        results = await asyncio.gather(*(use(text) for _, text in batch))
        values.update(zip((url for url, _ in batch), results, strict=True))
        batch.clear()

    async with aclosing(stream()) as pages:
        async for page in pages:
            batch.append(page)
            if len(batch) == at_once:
                await work()
    await work()
    return values


@told(ex.use_as_they_come, "6 texts were being used at one time; 3 is the limit")
async def without_a_limit(stream, use, at_once):
    values = {}

    async def one(url, text):
        values[url] = await use(text)

    async with aclosing(stream()) as pages, asyncio.TaskGroup() as group:
        async for url, text in pages:
            group.create_task(one(url, text))
    return values


@told(ex.use_as_they_come, "let tasks do the using, and take the next page")
async def collects_first(stream, use, at_once):
    room = asyncio.Semaphore(at_once)

    async def one(url, text):
        async with room:
            return url, await use(text)

    pages = [page async for page in stream()]
    return dict(await asyncio.gather(*(one(*page) for page in pages)))


@told(ex.use_as_they_come, "Await what you start")
async def nobody_waits(stream, use, at_once):
    room, values = asyncio.Semaphore(at_once), {}

    async def one(url, text):
        async with room:
            values[url] = await use(text)

    async with aclosing(stream()) as pages:
        tasks = [asyncio.create_task(one(url, text)) async for url, text in pages]
    return values if tasks else {}


@told(ex.use_as_they_come, "There is a coroutine or a task where a value belongs")
async def keeps_the_tasks(stream, use, at_once):
    async with aclosing(stream()) as pages, asyncio.TaskGroup() as group:
        return {url: group.create_task(use(text)) async for url, text in pages}


@told(ex.use_as_they_come, "its stream was still open")
async def takes_a_place_and_closes_nothing(stream, use, at_once):
    room, values = asyncio.Semaphore(at_once), {}

    async def one(url, text):
        try:
            values[url] = await use(text)
        finally:
            room.release()

    async with asyncio.TaskGroup() as group:
        async for url, text in stream():
            await room.acquire()
            group.create_task(one(url, text))
    return values


@told(ex.first_match, "Your function raised ValueError, and its stream was still open")
async def closes_what_it_found_in(stream, matches):
    pages = stream()
    async for url, text in pages:
        if await matches(text):
            await pages.aclose()
            return url
    raise LookupError("no page matches")


@told(ex.first_match, "LookupError after 1 of 4 pages. Only when the last has come")
async def gives_up_at_the_first(stream, matches):
    async with aclosing(stream()) as pages:
        async for url, text in pages:
            if await matches(text):
                return url
            raise LookupError("no page matches")


@told(ex.fetch_in_one_session, "What `open_session()` gives is no session yet, and cannot be awaited")
async def awaits_the_opening(open_session, urls):
    session = await open_session()
    return await asyncio.gather(*(session.get(url) for url in urls), return_exceptions=True)


@told(ex.fetch_in_one_session, "`async with open_session() as session:` opens one")
async def asks_what_is_not_open(open_session, urls):
    session = open_session()
    return await asyncio.gather(*(session.get(url) for url in urls), return_exceptions=True)


@told(ex.fetch_in_one_session, "Who is cancelled cancels its tasks first")
async def leaves_its_tasks_when_cancelled(open_session, urls):
    async with open_session() as session:
        tasks = [asyncio.create_task(session.get(url)) for url in urls]
        if tasks:
            await asyncio.wait(tasks)
    return [task.exception() or task.result() for task in tasks]


@told(ex.use_as_they_come, "Who is cancelled must cancel the tasks that it made")
async def gathers_tasks_at_the_end(stream, use, at_once):
    room, values, tasks = asyncio.Semaphore(at_once), {}, []

    async def one(url, text):
        async with room:
            values[url] = await use(text)

    async with aclosing(stream()) as pages:
        async for url, text in pages:
            tasks.append(asyncio.create_task(one(url, text)))
        await asyncio.gather(*tasks)
    return values


@told(ex.use_as_they_come, "finds there what they are when it runs: the next page, or the last")
async def uses_the_loops_variables(stream, use, at_once):
    room, values = asyncio.Semaphore(at_once), {}
    async with aclosing(stream()) as pages, asyncio.TaskGroup() as group:
        async for url, text in pages:

            async def one():
                async with room:
                    values[url] = await use(text)  # noqa: B023  # the mistake

            group.create_task(one())
    return values
