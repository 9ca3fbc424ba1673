"""Wrong answers to the exercises of lesson 4, as learners write them: each must get its own sentence."""

import asyncio
from collections import defaultdict
from contextlib import aclosing
from urllib.parse import urlsplit

# fetch_bounded


async def _kept(fetch, url, pages):
    try:
        pages[url] = await fetch(url)
    except Exception as error:
        pages[url] = error


async def in_batches(fetch, urls, workers):
    pages = {}
    for first in range(0, len(urls), workers):
        await asyncio.gather(*(_kept(fetch, url, pages) for url in urls[first : first + workers]))
    return pages


async def one_by_one(fetch, urls, workers):
    pages = {}
    for url in urls:
        await _kept(fetch, url, pages)
    return pages


async def with_async_for(fetch, urls, workers):
    async def all_pages():
        for url in urls:
            try:
                yield url, await fetch(url)
            except Exception as error:
                yield url, error

    return {url: page async for url, page in all_pages()}


async def all_at_once(fetch, urls, workers):
    pages = {}
    await asyncio.gather(*(_kept(fetch, url, pages) for url in urls))
    return pages


async def with_a_semaphore(fetch, urls, workers):
    slots, pages = asyncio.Semaphore(workers), {}

    async def one(url):
        async with slots:
            await _kept(fetch, url, pages)

    async with asyncio.TaskGroup() as group:
        for url in urls:
            group.create_task(one(url))
    return pages


def _filled(urls):
    queue = asyncio.Queue()
    for url in urls:
        queue.put_nowait(url)
    return queue


async def never_ends_the_workers(fetch, urls, workers):
    queue, pages = _filled(urls), {}

    async def worker():
        while True:
            url = await queue.get()
            await _kept(fetch, url, pages)
            queue.task_done()

    for _ in range(workers):
        asyncio.create_task(worker())  # noqa: RUF006  # the mistake
    await queue.join()
    return pages


async def awaits_endless_workers(fetch, urls, workers):
    queue, pages = _filled(urls), {}

    async def worker():
        while True:
            url = await queue.get()
            await _kept(fetch, url, pages)

    await asyncio.gather(*(worker() for _ in range(workers)))
    return pages


async def forgets_task_done(fetch, urls, workers):
    queue, pages = _filled(urls), {}

    async def worker():
        while True:
            url = await queue.get()
            await _kept(fetch, url, pages)

    tasks = [asyncio.create_task(worker()) for _ in range(workers)]
    await queue.join()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return pages


async def dies_of_a_failure(fetch, urls, workers):
    queue, pages = _filled(urls), {}

    async def worker():
        while True:
            url = await queue.get()
            pages[url] = await fetch(url)
            queue.task_done()

    tasks = [asyncio.create_task(worker()) for _ in range(workers)]
    await queue.join()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return pages


async def loses_the_rest(fetch, urls, workers):
    queue, pages = _filled(urls), {}

    async def worker():
        while not queue.empty():
            url = queue.get_nowait()
            pages[url] = await fetch(url)

    await asyncio.gather(*(worker() for _ in range(workers)), return_exceptions=True)
    return pages


async def group_without_try(fetch, urls, workers):
    queue, pages = _filled(urls), {}

    async def worker():
        while not queue.empty():
            url = queue.get_nowait()
            pages[url] = await fetch(url)

    async with asyncio.TaskGroup() as group:
        for _ in range(workers):
            group.create_task(worker())
    return pages


async def gather_without_try(fetch, urls, workers):
    queue, pages = _filled(urls), {}

    async def worker():
        while not queue.empty():
            url = queue.get_nowait()
            pages[url] = await fetch(url)

    await asyncio.gather(*(worker() for _ in range(workers)))
    return pages


async def skips_failures(fetch, urls, workers):
    queue, pages = _filled(urls), {}

    async def worker():
        while not queue.empty():
            url = queue.get_nowait()
            try:
                pages[url] = await fetch(url)
            except Exception:
                pass

    await asyncio.gather(*(worker() for _ in range(workers)))
    return pages


