"""A bulkhead: one kind of work has its own places, so that when it stands still the other kinds do not."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from course_lib.lifecycle.checks import check_count, check_number


class BulkheadFull(Exception):
    """No place is free, and enough others wait for one; `retry_after` is the seconds after which to ask again."""

    def __init__(self, sentence: str, retry_after: float) -> None:
        super().__init__(sentence)
        self.retry_after = retry_after


class Bulkhead:
    """Places for one kind of work: `async with submissions.place(): ...`

    Args:
        name: of the kind of work, for the error.
        at_once: how many blocks run at once, from 1.
        waiting: how many more may wait for a place, in the order in which they came, from 0. A place that takes 0.1 s
            makes the last of 20 that wait for 4 places wait 0.5 s: longer than its caller waits is too many.
        retry_after: seconds after which whoever is refused is to ask again.

    Raises TypeError and ValueError for arguments without sense. Source: M. Nygard, Release It!, "Bulkheads".
    """

    def __init__(self, name: str, at_once: int, waiting: int = 0, *, retry_after: float = 1.0) -> None:
        check_count("at_once", at_once, 1, "1 does one after another")
        check_count("waiting", waiting, 0, "0 refuses whoever would have to wait")
        check_number("retry_after", retry_after, 0, "seconds", "1 is the default")
        self.name, self.at_once = name, at_once
        self._most_waiting, self._retry_after = waiting, retry_after
        self._places = asyncio.Semaphore(at_once)
        self.running = self.waiting = 0

    @asynccontextmanager
    async def place(self) -> AsyncIterator[None]:
        """Hold a place for the length of a block.

        Raises BulkheadFull at once, where waiting would only make a longer queue.
        """
        if self.running + self.waiting >= self.at_once + self._most_waiting:
            raise BulkheadFull(
                f"{self.name}: {self.running} at once, and {self.waiting} waiting, is all there is room for: "
                f"ask again in {self._retry_after:g} s",
                self._retry_after,
            )
        self.waiting += 1
        try:
            await self._places.acquire()
        finally:
            self.waiting -= 1
        self.running += 1
        try:
            yield
        finally:
            self.running -= 1
            self._places.release()
