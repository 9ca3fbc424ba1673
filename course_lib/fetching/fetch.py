"""One URL or many, synchronously or together."""

import asyncio
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from time import perf_counter

import aiohttp
import requests
from urllib3.exceptions import HTTPError, ReadTimeoutError
from yarl import URL

from course_lib.fetching.deadline import Deadline
from course_lib.seeing import span
from course_lib.standards import headers, urls
from course_lib.standards.bodies import ACCEPTED, Unpacker

# What can go wrong on the way. Anything else is a bug, here or in the call, and is raised; so is a cancellation.
# OSError takes in TimeoutError and all that requests raises, ValueError whatever is said by a text that cannot be read.
_TIMEOUTS = (TimeoutError, requests.Timeout, ReadTimeoutError)
_FAILURES = (OSError, aiohttp.ClientError, HTTPError, ValueError)

_REDIRECTS = (301, 302, 303, 307, 308)
_MAX_REDIRECTS = 10
_SENT = {"Accept-Encoding": ACCEPTED}
_LONGEST_FIELD = 65_536  # bytes of a header: http.client's limit, for both sides
_LONGEST_REASON = 500  # characters


class TooManyRedirects(ValueError):
    """A chain of redirects that is given up."""


class InvalidRedirect(ValueError):
    """A redirect to what is no URL of a page."""


_NO_LIMIT = aiohttp.ClientTimeout(total=None, sock_connect=None)  # there is one around the chain of redirects


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
    timeout: seconds for the whole request, with its redirects; what is not bounded is the search for a host's address
    session: keeps connections open between calls; None uses one for this call alone
    Raises ValueError when the timeout is not a positive number. What fails on the way is in the result's `error`.
    """
    _check_timeout(timeout)
    if session is None:
        with _new_session() as own:
            return sync_fetch_url(url, timeout, own)
    start = perf_counter()
    status, length, error = None, 0, None
    with Deadline(timeout, session) as deadline:
        try:
            for address in (chain := _Chain(url)):
                with session.get(
                    address,
                    timeout=deadline.left(),
                    stream=True,
                    allow_redirects=False,
                    headers=_SENT,
                    hooks={"response": _hide_location},
                ) as response:
                    # http.client decodes a header as Latin-1, which any byte is.
                    if chain.goes_on(response.status_code, response.raw.headers.getlist("Location"), "latin-1"):
                        continue
                    status = response.status_code
                    unpacker = Unpacker(response.headers.get("Content-Encoding", ""))
                    while packed := response.raw.read1(65536, decode_content=False):
                        for piece in unpacker.feed(packed):
                            length += len(piece)
                            deadline.left()
                    deadline.left()  # when the time is up it looks as if the body ended there
                    unpacker.end()
        except _FAILURES as failure:
            error = _describe(TimeoutError() if deadline.passed else failure, timeout)
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
    try:
        async with asyncio.timeout(timeout):
            for address in (chain := _Chain(url)):
                async with session.get(
                    address if address is url else URL(address, encoded=True),  # aiohttp would write it in another way
                    timeout=_NO_LIMIT,
                    allow_redirects=False,
                    auto_decompress=False,
                    headers=_SENT,
                    max_line_size=_LONGEST_FIELD,
                    max_field_size=_LONGEST_FIELD,
                ) as response:
                    # aiohttp decodes what it can as UTF-8, and keeps the other bytes as surrogates.
                    if chain.goes_on(response.status, response.headers.getall("Location", []), "utf-8"):
                        continue
                    status = response.status
                    unpacker = Unpacker(", ".join(response.headers.getall("Content-Encoding", [])))
                    async for packed in response.content.iter_any():
                        for piece in unpacker.feed(packed):
                            length += len(piece)
                    unpacker.end()
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


def _hide_location(response: requests.Response, *_: object, **__: object) -> None:
    # requests reads it even when it is told not to follow, and raises what it thinks of it.
    response.headers.pop("Location", None)


class _Chain:
    """The addresses to request for one URL: its own, and where each answer leads."""

    def __init__(self, url: str) -> None:
        # In normal form, in which the two libraries agree; with credentials, or if it is no URL, it is left to them.
        self._next: str | None = url if "@" in url else urls.read(url) or url
        self._left = _MAX_REDIRECTS

    def __iter__(self) -> Iterator[str]:
        while (address := self._next) is not None:
            self._base, self._next = address, None
            yield address

    def goes_on(self, status: int, locations: Sequence[str], encoding: str) -> bool:
        """Return whether an answer leads to another address, which then comes next.

        locations: its Location headers, of which the first counts
        encoding: in which the library has decoded them
        Raises TooManyRedirects and InvalidRedirect.
        """
        if status not in _REDIRECTS or not locations:
            return False
        if not self._left:
            raise TooManyRedirects(f"more than {_MAX_REDIRECTS} in a row")
        self._left -= 1
        written = headers.location(locations[0].encode(encoding, "surrogateescape"))
        self._next = urls.read(written, urls.read(self._base))
        if self._next is None:
            raise InvalidRedirect(f"{written[:60]!r} is no http or https URL")
        return True


def _new_session() -> requests.Session:
    session = requests.Session()
    # As aiohttp does by default: go straight to the server. requests would send even 127.0.0.1 through $HTTP_PROXY.
    session.trust_env = False
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
    if isinstance(failure, aiohttp.ServerDisconnectedError):
        return "ServerDisconnectedError: the server hung up before its answer was whole"
    # requests wraps a refused connection three times over: the reason, and its cause, are what happened.
    reason = failure.args and getattr(failure.args[0], "reason", None)
    cause = reason if isinstance(reason, BaseException) else failure
    while cause.__cause__ is not None:
        cause = cause.__cause__
    return headers.printable(f"{type(failure).__name__}: {cause}")[:_LONGEST_REASON]
