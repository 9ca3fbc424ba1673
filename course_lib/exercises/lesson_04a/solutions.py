"""The reference solutions of lesson 4a, as a learner would write them."""
# mypy: disable-error-code="var-annotated"
# (a learner writes asyncio.Queue(), and not asyncio.Queue[str]())

import asyncio
from collections import defaultdict
from urllib.parse import urlsplit


async def fetch_bounded(fetch, urls, workers):
    queue = asyncio.Queue()
    for url in urls:
        queue.put_nowait(url)
    pages = {}

    async def worker():
        while not queue.empty():
            url = queue.get_nowait()
            try:
                pages[url] = await fetch(url)
            except Exception as error:
                pages[url] = error

    async with asyncio.TaskGroup() as group:
        for _ in range(workers):
            group.create_task(worker())
    return pages


async def crawl(fetch, start, workers):
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


async def fetch_politely(fetch, urls, total, per_host):
    everyone = asyncio.Semaphore(total)
    hosts = defaultdict(lambda: asyncio.Semaphore(per_host))

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
