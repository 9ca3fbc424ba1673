"""Wrong answers to the exercises of lesson 4a, as learners write them: each must get its own sentence."""

import asyncio
from collections import defaultdict
from urllib.parse import urlsplit

from course_lib.exercises import lesson_04a as ex
from course_lib.exercises.lesson_04a import as_found
from wrong_answers import told

# fetch_bounded


async def _kept(fetch, url, pages):
    try:
        pages[url] = await fetch(url)
    except Exception as error:
        pages[url] = error


@told(ex.fetch_bounded, "It took 9 s for what 3 workers do in 6 s: a slow page was under way")
async def in_batches(fetch, urls, workers):
    pages = {}
    for first in range(0, len(urls), workers):
        await asyncio.gather(*(_kept(fetch, url, pages) for url in urls[first : first + workers]))
    return pages


@told(ex.fetch_bounded, "One page after another: 17 s for what 3 workers do in 6 s")
async def one_by_one(fetch, urls, workers):
    pages = {}
    for url in urls:
        await _kept(fetch, url, pages)
    return pages


@told(ex.fetch_bounded, "be it `for` or `async for`, waits before it goes on")
async def with_async_for(fetch, urls, workers):
    async def all_pages():
        for url in urls:
            try:
                yield url, await fetch(url)
            except Exception as error:
                yield url, error

    return {url: page async for url, page in all_pages()}


@told(ex.fetch_bounded, "12 pages were being fetched at one time; 3 is the limit")
async def all_at_once(fetch, urls, workers):
    pages = {}
    await asyncio.gather(*(_kept(fetch, url, pages) for url in urls))
    return pages


@told(ex.fetch_bounded, "you had 12 tasks at one time, one for each page. A semaphore bounds")
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


@told(ex.fetch_bounded, "A worker that waits in `queue.get()` ends only if you cancel it")
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


@told(ex.fetch_bounded, "they wait at an empty queue for ever")
async def awaits_endless_workers(fetch, urls, workers):
    queue, pages = _filled(urls), {}

    async def worker():
        while True:
            url = await queue.get()
            await _kept(fetch, url, pages)

    await asyncio.gather(*(worker() for _ in range(workers)))
    return pages


@told(ex.fetch_bounded, "each get() needs its task_done()")
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


@told(ex.fetch_bounded, "its task_done() never came, so queue.join() waits for ever")
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


@told(ex.fetch_bounded, "A page failed, and took its worker with it: who was to fetch the others")
async def loses_the_rest(fetch, urls, workers):
    queue, pages = _filled(urls), {}

    async def worker():
        while not queue.empty():
            url = queue.get_nowait()
            pages[url] = await fetch(url)

    await asyncio.gather(*(worker() for _ in range(workers)), return_exceptions=True)
    return pages


@told(ex.fetch_bounded, "your function raised ExceptionGroup: the failure is to cost that")
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


@told(ex.fetch_bounded, "A page failed, and took its worker with it: that ended your whole")
async def gather_without_try(fetch, urls, workers):
    queue, pages = _filled(urls), {}

    async def worker():
        while not queue.empty():
            url = queue.get_nowait()
            pages[url] = await fetch(url)

    await asyncio.gather(*(worker() for _ in range(workers)))
    return pages


@told(ex.fetch_bounded, "left no trace in what you returned, though it failed")
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


@told(ex.fetch_bounded, "stands None. The exception itself belongs there")
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


@told(ex.fetch_bounded, "Workers end their pages in an order of their own")
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


@told(ex.fetch_bounded, "It took 9 s for what 3 workers do in 6 s: a slow page was under way")
async def a_queue_each(fetch, urls, workers):
    pages = {}

    async def worker(number):
        for url in urls[number::workers]:
            await _kept(fetch, url, pages)

    await asyncio.gather(*(worker(number) for number in range(workers)))
    return pages


@told(ex.fetch_bounded, "You began with 'page 12'; take the URLs in their order")
async def from_the_end(fetch, urls, workers):
    left, pages = list(urls), {}

    async def worker():
        while left:
            await _kept(fetch, left.pop(), pages)

    async with asyncio.TaskGroup() as group:
        for _ in range(workers):
            group.create_task(worker())
    return pages


