"""The sources of lesson 8a: async generators, and what was seen of them."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from math import inf
from typing import Any

from course_lib.seeing import span

CLEAN_UP = 0.5  # seconds that a source takes to close

Row = Sequence[tuple[float, Any]]


class Source:
    """An async generator of the items of a row, with what was seen of it; times in seconds of the virtual clock.

    It hands on what an async generator of Python's does, so what that refuses is refused here.

    Args:
        row: pairs of seconds and item: how long it takes to come once it is asked for, and what it is. An exception is
            raised.
    """

    def __init__(self, name: str, row: Row) -> None:
        self.name = name
        self.failures = [item for _, item in row if isinstance(item, Exception)]
        self._items: Any = self._said(row)  # the protocol's type knows nothing of ag_running
        self.asked: list[float] = []
        self.came: list[float] = []
        self.stopped = inf  # when it ended, or its closing began
        self.closed = inf  # when that was done
        self.closed_while_asked = self.called = False

    def __call__(self) -> None:
        """Note that it was called, and refuse it."""
        self.called = True
        raise TypeError("an async generator is no function")

    def __aiter__(self) -> "Source":
        return self

    def __anext__(self) -> Any:
        return self._items.__anext__()

    def asend(self, value: Any) -> Any:
        """Do as an async generator does."""
        return self._items.asend(value)

    def athrow(self, error: Any) -> Any:
        """Do as an async generator does."""
        return self._items.athrow(error)

    async def aclose(self) -> None:
        """Do as an async generator does."""
        self.closed_while_asked = self.closed_while_asked or self._items.ag_running
        await self._items.aclose()
        # One that nobody has asked for anything has no clean-up to run.
        self.stopped, self.closed = min(self.stopped, self._now()), min(self.closed, self._now())

    def __repr__(self) -> str:
        return f"<async generator {self.name}>"

    async def _said(self, row: Row) -> AsyncGenerator[Any, None]:
        try:
            for number, (seconds, item) in enumerate(row, 1):
                self.asked.append(self._now())
                with span(f"{self.name} {number}"):
                    await asyncio.sleep(seconds)
                    if isinstance(item, Exception):
                        raise item
                self.came.append(self._now())
                yield item
            self.asked.append(self._now())
        finally:
            self.stopped = self._now()
            with span(f"close {self.name}"):
                await asyncio.sleep(CLEAN_UP)
            self.closed = self._now()

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()


def still_open(sources: Sequence[Source]) -> list[Source]:
    """Return the sources that are not closed."""
    return [source for source in sources if source.closed == inf]


def being_closed(sources: Sequence[Source]) -> bool:
    """Return whether a source was still closing at the end: a cancellation that comes then cuts that short."""
    return any(source.stopped < source.closed == inf for source in sources)
