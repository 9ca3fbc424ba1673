"""Cancel everywhere: whenever a crawl is cancelled, it ends at once, leaves nothing, and accounts for each URL."""

import asyncio
import inspect
import math
from contextlib import aclosing

import pytest

from course_lib.crawler import AsyncWebCrawler, FakeWeb
from course_lib.crawler.threads import in_thread
from course_lib.seeing import simulate
from course_lib.testing import cancel_everywhere

START = "http://site.test/"


class World:
    """A web with all that a crawl may meet, and a crawler."""

    def __init__(self):
        self.web = web = FakeWeb()
        web.add_page("/", ["/a", "/b", "/flaky", "/old", "http://other.test/"], delay=1)
        web.add_page("/a", ["/c", "/gone", "/d"], delay=1)
        web.add_page("/b", ["/c"], delay=2)
        web.add_page("/c", ["/a"], delay=1)
        web.add_page("/d", ["/e"], delay=0)
        web.add_page("/flaky", failing=[503], delay=1)
        web.add_redirect("/old", "/b", delay=1)
        web.add_page("http://other.test/", delay=1)
        web.add_robots("User-agent: *\nDisallow: /d", delay=1)
        self.crawler = AsyncWebCrawler(
            2, 2, fetch=web.fetch, allowed_hosts={"site.test", "other.test"}, jitter=lambda _, longest: longest
        )

    def is_idle(self):
        """No request is left."""
        return not +self.web._in_flight

    def accounts_for_each_url(self):
        """Every URL that was seen is crawled, failed or skipped, and only one of these."""
        results = [result.url for result in self.crawler.results]
        assert len(set(results)) == len(results) and not set(results) & self.crawler.skipped.keys()
        linked = {link for result in self.crawler.results for link in result.links}
        asked = {url for url in self.web.requests if not url.endswith("robots.txt")}
        assert linked | asked <= set(results) | self.crawler.skipped.keys()


async def as_a_list(world):
    await world.crawler.crawl_recursive(START)


async def as_a_stream(world):
    async with aclosing(world.crawler.stream(START)) as results:
        async for _ in results:
            await asyncio.sleep(0.5)


async def as_a_stream_that_nobody_closes(world):
    async for _ in world.crawler.stream(START):
        pass


async def one_url(world):
    await world.crawler.crawl_url(None, f"{START}old")


@pytest.mark.parametrize("scenario", [as_a_list, as_a_stream, as_a_stream_that_nobody_closes, one_url])
def test_cancelled_anywhere(scenario):
    """Cancelled at any moment, once or again, a crawl is over at that moment, with nothing left behind."""
    assert cancel_everywhere(scenario, World.is_idle, make=World, within=0).points >= 5


def test_each_url_is_in_one_place_whenever_it_ends():
    """At whatever moment a crawl is cancelled, every URL it had seen is crawled, failed or skipped, and only one."""
    assert cancel_everywhere(as_a_list, World.accounts_for_each_url, make=World).points > 10


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


def test_work_in_a_thread_that_raises_stop_iteration_is_told():
    """StopIteration, which no future carries, comes out of the thread as RuntimeError."""

    async def main():
        await in_thread(lambda: next(iter(())), lambda: None)

    with pytest.raises(RuntimeError, match="work raised StopIteration"):
        simulate(main)