async def none_for_failures(fetch, urls, workers):
    queue, pages = _filled(urls), {}

    async def worker():
        while not queue.empty():
            url = queue.get_nowait()
            try:
                pages[url] = await fetch(url)
            except Exception:
                pages[url] = None

    await asyncio.gather(*(worker() for _ in range(workers)))
    return pages


async def a_list_as_they_come(fetch, urls, workers):
    queue, pages = _filled(urls), []

    async def worker():
        while not queue.empty():
            try:
                pages.append(await fetch(queue.get_nowait()))
            except Exception as error:
                pages.append(error)

    await asyncio.gather(*(worker() for _ in range(workers)))
    return pages


async def a_queue_each(fetch, urls, workers):
    pages = {}

    async def worker(number):
        for url in urls[number::workers]:
            await _kept(fetch, url, pages)

    await asyncio.gather(*(worker(number) for number in range(workers)))
    return pages


async def from_the_end(fetch, urls, workers):
    left, pages = list(urls), {}

    async def worker():
        while left:
            await _kept(fetch, left.pop(), pages)

    async with asyncio.TaskGroup() as group:
        for _ in range(workers):
            group.create_task(worker())
    return pages


async def every_worker_all(fetch, urls, workers):
    pages = {}

    async def worker():
        for url in urls:
            await _kept(fetch, url, pages)

    await asyncio.gather(*(worker() for _ in range(workers)))
    return pages


async def three_workers(fetch, urls, workers):
    queue, pages = _filled(urls), {}

    async def worker():
        while not queue.empty():
            await _kept(fetch, queue.get_nowait(), pages)

    await asyncio.gather(*(worker() for _ in range(3)))
    return pages


async def no_finally(fetch, urls, workers):
    queue, pages = _filled(urls), {}

    async def worker():
        while True:
            url = await queue.get()
            await _kept(fetch, url, pages)
            queue.task_done()

    tasks = [asyncio.create_task(worker()) for _ in range(workers)]
    await queue.join()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return pages


async def swallows_cancellation(fetch, urls, workers):
    queue, pages = _filled(urls), {}

    async def worker():
        while not queue.empty():
            url = queue.get_nowait()
            try:
                pages[url] = await fetch(url)
            except BaseException as error:
                pages[url] = error

    async with asyncio.TaskGroup() as group:
        for _ in range(workers):
            group.create_task(worker())
    return pages


async def waits_for_more(fetch, urls, workers):
    queue, pages = _filled(urls), {}

    async def worker():
        while True:
            try:
                url = await asyncio.wait_for(queue.get(), 2)
            except TimeoutError:
                return
            await _kept(fetch, url, pages)

    async with asyncio.TaskGroup() as group:
        for _ in range(workers):
            group.create_task(worker())
    return pages


async def goes_without_them(fetch, urls, workers):
    queue, pages = _filled(urls), {}

    async def worker():
        while not queue.empty():
            await _kept(fetch, queue.get_nowait(), pages)

    tasks = [asyncio.create_task(worker()) for _ in range(workers)]
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    return pages


async def groups_the_function(fetch, urls, workers):
    async with asyncio.TaskGroup() as group:
        tasks = {url: group.create_task(fetch) for url in urls}
    return {url: task.result() for url, task in tasks.items()}


async def keeps_coroutines(fetch, urls, workers):
    return {url: fetch(url) for url in urls}


# crawl


async def crawl_as_found(fetch, start, workers):
    queue, pages = asyncio.Queue(), {}
    queue.put_nowait(start)

    async def worker():
        while True:
            url = await queue.get()
            if url not in pages:
                pages[url] = await fetch(url)
                for link in pages[url][:10]:
                    queue.put_nowait(link)
            queue.task_done()

    tasks = [asyncio.create_task(worker()) for _ in range(workers)]
    await queue.join()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return pages


