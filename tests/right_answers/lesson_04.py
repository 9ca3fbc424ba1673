"""Right answers to the exercises of lesson 4, in other styles than the solutions."""

import asyncio
from collections import Counter, defaultdict
from contextlib import AsyncExitStack, aclosing
from urllib.parse import urlsplit

from course_lib.exercises import lesson_04 as ex
from right_answers import right


async def _outcome(fetch, url):
    try:
        return await fetch(url)
    except Exception as error:
        return error


# fetch_bounded


@right(ex.fetch_bounded)
async def joins_the_queue(fetch, urls, workers):
    queue, pages = asyncio.Queue(), {}
    for url in urls:
        await queue.put(url)

    async def worker():
        while True:
            url = await queue.get()
            pages[url] = await _outcome(fetch, url)
            queue.task_done()

    tasks = [asyncio.create_task(worker()) for _ in range(workers)]
    try:
        await queue.join()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return pages


@right(ex.fetch_bounded)
async def shares_an_iterator(fetch, urls, workers):
    rest, pages = iter(urls), {}

    async def worker():
        for url in rest:
            pages[url] = await _outcome(fetch, url)

    async with asyncio.TaskGroup() as group:
        for _ in range(workers):
            group.create_task(worker())
    return pages


@right(ex.fetch_bounded)
async def with_last_items(fetch, urls, workers):
    queue, pages = asyncio.Queue(), {}
    for url in [*urls, *[None] * workers]:
        queue.put_nowait(url)

    async def worker():
        while (url := await queue.get()) is not None:
            pages[url] = await _outcome(fetch, url)

    await asyncio.gather(*(worker() for _ in range(workers)), return_exceptions=True)
    return pages


@right(ex.fetch_bounded)
async def a_task_as_soon_as_one_is_done(fetch, urls, workers):
    left, pending = list(reversed(urls)), {}
    pages = {}
    try:
        while left or pending:
            while left and len(pending) < workers:
                url = left.pop()
                pending[asyncio.create_task(_outcome(fetch, url))] = url
            done, _ = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                pages[pending.pop(task)] = task.result()
        return pages
    finally:
        for task in pending:
            task.cancel()
        if pending:
            await asyncio.wait(pending)


# crawl


@right(ex.crawl)
async def a_task_for_each_page(fetch, start, workers):
    slots, seen, pages = asyncio.Semaphore(workers), {start}, {}

    async def visit(url):
        async with slots:
            pages[url] = await _outcome(fetch, url)
        for link in pages[url] if isinstance(pages[url], list) else []:
            if link not in seen:
                seen.add(link)
                group.create_task(visit(link))

    async with asyncio.TaskGroup() as group:
        group.create_task(visit(start))
    return pages


@right(ex.crawl)
async def refills_a_set_of_tasks(fetch, start, workers):
    todo, pending, pages = [start], {}, {}
    seen = {start}
    try:
        while todo or pending:
            while todo and len(pending) < workers:
                url = todo.pop(0)
                pending[asyncio.create_task(_outcome(fetch, url))] = url
            done, _ = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                links = pages[pending.pop(task)] = task.result()
                new = [link for link in dict.fromkeys(links if isinstance(links, list) else []) if link not in seen]
                seen.update(new)
                todo += new
        return pages
    finally:
        for task in pending:
            task.cancel()
        await asyncio.gather(*pending, return_exceptions=True)


@right(ex.crawl)
async def counts_what_is_left(fetch, start, workers):
    queue, seen, pages = asyncio.Queue(), {start}, {}
    queue.put_nowait(start)
    left = 1

    async def worker():
        nonlocal left
        while (url := await queue.get()) is not None:
            pages[url] = await _outcome(fetch, url)
            for link in pages[url] if isinstance(pages[url], list) else []:
                if link not in seen:
                    seen.add(link)
                    left += 1
                    queue.put_nowait(link)
            left -= 1
            if left == 0:
                for _ in range(workers):
                    queue.put_nowait(None)

    async with asyncio.TaskGroup() as group:
        for _ in range(workers):
            group.create_task(worker())
    return pages


# fetch_politely


@right(ex.fetch_politely)
async def in_a_group(fetch, urls, total, per_host):
    everyone, hosts = asyncio.Semaphore(total), {}

    async def one(url):
        host = hosts.setdefault(urlsplit(url).netloc, asyncio.Semaphore(per_host))
        for number in range(3):
            try:
                async with host, everyone:
                    return await fetch(url)
            except ConnectionError as error:
                if number == 2:
                    return error
            await asyncio.sleep(number + 1)

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(url)) for url in urls]
    return [task.result() for task in tasks]


@right(ex.fetch_politely)
async def with_a_condition(fetch, urls, total, per_host):
    free, busy = asyncio.Condition(), Counter()

    async def once(url):
        host = urlsplit(url).netloc
        async with free:
            await free.wait_for(lambda: busy[None] < total and busy[host] < per_host)
            busy.update([None, host])
        try:
            return await fetch(url)
        finally:
            busy.subtract([None, host])
            async with free:
                free.notify_all()

    async def one(url, tries=3):
        try:
            return await once(url)
        except ConnectionError as error:
            if tries == 1:
                return error
        await asyncio.sleep(4 - tries)
        return await one(url, tries - 1)

    return await asyncio.gather(*map(one, urls))


@right(ex.fetch_politely)
async def with_acquire_and_release(fetch, urls, total, per_host):
    everyone = asyncio.BoundedSemaphore(total)
    hosts = defaultdict(lambda: asyncio.BoundedSemaphore(per_host))
    pages = [None] * len(urls)

    async def one(number, url):
        host, pauses = hosts[urlsplit(url).netloc], [1, 2]
        while True:
            async with host:
                await everyone.acquire()
                try:
                    pages[number] = await fetch(url)
                    return
                except ConnectionError as error:
                    pages[number] = error
                finally:
                    everyone.release()
            if not pauses:
                return
            await asyncio.sleep(pauses.pop(0))

    async with asyncio.TaskGroup() as group:
        for number, url in enumerate(urls):
            group.create_task(one(number, url))
    return pages


# first_match


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
