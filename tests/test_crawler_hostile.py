"""The crawler against a hostile server: a recorded failure or a bounded result, and every URL in exactly one place."""

import asyncio
import re
import socket
import threading
import time
import tracemalloc
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
import requests

from course_lib.crawler import AsyncWebCrawler, CrawlResult
from course_lib.fetching import async_fetch_multiple, sync_fetch_multiple, sync_fetch_url
from course_lib.lab.hostile import HostileServer
from course_lib.lab.hostile_answers import ANSWERS, LINK, MINUTES

GUARD = 180  # seconds: a crawl that takes longer hangs
LONG = 120.0  # seconds for an answer that comes at once, even on a busy machine
SHORT = 0.3  # seconds for one that never comes

CRAWLED = "crawled"
NEVER = dict.fromkeys(("continue-flood", "drip-body", "drip-head", "silent"), "TimeoutError")
"""What waits for ever, unless somebody looks at a clock."""

WAITS = [name for name in ANSWERS if name.startswith("retry-after")]

FATE = NEVER | {
    "body-endless": "TooLarge",
    "body-long": CRAWLED,
    "body-short": "ClientPayloadError",
    "calendar": CRAWLED,
    "charset-codec": CRAWLED,
    "charset-lie": CRAWLED,
    "charset-long": CRAWLED,
    "charset-nul": f"{CRAWLED}|ClientResponseError",
    "charset-undecoded": "Unreadable",
    "charset-unknown": CRAWLED,
    "chunk-cut": "ClientPayloadError",
    "chunk-garbage": "ClientResponseError|ClientPayloadError",
    "chunk-huge": "ClientResponseError|ClientPayloadError",
    "close": "ServerDisconnectedError",
    "encoding-many": "UnknownCoding",
    "encoding-unknown": "UnknownCoding",
    "good": CRAWLED,
    "gzip-bomb": "TooLarge",
    "gzip-cut": "ClientPayloadError",
    "gzip-old-name": CRAWLED,
    "gzip-twice": CRAWLED,
    "gzip-garbage": "ClientPayloadError",
    "head-cut": "ServerDisconnectedError",
    "header-flood": "ClientResponseError",
    "header-garbage": "ClientResponseError",
    "header-large": CRAWLED,
    "header-long": "ClientResponseError",
    "large": CRAWLED,
    "length-and-chunks": f"{CRAWLED}|ClientResponseError|ClientPayloadError",
    "length-negative": "ClientResponseError",
    "length-twice": "ClientResponseError",
    "length-words": "ClientResponseError",
    "links-bad": CRAWLED,
    "nested": f"{CRAWLED}|Unparsed",
    "nul-bytes": CRAWLED,
    "broken-utf8": CRAWLED,
    "picture-link": CRAWLED,
    "redirect-blank": "RedirectLoop",
    "redirect-bytes": "skipped: redirects to",
    "redirect-dots": "skipped: redirects to http://.../",
    "redirect-endless": "skipped: redirects to",
    "redirect-file": "skipped: .*no http or https URL",
    "redirect-loop": "RedirectLoop",
    "redirect-missing": "HTTP 302",
    "redirect-nowhere": "skipped: .*no http or https URL",
    "redirect-pair": "RedirectLoop",
    "redirect-pair-2": "RedirectLoop",
    "reset": "Client|ConnectionResetError|ServerDisconnectedError",
    **dict.fromkeys(WAITS, "HTTP 503"),
    "status-999": "HTTP 999",
    "status-garbage": "ClientResponseError",
    "status-none": "ClientResponseError",
    "status-other": "ClientResponseError",
    "switching": "HTTP 101|TimeoutError",
    "type-garbage": "skipped: not HTML",
    "type-twice": f"{CRAWLED}|skipped: not HTML",
    "unclosed": CRAWLED,
}
"""What becomes of each answer: crawled, or how its failure's or its skipping's reason begins."""


@dataclass
class Crawl:
    results: list[CrawlResult]
    skipped: dict[str, str]

    def fate(self, url: str) -> str:
        """Where a URL ended; that it ended in one place only, `crawl` has checked."""
        result = next((result for result in self.results if result.url == url), None)
        if result is None:
            return f"skipped: {self.skipped[url]}"
        return result.error or CRAWLED


