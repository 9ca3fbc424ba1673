"""The stream of lesson 4b: pages that come one by one, from workers of its own, and what was seen of its end."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from math import inf

from course_lib.exercises.lesson_03.scenes import CLEAN_UP
from course_lib.seeing import span


class Stream:
    """A source of (url, text) pairs, fetched by two tasks of its own that end when it is exhausted or closed."""

    def __init__(self, pages: Iterable[tuple[str, float, str]]) -> None:
        self._pages = list(pages)
        self.opened = 0
        self.came: dict[str, float] = {}  # when each page was there
        self.given: list[str] = []
        self.left = self.closed = inf  # when it was exhausted, or its closing began, and when that was done

    def __call__(self) -> AsyncIterator[tuple[str, str]]:
        """Return an async generator of the pages in the order in which they come."""
        self.opened += 1
        return self._stream()

    async def _stream(self) -> AsyncIterator[tuple[str, str]]:
        queue, loop = asyncio.Queue[tuple[str, str]](), asyncio.get_running_loop()
        rest = iter(self._pages)

        async def worker() -> None:
            for url, seconds, text in rest:
                with span(f"fetch {url}"):
                    try:
                        await asyncio.sleep(seconds)
                    except asyncio.CancelledError:
                        await asyncio.sleep(CLEAN_UP)
                        raise
                self.came[url] = loop.time()
                queue.put_nowait((url, text))

        tasks = [asyncio.create_task(worker(), name=f"worker {number}") for number in (1, 2)]
        try:
            for _ in self._pages:
                page = await queue.get()
                self.given.append(page[0])
                yield page
        finally:
            self.left = loop.time()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self.closed = loop.time()
