"""Fetch many URLs: one after another with requests, or all together with aiohttp (article, section 1).

The four names are the article's. Its defects, and what is done here instead:

- one failing URL loses every result (L136): each URL has its FetchResult, in input order, with its error
- the speed-up ignores how long async took (L170): `speed_up` divides one wall clock by the other
- no timeout, so one silent server holds everything up: `timeout`, for each request as a whole, on both sides
- as many requests at once as there are URLs: `max_in_flight`, and a request that waits for its turn is not being timed
- a new connection for each synchronous request: one `requests.Session`
- time.time(), which jumps when the clock is set: time.perf_counter()
- printing in the middle of the work: what to show is the caller's decision
"""

import asyncio
import math
from collections.abc import Iterable
from dataclasses import dataclass
from time import perf_counter

import aiohttp
import requests
from urllib3.exceptions import HTTPError, ReadTimeoutError

from course_lib.seeing import span

# What can go wrong on the way. Anything else is a bug, here or in the call, and is raised; so is a cancellation.
# OSError takes in TimeoutError and all that requests raises; a UnicodeError is a host name that no DNS can hold.
_TIMEOUTS = (TimeoutError, requests.Timeout, ReadTimeoutError)
_FAILURES = (OSError, aiohttp.ClientError, HTTPError, UnicodeError)


@dataclass(frozen=True, slots=True)
class FetchResult:
    """What became of one URL.

    url: as it was given
    status: the HTTP status, None when no response arrived
    length: bytes of the body that arrived, decompressed
    time: seconds from the start of the request to the last byte of the body, or to the failure
    error: the failure's type and message, None when the whole response arrived, whatever its status
    """

    url: str
    status: int | None
    length: int
    time: float
    error: str | None = None

    @property
    def ok(self) -> bool:
        """Whether the whole response arrived and its status is no error: below 400."""
        return self.error is None and self.status is not None and self.status < 400


def sync_fetch_url(url: str, timeout: float = 10.0, session: requests.Session | None = None) -> FetchResult:
    """Fetch one URL, holding up everything else in this thread until it is done.

    url: what to fetch
    timeout: seconds for the whole request; a server that falls silent after its first bytes can take twice as long
    session: keeps connections open between calls; None uses one for this call alone
    Raises ValueError when the timeout is not a positive number. What fails on the way is in the result's `error`.
    """
    _check_timeout(timeout)
    if session is None:
        with _new_session() as own:
            return sync_fetch_url(url, timeout, own)
    start = perf_counter()
    status, length, error = None, 0, None

    def check_deadline(*_: object, **__: object) -> None:
        if perf_counter() - start > timeout:
            raise TimeoutError

    try:
        # requests allows the timeout to every single wait: a slow drip, or a chain of redirects, could go on for ever.
        # So the deadline is checked too, after each response in a chain (the hook) and after each piece of the body.
        with session.get(url, timeout=timeout, stream=True, hooks={"response": check_deadline}) as response:
            status = response.status_code
            while piece := response.raw.read1(65536, decode_content=True):
                length += len(piece)
                check_deadline()
    except _FAILURES as failure:
        error = _describe(failure, timeout)
    return FetchResult(url, status, length, perf_counter() - start, error)


def sync_fetch_multiple(urls: Iterable[str], timeout: float = 10.0) -> list[FetchResult]:
    """Fetch URLs one after another and return a result for each, in their order.

    urls: what to fetch
    timeout: seconds for each request
    Raises TypeError when `urls` is not a list of str, ValueError when the timeout is not a positive number.
    """
    urls = _check_urls(urls)
    _check_timeout(timeout)
    results = []
    with _new_session() as session:
        for number, url in enumerate(urls, start=1):
            with span(f"fetch {number}"):
                results.append(sync_fetch_url(url, timeout, session))
    return results