@pytest.fixture
def server() -> Iterator[HostileServer]:
    with HostileServer() as server:
        yield server


def crawl(url: str, max_depth: int = 1, max_pages: int = 20, **options: object) -> Crawl:
    """Crawl, and check what is always true: it ends, leaves no task, and every URL ends in exactly one place."""

    async def main() -> Crawl:
        crawler = AsyncWebCrawler(**{"timeout": LONG, "max_retries": 0} | options)
        async with asyncio.timeout(GUARD):
            results = await crawler.crawl_recursive(url, max_depth=max_depth, max_pages=max_pages)
        assert asyncio.all_tasks() == {asyncio.current_task()}
        return Crawl(results, crawler.skipped)

    crawled = asyncio.run(main())
    places = [result.url for result in crawled.results] + list(crawled.skipped)
    assert len(places) == len(set(places))
    assert {url, *(link for result in crawled.results for link in result.links)} <= set(places)
    assert all(crawled.skipped.values())
    return crawled


def test_every_hostile_answer_has_its_fate() -> None:
    """No answer that the server can give is left out below."""
    assert FATE.keys() == ANSWERS.keys()


@pytest.mark.parametrize("name", ANSWERS)
def test_an_answer_ends_in_one_place(server: HostileServer, name: str) -> None:
    """Each hostile answer is a recorded failure, a reason to skip it, or a bounded result."""
    url = f"{server.url}/{name}"
    timeout = SHORT if name in NEVER else 2.0 if name == "nested" else LONG
    done = crawl(url, timeout=timeout, max_body=6_000_000, obey_robots=False)
    assert re.match(FATE[name], done.fate(url)), done.fate(url)
    assert sum(server.asked.values()) <= 20
    assert all(result.content_length <= 8_000_000 for result in done.results)


def test_all_hostile_answers_in_one_crawl(server: HostileServer) -> None:
    """One page that links to every hostile answer: those that never end are given up, every one has a fate."""
    done = crawl(f"{server.url}/", 1, 1000, timeout=5.0, max_concurrent=30, max_per_host=30, max_body=6_000_000)
    for name in NEVER:
        assert re.match(FATE[name], done.fate(f"{server.url}/{name}")), name
    # aiohttp itself asks once more where a connection that was kept turns out to be spoilt, as /body-long leaves it.
    assert all(count <= 2 for count in server.asked.values())


def test_all_answers_that_end_in_one_crawl() -> None:
    """One page that links to every answer that ends by itself: each ends as it does alone, however busy the machine."""
    names = [name for name in ANSWERS if name not in NEVER and name not in ("nested", "switching")]
    page = b"".join(f'<a href="/{name}">{name}</a>'.encode() for name in names)
    with HostileServer(extra={"page": page}) as server:
        done = crawl(f"{server.url}/page", 1, 1000, max_concurrent=30, max_per_host=30, max_body=6_000_000)
        for name in names:
            assert re.match(FATE[name], done.fate(f"{server.url}/{name}")), name


# What an answer must not do


@pytest.mark.parametrize("name", ["gzip-bomb", "body-endless"])
def test_a_bomb_is_cut_off_before_it_fills_the_memory(server: HostileServer, name: str) -> None:
    """A body that unpacks to 300 MB, or never ends, takes a small part of that in memory."""
    tracemalloc.start()
    try:
        done = crawl(f"{server.url}/{name}", max_body=1_000_000)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert done.fate(f"{server.url}/{name}").startswith("TooLarge")
    assert peak < 60_000_000


def test_an_endless_calendar_ends_at_max_pages(server: HostileServer) -> None:
    """Pages that link to a new page each are crawled up to max_pages, and the next one is skipped with its reason."""
    done = crawl(f"{server.url}/calendar", max_depth=10_000, max_pages=15)
    assert [result.title for result in done.results] == [f"Day {day}" for day in range(15)]
    assert list(done.skipped) == [f"{server.url}/calendar/15"]


def test_endless_redirects_end(server: HostileServer) -> None:
    """URLs that redirect to a new URL each are given up after some, and the last has a result that says so."""
    done = crawl(f"{server.url}/redirect-endless", max_depth=10_000, max_pages=1000)
    assert [result.error.partition(":")[0] for result in done.results] == ["TooManyRedirects"]
    assert sum(server.asked.values()) < 30


