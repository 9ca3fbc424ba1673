"""Scrapy, tuned for speed: more in flight, fewer tasks a response, no log, no cookies, no Request for a known URL.

Left as they are, for they made no difference that could be measured: the other middlewares and the priority queue. Its
handler on aiohttp is experimental and private; it made a tenth.
"""

from collections.abc import Iterator
from time import perf_counter
from typing import Any
from urllib.parse import urlsplit

import scrapy
from scrapy import signals
from scrapy.crawler import CrawlerProcess
from scrapy.http import Response

from crawlers.common import Job, read_job, report


class Spider(scrapy.Spider):
    name = "tuned"

    def __init__(self, job: Job) -> None:
        super().__init__()
        self.start_urls = [job.start]
        self.allowed_domains = sorted({urlsplit(host).hostname for host in job.hosts})
        self.pages = 0
        self.known = {job.start}

    def parse(self, response: Response) -> Iterator[Any]:
        # Not a LinkExtractor, and each URL once: what Scrapy's own filter would throw away is not made a Request first.
        links = [response.urljoin(href) for href in response.xpath("//a/@href").getall()]
        self.pages += 1
        yield {"url": response.url, "title": response.xpath("//title/text()").get(), "links": links}
        for link in links:
            if link not in self.known:
                self.known.add(link)
                yield scrapy.Request(link, dont_filter=True)


def settings(job: Job) -> dict[str, Any]:
    return {
        "CONCURRENT_REQUESTS": job.in_flight,
        "CONCURRENT_REQUESTS_PER_DOMAIN": job.per_host,
        "CONCURRENT_ITEMS": 1,  # by default each response starts 100 tasks
        "ROBOTSTXT_OBEY": True,
        "DEPTH_LIMIT": job.depth,
        # Breadth first, as the others: in Scrapy's own order, the last found first, a limit of depth can lose pages.
        "SCHEDULER_MEMORY_QUEUE": "scrapy.squeues.FifoMemoryQueue",
        # Twisted's own: on asyncio's, Scrapy 2.19 sends up to three times as many requests to a host as it is told.
        "TWISTED_REACTOR": None,
        "LOG_ENABLED": False,
        "COOKIES_ENABLED": False,
        "TELNETCONSOLE_ENABLED": False,
        "RETRY_TIMES": 3,
    }


def crawl(job: Job) -> tuple[int, float]:
    process = CrawlerProcess(settings(job))
    crawler = process.create_crawler(Spider)
    times: list[float] = []
    # From the spider's opening to its closing: the start of the reactor is not counted.
    for signal in (signals.spider_opened, signals.spider_closed):
        crawler.signals.connect(lambda: times.append(perf_counter()), signal=signal, weak=False)
    process.crawl(crawler, job)
    process.start()
    return crawler.spider.pages, times[1] - times[0]


if __name__ == "__main__":
    report(*crawl(read_job()))
