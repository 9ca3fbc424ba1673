import asyncio
import gc
import inspect
import re
import time
from collections.abc import Callable, Iterator
from typing import Any

import aiohttp
import pytest
import requests
from aiohttp import web

from course_lib.fetching import (
    FetchResult,
    async_fetch_multiple,
    async_fetch_url,
    ideal_speed_up,
    speed_up,
    sync_fetch_multiple,
    sync_fetch_url,
)
from course_lib.lab.web import LabServer
from course_lib.seeing import record

FetchAll = Callable[..., list[FetchResult]]


@pytest.fixture
def server() -> Iterator[LabServer]:
    with LabServer() as server:
        yield server


def fetch_together(urls: Any, **limits: Any) -> list[FetchResult]:
    return asyncio.run(async_fetch_multiple(urls, **limits))


@pytest.fixture(params=["sync", "async"])
def fetch_all(request: pytest.FixtureRequest) -> FetchAll:
    """Both ways to fetch many URLs: what is true of one is true of the other."""
    return sync_fetch_multiple if request.param == "sync" else fetch_together


async def until(condition: Callable[[], bool]) -> None:
    """Wait for what the server's thread is about to do; only a failing test waits long."""
    give_up = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < give_up, "this never became true"
        await asyncio.sleep(0.001)


def hold(server: LabServer, number: int) -> str:
    """Mount a page that answers when that many requests wait for it, and return its URL."""
    barrier = asyncio.Barrier(number)

    async def handler(request: web.BaseRequest, tail: str) -> web.Response:
        await barrier.wait()
        await asyncio.sleep(0.02)  # one request more than there should be has the time to arrive, and be counted
        return web.Response()

    return server.mount("/hold", handler)


# A result for each URL


def test_results_come_in_input_order(server: LabServer, fetch_all: FetchAll) -> None:
    """The first URL's result is the first, even when it is the last to arrive; a URL given twice has two results."""
    urls = [f"{server.url}/{path}" for path in ("delay/0.2", "bytes/5", "status/404", "bytes/5", "redirect/2")]
    results = fetch_all(urls)
    assert [result.url for result in results] == urls
    assert [result.status for result in results] == [200, 200, 404, 200, 200]
    assert [result.error for result in results] == [None] * 5
    assert [result.ok for result in results] == [True, True, False, True, True]
    assert results[1].length == 5
    assert results[0].time > 0.1


def test_no_urls_no_results(fetch_all: FetchAll) -> None:
    """An empty list is fetched at once."""
    assert fetch_all([]) == []


def test_any_iterable_of_urls_will_do(server: LabServer, fetch_all: FetchAll) -> None:
    """URLs can come from a generator."""
    assert [result.length for result in fetch_all(f"{server.url}/bytes/{n}" for n in range(3))] == [0, 1, 2]


FAILURES = {
    "reset": ("{lab}/reset", None, 0, "reset by peer|forcibly closed"),
    "hang": ("{lab}/hang", None, 0, "^TimeoutError: no complete answer within 1.5 s$"),
    "drip": ("{lab}/drip?bytes=40&seconds=12", 200, ..., "^TimeoutError: no complete answer within 1.5 s$"),
    "dripped redirects": ("{lab}/slow-chain", None, 0, "^TimeoutError: no complete answer within 1.5 s$"),
    "cut short": ("{lab}/cut", 200, 10, "^ClientPayloadError: |^(ProtocolError|IncompleteRead): "),
    "redirect loop": ("{lab}/redirect-loop", None, 0, "^TooManyRedirects: "),
    "too many redirects": ("{lab}/redirect/12", None, 0, "^TooManyRedirects: "),
    "refused port": ("http://127.0.0.1:1/", None, 0, "refus|Connect call failed"),
    "no such host": ("http://no-such-host.invalid/", None, 0, "^(ClientConnectorDNSError|ConnectionError): .+"),
    "impossible host": ("http://a..b/", None, 0, "^(UnicodeError|UnicodeEncodeError|LocationParseError): .+"),
    "no scheme": ("nonsense", None, 0, "^(InvalidUrlClientError|MissingSchema): .*nonsense"),
    "other scheme": ("ftp://127.0.0.1/", None, 0, "^(NonHttpUrlClientError|InvalidSchema): .*ftp://127.0.0.1/"),
    "bad port": ("http://127.0.0.1:99999/", None, 0, "^(InvalidUrlClientError|InvalidURL): "),
    "empty": ("", None, 0, "^(InvalidUrlClientError|MissingSchema): "),
}