@pytest.mark.parametrize("name", ["redirect-loop", "redirect-pair"])
def test_a_redirect_loop_is_gone_round_once(server: HostileServer, name: str) -> None:
    """Every URL of a loop is asked once, and each is a failure that names the loop."""
    done = crawl(f"{server.url}/{name}", max_depth=5, obey_robots=False)
    assert set(server.asked.values()) == {1}
    assert {result.url for result in done.results} == {server.url + path for path in server.asked}
    assert all(result.error.startswith("RedirectLoop") for result in done.results)


def test_what_follows_a_short_content_length_is_not_taken_for_an_answer(server: HostileServer) -> None:
    """The bytes behind the announced length do not become the page that is asked for next."""
    done = crawl(f"{server.url}/body-long", max_concurrent=1, obey_robots=False)
    assert [(result.url, result.title) for result in done.results] == [
        (f"{server.url}/body-long", "Good"),
        (f"{server.url}/good", "Good"),
    ]


def test_the_links_of_a_broken_page_are_found(server: HostileServer) -> None:
    """NUL bytes and broken UTF-8 spoil themselves only: the title is text, and the good link is followed."""
    for name in ("nul-bytes", "broken-utf8"):
        done = crawl(f"{server.url}/{name}")
        page = next(result for result in done.results if result.url.endswith(name))
        assert page.title
        assert page.title.encode()
        assert done.fate(f"{server.url}/good") == CRAWLED


@pytest.mark.parametrize("name", ["gzip-twice", "gzip-old-name", "header-large"])
def test_an_unusual_but_allowed_answer_is_read(server: HostileServer, name: str) -> None:
    """Codings in a row, the old name of one (RFC 9110, section 8.4.1.3), and a long header (5.4) spoil nothing."""
    done = crawl(f"{server.url}/{name}", max_depth=0)
    assert [(result.title, result.links) for result in done.results] == [("Good", [f"{server.url}/good"])]


def test_a_link_in_a_picture_is_followed(server: HostileServer) -> None:
    """SVG's own way to write a link ends no crawl and leads where it says (SVG 2, section 16.1.3)."""
    assert crawl(f"{server.url}/picture-link").fate(f"{server.url}/good") == CRAWLED


@pytest.mark.parametrize(
    "name",
    ["redirect-nowhere", "redirect-bytes", "redirect-dots", "head-cut", "header-garbage", "close", "encoding-unknown"],
)
def test_a_hostile_answer_takes_no_other_result_with_it(server: HostileServer, name: str) -> None:
    """Fetched among others, on both sides, each answer has its own result."""
    urls = [f"{server.url}/{path}" for path in ("good", name, "good")]
    for results in (asyncio.run(async_fetch_multiple(urls, LONG)), sync_fetch_multiple(urls, LONG)):
        assert [(result.url, result.ok) for result in results] == list(zip(urls, (True, False, True), strict=True))


@pytest.mark.parametrize("name", ["good", "redirect-loop", "no-such-page"])
def test_a_server_that_will_close_says_so(server: HostileServer, name: str) -> None:
    """Else the next request on that connection may meet its closing, and be lost by no fault of its own."""
    response = requests.get(f"{server.url}/{name}", timeout=LONG, allow_redirects=False)
    assert response.headers["Connection"] == "close"


def test_a_synchronous_fetch_keeps_its_time_limit(server: HostileServer) -> None:
    """A head or a body that comes a byte at a time is given up when the time is up, in a session of any kind."""
    for name in ("drip-head", "drip-body", "silent"):
        for session in (None, requests.Session()):
            result = sync_fetch_url(f"{server.url}/{name}", 0.3, session)
            assert result.error == "TimeoutError: no complete answer within 0.3 s"
            assert result.time < MINUTES / 2


def test_an_answer_that_is_announced_for_ever_is_given_up(server: HostileServer) -> None:
    """A flood of interim responses fails in time: at the limit, or when http.client has had enough of them."""
    # Newer Pythons count them and stop at a hundred; which comes first then depends on the machine.
    for session in (None, requests.Session()):
        result = sync_fetch_url(f"{server.url}/continue-flood", 0.3, session)
        assert result.error is not None
        assert result.error.startswith(("TimeoutError: no complete answer within 0.3 s", "ConnectionError"))
        assert result.time < MINUTES / 2