async def _crawl(start, workers, visit):
    """Crawl with `visit(url, queue)`; what is wrong is in the visit."""
    queue = asyncio.Queue()
    queue.put_nowait(start)

    async def worker():
        while True:
            url = await queue.get()
            await visit(url, queue)
            queue.task_done()

    tasks = [asyncio.create_task(worker()) for _ in range(workers)]
    try:
        await queue.join()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def marks_too_late(fetch, start, workers):
    pages = {}

    async def visit(url, queue):
        if url in pages:
            return
        try:
            pages[url] = await fetch(url)
            for link in pages[url]:
                queue.put_nowait(link)
        except Exception as error:
            pages[url] = error

    await _crawl(start, workers, visit)
    return pages


async def asks_before_and_marks_after(fetch, start, workers):
    pages = {}

    async def visit(url, queue):
        try:
            links = await fetch(url)
            for link in links:
                if link not in pages:
                    queue.put_nowait(link)
            pages[url] = links
        except Exception as error:
            pages[url] = error

    await _crawl(start, workers, visit)
    return pages


async def a_failure_ends_its_worker(fetch, start, workers):
    pages, seen = {}, {start}

    async def visit(url, queue):
        pages[url] = await fetch(url)
        for link in pages[url]:
            if link not in seen:
                seen.add(link)
                queue.put_nowait(link)

    await _crawl(start, workers, visit)
    return pages


async def forgets_what_failed(fetch, start, workers):
    pages, seen = {}, {start}

    async def visit(url, queue):
        try:
            pages[url] = await fetch(url)
        except Exception:
            return
        for link in pages[url]:
            if link not in seen:
                seen.add(link)
                queue.put_nowait(link)

    await _crawl(start, workers, visit)
    return pages


async def cleans_up_at_the_end_only(fetch, start, workers):
    queue, seen, pages = asyncio.Queue(), {start}, {}
    queue.put_nowait(start)

    async def worker():
        while True:
            url = await queue.get()
            await _kept(fetch, url, pages)
            for link in pages[url] if isinstance(pages[url], list) else []:
                if link not in seen:
                    seen.add(link)
                    queue.put_nowait(link)
            queue.task_done()

    tasks = [asyncio.create_task(worker()) for _ in range(workers)]
    await queue.join()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return pages


async def level_by_level(fetch, start, workers):
    pages, level = {}, [start]
    while level:
        for first in range(0, len(level), workers):
            await asyncio.gather(*(_kept(fetch, url, pages) for url in level[first : first + workers]))
        links = [link for url in level if isinstance(pages[url], list) for link in pages[url]]
        level = list(dict.fromkeys(link for link in links if link not in pages))
    return pages


async def ends_when_the_queue_is_empty(fetch, start, workers):
    queue, seen, pages = asyncio.Queue(), {start}, {}
    queue.put_nowait(start)

    async def worker():
        while not queue.empty():
            url = queue.get_nowait()
            await _kept(fetch, url, pages)
            for link in pages[url] if isinstance(pages[url], list) else []:
                if link not in seen:
                    seen.add(link)
                    queue.put_nowait(link)

    async with asyncio.TaskGroup() as group:
        for _ in range(workers):
            group.create_task(worker())
    return pages


async def a_task_for_each_page(fetch, start, workers):
    slots, seen, pages = asyncio.Semaphore(workers), {start}, {}

    async def visit(url):
        async with slots:
            await _kept(fetch, url, pages)
        for link in pages[url] if isinstance(pages[url], list) else []:
            if link not in seen:
                seen.add(link)
                group.create_task(visit(link))

    async with asyncio.TaskGroup() as group:
        group.create_task(visit(start))
    return pages


async def marks_done_twice(fetch, start, workers):
    queue, seen, pages = asyncio.Queue(), {start}, {}
    queue.put_nowait(start)

    async def worker():
        while True:
            url = await queue.get()
            try:
                pages[url] = await fetch(url)
                for link in pages[url]:
                    if link not in seen:
                        seen.add(link)
                        queue.put_nowait(link)
                queue.task_done()
            except Exception as error:
                pages[url] = error
            finally:
                queue.task_done()

    tasks = [asyncio.create_task(worker()) for _ in range(workers)]
    try:
        await queue.join()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return pages