@pytest.mark.parametrize("kind", FAILURES)
def test_one_failure_never_loses_the_others(server: LabServer, fetch_all: FetchAll, kind: str) -> None:
    """Whatever goes wrong with one URL stands in its own result, shortly, and the URLs around it are fetched."""

    async def slow_chain(request: web.BaseRequest, tail: str) -> web.Response:
        await asyncio.sleep(0.6)
        raise web.HTTPFound("/slow-chain")

    async def cut(request: web.BaseRequest, tail: str) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "100"})
        await response.prepare(request)
        await response.write(b"." * 10)
        assert request.transport is not None
        request.transport.close()
        return response

    server.mount("/slow-chain", slow_chain)
    server.mount("/cut", cut)
    url, status, length, error = FAILURES[kind]
    good = f"{server.url}/bytes/7"
    timeout = 1.5 if "within" in error else 20  # only who waits for it needs a short one
    before, result, after = fetch_all([good, url.format(lab=server.url), good], timeout=timeout)
    assert [(each.ok, each.length) for each in (before, after)] == [(True, 7), (True, 7)]
    assert not result.ok
    assert result.status == status
    assert result.length == length or (length is ... and 0 < result.length < 40)
    assert result.error is not None
    assert len(result.error) < 120
    assert re.search(error, result.error)


def test_an_error_status_is_a_response_but_not_ok(server: LabServer, fetch_all: FetchAll) -> None:
    """500 and 404 are answers: status and body are there, no error, not ok."""
    for result in fetch_all([f"{server.url}/status/500", f"{server.url}/status/404"]):
        assert (result.ok, result.error, result.length) == (False, None, 4)


def test_length_counts_the_decompressed_body(server: LabServer, fetch_all: FetchAll) -> None:
    """A body that travels compressed, in chunks, is as long as what it unpacks to."""

    async def packed(request: web.BaseRequest, tail: str) -> web.Response:
        response = web.Response(body=b"a" * 300_000)
        response.enable_compression(web.ContentCoding.gzip)
        response.enable_chunked_encoding()
        return response

    assert fetch_all([server.mount("/packed", packed)])[0].length == 300_000


# Timeouts


def test_a_timeout_bounds_the_whole_request(server: LabServer, fetch_all: FetchAll) -> None:
    """A body that keeps dripping is cut off at the timeout, though no single wait is long."""
    (result,) = fetch_all([f"{server.url}/drip?bytes=20&seconds=20"], timeout=1.5)
    assert result.error == "TimeoutError: no complete answer within 1.5 s"
    assert result.length >= 1
    assert result.time < 20 / 2


def test_a_long_timeout_is_not_rounded(server: LabServer) -> None:
    """The session's own timeout, however short, gives way to the one that was asked for."""

    async def main() -> FetchResult:
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=0.01)) as session:
            return await async_fetch_url(session, f"{server.url}/delay/0.2", timeout=10)

    assert asyncio.run(main()).ok


# How many at once


@pytest.mark.parametrize("limit", [1, 4])
def test_in_flight_is_exactly_the_limit(server: LabServer, limit: int) -> None:
    """The server, which answers only when `limit` requests wait, sees that many at once and never more."""
    url = hold(server, limit)
    with server.count() as seen:
        results = fetch_together([url] * (3 * limit), max_in_flight=limit)
    assert all(result.ok for result in results)
    assert (seen.requests, seen.peak) == (3 * limit, limit)


def test_the_limit_can_be_above_the_connectors_default(server: LabServer) -> None:
    """aiohttp's own limit of 100 connections does not stand in the way of a higher one."""
    with server.count() as seen:
        results = fetch_together([hold(server, 101)] * 101, max_in_flight=101)
    assert all(result.ok for result in results)
    assert seen.peak == 101


def test_the_default_limit_is_a_hundred(server: LabServer) -> None:
    """Nobody is flooded by a long list: a hundred requests are under way, the rest wait."""
    with server.count() as seen:
        results = fetch_together([hold(server, 100)] * 200)
    assert all(result.ok for result in results)
    assert seen.peak == 100


def test_sync_has_one_in_flight(server: LabServer) -> None:
    """Synchronous requests follow each other, on one connection."""
    with server.count() as seen:
        sync_fetch_multiple([f"{server.url}/delay/0.01"] * 5)
    assert (seen.requests, seen.peak) == (5, 1)


