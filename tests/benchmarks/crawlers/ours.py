"""Ours: the crawler of lesson 4b, streaming."""

import asyncio
from time import perf_counter
from urllib.parse import urlsplit

from course_lib.crawler import AsyncWebCrawler
from crawlers.common import Job, read_job, report


async def main(job: Job) -> int:
    hosts = {urlsplit(host).hostname for host in job.hosts}
    crawler = AsyncWebCrawler(max_concurrent=job.in_flight, max_per_host=job.per_host, allowed_hosts=hosts)
    pages = 0
    async for result in crawler.stream(job.start, max_depth=job.depth, max_pages=1_000_000):
        pages += result.error is None
    return pages


if __name__ == "__main__":
    job = read_job()
    begun = perf_counter()
    report(asyncio.run(main(job)), perf_counter() - begun)
