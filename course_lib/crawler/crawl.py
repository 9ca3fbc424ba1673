"""One crawl: the workers, and what becomes of each URL."""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Collection
from typing import Any

import aiohttp

from course_lib.crawler.fetch import FAILURES, Fetch, Response, is_passing, joined, location, media_type, retry_after
from course_lib.crawler.frontier import Frontier
from course_lib.crawler.large import is_large, parse_elsewhere
from course_lib.crawler.parsing import Page, parse
from course_lib.crawler.results import CrawlResult
from course_lib.crawler.robots import MAX_BODY as MAX_ROBOTS
from course_lib.crawler.robots import Disallowed, Rules, robots_text
from course_lib.crawler.schedule import Host, Job, Schedule
from course_lib.crawler.settings import Settings, place_of
from course_lib.crawler.threads import in_thread
from course_lib.crawler.urls import base_of, normalise, origin_of, resolve
from course_lib.standards.encodings import REPLACEMENT
from course_lib.standards.headers import printable, refresh

HTML = ("text/html", "application/xhtml+xml")
_REDIRECTS = (301, 302, 303, 307, 308)
_ROBOTS_REDIRECTS = 5  # RFC 9309, section 2.3.1.2
OUT_OF_SCOPE = "out of scope: not in allowed_hosts"
DISALLOWED = "robots.txt disallows it"
TOO_DEEP = "deeper than max_depth"
OVER_LIMIT = "max_pages was reached before its turn"
STOPPED = "the crawl was stopped before its turn"

_FAILURES_KEPT = 5
_LONGEST_REASON = 500  # characters
_SHOWN = 200  # characters of what a server said, in a reason
_LONG_ROBOTS = 20_000  # characters: some milliseconds
_SLICE = 500  # links: what is done with them in one step of the loop takes about a millisecond