@pytest.mark.parametrize("way", ["sync", "async"])
def test_connections_are_used_again(server: LabServer, way: str) -> None:
    """One session, so one connection, serves requests that follow each other."""
    callers = set()

    async def handler(request: web.BaseRequest, tail: str) -> web.Response:
        assert request.transport is not None
        callers.add(request.transport.get_extra_info("peername"))
        return web.Response(body=b"x" * 100_000)

    urls = [server.mount("/who", handler)] * 5
    if way == "sync":
        sync_fetch_multiple(urls)
    else:
        fetch_together(urls, max_in_flight=1)
    assert len(callers) == 1


def test_time_does_not_include_the_wait_for_a_turn(server: LabServer) -> None:
    """A quick request that had to wait for a slow one is still a quick request."""
    slow, quick = fetch_together([f"{server.url}/delay/0.5", f"{server.url}/status/200"], max_in_flight=1)
    assert slow.time > 0.25
    assert quick.time < slow.time / 2


def test_the_timeout_does_not_include_the_wait_for_a_turn(server: LabServer) -> None:
    """Requests that together take longer than the timeout succeed when each is quick enough."""
    results = fetch_together([f"{server.url}/delay/0.3"] * 8, max_in_flight=1, timeout=2.0)
    assert all(result.ok for result in results)
    assert sum(result.time for result in results) > 2.0


# Cancellation and bugs


def test_cancelling_leaves_nothing_behind(server: LabServer) -> None:
    """A cancelled fetch raises CancelledError when its tasks have ended, and the server loses all its connections."""

    async def main() -> None:
        fetching = asyncio.create_task(async_fetch_multiple([f"{server.url}/hang"] * 5, max_in_flight=3))
        await until(lambda: server.total.in_flight == 3)
        assert {f"fetch {number}" for number in range(1, 6)} < {task.get_name() for task in asyncio.all_tasks()}
        fetching.cancel()
        with pytest.raises(asyncio.CancelledError):
            await fetching
        assert asyncio.all_tasks() == {asyncio.current_task()}
        await until(lambda: server.connections == 0)

    asyncio.run(main())
    assert (server.total.requests, server.total.in_flight) == (3, 0)


def test_a_single_fetch_passes_cancellation_on(server: LabServer) -> None:
    """async_fetch_url does not take a cancellation for a failed request."""

    async def main() -> None:
        async with aiohttp.ClientSession() as session:
            fetching = asyncio.create_task(async_fetch_url(session, f"{server.url}/hang"))
            await until(lambda: server.total.in_flight == 1)
            fetching.cancel()
            with pytest.raises(asyncio.CancelledError):
                await fetching

    asyncio.run(main())


def test_an_outer_timeout_is_the_callers(server: LabServer) -> None:
    """A timeout that the caller puts around everything reaches the caller, not the results."""

    async def main() -> None:
        async with asyncio.timeout(0.05):
            await async_fetch_multiple([f"{server.url}/hang"] * 3)

    with pytest.raises(TimeoutError):
        asyncio.run(main())