@told(ex.fetch_bounded, "take from one queue")
async def every_worker_all(fetch, urls, workers):
    pages = {}

    async def worker():
        for url in urls:
            await _kept(fetch, url, pages)

    await asyncio.gather(*(worker() for _ in range(workers)))
    return pages


@told(ex.fetch_bounded, "3 pages were being fetched at one time; 2 is the limit")
async def three_workers(fetch, urls, workers):
    queue, pages = _filled(urls), {}

    async def worker():
        while not queue.empty():
            await _kept(fetch, queue.get_nowait(), pages)

    await asyncio.gather(*(worker() for _ in range(3)))
    return pages


@told(ex.fetch_bounded, "Cancel your workers in a `finally`")
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


@told(ex.fetch_bounded, "was begun at 2 s. Which `except` catches a CancelledError")
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


@told(ex.fetch_bounded, "The last page was there at 6 s, and your function ended at 8 s")
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


@told(ex.fetch_bounded, "this was still running: worker")
async def goes_without_them(fetch, urls, workers):
    queue, pages = _filled(urls), {}

    async def worker():
        while not queue.empty():
            await _kept(fetch, queue.get_nowait(), pages)

    tasks = [asyncio.create_task(worker()) for _ in range(workers)]
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    return pages


@told(ex.fetch_bounded, "`fetch` is a function, and you never called it: `await fetch(url)`")
async def groups_the_function(fetch, urls, workers):
    async with asyncio.TaskGroup() as group:
        tasks = {url: group.create_task(fetch) for url in urls}
    return {url: task.result() for url, task in tasks.items()}


@told(ex.fetch_bounded, "There is a coroutine or a task where a page belongs")
async def keeps_coroutines(fetch, urls, workers):
    return {url: fetch(url) for url in urls}


# crawl


told(ex.crawl, "2 of 13 pages were never fetched, 'page-11' among them")(as_found.crawl)


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


@told(ex.crawl, "while the first fetch was under way until 4 s. Whoever sees a URL first")
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


@told(ex.crawl, "Whoever sees a URL first must mark it at once")
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


@told(ex.crawl, "its task_done() never came, so queue.join() waits for ever")
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


@told(ex.crawl, "left no trace in what you returned, though it failed")
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


@told(ex.crawl, "Cancel your workers in a `finally`")
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


@told(ex.crawl, "It took 9 s for what 3 workers do in 6 s: a slow page was under way")
async def level_by_level(fetch, start, workers):
    pages, level = {}, [start]
    while level:
        for first in range(0, len(level), workers):
            await asyncio.gather(*(_kept(fetch, url, pages) for url in level[first : first + workers]))
        links = [link for url in level if isinstance(pages[url], list) for link in pages[url]]
        level = list(dict.fromkeys(link for link in links if link not in pages))
    return pages


@told(ex.crawl, "A worker that finds the queue empty is not done")
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


@told(ex.crawl, "the work was taken for done too early: one task_done() for each get()")
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


@told(ex.crawl, "they must not catch the CancelledError")
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


@told(ex.crawl, "12 pages were being fetched at one time; 3 is the limit")
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


told(ex.fetch_politely, "The last page of the fast host came at 6 s")(as_found.fetch_politely)


@told(ex.fetch_politely, "was begun at 3 s: the pause was spent with a slot in hand")
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


@told(ex.fetch_politely, "wait with one of the total slots in hand")
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


@told(ex.fetch_politely, "was begun at 3 s: the pause was spent with a slot in hand")
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


@told(ex.fetch_politely, "6 pages were being fetched at one time; 4 is the limit")
async def no_total(fetch, urls, total, per_host):
    hosts = defaultdict(lambda: asyncio.Semaphore(per_host))
    return await asyncio.gather(*(_tried(fetch, url, hosts[urlsplit(url).netloc]) for url in urls))


