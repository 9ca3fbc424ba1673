"""A web in memory: a crawl of it can run in `simulate`, in no time and the same each time."""

import asyncio
import math
from collections import Counter
from collections.abc import Collection, Iterable, Mapping

from course_lib.crawler.fetch import Response
from course_lib.crawler.urls import normalise, origin_of
from course_lib.seeing import span

HOME = "http://site.test/"


class FakeWeb:
    """Pages that a crawler gets by `AsyncWebCrawler(fetch=web.fetch)`; what was not added is answered with 404.

    URLs may be relative to http://site.test/. Times are seconds of the loop's clock.

    requests: every URL asked for, in order
    peak: the most requests in flight at once, by host ("http://site.test") and, under "", in all
    """

    def __init__(self) -> None:
        self.requests: list[str] = []
        self.peak: Counter[str] = Counter()
        self._in_flight: Counter[str] = Counter()
        self._answers: dict[str, tuple[float, list[Response | Exception]]] = {}

    def add(self, url: str, *answers: Response | Exception, delay: float = 0.0) -> str:
        """Answer a URL with these, one after another and then always with the last; return its normal form.

        delay: seconds until the answer; math.inf for one that never comes
        Raises ValueError for what is no URL.
        """
        where = normalise(url, HOME)
        if where is None or not answers:
            raise ValueError(f'url={url!r} with {len(answers)} answers: pass a URL, as in "/a", and 1 answer or more')
        self._answers[where] = (delay, list(answers))
        return where

    def add_page(
        self,
        url: str,
        links: Iterable[str] = (),
        *,
        delay: float = 0.0,
        title: str = "",
        headers: Mapping[str, str] | None = None,
        failing: Iterable[int | Exception] = (),
    ) -> str:
        """Add a page with links.

        failing: how requests for it go wrong before the first that does not: HTTP statuses and exceptions
        headers: of the failures, such as Retry-After
        """
        body = f"<title>{title or url}</title>" + "".join(f'<a href="{link}">{link}</a> ' for link in links)
        page = Response(200, {"Content-Type": "text/html; charset=utf-8"}, body.encode())
        failures = [Response(item, headers or {}) if isinstance(item, int) else item for item in failing]
        return self.add(url, *failures, page, delay=delay)

    def add_redirect(self, url: str, target: str, *, delay: float = 0.0, status: int = 302) -> str:
        """Add a URL that redirects to another."""
        return self.add(url, Response(status, {"Location": target}), delay=delay)

    def add_robots(self, text: str, url: str = HOME, *, delay: float = 0.0) -> str:
        """Add the robots.txt of a URL's host."""
        response = Response(200, {"Content-Type": "text/plain"}, text.encode())
        return self.add(normalise("/robots.txt", normalise(url, HOME)) or "", response, delay=delay)

    async def fetch(self, url: str, *, limit: int, kinds: Collection[str] | None) -> Response:
        """Do what `course_lib.crawler.Fetch` says; `limit` and `kinds` count for nothing here."""
        self.requests.append(url)
        delay, answers = self._answers.get(url, (0.0, [Response(404)]))
        places = ("", origin_of(url))
        for place in places:
            self._in_flight[place] += 1
            self.peak[place] = max(self.peak[place], self._in_flight[place])
        try:
            with span(f"get {url.removeprefix(HOME[:-1])}"):  # so that a timeline shows the requests
                if delay == math.inf:
                    await asyncio.get_running_loop().create_future()
                await asyncio.sleep(delay)
        finally:
            for place in places:
                self._in_flight[place] -= 1
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer
