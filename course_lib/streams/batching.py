"""Lists of items, by size and time."""

import asyncio
from collections.abc import AsyncIterable
from typing import TypeVar

from course_lib.streams.checks import check_seconds, check_size, check_source
from course_lib.streams.stream import Pump, Stream

T = TypeVar("T")


def batches(source: AsyncIterable[T], *, size: int, seconds: float | None = None) -> Stream[list[T]]:
    """Return a stream of lists of the source's items: each is handed out when it is full, late, or the last one.

    Items gather while the consumer is busy, up to one batch; then the source waits. An error of the source comes after
    the items before it, which are handed out at once.

    Args:
        source: an asynchronous iterable. It belongs to the stream, which closes it.
        size: how many items a list holds at most, 1 or more. None is empty.
        seconds: how long after its first item a list is handed out at the latest, to a consumer that waits for it; an
            item of that very instant may be in it or in the next. None: as long as it takes to fill it.

    Raises TypeError for what is no asynchronous iterable, TypeError and ValueError for other numbers. Source: batched
    of itertools and asyncstdlib, chunks of aiostream, none of which has a time limit.
    """
    check_source("source", source)
    check_size(size, "1 hands out each item in a list of its own")
    if seconds is not None:
        check_seconds(seconds)
    return _Batches(source, size, seconds)


class _Batches(Stream[list[T]]):
    """A stream of all that is ready, which is a batch at most, since the source has room for no more."""

    def __init__(self, source: AsyncIterable[T], size: int, seconds: float | None):
        super().__init__("batches", [source], size)
        self._seconds = seconds
        self._late = False
        self._timer: asyncio.TimerHandle | None = None

    def _put(self, item: T, pump: Pump[T]) -> None:
        if not self._ready and self._seconds is not None:
            self._timer = asyncio.get_running_loop().call_later(self._seconds, self._strike)
        super()._put(item, pump)

    def _strike(self) -> None:
        self._late = True  # not a look at the clock, which may show a little less than the timer's time
        self._changed.set()

    def _can_take(self) -> bool:
        return self._late or len(self._ready) == self._ahead

    def _take(self) -> list[T]:
        self._no_timer()
        taken = [item for item, _ in self._ready]
        for _, room in self._ready:
            room.release()
        self._ready.clear()
        return taken

    async def _close(self, raising: BaseException | None) -> None:
        try:
            await super()._close(raising)
        finally:
            self._no_timer()

    def _no_timer(self) -> None:
        self._late = False
        if self._timer:
            self._timer.cancel()