@told(ex.fetch_politely, "4 pages of slow were being fetched at one time; 2 a host")
async def no_limit_per_host(fetch, urls, total, per_host):
    everyone = asyncio.Semaphore(total)
    return await asyncio.gather(*(_tried(fetch, url, everyone) for url in urls))


@told(ex.fetch_politely, "It was not begun before the slow host was done")
async def one_host_after_the_other(fetch, urls, total, per_host):
    pages, slots = {}, asyncio.Semaphore(min(total, per_host))
    for host in dict.fromkeys(urlsplit(url).netloc for url in urls):
        mine = [url for url in urls if urlsplit(url).netloc == host]
        texts = await asyncio.gather(*(_tried(fetch, url, slots) for url in mine))
        pages.update(zip(mine, texts, strict=True))
    return [pages[url] for url in urls]


@told(ex.fetch_politely, "It was not begun before the slow host was done")
async def one_page_after_the_other(fetch, urls, total, per_host):
    slots = asyncio.Semaphore(min(total, per_host))
    return [await _tried(fetch, url, slots) for url in urls]


@told(ex.fetch_politely, "you returned [ConnectionError('down for a moment')")
async def gives_up_at_once(fetch, urls, total, per_host):
    everyone = asyncio.Semaphore(total)
    hosts = defaultdict(lambda: asyncio.Semaphore(per_host))

    async def one(url):
        async with hosts[urlsplit(url).netloc], everyone:
            return await fetch(url)

    return await asyncio.gather(*(one(url) for url in urls), return_exceptions=True)


@told(ex.fetch_politely, "failed at 1 s and was tried again at")
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


@told(ex.fetch_politely, "that cost you the others")
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


@told(ex.fetch_politely, "4 pages of slow were being fetched at one time; 2 a host")
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


# What passes where a check has one kind of failure, one size, and no look at the time of a stop.


@told(ex.fetch_bounded, "only, of whatever class it is. Catch it where the page is fetched")
async def one_kind_of_failure(fetch, urls, workers):
    queue, pages = _filled(urls), {}

    async def worker():
        while not queue.empty():
            url = queue.get_nowait()
            try:
                pages[url] = await fetch(url)
            except ConnectionError as error:
                pages[url] = error

    async with asyncio.TaskGroup() as group:
        for _ in range(workers):
            group.create_task(worker())
    return pages


@told(ex.fetch_bounded, "to clean up: after `cancel()`, wait for its end")
async def cancels_and_goes(fetch, urls, workers):
    queue, pages = _filled(urls), {}

    async def worker():
        while not queue.empty():
            await _kept(fetch, queue.get_nowait(), pages)

    tasks = [asyncio.create_task(worker()) for _ in range(workers)]
    try:
        await asyncio.wait(tasks)
    finally:
        for task in tasks:
            task.cancel()
    return pages


@told(ex.fetch_bounded, "Cancel all workers at once, then wait for them")
async def cancels_one_after_another(fetch, urls, workers):
    queue, pages = _filled(urls), {}

    async def worker():
        while not queue.empty():
            await _kept(fetch, queue.get_nowait(), pages)

    tasks = [asyncio.create_task(worker()) for _ in range(workers)]
    try:
        await asyncio.wait(tasks)
    finally:
        for task in tasks:
            task.cancel()
            await asyncio.wait([task])
    return pages


@told(ex.fetch_bounded, "workers were fetching; it was begun at")
async def pauses_after_a_failure(fetch, urls, workers):
    queue, pages = _filled(urls), {}

    async def worker():
        while not queue.empty():
            url = queue.get_nowait()
            try:
                pages[url] = await fetch(url)
            except Exception as error:
                await asyncio.sleep(0.1)
                pages[url] = error

    async with asyncio.TaskGroup() as group:
        for _ in range(workers):
            group.create_task(worker())
    return pages


async def _crawled(fetch, start, workers, failure):
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
            except failure as error:
                pages[url] = error
            finally:
                queue.task_done()

    tasks = [asyncio.create_task(worker()) for _ in range(workers)]
    try:
        await queue.join()
        return pages
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@told(ex.crawl, "A page failed, and took its worker with it")
async def crawls_with_one_kind_of_failure(fetch, start, workers):
    return await _crawled(fetch, start, workers, ConnectionError)


