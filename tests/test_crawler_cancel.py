"""Cancel everywhere: whenever a crawl is cancelled, it ends at once, leaves nothing running, and accounts for each URL.

A crawl is run once to count the moments at which a request begins or its answer arrives, and then once for each of
them, cancelled there; a request that was to end at that moment meets the cancellation.
"""

import asyncio
import inspect
import math
from contextlib import aclosing

import pytest

from course_lib.crawler import AsyncWebCrawler, FakeWeb
from course_lib.seeing import simulate

START = "http://site.test/"


class CancellingWeb(FakeWeb):
    """A web that cancels a task at moment number `at`, and again `times - 1` times in the next turns of the loop."""

    def __init__(self, at, times):
        super().__init__()
        self.at, self.times, self.moments, self.task, self.cancelled_at = at, times, 0, None, None
        self.add_page("/", ["/a", "/b", "/flaky", "/old", "http://other.test/"], delay=1)
        self.add_page("/a", ["/c", "/gone", "/d"], delay=1)
        self.add_page("/b", ["/c"], delay=2)
        self.add_page("/c", ["/a"], delay=1)
        self.add_page("/d", ["/e"], delay=0)
        self.add_page("/flaky", failing=[503], delay=1)
        self.add_redirect("/old", "/b", delay=1)
        self.add_page("http://other.test/", delay=1)
        self.add_robots("User-agent: *\nDisallow: /d", delay=1)

    def moment(self):
        if self.moments == self.at:
            self.cancelled_at = asyncio.get_running_loop().time()
            self.cancel(self.times)
        self.moments += 1

    def cancel(self, times):
        if times:
            self.task.cancel()
            asyncio.get_running_loop().call_soon(self.cancel, times - 1)

    async def fetch(self, url, **options):
        self.moment()
        try:
            return await super().fetch(url, **options)
        finally:
            self.moment()


async def as_a_list(crawler):
    await crawler.crawl_recursive(START)


async def as_a_stream(crawler):
    async with aclosing(crawler.stream(START)) as results:
        async for _ in results:
            await asyncio.sleep(0.5)


async def as_a_stream_that_nobody_closes(crawler):
    async for _ in crawler.stream(START):
        pass


async def one_url(crawler):
    await crawler.crawl_url(None, f"{START}old")


def run(scenario, at=-1, times=1):
    web = CancellingWeb(at, times)
    crawler = AsyncWebCrawler(
        2, 2, fetch=web.fetch, allowed_hosts={"site.test", "other.test"}, jitter=lambda _, longest: longest
    )

    async def main():
        web.task = asyncio.create_task(scenario(crawler), name="scenario")
        await asyncio.wait({web.task})
        left = asyncio.all_tasks() - {asyncio.current_task()}
        assert not left, f"left running: {left}"

    timeline = simulate(main)
    assert timeline.leaked == [] and timeline.notes == []
    assert not +web._in_flight
    return web, crawler, timeline


@pytest.mark.parametrize("scenario", [as_a_list, as_a_stream, as_a_stream_that_nobody_closes, one_url])
@pytest.mark.parametrize("times", [1, 3])
def test_cancelled_anywhere(scenario, times):
    """Cancelled at any moment, once or again and again, a crawl is over at that moment, with nothing left behind."""
    web, *_ = run(scenario)
    assert not web.task.cancelled() and web.moments >= 6
    for at in range(web.moments - 1):
        cancelled, _, timeline = run(scenario, at, times)
        assert cancelled.task.cancelled(), f"the cancellation at moment {at} was swallowed"
        assert timeline.end == cancelled.cancelled_at


def test_each_url_is_in_one_place_whenever_it_ends():
    """At whatever moment a crawl is cancelled, every URL it had seen is crawled, failed or skipped, and only one."""
    moments = run(as_a_list)[0].moments
    for at in range(moments - 1):
        web, crawler, _ = run(as_a_list, at)
        results = [result.url for result in crawler.results]
        assert len(set(results)) == len(results) and not set(results) & crawler.skipped.keys()
        linked = {link for result in crawler.results for link in result.links}
        asked = {url for url in web.requests if not url.endswith("robots.txt")}
        assert linked | asked | {START} <= set(results) | crawler.skipped.keys()


def test_every_public_coroutine_function_is_cancelled():
    """No coroutine function of the crawler is missing from these scenarios, but save_results, which has its own."""
    covered = {"crawl_recursive", "stream", "crawl_url", "save_results"}
    functions = {
        name
        for name, member in inspect.getmembers(AsyncWebCrawler)
        if inspect.iscoroutinefunction(member) or inspect.isasyncgenfunction(member)
    }
    assert {name for name in functions if not name.startswith("_")} == covered


def test_waiting_for_a_retry_is_cancelled():
    """A crawl in which every URL waits for its next attempt ends when it is cancelled, too."""
    web = FakeWeb()
    web.add_page("/", failing=[503, 503], headers={"Retry-After": "20"})
    crawler = AsyncWebCrawler(fetch=web.fetch, timeout=math.pi)

    async def main():
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(10):
                await crawler.crawl_recursive(START)

    assert simulate(main).end == 10 and set(crawler.skipped) == {START}