async def cannot_be_cancelled(fetch, start, workers):
    queue, seen, pages = asyncio.Queue(), {start}, {}
    queue.put_nowait(start)

    async def worker():
        while True:
            try:
                url = await queue.get()
                await _kept(fetch, url, pages)
                for link in pages[url] if isinstance(pages[url], list) else []:
                    if link not in seen:
                        seen.add(link)
                        queue.put_nowait(link)
                queue.task_done()
            except BaseException:
                continue

    tasks = [asyncio.create_task(worker()) for _ in range(workers)]
    await queue.join()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return pages


async def without_a_limit(fetch, start, workers):
    seen, pages = {start}, {}

    async def visit(url):
        await _kept(fetch, url, pages)
        for link in pages[url] if isinstance(pages[url], list) else []:
            if link not in seen:
                seen.add(link)
                group.create_task(visit(link))

    async with asyncio.TaskGroup() as group:
        group.create_task(visit(start))
    return pages


# fetch_politely


async def politely_as_found(fetch, urls, total, per_host):
    everyone = asyncio.Semaphore(total)
    hosts = defaultdict(lambda: asyncio.Semaphore(per_host))

    async def one(url):
        async with everyone, hosts[urlsplit(url).netloc]:
            for pause in (0, 1, 2):
                await asyncio.sleep(pause)
                try:
                    return await fetch(url)
                except ConnectionError as error:
                    failure = error
            return failure

    return await asyncio.gather(*(one(url) for url in urls))


async def only_the_order(fetch, urls, total, per_host):
    everyone = asyncio.Semaphore(total)
    hosts = defaultdict(lambda: asyncio.Semaphore(per_host))

    async def one(url):
        async with hosts[urlsplit(url).netloc], everyone:
            for pause in (0, 1, 2):
                await asyncio.sleep(pause)
                try:
                    return await fetch(url)
                except ConnectionError as error:
                    failure = error
            return failure

    return await asyncio.gather(*(one(url) for url in urls))


async def only_the_pause(fetch, urls, total, per_host):
    everyone = asyncio.Semaphore(total)
    hosts = defaultdict(lambda: asyncio.Semaphore(per_host))

    async def one(url):
        for pause in (0, 1, 2):
            await asyncio.sleep(pause)
            try:
                async with everyone, hosts[urlsplit(url).netloc]:
                    return await fetch(url)
            except ConnectionError as error:
                failure = error
        return failure

    return await asyncio.gather(*(one(url) for url in urls))


async def keeps_the_hosts_slot(fetch, urls, total, per_host):
    everyone = asyncio.Semaphore(total)
    hosts = defaultdict(lambda: asyncio.Semaphore(per_host))

    async def one(url):
        async with hosts[urlsplit(url).netloc]:
            for pause in (0, 1, 2):
                await asyncio.sleep(pause)
                try:
                    async with everyone:
                        return await fetch(url)
                except ConnectionError as error:
                    failure = error
            return failure

    return await asyncio.gather(*(one(url) for url in urls))


async def _tried(fetch, url, slots):
    for pause in (0, 1, 2):
        await asyncio.sleep(pause)
        try:
            async with slots:
                return await fetch(url)
        except ConnectionError as error:
            failure = error
    return failure


async def no_total(fetch, urls, total, per_host):
    hosts = defaultdict(lambda: asyncio.Semaphore(per_host))
    return await asyncio.gather(*(_tried(fetch, url, hosts[urlsplit(url).netloc]) for url in urls))


async def no_limit_per_host(fetch, urls, total, per_host):
    everyone = asyncio.Semaphore(total)
    return await asyncio.gather(*(_tried(fetch, url, everyone) for url in urls))


async def one_host_after_the_other(fetch, urls, total, per_host):
    pages, slots = {}, asyncio.Semaphore(min(total, per_host))
    for host in dict.fromkeys(urlsplit(url).netloc for url in urls):
        mine = [url for url in urls if urlsplit(url).netloc == host]
        texts = await asyncio.gather(*(_tried(fetch, url, slots) for url in mine))
        pages.update(zip(mine, texts, strict=True))
    return [pages[url] for url in urls]