@told(ex.crawl, "Which `except` catches a CancelledError?")
async def catches_cancellations(fetch, start, workers):
    return await _crawled(fetch, start, workers, BaseException)


@told(ex.crawl, "to clean up: after `cancel()`, wait for its end")
async def does_not_wait_for_the_workers(fetch, start, workers):
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
    try:
        await queue.join()
        return pages
    finally:
        for task in tasks:
            task.cancel()


async def _politely(fetch, urls, total, per_host, pauses, failure=ConnectionError):
    everyone = asyncio.Semaphore(total)
    hosts = defaultdict(lambda: asyncio.Semaphore(per_host))

    async def one(url):
        for before, after in pauses:
            await asyncio.sleep(before)
            try:
                async with hosts[urlsplit(url).netloc], everyone:
                    return await fetch(url)
            except failure as error:
                failed = error
            await asyncio.sleep(after)
        return failed

    return await asyncio.gather(*(one(url) for url in urls))


@told(ex.fetch_politely, "a pause is good for nothing unless another try comes after it")
async def pauses_after_the_last_try(fetch, urls, total, per_host):
    return await _politely(fetch, urls, total, per_host, [(0, 1), (0, 2), (0, 4)])


@told(ex.fetch_politely, "what waits must neither keep others from fetching nor wait for them")
async def pauses_for_too_long(fetch, urls, total, per_host):
    return await _politely(fetch, urls, total, per_host, [(0, 0), (1, 0), (3, 0)])


@told(ex.fetch_politely, "Which `except` catches a CancelledError?")
async def retries_a_cancellation(fetch, urls, total, per_host):
    return await _politely(fetch, urls, total, per_host, [(0, 0), (1, 0), (2, 0)], BaseException)


@told(ex.fetch_politely, "cost you the others")
async def retries_one_kind(fetch, urls, total, per_host):
    return await _politely(fetch, urls, total, per_host, [(0, 0), (1, 0), (2, 0)], ConnectionResetError)


@told(ex.fetch_politely, "what waits must neither keep others from fetching nor wait for them")
async def retries_in_rounds(fetch, urls, total, per_host):
    everyone = asyncio.Semaphore(total)
    hosts = defaultdict(lambda: asyncio.Semaphore(per_host))
    pages, left = {}, list(urls)

    async def one(url):
        async with hosts[urlsplit(url).netloc], everyone:
            pages[url] = await fetch(url)

    for pause in (0, 1, 2):
        await asyncio.sleep(pause if left else 0)
        results = await asyncio.gather(*(one(url) for url in left), return_exceptions=True)
        failed = {url: error for url, error in zip(left, results, strict=True) if isinstance(error, Exception)}
        pages.update(failed)
        left = list(failed)
    return [pages[url] for url in urls]


# Sentences that blamed a page where the answer's own code was to blame.


@told(ex.crawl, "That was no failure of a fetch, and your `except` took it for one")
async def breaks_in_its_own_code(fetch, start, workers):
    queue, pages = asyncio.Queue(), {}
    queue.put_nowait(start)

    async def worker():
        while True:
            url = await queue.get()
            try:
                links = await fetch(url)
                for link in links:
                    if link not in pages[url]:
                        queue.put_nowait(link)
                pages[url] = links
            except Exception as error:
                pages[url] = error
            finally:
                queue.task_done()

    tasks = [asyncio.create_task(worker()) for _ in range(workers)]
    try:
        await queue.join()
        return pages
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@told(ex.crawl, "has a worker been started?")
async def starts_no_worker(fetch, start, workers):
    queue = asyncio.Queue()
    queue.put_nowait(start)
    await queue.join()
    return {}


@told(ex.crawl, "and your function did not end. Whoever sees a URL first must mark it")
async def never_marks(fetch, start, workers):
    pages = {}

    async def visit(url, queue):
        await _kept(fetch, url, pages)
        for link in pages[url] if isinstance(pages[url], list) else []:
            queue.put_nowait(link)

    await _crawl(start, workers, visit)
    return pages


