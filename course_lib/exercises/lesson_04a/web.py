"""The web of lesson 4a: pages that take a stated time, on the virtual clock, and what was seen of their use."""

import asyncio
from collections import Counter
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass
from itertools import combinations
from math import inf
from typing import Any
from urllib.parse import urlsplit

from course_lib.exercises.framework import await_missing, leaves
from course_lib.exercises.lesson_03.scenes import CLEAN_UP
from course_lib.seeing import Timeline, span
from course_lib.seeing.timeline.model import most_at_once


@dataclass(slots=True)
class Visit:
    """One fetch of a page; times in seconds of the virtual clock."""

    url: str
    begun: float
    task: object  # that fetches it
    ended: float = inf
    cancelled: bool = False


class Web:
    """A fetch function for pages given as `url: (seconds, answer, answer ...)`, one answer a visit, the last repeated.

    An answer that is an exception is raised. A URL that is not among the pages raises LookupError. A fetch that is
    cancelled cleans up for `clean_up` seconds.
    """

    def __init__(self, pages: Mapping[str, tuple[Any, ...]], clean_up: float = CLEAN_UP) -> None:
        self._pages = pages
        self.clean_up = clean_up
        self.visits: list[Visit] = []
        self.cancelled: list[Visit] = []  # those that were cancelled when the learner's function ended
        self.not_urls: list[Any] = []
        self._busy, self._most = Counter[str | None](), Counter[str | None]()  # fetches under way, by host and in all

    def __call__(self, url: str) -> Coroutine[Any, Any, Any]:
        """Return a coroutine whose lane in the timeline is named after the page."""
        coro = self._fetch(url)
        coro.__name__ = f"fetch {url}"  # type: ignore[attr-defined]  # which coroutine objects have and the stub lacks
        return coro

    async def _fetch(self, url: str) -> Any:
        if not isinstance(url, str) or url not in self._pages:
            self.not_urls.append(url)
            await_missing([url])  # else Python warns of it at some later time
            raise LookupError(f"there is no page {url!r:.60}")
        loop = asyncio.get_running_loop()
        seconds, *answers = self._pages[url]
        answer = answers[min(self.count()[url], len(answers) - 1)]
        visit = Visit(url, loop.time(), asyncio.current_task())
        self.visits.append(visit)
        here = (None, urlsplit(url).netloc)
        self._busy.update(here)
        self._most |= self._busy
        with span(f"fetch {url}"):
            try:
                await asyncio.sleep(seconds)
                if isinstance(answer, Exception):
                    raise answer
            except asyncio.CancelledError:
                visit.cancelled = True
                if self.clean_up:
                    await asyncio.sleep(self.clean_up)
                raise
            finally:
                visit.ended = loop.time()
                self._busy.subtract(here)
        return answer

    def note_end(self) -> None:
        """Note which fetches have been cancelled so far."""
        self.cancelled = [visit for visit in self.visits if visit.cancelled]

    def went_on(self, since: float) -> list[Visit]:
        """Return the fetches that were begun at a time or later."""
        return [visit for visit in self.visits if visit.begun >= since]

    def took_no_notice(self) -> bool:
        """Return whether a task began another fetch after one of its fetches was cancelled."""
        return any(
            one.cancelled and one.task is other.task for one, other in combinations(self.visits, 2) if one is not other
        )

    def count(self) -> Counter[str]:
        """Return how often each page was fetched."""
        return Counter(visit.url for visit in self.visits)

    def most_of_a_task(self) -> int:
        """Return the most fetches that one task made."""
        return max(Counter(visit.task for visit in self.visits).values(), default=0)

    def peak(self, host: str | None = None) -> int:
        """Return the most pages, of `host` or of all, that were being fetched at one time."""
        return self._most[host]

    def begun(self, url: str) -> list[float]:
        """Return when each fetch of a page began."""
        return [visit.begun for visit in self.visits if visit.url == url]

    def under_way(self, at: float, host: str | None = None) -> int:
        """Return how many pages, of `host` or of all, were being fetched at a time."""
        return sum(
            visit.begun <= at < visit.ended for visit in self.visits if host in (None, urlsplit(visit.url).netloc)
        )

    def moments(self, begin: float, end: float) -> list[float]:
        """Return the times from `begin` to before `end` at which fewer pages may have been fetched than before."""
        return sorted(
            {begin, *(visit.ended for visit in self.visits if begin < visit.ended < end)} if begin < end else ()
        )

    def gap(self) -> float | None:
        """Return when no page was being fetched though some were still to come, None if there was no such time."""
        moments = [0.0, *sorted(visit.ended for visit in self.visits)]
        return next((at for at in moments if at < self.ended() and not self.under_way(at)), None)

    def raised(self, error: BaseException | None) -> bool:
        """Return whether an error, or one in a group, is the answer of a page."""
        answers = [answer for _, *answers in self._pages.values() for answer in answers]
        return any(each is answer for each in leaves(error) for answer in answers)

    def ended(self) -> float:
        """Return when the last fetch ended."""
        return max((visit.ended for visit in self.visits), default=0)


def tasks_at_once(timeline: Timeline, but: str) -> int:
    """Return the most tasks that the learner's function had at one time; `but` is the name of its own task."""
    return most_at_once((lane.start, lane.end) for lane in timeline if lane.is_task and lane.name not in ("main", but))
