"""What lesson 10a's functions work with: what blocks a thread, what is asked for on the loop, and what was seen."""

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from course_lib.exercises.framework import Answer, Wrong, describe_raised, elsewhere, leaves
from course_lib.exercises.playing import Scene, play
from course_lib.exercises.shown import shown
from course_lib.seeing import span
from course_lib.seeing.clock import VirtualClock, clock_of_this_thread

LOOK = 0.25  # seconds from one look at `stop` to the next
OTHER_LOOP = "ran on a loop of its own"
LOOP_WAITS = "the loop's thread waits at "  # how a deadlock tells that nobody can run

LET_THROUGH = "let it through, alone or in a group."
LET_CANCELLED_THROUGH = "let CancelledError through."

Row = Sequence[tuple[float, Any]]


@dataclass(eq=False)
class Use:
    """One call that blocks: what for, and when it began and ended, in seconds."""

    item: Any
    begun: float
    ended: float | None = None


class StandIn:
    """Something that is handed to the learner's function; what it refuses is told before anything else."""

    name = ""
    refused = ""

    def refuse(self, sentence: str) -> NoReturn:
        """Raise Wrong, and keep the sentence: what becomes of an exception is the learner's."""
        self.refused = self.refused or sentence
        raise Wrong(sentence)

    def check_thread(self) -> None:
        """Refuse to be called on the loop's own thread."""
        if asyncio._get_running_loop() is not None:
            self.refuse(
                f"`{self.name}` was called on the loop's own thread, and nothing else can run meanwhile: use a thread."
            )

    def __repr__(self) -> str:
        return f"<{self.name}>"


class Search(StandIn):
    """A plain function that takes a stated time for each place, looks at `stop`, and gives what it found.

    Args:
        row: for each place, 1, 2, 3 and so on, the seconds it takes, and what it gives; an exception is raised.
    """

    name = "search"

    def __init__(self, row: Row) -> None:
        self.row = row
        self.places = list(range(1, len(row) + 1))
        self.uses: list[Use] = []
        self.under_way = self.peak = 0
        self.stopped_at: float | None = None  # when `stop` was first seen set
        self.after_stop: Any = None  # a place whose search began when `stop` was set
        self._stop: Any = None

    @property
    def over(self) -> float:
        """When the last search that has ended did so, in seconds."""
        return max((use.ended or 0 for use in self.uses), default=0)

    def __call__(self, place: Any, stop: Any) -> Any:
        """Search a place, until `stop` is set."""
        self.check_thread()
        self._check(place, stop)
        seconds, answer = self.row[place - 1]
        if stop.is_set():
            self.after_stop = self.after_stop or place
            return None
        self.uses.append(use := Use(place, time.monotonic()))
        self.under_way += 1
        self.peak = max(self.peak, self.under_way)
        try:
            with span(f"search {place}"):
                until = use.begun + seconds
                while (left := until - time.monotonic()) > 0:
                    time.sleep(min(LOOK, left))
                    if stop.is_set() and time.monotonic() < until:
                        return None
                if isinstance(answer, Exception):
                    raise answer
                return answer
        finally:
            self.under_way -= 1
            use.ended = time.monotonic()

    def _check(self, place: Any, stop: Any) -> None:
        if isinstance(stop, asyncio.Event):
            self.refuse("`stop` is an asyncio.Event, which belongs to its loop: pass a threading.Event.")
        if not isinstance(stop, threading.Event):
            self.refuse(f"`search` was called with stop={shown(stop, 40)}: pass a threading.Event.")
        if self._stop not in (None, stop):
            self.refuse("`search` was called with two different events: one flag stops all.")
        self._stop = stop
        if place not in self.places:
            self.refuse(f"`search` was called with {shown(place, 40)}, which is no place.")
        if any(use.item == place for use in self.uses):
            self.refuse(
                f"`search` was called twice with {shown(place, 40)}, and each place needs one call. A `lambda` takes "
                "`place` as it is when it runs: hand `place` over as an argument, after the function."
            )


