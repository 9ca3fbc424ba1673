"""How the exercises of lesson 6 are played: a heartbeat beside the learner's function, and stand-ins."""

import asyncio
import inspect
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

from course_lib.exercises.framework import Answer, Wrong, await_missing, leaves, run
from course_lib.exercises.places import raised_kind
from course_lib.seeing import Timeline, span
from course_lib.seeing.clock.loop import VirtualClockLoop

BEAT = 0.1
AFTER = 20.0  # seconds, by which the last thread that was at work has ended
PROCESS = "process of the pool"  # how the threads are named that stand in for processes


def play(function: Answer, *args: Any, pool: str) -> Timeline:
    """Run the learner's function with a heartbeat beside it, and return what happened; `result` is what it returned.

    pool: what to do instead of replacing the loop's own pool

    Whether the loop was blocked, is left to the caller to look at. Raises NotImplementedError for an untouched stub,
    and Wrong for what else `run` finds.
    """

    def refuse(loop: VirtualClockLoop, executor: ThreadPoolExecutor) -> None:
        raise Wrong(f"You replaced the pool that all of the program shares: {pool}.")

    async def main() -> Any:
        heart = asyncio.create_task(_beat(), name="heartbeat")
        try:
            return await function(*args)
        finally:
            heart.cancel()
            await asyncio.wait({heart})

    main.__name__ = function.__name__
    try:
        with patch.object(VirtualClockLoop, "set_default_executor", refuse):
            return run(main)
    except Wrong as wrong:
        # Real time that a step takes is not looked at: to start 40 threads is enough, on a busy machine.
        timeline = wrong.timeline
        if timeline is None or timeline.leaked or timeline.result is None:
            raise
        return timeline


async def _beat() -> None:
    while True:
        await asyncio.sleep(BEAT)


def results_of(timeline: Timeline, count: int) -> list[Any]:
    """Return the list that the learner's function returned; raise Wrong if it is none of that length."""
    found = timeline.result
    if isinstance(found, list | tuple):
        if await_missing(found):
            raise Wrong("Your list holds futures, not results: an `await` is missing.", timeline)
        if len(found) == count:
            return list(found)
    raise Wrong(f"Return a list of {count} results; you returned {found!r:.60}.", timeline)


class Blocking:
    """A plain function that takes a second, or what `seconds` says for an item, and notes where and when it ran.

    answers: by item, another answer than the item with an exclamation mark, or what it raises
    """

    def __init__(
        self, name: str, seconds: Mapping[Any, float] | None = None, answers: Mapping[Any, Any] | None = None
    ) -> None:
        self.__name__ = name
        self._seconds, self._answers = seconds or {}, answers or {}
        self.begun: list[float] = []
        self.times: list[tuple[float, float]] = []  # from, to; of those that have ended
        self.on_loop = self.in_pool = self.in_thread = 0
        self.misused = ""
        self.peak = self._under_way = 0

    @property
    def calls(self) -> int:
        """How often it was called."""
        return self.on_loop + self.in_pool + self.in_thread

    def __call__(self, item: Any) -> Any:
        """Take its time, and return the item with an exclamation mark."""
        if not isinstance(item, str):
            self.misused = f"You gave `{self.__name__}` {item!r:.40}: it takes one item. Hand over each by itself."
            raise TypeError(self.misused)
        name = threading.current_thread().name
        if running_loop():
            self.on_loop += 1
        elif name.startswith(PROCESS):
            self.in_pool += 1
        else:
            self.in_thread += 1
        self._under_way += 1
        self.peak = max(self.peak, self._under_way)
        begun = time.monotonic()  # virtual, as time.sleep is
        self.begun.append(begun)
        try:
            with span(f"{self.__name__} {item}"):
                time.sleep(self._seconds.get(item, 1))
                answer = self._answers.get(item, f"{item}!")
                if isinstance(answer, Exception):
                    raise answer
        finally:
            self._under_way -= 1
            self.times.append((begun, time.monotonic()))
        return answer

    def submit(self, *_: Any) -> Any:
        """Stand in for a pool that was looked for here."""
        raise Wrong(
            f"`{self.__name__}` stands where the pool belongs: `loop.run_in_executor(pool, {self.__name__}, ...)`."
        )

    def wanted(self, items: Sequence[Any]) -> list[Any]:
        """Return what it gives for items."""
        return [self._answers.get(item, f"{item}!") for item in items]

    def idle(self, limit: int) -> float:
        """Return the seconds for which fewer than `limit` were under way, summed up, while one had yet to begin."""
        last = max(self.begun, default=0)
        return limit * last - sum(max(0, min(end, last) - begun) for begun, end in self.times)