async def one_page_after_the_other(fetch, urls, total, per_host):
    slots = asyncio.Semaphore(min(total, per_host))
    return [await _tried(fetch, url, slots) for url in urls]


async def gives_up_at_once(fetch, urls, total, per_host):
    everyone = asyncio.Semaphore(total)
    hosts = defaultdict(lambda: asyncio.Semaphore(per_host))

    async def one(url):
        async with hosts[urlsplit(url).netloc], everyone:
            return await fetch(url)

    return await asyncio.gather(*(one(url) for url in urls), return_exceptions=True)


async def hurries(fetch, urls, total, per_host):
    everyone = asyncio.Semaphore(total)
    hosts = defaultdict(lambda: asyncio.Semaphore(per_host))

    async def one(url):
        for _ in range(3):
            try:
                async with hosts[urlsplit(url).netloc], everyone:
                    return await fetch(url)
            except ConnectionError as error:
                failure = error
        return failure

    return await asyncio.gather(*(one(url) for url in urls))


async def raises_the_last(fetch, urls, total, per_host):
    everyone = asyncio.Semaphore(total)
    hosts = defaultdict(lambda: asyncio.Semaphore(per_host))

    async def one(url):
        for pause in (1, 2, None):
            try:
                async with hosts[urlsplit(url).netloc], everyone:
                    return await fetch(url)
            except ConnectionError:
                if pause is None:
                    raise
            await asyncio.sleep(pause)

    return await asyncio.gather(*(one(url) for url in urls))


async def a_new_semaphore_each(fetch, urls, total, per_host):
    everyone = asyncio.Semaphore(total)

    async def one(url):
        for pause in (0, 1, 2):
            await asyncio.sleep(pause)
            try:
                async with asyncio.Semaphore(per_host), everyone:
                    return await fetch(url)
            except ConnectionError as error:
                failure = error
        return failure

    return await asyncio.gather(*(one(url) for url in urls))


# first_match


async def leaves_it_open(stream, matches):
    async for url, text in stream():
        if await matches(text):
            return url
    raise LookupError("no page matches")


async def collects_them_first(stream, matches):
    for url, text in [page async for page in stream()]:
        if await matches(text):
            return url
    raise LookupError("no page matches")


async def goes_on_to_the_end(stream, matches):
    found = None
    async with aclosing(stream()) as pages:
        async for url, text in pages:
            if found is None and await matches(text):
                found = url
    if found is None:
        raise LookupError("no page matches")
    return found


async def takes_the_last(stream, matches):
    found = None
    async with aclosing(stream()) as pages:
        async for url, text in pages:
            if await matches(text):
                found = url
    if found is None:
        raise LookupError("no page matches")
    return found


async def closes_after_success_only(stream, matches):
    pages = stream()
    async for url, text in pages:
        if await matches(text):
            await pages.aclose()
            return url
    raise LookupError("no page matches")


async def plain_for(stream, matches):
    async with aclosing(stream()) as pages:
        for url, text in pages:
            if await matches(text):
                return url
    raise LookupError("no page matches")


async def awaits_the_stream(stream, matches):
    for url, text in await stream():
        if await matches(text):
            return url
    raise LookupError("no page matches")


async def forgets_to_await_matches(stream, matches):
    async with aclosing(stream()) as pages:
        async for url, text in pages:
            if matches(text):
                return url
    raise LookupError("no page matches")


async def returns_none(stream, matches):
    async with aclosing(stream()) as pages:
        async for url, text in pages:
            if await matches(text):
                return url


async def hides_a_failure(stream, matches):
    async with aclosing(stream()) as pages:
        async for url, text in pages:
            try:
                if await matches(text):
                    return url
            except Exception:
                continue
    raise LookupError("no page matches")


async def does_not_call_it(stream, matches):
    async with aclosing(stream) as pages:
        async for url, text in pages:
            if await matches(text):
                return url
    raise LookupError("no page matches")
