"""What the bug hunts of lesson 4a show: code as somebody found it, to be mended."""

import asyncio
from collections import defaultdict
from urllib.parse import urlsplit


async def crawl(fetch, start, workers):
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


async def fetch_politely(fetch, urls, total, per_host):
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