def as_given(found: Sequence[Any], wanted: list[Any], timeline: Timeline) -> None:
    """Raise Wrong for results that are not those that are wanted, in their order."""
    if repr(found) != repr(wanted):
        raise Wrong(f"Return the results in the order of the items, {wanted}; you returned {found}.", timeline)


@dataclass(frozen=True, slots=True)
class End:
    """How a call of the learner's function ended, `at` seconds, and what it left: tasks, and calls that began later."""

    timeline: Timeline
    at: float
    raised: BaseException | None
    cancelled: bool
    left: list[str]

    def answered(self) -> str:
        """Say what the call did."""
        if self.cancelled:
            return "ended cancelled"
        return f"raised {raised_kind(self.raised)}" if self.raised else "returned a result"


def play_to_the_end(function: Answer, *args: Any, pool: str, cancel_at: float | None = None) -> End:
    """Play a call that is to fail, or to be cancelled, and for a while what it left behind."""

    async def fails(*args: Any) -> Any:
        loop, others = asyncio.get_running_loop(), asyncio.all_tasks()
        task = loop.create_task(function(*args), name=function.__name__)
        if cancel_at is not None:
            loop.call_at(cancel_at, task.cancel)
        await asyncio.wait({task})
        at = loop.time()
        rest = [each for each in asyncio.all_tasks() - others - {task} if not each.done()]
        await asyncio.sleep(AFTER)
        error = None if task.cancelled() else task.exception()
        return at, error, task.cancelled(), sorted(each.get_name() for each in rest)

    fails.__name__ = function.__name__
    timeline = play(fails, *args, pool=pool)
    return End(timeline, *timeline.result)


def came(error: Exception, raised: BaseException | None) -> bool:
    """Return whether `raised` is, or holds, what a stand-in raised in a thread; asyncio makes some of them anew."""
    return any(type(each) is type(error) and each.args == error.args for each in leaves(raised))


def never_called(function: Blocking, timeline: Timeline, how: str) -> Wrong:
    """Return what to say to who never called the function; `how` says what to do."""
    found = timeline.result
    if isinstance(found, list | tuple) and any(inspect.iscoroutine(each) for each in found):
        await_missing(found)
        return Wrong(
            "You handed over an `async def`. A worker of the pool only calls it, gets a coroutine, and nobody runs "
            "that: what runs in a pool is a plain `def`.",
            timeline,
        )
    return Wrong(f"`{function.__name__}` was never called{how}", timeline)


def called_itself(function: Blocking, wrong: Wrong) -> Wrong:
    """Return `wrong`, or what to say instead of it to who called the function where it was to be handed over."""
    if function.misused:
        return Wrong(function.misused, wrong.timeline)
    if not (function.on_loop and isinstance(wrong.error, TypeError)):
        return wrong
    return Wrong(
        f"You called `{function.__name__}` yourself, so it ran on the event loop, and gave a result where something to "
        f"await was wanted. Hand over the function and its argument, without calling it. {wrong}",
        wrong.timeline,
    )


def running_loop() -> asyncio.AbstractEventLoop | None:
    """Return the loop that runs in the calling thread; None where none does."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
