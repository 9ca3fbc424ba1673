"""The crawler on real sockets: what it sends, how much it reads, and what it leaves behind."""

import asyncio
import gzip
import time

import aiohttp
import pytest
from aiohttp import web

from course_lib.crawler import AsyncWebCrawler
from course_lib.lab.web import LabServer

HTML = "text/html; charset=utf-8"


@pytest.fixture
def server():
    with LabServer() as server:
        yield server


class Site:
    """Pages of a lab server, and what was asked of it."""

    def __init__(self, server):
        self.server, self.pages, self.seen = server, {}, []
        self.url = server.mount("/site", self.answer)
        server.mount("/robots.txt", self.robots)

    async def robots(self, request, tail):
        raise web.HTTPNotFound

    def add(self, path, body=b"", **options):
        self.pages[path] = {"body": body, "headers": {"Content-Type": HTML}, **options}

    async def answer(self, request, tail):
        self.seen.append(request)
        if tail == "hang":
            await asyncio.sleep(600)
        if tail not in self.pages:
            raise web.HTTPNotFound
        return web.Response(**self.pages[tail])


@pytest.fixture
def site(server):
    return Site(server)


def crawl(site, start="", **options):
    crawler = AsyncWebCrawler(retry_delay=0, **options)
    asyncio.run(crawler.crawl_recursive(site.url + start))
    return crawler


def until(condition):
    """Wait for what the server's thread is about to see; only a failing test waits long."""
    give_up = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < give_up, "this never became true"
        time.sleep(0.005)


def test_a_site(site):
    """Titles, links, statuses and lengths in bytes are those of the pages; redirects and dead links are told apart."""
    body = "<title> \u00c4 page </title><a href=gone>x</a><a href=old>y</a>".encode()
    site.add("", body)
    site.add("old", status=301, headers={"Location": "new"})
    site.add("new", b"<p>no title")
    crawler = crawl(site)
    by_path = {result.url.removeprefix(site.url): result for result in crawler.results}
    assert {path: (r.status_code, r.title, r.error) for path, r in by_path.items()} == {
        "": (200, "\u00c4 page", None),
        "gone": (404, "", "HTTP 404"),
        "new": (200, "", None),
    }
    assert by_path[""].content_length == len(body)
    assert by_path[""].links == [site.url + "gone", site.url + "old"]
    assert crawler.skipped == {site.url + "old": f"redirects to {site.url}new"}


def test_what_is_sent(site):
    """Each request names the crawler and goes to the URL in normal form; nothing else is sent about the last page."""
    site.add("", b'<a href="a%2fb?q=%41 b#c">x</a>', headers={"Content-Type": HTML, "Set-Cookie": "id=1"})
    crawl(site, user_agent="Tester/2.0")
    first, second = site.seen
    assert {request.headers["User-Agent"] for request in site.seen} == {"Tester/2.0"}
    assert second.raw_path == "/site/a%2Fb?q=A%20b"
    assert "Cookie" not in second.headers and "Referer" not in second.headers and first.method == "GET"


def test_connections_are_kept_and_in_the_end_closed(site, server):
    """Pages of a host come over the same few connections, and after the crawl none is open."""
    site.add("", "".join(f"<a href={n}>" for n in range(30)).encode())
    for n in range(30):
        site.add(str(n))
    crawler = crawl(site, max_concurrent=2)
    assert len(crawler.results) == 31
    assert len({request.transport for request in site.seen} - {None}) <= 2
    until(lambda: server.connections == 0)


@pytest.mark.parametrize("compressed", [False, True])
def test_a_body_that_is_too_long(site, compressed):
    """Of a body no more than max_body bytes, decompressed, are kept; one of exactly so many is a page."""
    for path, size in (("fits", 200_000), ("long", 200_001), ("bomb", 30_000_000)):
        body = b"." * size
        headers = {"Content-Type": HTML} | ({"Content-Encoding": "gzip"} if compressed else {})
        site.add(path, gzip.compress(body) if compressed else body, headers=headers)
    site.add("", b"<a href=fits><a href=long><a href=bomb>")
    crawler = crawl(site, max_body=200_000)
    errors = {result.url.removeprefix(site.url): result.error for result in crawler.results}
    too_long = "TooLarge: the body is longer than max_body=200000 bytes"
    assert errors == {"": None, "fits": None, "long": too_long, "bomb": too_long}


def test_nobody_there():
    """A server that refuses connections is asked for robots.txt, again, and then nothing: it might forbid it."""
    with LabServer() as server:
        url = server.url
    crawler = AsyncWebCrawler(retry_delay=0, max_retries=1)
    assert asyncio.run(crawler.crawl_recursive(url)) == []
    assert "ClientConnectorError" in crawler.skipped[f"{url}/"] and crawler.stats["retries"] == 1
    crawler = AsyncWebCrawler(retry_delay=0, max_retries=1, obey_robots=False)
    (result,) = asyncio.run(crawler.crawl_recursive(url))
    assert result.status_code == 0 and result.error.startswith("ClientConnectorError") and result.attempts == 2


def test_a_cancelled_crawl_leaves_no_socket(site, server):
    """A crawl cancelled with requests in flight ends within a second, with its results, and closes every connection."""
    site.add("", b"<a href=page><a href=hang><a href=hang?2>")
    site.add("page")
    crawler = AsyncWebCrawler()

    async def main():
        task = asyncio.create_task(crawler.crawl_recursive(site.url))
        while len(site.seen) < 4 or len(crawler.results) < 2:
            await asyncio.sleep(0.005)
        asked = time.monotonic()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert len(asyncio.all_tasks()) == 1
        return time.monotonic() - asked

    assert asyncio.run(main()) < 60  # what hangs takes 600; on a quiet machine it is a few milliseconds
    assert [result.url for result in crawler.results] == [site.url, f"{site.url}page"]
    until(lambda: server.connections == 0)


def test_a_stream_left_early_leaves_no_socket(site, server):
    """After a break out of a stream, with no clean-up by the caller, no request goes on and no connection is open."""
    site.add("", b"<a href=hang>")
    crawler = AsyncWebCrawler()

    async def main():
        async for _ in crawler.stream(site.url):
            break
        while len(asyncio.all_tasks()) > 1:
            await asyncio.sleep(0.005)

    asyncio.run(main())
    until(lambda: server.connections == 0)


def test_a_session_of_the_callers(site):
    """crawl_url requests with the session it is given, under the crawler's own name, and leaves it open."""
    site.add("", b"<title>Home</title>")
    crawler = AsyncWebCrawler(obey_robots=False, user_agent="Tester/2.0")

    async def main():
        async with aiohttp.ClientSession(headers={"X-Mine": "yes", "User-Agent": "session"}) as session:
            results = [await crawler.crawl_url(session, site.url) for _ in range(2)]
            assert not session.closed
            return results

    assert [result.title for result in asyncio.run(main())] == ["Home", "Home"]
    assert {(request.headers["X-Mine"], request.headers["User-Agent"]) for request in site.seen} == {
        ("yes", "Tester/2.0")
    }


def test_progress(site, capsys):
    """A bar counts the pages done of those known, as text where there is no notebook; the others print nothing."""
    site.add("", b"<a href=1><a href=2><a href=gone>")
    site.add("1")
    site.add("2", status=302, headers={"Location": "1"})
    crawl(site)
    assert capsys.readouterr() == ("", "")
    crawl(site, progress=True)
    shown = capsys.readouterr().err
    assert "crawling" in shown and "3/3" in shown.split("\r")[-1]