def test_a_large_page_is_read_whole(server: HostileServer) -> None:
    """All 50,000 links of a page of 5 MB are found, and each is accounted for."""
    done = crawl(f"{server.url}/large", max_depth=0)
    assert len(done.results[0].links) == len(done.skipped) == 50_000
    assert done.results[0].content_length > 5_000_000


def test_a_nested_page_does_not_block_the_loop() -> None:
    """A page of 150 KB that its parser takes long for does not stop everything else meanwhile."""
    body = b"<title>Nested</title>" + b"<div>" * 30_000 + LINK

    async def main() -> tuple[float, float]:
        longest, last = 0.0, time.perf_counter()

        async def tick() -> None:
            nonlocal longest, last
            while True:
                await asyncio.sleep(0.01)
                longest, last = max(longest, time.perf_counter() - last), time.perf_counter()

        ticking, began = asyncio.create_task(tick()), time.perf_counter()
        async with asyncio.timeout(GUARD):
            await AsyncWebCrawler(obey_robots=False, timeout=LONG).crawl_recursive(url, max_depth=0)
        ticking.cancel()
        return longest, time.perf_counter() - began

    with HostileServer(extra={"nested-little": body}) as server:
        url = f"{server.url}/nested-little"
        longest, whole = asyncio.run(main())
    assert longest < whole / 2  # nearly all of it is the parsing


# Retry-After, certificates, robots.txt


@pytest.mark.parametrize("name", WAITS)
def test_a_senseless_retry_after_does_not_stop_the_crawl(server: HostileServer, name: str) -> None:
    """Whatever stands in Retry-After, the page is tried again within the cap, and then it has failed."""
    done = crawl(f"{server.url}/{name}", 0, max_retries=1, retry_after_cap=0.05, retry_delay=0)
    assert [(result.error, result.attempts) for result in done.results] == [("HTTP 503", 2)]


def test_an_untrusted_certificate_is_a_failure(server: HostileServer) -> None:
    """A page behind a certificate that nobody vouches for is not read, and not tried again."""
    url = f"{server.tls_url}/good"
    done = crawl(url, max_retries=3, retry_delay=0, obey_robots=False)
    assert "certificate" in done.fate(url).lower()
    assert done.results[0].attempts == 1
    assert not server.asked
    assert "certificate" in crawl(url, max_retries=0).fate(url).lower()  # robots.txt meets it first


def test_speaking_tls_to_who_does_not_and_the_reverse_is_a_failure(server: HostileServer) -> None:
    """The wrong protocol on a port is a failure with a reason."""
    for url in (server.url.replace("http:", "https:") + "/", server.tls_url.replace("https:", "http:") + "/"):
        done = crawl(url, timeout=1.0, obey_robots=False)
        assert done.fate(url) != CRAWLED
        assert [result.url for result in done.results] == [url]


@pytest.mark.parametrize("name", ANSWERS)
def test_a_hostile_robots_txt_does_not_stop_the_crawl(name: str) -> None:
    """Whatever robots.txt is answered with, the crawl ends, and the page is crawled or skipped with that reason."""
    with HostileServer(robots=name) as server:
        done = crawl(f"{server.url}/good", timeout=SHORT if name in NEVER else LONG)
        fate = done.fate(f"{server.url}/good")
    assert fate == CRAWLED or fate.startswith("skipped: robots.txt")


def test_an_answer_that_there_is_not_is_refused() -> None:
    """A wrong name is told what names there are."""
    with pytest.raises(ValueError, match=r"robots is 'gzip'.*gzip-bomb"):
        HostileServer(robots="gzip")


def test_the_server_stops_though_clients_hang() -> None:
    """Stopping cuts off clients that wait for an answer, and leaves no thread and no open port."""
    before = threading.active_count()
    server = HostileServer()
    host, port = server.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=300) as client:
        client.sendall(b"GET /silent HTTP/1.1\r\n\r\n")
        server.stop()
        server.stop()
        assert client.recv(1) == b""
    assert threading.active_count() == before
    with pytest.raises(OSError, match="refused"):
        socket.create_connection((host, int(port)), timeout=300)