def test_an_interrupt_is_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C during a synchronous request ends the whole run."""

    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(requests.Session, "get", interrupt)
    with pytest.raises(KeyboardInterrupt):
        sync_fetch_multiple(["http://127.0.0.1/"])


def test_connections_are_closed_when_it_returns(server: LabServer, fetch_all: FetchAll) -> None:
    """Nothing stays open after a fetch, failed requests included."""
    fetch_all([f"{server.url}/{path}" for path in ("status/200", "reset", "hang", "status/500")], timeout=0.2)
    gc.collect()  # urllib3's timeout holds its pool of connections, and itself, in a cycle of references
    asyncio.run(until(lambda: server.connections == 0))


def test_a_bug_is_raised(server: LabServer) -> None:
    """A wrong argument is not mistaken for a failed request."""
    with pytest.raises(AttributeError):
        asyncio.run(async_fetch_url("no session", server.url))  # type: ignore[arg-type]
    with pytest.raises(AttributeError):
        sync_fetch_url(server.url, session="no session")  # type: ignore[arg-type]


# Arguments


def test_a_single_url_is_refused_with_a_hint(fetch_all: FetchAll) -> None:
    """A str is iterable too: fetching its letters is never meant."""
    with pytest.raises(TypeError, match=r"urls is the single str 'http://x', .* pass a list: \[url\]"):
        fetch_all("http://x")


def test_what_is_no_str_is_named(fetch_all: FetchAll) -> None:
    """The position and value of a wrong URL are told before anything is fetched."""
    with pytest.raises(TypeError, match=r"urls\[1\] is None, but a URL is a str: pass str\(url\)"):
        fetch_all(["http://127.0.0.1:1/", None])


@pytest.mark.parametrize("timeout", [0, -1, float("nan"), float("inf")])
def test_a_timeout_must_be_positive(fetch_all: FetchAll, timeout: float) -> None:
    """No timeout, and a timeout in the past, are refused, for one URL and for many, or none."""
    sentence = f"timeout is {timeout}, but it must be a positive number of seconds: try 10"
    with pytest.raises(ValueError, match=sentence):
        fetch_all([], timeout=timeout)
    with pytest.raises(ValueError, match=sentence):
        sync_fetch_url("http://127.0.0.1:1/", timeout=timeout)
    with pytest.raises(ValueError, match=sentence):
        asyncio.run(async_fetch_url(None, "http://127.0.0.1:1/", timeout=timeout))  # type: ignore[arg-type]


@pytest.mark.parametrize("limit", [0, -1])
def test_in_flight_must_be_possible(limit: int) -> None:
    """A limit that would let nothing through is refused."""
    with pytest.raises(ValueError, match=f"max_in_flight is {limit}, .*: give 1 or more"):
        fetch_together([], max_in_flight=limit)


# The rest


def test_proxies_of_the_environment_are_not_used(
    server: LabServer, fetch_all: FetchAll, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A classroom's HTTP_PROXY does not come between the learner and a server on the same machine."""
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    assert fetch_all([f"{server.url}/status/200"])[0].ok


def test_fetching_prints_nothing(server: LabServer, fetch_all: FetchAll, capfd: pytest.CaptureFixture[str]) -> None:
    """What to show is the caller's decision."""
    fetch_all([f"{server.url}/status/200", f"{server.url}/reset", "nonsense"])
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("way", ["sync", "async"])
def test_each_fetch_is_a_lane_of_the_timeline(server: LabServer, way: str) -> None:
    """A recording shows one row for each fetch, by number, and no others."""

    async def main() -> list[str]:
        urls = [f"{server.url}/delay/0.01"] * 3
        async with record() as timeline:
            if way == "sync":
                sync_fetch_multiple(urls)
            else:
                await async_fetch_multiple(urls)
        # On Python 3.11 aiohttp closes its connections in a task of its own, once the fetches are done.
        return [lane.name for lane in timeline if lane.name != "_wait_for_close"]

    assert asyncio.run(main()) == ["fetch 1", "fetch 2", "fetch 3"]


def test_a_result_cannot_be_changed() -> None:
    """A result is what happened."""
    result = FetchResult("http://x", 200, 1, 0.5)
    with pytest.raises(AttributeError):
        result.status = 404  # type: ignore[misc]


def test_speed_up_is_the_ratio_of_the_wall_clocks() -> None:
    """Twice as fast is 2, and no faster is 1, whatever the single requests took."""
    assert speed_up(sequential=8, concurrent=4) == 2
    assert speed_up(sequential=8, concurrent=8) == 1
    with pytest.raises(ValueError, match="the durations are 8 and 0, but a run takes more than 0 seconds"):
        speed_up(8, 0)


def test_the_ideal_is_the_sum_over_the_longest() -> None:
    """The article's delays allow 8 / 3; equal delays allow their number; a single one allows nothing."""
    assert ideal_speed_up([1, 2, 1, 3, 1]) == 8 / 3
    assert ideal_speed_up([0.5] * 4) == 4
    assert ideal_speed_up(iter([2])) == 1
    for nothing in ([], [0, 0]):
        with pytest.raises(ValueError, match=r"delays is \[.*\], but there must be one above 0"):
            ideal_speed_up(nothing)


def test_the_articles_names_are_there() -> None:
    """A reader who comes from the article finds its four functions, the async ones being coroutine functions."""
    assert list(inspect.signature(async_fetch_url).parameters)[:2] == ["session", "url"]
    assert next(iter(inspect.signature(sync_fetch_url).parameters)) == "url"
    assert inspect.iscoroutinefunction(async_fetch_url)
    assert inspect.iscoroutinefunction(async_fetch_multiple)
