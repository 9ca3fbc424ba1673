"""The sources of lesson 9a, and the work that is done on their items, with what was seen of them."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any

from course_lib.exercises.framework import Answer, Wrong, await_missing, describe_raised, elsewhere, leaves
from course_lib.exercises.playing import Scene, play
from course_lib.exercises.shown import shown
from course_lib.seeing import span

THREAD = "ran on an event loop of its own, in another thread: no threads here, one loop is enough."
NO_MORE = "`async for` ends by itself after the last item; `anext` gives its second argument there, such as END."
SHUT = "`get` raises QueueShutDown when nothing is left of a queue that was shut down: catch it there."
FULL = "put_nowait does not wait for room, and the limit is to stay: `await queue.put(...)` waits."


@dataclass(eq=False)
class Call:
    """One call of a Work: its item, when it began and ended, in seconds, and whether it gave its answer."""

    item: Any
    begun: float
    ended: float | None = None
    answered: bool = False


class Work:
    """A coroutine function that takes a stated time for each of its items, and what was seen of its calls.

    Args:
        name: what it is called in the task.
        row: for each item, in this order, the seconds it takes, and what it gives; an exception is raised.
        items: the items; without them, 1, 2, 3 and so on.
        clean_up: how many seconds a call takes to end when it is cancelled.
    """

    def __init__(
        self, name: str, row: Sequence[tuple[float, Any]], items: Sequence[Any] | None = None, clean_up: float = 0.0
    ) -> None:
        self.name, self.row, self.clean_up = name, row, clean_up
        self.items = list(range(1, len(row) + 1)) if items is None else list(items)
        self.calls: list[Call] = []
        self.failed_at: float | None = None  # when the first call failed
        self.under_way = self.peak = 0

    def __call__(self, item: Any) -> Coroutine[Any, Any, Any]:
        """Return a coroutine that takes the item's time, and gives its answer."""
        coro = self._work(item)
        coro.__name__ = self.name  # type: ignore[attr-defined]  # which coroutine objects have and the stub lacks
        return coro

    async def _work(self, item: Any) -> Any:
        if elsewhere():
            raise Wrong(f"`{self.name}` {THREAD}")
        now = asyncio.get_running_loop().time
        number = len(self.calls)
        if number == len(self.items) or item is not self.items[number]:
            self._refuse(item, number)
        seconds, answer = self.row[number]
        self.calls.append(call := Call(item, now()))
        self.under_way += 1
        self.peak = max(self.peak, self.under_way)
        try:
            with span(f"{self.name} {number + 1}"):
                try:
                    await asyncio.sleep(seconds)
                except asyncio.CancelledError:
                    await asyncio.sleep(self.clean_up)
                    raise
                if isinstance(answer, Exception):
                    self.failed_at = now() if self.failed_at is None else self.failed_at
                    raise answer
                call.answered = True
        finally:
            self.under_way -= 1
            call.ended = now()
        return answer

    def __repr__(self) -> str:
        return f"<function {self.name}>"

    def _refuse(self, item: Any, number: int) -> None:
        if await_missing([item]):
            raise Wrong(f"`{self.name}` was given something to be awaited, not an item: an `await` is missing.")
        if any(item is call.item for call in self.calls):
            raise Wrong(f"`{self.name}` was called twice with {shown(item, 40)}.")
        if not any(item is each for each in self.items):
            raise Wrong(f"`{self.name}` was called with {shown(item, 40)}, which is no item.")
        before = self.items[number]
        if not before:
            raise Wrong(
                f"`{self.name}` was called with {shown(item, 40)}, and {shown(before, 40)}, which came before it, was "
                "never worked on: an item may be anything, also None, and only an object of your own is no item."
            )
        raise Wrong(
            f"`{self.name}` was called with {shown(item, 40)}, and {shown(before, 40)} came before it: begin the items "
            "in their order."
        )


