"""AsyncWebCrawler, the article's face of a crawl."""

import asyncio
import dataclasses
import random
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

from course_lib.crawler.crawl import Crawl
from course_lib.crawler.fetch import Fetch, HttpFetch, new_session, sent
from course_lib.crawler.report import progress_bar, report
from course_lib.crawler.results import CrawlResult, save
from course_lib.crawler.settings import Settings
from course_lib.crawler.urls import normalise
from course_lib.lifecycle.checks import check_count, check_hook, check_number

_BUFFER = 100  # results that a slow consumer of `stream` lets gather before the workers wait for it

Emit = Callable[[CrawlResult], Awaitable[object]]


class AsyncWebCrawler:
    """Crawls web sites: a fixed set of workers, a queue, and each page once.

    Each crawl begins anew and keeps nothing of the one before; `results`, `skipped` and `stats` are those of the one
    begun last. Two crawlers, or two crawls of one, may run at once.

    Args:
        max_concurrent: requests under way at most.
        max_per_host: the same for one host: one scheme, name and port.
        timeout: seconds for a request, from connecting to the last byte of the body; and for parsing a large page.
        max_retries: how often a URL is tried again after a timeout, a lost connection, status 429 or 5xx; 0 for never.
        user_agent: what the crawler calls itself, also to robots.txt (there, what stands before the slash).
        allowed_hosts: where links are followed to: "name" for every port of it, "name:port" or "http://name:port"; None
            for the name and port of the start URL.
        obey_robots: whether robots.txt is asked for, once for a host, and obeyed.
        max_redirects: how many in a row are followed; each leads to a page that is requested, and counted, like others.
        max_body: bytes, decompressed; a longer page is a failure. A page that may take long to parse (300,000 bytes,
            5,000 tags) is parsed in a child process.
        crawl_delay_cap: seconds; a longer Crawl-delay in robots.txt is shortened to this.
        retry_after_cap: the same for a Retry-After header.
        retry_delay: the longest wait before the first retry, in seconds; it doubles with each.
        retry_delay_cap: where it stops growing, in seconds.
        jitter: given 0 and the longest wait, returns the wait.
        progress: whether a bar is shown: pages done, of those known so far.
        fetch: what makes the requests, for tests and simulations; None for the web.

    Raises TypeError and ValueError for arguments without sense. Source: article, "1. Web crawler" (L636).
    """

    def __init__(
        self,
        max_concurrent: int = 10,
        max_per_host: int = 3,
        timeout: float = 10,
        max_retries: int = 3,
        user_agent: str = "AsyncCrawler/1.0",
        *,
        allowed_hosts: Collection[str] | None = None,
        obey_robots: bool = True,
        max_redirects: int = 10,
        max_body: int = 10_000_000,
        crawl_delay_cap: float = 10.0,
        retry_after_cap: float = 30.0,
        retry_delay: float = 1.0,
        retry_delay_cap: float = 30.0,
        jitter: Callable[[float, float], float] = random.uniform,
        progress: bool = False,
        fetch: Fetch | None = None,
    ) -> None:
        check_count("max_concurrent", max_concurrent, 1, "10 is the default")
        check_count("max_per_host", max_per_host, 1, "3 is the default")
        check_number("timeout", timeout, 0, "seconds", "10 is the default")
        if not timeout:
            raise ValueError("timeout=0: pass more than 0 seconds, no request takes less; 10 is the default")
        check_count("max_retries", max_retries, 0, "0 never tries again")
        check_count("max_redirects", max_redirects, 0, "10 is the default")
        check_count("max_body", max_body, 1, "10_000_000 is the default")
        for name, seconds in (
            ("crawl_delay_cap", crawl_delay_cap),
            ("retry_after_cap", retry_after_cap),
            ("retry_delay", retry_delay),
            ("retry_delay_cap", retry_delay_cap),
        ):
            check_number(name, seconds, 0, "seconds", "0 never waits")
        check_hook("jitter", jitter)
        if not isinstance(user_agent, str) or not re.fullmatch(r"[!-~][ -~]*", user_agent):
            raise ValueError(f'user_agent={user_agent!r:.60}: pass printable ASCII, as in "MyCrawler/1.0 (+http://me)"')
        self._settings = Settings(
            max_concurrent=max_concurrent,
            max_per_host=max_per_host,
            timeout=timeout,
            max_retries=max_retries,
            user_agent=user_agent,
            allowed_hosts=_check_hosts(allowed_hosts),
            obey_robots=obey_robots,
            max_redirects=max_redirects,
            max_body=max_body,
            crawl_delay_cap=crawl_delay_cap,
            retry_after_cap=retry_after_cap,
            retry_delay=retry_delay,
            retry_delay_cap=retry_delay_cap,
            jitter=jitter,
        )
        self._fetch, self._progress, self._is_stream = fetch, progress, False
        self.results: list[CrawlResult] = []
        self.skipped: dict[str, str] = {}
        self.stats: dict[str, Any] = {}

    async def crawl_recursive(self, start_url: str, max_depth: int = 2, max_pages: int = 100) -> list[CrawlResult]:
        """Crawl from a page and return a result for each page that was crawled, or failed, in order of arrival.

        Exactly the pages that are within `max_depth` are requested, each once, whatever the order of the answers; where
        that would be more than `max_pages`, so many, and each time the one that is, of those known at its host, nearest
        to the start. What was found before a cancellation is in `results`.

        start_url: an http or https URL
        max_depth: links from the start page; 0 for this page alone
        max_pages: URLs to request at most: pages, redirects and files that turn out to be no HTML, but no robots.txt
        Raises ValueError for a URL that is none or not in `allowed_hosts`, and for numbers without sense; TypeError for
            what is no number.
        """
        results: list[CrawlResult] = []

        async def keep(result: CrawlResult) -> None:
            results.append(result)

        start = _check_crawl(start_url, max_depth, max_pages)
        async with self._web(None) as fetch:
            crawl = self._begin(fetch, start, max_depth, max_pages, keep)
            self.results, self._is_stream = results, False
            await self._run(crawl)
        for result in results:
            result.depth = crawl.depth_of(result.url)  # a shorter way may have been found since
        return results

    async def stream(self, start_url: str, max_depth: int = 2, max_pages: int = 100) -> AsyncIterator[CrawlResult]:
        """Do what `crawl_recursive` does, but yield each result as it comes, and keep none.

        A consumer that is slow slows the crawl down. One that stops early closes the stream, or the crawl would go on
        until the garbage collector finds it: `async with contextlib.aclosing(crawler.stream(url)) as results`. A
        result's `depth` is by the shortest way known when it came.
        """
        # The crawl runs in a task of its own, never in a task group around the yield: the group would cancel whichever
        # task is running the consumer's code then.
        start = _check_crawl(start_url, max_depth, max_pages)
        arrived: asyncio.Queue[CrawlResult | None] = asyncio.Queue(_BUFFER)
        async with self._web(None) as fetch:
            crawl = self._begin(fetch, start, max_depth, max_pages, arrived.put)
            self.results, self._is_stream = [], True
            task = asyncio.create_task(self._run(crawl), name="crawl")
            # None wakes a consumer that waits. Where the queue is full it is not needed, and has no room.
            task.add_done_callback(lambda _: None if arrived.full() else arrived.put_nowait(None))
            try:
                while not (task.done() and arrived.empty()):
                    result = await arrived.get()
                    if result is not None:
                        yield result
                await task
            finally:
                await _end(task)

    async def crawl_url(self, session: aiohttp.ClientSession | None, url: str) -> CrawlResult:
        """Crawl one page and return its result, or that of the page it redirects to.

        It is a crawl of its own: limits hold within it, robots.txt is asked first, and `results`, `skipped` and `stats`
        are not touched. A URL that is skipped has a result whose `error` begins with "skipped".

        session: makes the request, and stays open; None for one that lasts for this call
        Raises ValueError for a URL that is none or not in `allowed_hosts`.
        """
        results: list[CrawlResult] = []

        async def keep(result: CrawlResult) -> None:
            results.append(result)

        start = _check_crawl(url, 0, 1)
        async with self._web(session) as fetch:
            crawl = Crawl(dataclasses.replace(self._settings, max_concurrent=1), fetch, start, 0, 100, keep)
            await crawl.run()
        if results:
            return results[-1]
        last, reason = list(crawl.skipped.items())[-1]
        return CrawlResult(last, 0, error=f"skipped: {reason}")

    def print_statistics(self) -> None:
        """Print what the last crawl did, its first failures, and why URLs were skipped."""
        print(report(self.stats, self.skipped))

    async def save_results(self, filename: str | Path = "crawl_results.json") -> None:
        """Write the results of the last `crawl_recursive` to a file; it is never seen half written.

        filename: ends in .json, for `stats` and `results` in one object, or in .jsonl, for a result on each line
        Raises ValueError for another ending, RuntimeError after a `stream`, whose results nobody has kept, OSError when
            it cannot be written; then an older file is as it was.
        """
        if self._is_stream and not self.results:
            raise RuntimeError(
                "the last crawl was a stream, which keeps no results, so there are none to save: "
                "keep them as they come, in crawler.results, or use crawl_recursive"
            )
        await save(Path(filename), self.stats, self.results)

    @asynccontextmanager
    async def _web(self, session: aiohttp.ClientSession | None) -> AsyncIterator[Fetch]:
        if self._fetch is not None:
            yield self._fetch
        elif session is not None:
            yield HttpFetch(session, sent(self._settings.user_agent))
        else:
            async with new_session(self._settings.user_agent) as own:
                yield HttpFetch(own)

    def _begin(self, fetch: Fetch, start: str, max_depth: int, max_pages: int, emit: Emit) -> Crawl:
        crawl = Crawl(self._settings, fetch, start, max_depth, max_pages, emit)
        self.skipped, self.stats = crawl.skipped, crawl.stats
        return crawl

    async def _run(self, crawl: Crawl) -> None:
        if not self._progress:
            await crawl.run()
            return
        with progress_bar() as show:
            crawl.on_result = show
            await crawl.run()