async def async_fetch_url(session: aiohttp.ClientSession, url: str, timeout: float = 10.0) -> FetchResult:
    """Fetch one URL, leaving the event loop free for other tasks whenever it waits.

    session: the caller's, so that calls share its connections
    url: what to fetch
    timeout: seconds for the whole request
    Raises ValueError when the timeout is not a positive number. What fails on the way is in the result's `error`.
    """
    _check_timeout(timeout)
    start = perf_counter()
    status, length, error = None, 0, None
    # Without the threshold aiohttp would round a timeout of more than 5 seconds up.
    limit = aiohttp.ClientTimeout(total=timeout, ceil_threshold=math.inf)
    try:
        async with session.get(url, timeout=limit) as response:
            status = response.status
            async for piece in response.content.iter_any():
                length += len(piece)
    except _FAILURES as failure:
        error = _describe(failure, timeout)
    return FetchResult(url, status, length, perf_counter() - start, error)


async def async_fetch_multiple(
    urls: Iterable[str], timeout: float = 10.0, max_in_flight: int = 100
) -> list[FetchResult]:
    """Fetch URLs together and return a result for each, in their order.

    When it is cancelled, or returns, every fetch has ended and every connection is closed.

    urls: what to fetch
    timeout: seconds for each request, not counting its wait for a turn
    max_in_flight: how many requests may be under way at once
    Raises TypeError when `urls` is not a list of str, ValueError when a number is not positive.
    """
    urls = _check_urls(urls)
    _check_timeout(timeout)
    if max_in_flight < 1:
        raise ValueError(f"max_in_flight is {max_in_flight}, but at least 1 request must be under way: give 1 or more")
    turns = asyncio.Semaphore(max_in_flight)

    async def fetch(url: str) -> FetchResult:
        async with turns:
            return await async_fetch_url(session, url, timeout)

    # The connector's own limit, 100 by default, is lifted: a second queue inside the measured time would spoil `time`.
    connector = aiohttp.TCPConnector(limit=0)
    # The group ends before the session, and only when all its tasks have: none is left behind (lesson 3).
    async with aiohttp.ClientSession(connector=connector) as session, asyncio.TaskGroup() as group:
        tasks = [group.create_task(fetch(url), name=f"fetch {number}") for number, url in enumerate(urls, start=1)]
    return [task.result() for task in tasks]


def speed_up(sequential: float, concurrent: float) -> float:
    """Return how many times faster the concurrent run was, from the wall clocks of the two runs, in seconds.

    The times of the single requests do not tell: their sum over the longest (article, L170) is what the concurrent run
    could have reached, even when it took as long as the other. That is `ideal_speed_up`.
    Raises ValueError when a duration is not positive.
    """
    if not (sequential > 0 and concurrent > 0):
        raise ValueError(f"the durations are {sequential} and {concurrent}, but a run takes more than 0 seconds")
    return sequential / concurrent


def ideal_speed_up(delays: Iterable[float]) -> float:
    """Return the best speed-up that overlapping these waits, in seconds, can give: their sum over the longest.

    Raises ValueError when there is none above 0.
    """
    delays = list(delays)
    if not max(delays, default=0) > 0:
        raise ValueError(f"delays is {delays}, but there must be one above 0 to overlap with others")
    return sum(delays) / max(delays)


def _new_session() -> requests.Session:
    session = requests.Session()
    # As aiohttp does by default: go straight to the server. requests would send even 127.0.0.1 through $HTTP_PROXY.
    session.trust_env = False
    session.max_redirects = 10  # aiohttp's limit
    return session


def _check_urls(urls: Iterable[str]) -> list[str]:
    if isinstance(urls, str):
        raise TypeError(f"urls is the single str {urls!r}, whose letters are no URLs: pass a list: [url]")
    urls = list(urls)
    for index, url in enumerate(urls):
        if not isinstance(url, str):
            raise TypeError(f"urls[{index}] is {url!r}, but a URL is a str: pass str(url)")
    return urls


def _check_timeout(timeout: float) -> None:
    if not 0 < timeout < math.inf:
        raise ValueError(f"timeout is {timeout}, but it must be a positive number of seconds: try 10")


def _describe(failure: Exception, timeout: float) -> str:
    if isinstance(failure, _TIMEOUTS):
        return f"TimeoutError: no complete answer within {timeout:g} s"
    # requests wraps a refused connection three times over: the reason, and its cause, are what happened.
    cause = (failure.args and getattr(failure.args[0], "reason", None)) or failure
    while cause.__cause__ is not None:
        cause = cause.__cause__
    return f"{type(failure).__name__}: {cause}"