class Source:
    """An asynchronous iterator whose items take a stated time each from when they are asked for."""

    def __init__(self, row: Sequence[tuple[float, Any]], work: Work) -> None:
        self.row, self.work = row, work
        self.came_at: list[float] = []  # when each came, in seconds
        self.asked: list[float] = []  # when it was asked for each, in seconds
        self.failed_at: float | None = None
        self._asked = False

    @property
    def came(self) -> int:
        """How many items have been read."""
        return len(self.came_at)

    def most_ahead(self, until: float) -> int:
        """Return the most items that had been read, and whose work did not begin in the same moment.

        Within a moment an item may be under way from the queue to its work, in as many tasks as the learner likes.
        Nothing begins in the moment in which all ends, at `until` seconds.
        """
        begun = [call.begun for call in self.work.calls]
        moments = [at for at in self.came_at if at < until]
        return max(
            (sum(at <= now for at in self.came_at) - sum(at <= now for at in begun) for now in moments), default=0
        )

    def __aiter__(self) -> "Source":
        return self

    async def __anext__(self) -> Any:
        if elsewhere():
            raise Wrong(f"`source` {THREAD}")
        if self._asked:
            raise Wrong("`source` was asked by two tasks at the same time: one task reads it.")
        if self.came == len(self.row):
            raise StopAsyncIteration
        now = asyncio.get_running_loop().time
        seconds, item = self.row[self.came]
        self.asked.append(now())
        self._asked = True
        try:
            with span(f"read {self.came + 1}"):
                await asyncio.sleep(seconds)
                if isinstance(item, Exception):
                    self.failed_at = now()
                    raise item
        finally:
            self._asked = False
        self.came_at.append(now())
        return item

    def __repr__(self) -> str:
        return "<asynchronous iterator source>"


class Feed:
    """An asynchronous iterator whose items come at their times, in seconds, whether somebody waits or not.

    Args:
        row: when each item comes, and the item.
        ends_at: when it ends, if that is after its last item.
    """

    def __init__(self, row: Sequence[tuple[float, Any]], ends_at: float = 0.0) -> None:
        self._row, self.ends_at = list(row), max([ends_at, *(at for at, _ in row)])
        self.missed: tuple[float, Any] | None = None  # the first that came while nobody waited
        self.asked = False

    def __aiter__(self) -> "Feed":
        return self

    async def __anext__(self) -> Any:
        if elsewhere():
            raise Wrong(f"`feed` {THREAD}")
        self.asked = True
        now = asyncio.get_running_loop().time
        while self._row and self._row[0][0] < now():
            self.missed = self.missed or self._row[0]
            del self._row[0]
        if not self._row:
            await asyncio.sleep(self.ends_at - now())
            raise StopAsyncIteration
        at, item = self._row[0]
        with span(f"wait for {shown(item, 12)}"):
            await asyncio.sleep(at - now())
        del self._row[0]
        return item

    def __repr__(self) -> str:
        return "<asynchronous iterator feed>"


def played(
    function: Answer,
    *args: Any,
    cancel_at: float | None = None,
    at_end: Callable[[], object] = int,
    full: str = FULL,
    empty: str | None = None,
) -> Scene:
    """Play a scene; raise Wrong for what a stand-in has refused, and for a queue that was full, or empty.

    `full` and `empty` say what to do about that; without `empty`, the general advice stands.
    """
    scene = play(function, *args, cancel_at=cancel_at, at_end=at_end)
    for error in leaves(scene.raised):
        if isinstance(error, Wrong):
            raise scene.wrong(str(error))
        if isinstance(error, asyncio.QueueFull):
            raise scene.wrong(describe_raised(error, full))
        if isinstance(error, asyncio.QueueEmpty):
            raise scene.wrong(describe_raised(error, empty))
        if isinstance(error, StopAsyncIteration):
            raise scene.wrong(describe_raised(error, NO_MORE))
        if type(error).__name__ == "QueueShutDown":  # from Python 3.13 on
            raise scene.wrong(describe_raised(error, SHUT))
    if isinstance(scene.returned, list) and await_missing(scene.returned):
        raise scene.wrong("Your list has coroutines or tasks where their results belong: an `await` is missing.")
    return scene


def check_raised(scene: Scene, error: Exception, what: str, at: float, clean_up: float = 0) -> None:
    """Raise Wrong unless the call let this error through, alone or in a group, at this moment, or after a clean-up."""
    if not any(each is error for each in leaves(scene.raised)):
        raise scene.wrong(
            f"{what} raised {type(error).__name__} at {at:g} s, and your function {scene.answered()}: let it through, "
            "alone or in a group."
        )
    if scene.ended > at + clean_up:
        raise scene.wrong(
            f"{what} raised {type(error).__name__} at {at:g} s, and it left your function at {scene.ended:g} s: what "
            "still runs is to be cancelled then, and nothing new begun."
        )


def check_stopped(scene: Scene, cancel_at: float, clean_up: float) -> None:
    """Raise Wrong unless a call that was cancelled ended so, at once."""
    if not scene.cancelled:
        raise scene.wrong(
            f"At {cancel_at:g} s your function was cancelled, and it {scene.answered()}: let CancelledError through."
        )
    if scene.ended > cancel_at + clean_up:
        raise scene.wrong(
            f"At {cancel_at:g} s your function was cancelled, and it ended at {scene.ended:g} s: stop at once, and "
            "begin nothing more."
        )