class Readings(StandIn):
    """A plain iterator whose `next` blocks for a stated time, and what was seen of it.

    Args:
        row: for each item, the seconds until it is there, and the item; an exception is raised.
        used: returns how many items somebody has begun to use.
    """

    name = "next(readings)"

    def __init__(self, row: Row, used: Callable[[], int]) -> None:
        self.row, self._used = row, used
        self.uses: list[Use] = []
        self.came = self.most_ahead = 0
        self.under_way = False

    def __iter__(self) -> "Readings":
        return self

    def __next__(self) -> Any:
        self.check_thread()
        if self.under_way:
            self.refuse("Two threads asked `readings` for the next item at the same time: one thread reads it.")
        if self.came == len(self.row):
            raise StopIteration
        seconds, item = self.row[self.came]
        self.uses.append(use := Use(item, time.monotonic()))
        self.under_way = True
        try:
            with span(f"read {self.came + 1}"):
                time.sleep(seconds)
                if isinstance(item, Exception):
                    raise item
        finally:
            self.under_way = False
            use.ended = time.monotonic()
        self.came += 1
        self.most_ahead = max(self.most_ahead, self.came - self._used())
        return item


class Ask(StandIn):
    """A coroutine function that takes a stated time for each item, and what was seen of its calls.

    Args:
        name: what it is called in the task.
        answers: for each item, the seconds it takes, and what it gives; an exception is raised.
    """

    def __init__(self, name: str, answers: Mapping[Any, tuple[float, Any]]) -> None:
        self.name, self.answers = name, answers
        self.asked: list[Any] = []
        self.failed_at: float | None = None  # when the first call failed
        self.under_way = self.peak = 0

    def __call__(self, item: Any) -> Coroutine[Any, Any, Any]:
        """Return a coroutine that takes the item's time, and gives its answer."""
        coro = self._ask(item)
        coro.__name__ = self.name  # type: ignore[attr-defined]  # which coroutine objects have and the stub lacks
        return coro

    async def _ask(self, item: Any) -> Any:
        if elsewhere():
            self.refuse(f"`{self.name}` {OTHER_LOOP}, while yours stood still: `await` it on yours, before you sort.")
        if not isinstance(item, str) or item not in self.answers:
            self.refuse(f"`{self.name}` was called with {shown(item, 40)}, which it does not know.")
        if item in self.asked:
            self.refuse(f"`{self.name}` was called twice with {item!r}: once is enough.")
        self.asked.append(item)
        seconds, answer = self.answers[item]
        self.under_way += 1
        self.peak = max(self.peak, self.under_way)
        try:
            with span(f"{self.name} {item}"):
                await asyncio.sleep(seconds)
                if isinstance(answer, Exception):
                    if self.failed_at is None:
                        self.failed_at = asyncio.get_running_loop().time()
                    raise answer
        finally:
            self.under_way -= 1
        return answer


@dataclass
class Left:
    """What was at work in threads when the learner's function ended."""

    under_way: bool = False
    stuck: int = 0


def played(
    function: Answer, *args: Any, cancel_at: float | None = None, under_way: Callable[[], Any] = bool
) -> tuple[Scene, Left]:
    """Play a scene, and look at the threads when it ends; raise Wrong for what a stand-in has refused."""
    left = Left()

    def look() -> None:
        left.under_way = bool(under_way())
        clock = clock_of_this_thread()
        if isinstance(clock, VirtualClock):
            clock.settle()  # what was just woken is not stuck
            left.stuck = clock.stuck()

    timeline = None
    try:
        scene = play(function, *args, cancel_at=cancel_at, at_end=look)
        timeline = scene.timeline
        return scene, left
    except Wrong as wrong:
        timeline = wrong.timeline
        raise
    finally:
        for each in args:
            if isinstance(each, StandIn) and each.refused:
                raise Wrong(each.refused, timeline)


def not_let_through(scene: Scene, what: str, let_through: str) -> Wrong:
    """Return what to raise where something else came out than was to; its own line is told, where that was an error."""
    raised = f" {describe_raised(scene.raised)}" if scene.raised else ""
    return scene.wrong(f"{what} {scene.answered()}: {let_through}{raised}")


def came(error: Exception, raised: BaseException | None) -> bool:
    """Return whether `raised` is that error, alone or in a group; asyncio makes some anew that come from a thread."""
    return any(each is error or (type(each) is type(error) and each.args == error.args) for each in leaves(raised))