@told(ex.fetch_bounded, "An `await` is missing")
async def takes_without_await(fetch, urls, workers):
    queue, pages = _filled(urls), {}

    async def worker():
        while not queue.empty():
            await _kept(fetch, queue.get(), pages)
            queue.get_nowait()

    await asyncio.gather(*(worker() for _ in range(workers)))
    return pages


@told(ex.fetch_bounded, "never more than 2 pages were being fetched at one time")
async def one_worker_too_few(fetch, urls, workers):
    queue, pages = _filled(urls), {}

    async def worker():
        while not queue.empty():
            await _kept(fetch, queue.get_nowait(), pages)

    await asyncio.gather(*(worker() for _ in range(max(1, workers - 1))))
    return pages


@told(ex.fetch_bounded, "no page was being fetched, and not all were there")
async def rests_at_the_beginning(fetch, urls, workers):
    await asyncio.sleep(0.1)
    queue, pages = _filled(urls), {}

    async def worker():
        while not queue.empty():
            await _kept(fetch, queue.get_nowait(), pages)

    await asyncio.gather(*(worker() for _ in range(workers)), return_exceptions=True)
    return pages


@told(ex.fetch_bounded, "`get()` belongs before the `try` whose `finally` reports")
async def takes_inside_the_try(fetch, urls, workers):
    queue, pages = _filled(urls), {}

    async def worker():
        while True:
            try:
                url = await queue.get()
                pages[url] = await fetch(url)
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
        await asyncio.gather(*tasks)
    return pages


@told(ex.fetch_bounded, "put_nowait does not wait for room: make the queue without `maxsize`")
async def limits_the_queue(fetch, urls, workers):
    queue, pages = asyncio.Queue(maxsize=workers), {}
    for url in urls:
        queue.put_nowait(url)
    async with asyncio.TaskGroup() as group:
        for _ in range(workers):
            group.create_task(_kept(fetch, queue.get_nowait(), pages))
    return pages


@told(ex.fetch_bounded, "Each of your tasks fetched one page, and ended. A worker is a loop")
async def one_page_a_worker(fetch, urls, workers):
    queue, pages = _filled(urls), {}
    async with asyncio.TaskGroup() as group:
        for _ in range(workers):
            group.create_task(_kept(fetch, queue.get_nowait(), pages))
    return pages


@told(ex.crawl, "`get()` belongs before the `try` whose `finally` reports")
async def takes_a_page_inside_the_try(fetch, start, workers):
    queue, seen, pages = asyncio.Queue(), {start}, {}
    queue.put_nowait(start)

    async def worker():
        while True:
            try:
                url = await queue.get()
                pages[url] = await fetch(url)
                for link in pages[url]:
                    if link not in seen:
                        seen.add(link)
                        queue.put_nowait(link)
            except Exception as error:
                pages[url] = error
            finally:
                queue.task_done()

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(worker()) for _ in range(workers)]
        await queue.join()
        for task in tasks:
            task.cancel()
    return pages


@told(ex.crawl, "The first page has been seen from the beginning: mark 'start' before you put it")
async def forgets_to_mark_the_start(fetch, start, workers):
    queue, seen, pages = asyncio.Queue(), set(), {}
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
            except Exception as error:
                pages[url] = error
            finally:
                queue.task_done()

    tasks = [asyncio.create_task(worker()) for _ in range(workers)]
    try:
        await queue.join()
        return pages
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@told(ex.fetch_politely, "It looks as if the two limits were swapped")
async def swaps_the_limits(fetch, urls, total, per_host):
    everyone, hosts = asyncio.Semaphore(per_host), defaultdict(lambda: asyncio.Semaphore(total))

    async def one(url):
        for pause in (0, 1, 2):
            await asyncio.sleep(pause)
            try:
                async with hosts[urlsplit(url).netloc], everyone:
                    return await fetch(url)
            except ConnectionError as error:
                failure = error
        return failure

    return await asyncio.gather(*(one(url) for url in urls))