async def _end(task: asyncio.Task[None]) -> None:
    """Cancel a task and wait until it has ended, also when cancelled meanwhile."""
    task.cancel()
    cancellation = None
    while not task.done():
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError as error:
            cancellation = error.with_traceback(None)  # asyncio's frames, which from 3.14 on lead to this task
    if cancellation is not None:
        try:
            raise cancellation
        finally:
            del cancellation  # its traceback leads to this frame


def _check_crawl(start_url: str, max_depth: int, max_pages: int) -> str:
    check_count("max_depth", max_depth, 0, "0 is the start page alone")
    check_count("max_pages", max_pages, 1, "100 is the default")
    start = normalise(start_url) if isinstance(start_url, str) else None
    if start is None:
        raise ValueError(
            f'start_url={start_url!r:.200} is no http or https URL: pass one, as in "https://example.com/"'
        )
    return start


def _check_hosts(allowed: Collection[str] | None) -> frozenset[str] | None:
    if allowed is None:
        return None
    if isinstance(allowed, str) or not all(isinstance(host, str) for host in allowed):
        raise TypeError(f"allowed_hosts={allowed!r:.60}: pass a collection of str, as in {{'example.com'}}")
    hosts = set()
    for host in allowed:
        url = normalise(host if "://" in host else f"http://{host}")
        if url is None or url.count("/") != 3 or not url.endswith("/"):
            raise ValueError(
                f"allowed_hosts holds {host!r:.200}: pass hosts, as in 'example.com', '127.0.0.1:8000' or 'http://[::1]'"
            )
        hosts.add(url[:-1] if "://" in host else url[len("http://") : -1])
    return frozenset(hosts)
