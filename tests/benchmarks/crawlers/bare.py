"""The limit: aiohttp fetches the same URLs, known beforehand, and looks at nothing."""

import asyncio
from collections.abc import Iterator
from time import perf_counter

import aiohttp
from yarl import URL

from crawlers.common import Job, read_job, report


async def main(job: Job) -> int:
    pages = 0

    async def work(urls: Iterator[str]) -> None:
        nonlocal pages
        for url in urls:
            async with session.get(URL(url, encoded=True)) as response:
                await response.read()
                pages += response.status == 200

    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar()) as session:
        queues = [iter([url for url in job.urls if url.startswith(f"{host}/")]) for host in job.hosts]
        await asyncio.gather(*(work(queue) for queue in queues for _ in range(job.per_host)))
    return pages


if __name__ == "__main__":
    job = read_job()
    begun = perf_counter()
    report(asyncio.run(main(job)), perf_counter() - begun)