class Crawl:
    """One crawl, from a start page to its end; what it finds goes to `emit` as it comes.

    skipped: why a URL was not crawled, for each that was skipped
    stats: counts so far
    on_result: called after each result with the number of pages done, and of those known, as far as they may be
        requested
    """

    def __init__(
        self,
        settings: Settings,
        fetch: Fetch,
        start_url: str,
        max_depth: int,
        max_pages: int,
        emit: Callable[[CrawlResult], Awaitable[object]],
    ) -> None:
        self.skipped: dict[str, str] = {}
        self.stats: dict[str, Any] = {
            "total_requests": 0,  # URLs requested, retries not counted again
            "successful_requests": 0,  # pages crawled
            "failed_requests": 0,
            "total_bytes": 0,  # of the pages crawled
            "start_time": 0.0,  # seconds since 1970; a clock that may be set, so the duration is measured by another
            "end_time": 0.0,
            "duration": 0.0,  # seconds
            "skipped_urls": 0,
            "retries": 0,
            "start_error": None,  # why there is no result of the start page, or of the one it redirects to
            "first_failures": {},  # the errors, by URL, of some pages
        }
        self.on_result: Callable[[int, int], object] | None = None
        self._settings, self._fetch, self._emit = settings, fetch, emit
        self._start, self._max_pages = start_url, max_pages
        self._hosts: dict[str, Host | None] = {}  # by origin; None: out of scope
        if not settings.allows(origin := origin_of(start_url), start_url):
            raise ValueError(f"start_url={start_url!r} is not in allowed_hosts: add {place_of(origin)!r} to it")
        self._schedule = Schedule(settings.max_per_host, self._is_due, self._begin)
        self._frontier = Frontier(max_depth, settings.max_redirects, self._in_scope, self._enqueue)
        self._clock = asyncio.get_running_loop().time
        self._children = asyncio.Semaphore(os.cpu_count() or 1)

    async def run(self) -> None:
        """Crawl to the end; when cancelled, every worker has ended before the cancellation goes on."""
        finished = False
        self.stats["start_time"], started = time.time(), time.perf_counter()
        try:
            self._frontier.link([self._start], 0)
            async with asyncio.TaskGroup() as group:
                for number in range(1, self._settings.max_concurrent + 1):
                    group.create_task(self._work(), name=f"worker {number}")
            await self._fail_far_redirects()
            finished = True
        finally:
            self._schedule.close()
            self._skip_what_is_left(finished)
            self.stats |= {"end_time": time.time(), "duration": time.perf_counter() - started}
            self.stats |= {"skipped_urls": len(self.skipped), "start_error": self._start_error()}

    def depth_of(self, url: str) -> int:
        """Return how many links from the start a URL is, by the shortest way known."""
        return self._frontier.depths[url]

    async def _work(self) -> None:
        while (job := await self._schedule.get()) is not None:
            if job.is_robots:
                await self._read_rules(job)
            else:
                await self._request(job)

    # A page

    async def _request(self, job: Job) -> None:
        started = self._clock()
        response = await self._attempt(job, job.url, HTML, self._settings.max_body)
        if response is None:
            return  # it will be tried again
        result = CrawlResult(job.url, 0, attempts=job.attempts, depth=self._frontier.depths[job.url])
        result.crawl_time = self._clock() - started
        if isinstance(response, Exception):
            result.error = _describe(response, self._settings.timeout)
        else:
            result.status_code, result.content_length = response.status, len(response.body)
            if response.status in _REDIRECTS and (target := location(response.headers)) is not None:
                await self._redirect(job, target, result)
                return
            if not 200 <= response.status < 300:
                result.error = f"HTTP {response.status}"
            elif not response.complete:
                result.error = f"TooLarge: the body is longer than max_body={self._settings.max_body} bytes"
            else:
                kind, charset = media_type(response.headers)
                if kind not in HTML:
                    stated = printable(joined(response.headers, "Content-Type")[:_SHOWN])
                    self._skip(job, f"not HTML but {kind or stated or 'of unknown type'}")
                    return
                await self._read_page(result, response, charset)
        self._frontier.done(job.url, result.links)
        await self._found(result)
        self._schedule.done(job)

    async def _read_page(self, result: CrawlResult, response: Response, charset: str | None) -> None:
        try:
            page = await self._parse(response.body, charset)
        except OSError as error:
            result.error = f"Unparsed: {_describe(error, self._settings.timeout)}"
            return
        if page.encoding == REPLACEMENT:
            result.error = "Unreadable: its charset is one that is not decoded (Encoding Standard, section 14.1)"
            return
        if (header := joined(response.headers, "Refresh")) and (target := refresh(header)) is not None:
            page.references.append(target)
        result.title, result.links = page.title, await self._resolve(page, result.url)

    async def _attempt(
        self, job: Job, url: str, kinds: Collection[str] | None, limit: int
    ) -> Response | Exception | None:
        """Request a URL once. Return its answer or what went wrong; None when the job is to be tried again."""
        settings = self._settings
        asked: float | None = None
        answer: Response | Exception
        try:
            async with asyncio.timeout(settings.timeout):
                answer = await self._fetch(url, limit=limit, kinds=kinds)
        except FAILURES as error:
            answer = error
            passing = is_passing(error)
        else:
            passing = answer.status == 429 or answer.status >= 500
        if not passing or job.attempts > settings.max_retries:
            return answer
        if isinstance(answer, Response) and (asked := retry_after(answer.headers)) is not None:
            asked = min(asked, settings.retry_after_cap)
            if answer.status == 429:  # too many requests: meant is the crawler, and not this page
                self._schedule.pause(job.host, asked)
        longest = min(settings.retry_delay * 2 ** (job.attempts - 1), settings.retry_delay_cap)
        self.stats["retries"] += 1
        # Full jitter, as in lesson 3; no task sleeps: the schedule brings the job back when its time has come.
        self._schedule.retry(job, max(settings.jitter(0, longest), asked or 0))
        return None

    async def _parse(self, body: bytes, charset: str | None) -> Page:
        if not is_large(body):
            return parse(body, charset)
        async with self._children:
            return await parse_elsewhere(body, charset, self._settings.timeout)

    async def _resolve(self, page: Page, url: str) -> list[str]:
        base, codec = base_of(page.base, url), page.query_codec
        if len(page.references) <= _SLICE:
            return resolve(page.references, base, codec)
        links: dict[str, None] = {}
        for start in range(0, len(page.references), _SLICE):
            part = resolve(page.references[start : start + _SLICE], base, codec)
            self._frontier.link(part, self._frontier.depths[url] + 1)
            links |= dict.fromkeys(part)
            await asyncio.sleep(0)
        return list(links)

    async def _redirect(self, job: Job, written: str, result: CrawlResult) -> None:
        target = normalise(written, job.url)
        if target is None:
            self._skip(job, f"redirects to {written[:_SHOWN]!r}, which is no http or https URL")
            return
        # The target is a page like any other: in scope or not, allowed or not, requested once, by whoever comes to it.
        self.skipped[job.url] = f"redirects to {target}"
        loop = self._frontier.redirect(job.url, target)
        for url in loop:
            del self.skipped[url]
            failure = CrawlResult(url, result.status_code, depth=self._frontier.depths[url], attempts=1)
            failure.error = "RedirectLoop: " + " -> ".join([*loop, loop[0]])
            await self._found(failure)
        self._schedule.done(job)

    def _skip(self, job: Job, reason: str) -> None:
        self.skipped[job.url] = reason
        self._frontier.done(job.url)
        self._schedule.done(job)

    async def _found(self, result: CrawlResult) -> None:
        if result.error is None:
            self.stats["successful_requests"] += 1
            self.stats["total_bytes"] += result.content_length
        else:
            self.stats["failed_requests"] += 1
            if len(self.stats["first_failures"]) < _FAILURES_KEPT:
                self.stats["first_failures"][result.url] = result.error
        if self.on_result is not None:
            done = self.stats["successful_requests"] + self.stats["failed_requests"]
            self.on_result(done, min(self._max_pages, done + self._frontier.unfinished))
        await self._emit(result)

    # The rules of a host

    async def _read_rules(self, job: Job) -> None:
        url = job.url
        for _ in range(1 + _ROBOTS_REDIRECTS):
            answer = await self._attempt(job, url, None, MAX_ROBOTS)
            if answer is None:
                return  # it will be tried again
            if isinstance(answer, Exception) or answer.status not in _REDIRECTS:
                rules = await self._rules(answer)
                break
            written = location(answer.headers)
            target = None if written is None else normalise(written, url)
            if target is None:
                rules = Disallowed("it redirects to no http or https URL")
                break
            url = target
        else:
            rules = Rules("", "")  # as if there were none (section 2.3.1.2)
        self._schedule.open_host(job.host, rules)
        self._schedule.done(job)

    async def _rules(self, response: Response | Exception) -> Rules:
        if isinstance(response, Exception):
            return Disallowed(_describe(response, self._settings.timeout))
        text: str | None = ""
        if 200 <= response.status < 300:
            text = robots_text(response.body, complete=response.complete)
        elif not 400 <= response.status < 500 or response.status == 429:  # "not now" is no "there is none"
            return Disallowed(f"HTTP {response.status}")
        if text is None:
            return Disallowed("it is no text in UTF-8")
        agent = self._settings.user_agent
        if len(text) < _LONG_ROBOTS:
            rules = Rules(text, agent)
        else:
            # In a thread: unlike the HTML parser this is Python, and gives way to the loop every few milliseconds.
            rules = await in_thread(lambda: Rules(text, agent), lambda: None)
        rules.delay = min(rules.delay, self._settings.crawl_delay_cap)
        return rules

    # What the frontier and the schedule ask and tell

    def _in_scope(self, url: str) -> bool:
        if self._host(url) is None:
            self.skipped[url] = OUT_OF_SCOPE
            return False
        return True

    def _host(self, url: str) -> Host | None:
        origin = origin_of(url)
        try:
            return self._hosts[origin]
        except KeyError:
            host = None
            if self._settings.allows(origin, self._start):
                host = self._schedule.add_host(origin, None if self._settings.obey_robots else Rules("", ""))
            self._hosts[origin] = host
            return host

    def _enqueue(self, url: str, depth: int) -> None:
        host = self._host(url)
        assert host is not None
        self._schedule.push(host, url, depth)

    def _is_due(self, host: Host, url: str, depth: int) -> bool:
        if not self._frontier.is_queued(url, depth):
            return False
        if host.rules is None or host.rules.allow(url):
            return True
        self.skipped[url] = f"robots.txt: {host.rules.why}" if isinstance(host.rules, Disallowed) else DISALLOWED
        self._frontier.drop(url)
        return False

    def _begin(self, url: str) -> None:
        self._frontier.take(url)
        self.stats["total_requests"] += 1
        if self.stats["total_requests"] == self._max_pages:
            self._schedule.open = False

    # The end

    async def _fail_far_redirects(self) -> None:
        # Only now: until the last page is read, one may link to such a URL, and then it counts as found by that link.
        for url in self._frontier.left()[2]:
            limit = self._settings.max_redirects
            error = f"TooManyRedirects: more than max_redirects={limit} in a row lead here, so it was not requested"
            await self._found(CrawlResult(url, 0, error=error, depth=self._frontier.depths[url]))

    def _start_error(self) -> str | None:
        url, chain = self._start, {self._start: None}
        while (target := self._frontier.redirects.get(url)) is not None and target not in chain:
            chain[url := target] = None
        # Nothing was requested before the start page, so that its failure is among the first.
        reason: str | None = self.skipped.get(url) or self.stats["first_failures"].get(url)
        return reason if reason is None or url == self._start else f"redirects to {url}: {reason}"

    def _skip_what_is_left(self, finished: bool) -> None:
        waiting, deep, far = self._frontier.left()
        self.skipped |= dict.fromkeys(waiting, OVER_LIMIT if finished else STOPPED)
        self.skipped |= dict.fromkeys(deep, TOO_DEEP)
        if not finished:
            self.skipped |= dict.fromkeys(far, STOPPED)


def _describe(failure: Exception, timeout: float) -> str:
    if isinstance(failure, TimeoutError):
        return f"TimeoutError: not done within {timeout:g} s"
    if isinstance(failure, aiohttp.ServerDisconnectedError):
        return "ServerDisconnectedError: the server hung up before its answer was whole"
    return printable(f"{type(failure).__name__}: {failure}".rstrip(": "))[:_LONGEST_REASON]
