"""How the exercises of lesson 6 are played: a heartbeat beside the learner's function, and stand-ins."""

import asyncio
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

from course_lib.exercises.framework import Answer, Wrong, await_missing, run
from course_lib.seeing import Timeline, span
from course_lib.seeing.clock.loop import VirtualClockLoop

THREADS = 10
START = 0.5  # seconds that a process pool takes to start
WORTH_IT = 1.5
BEAT = 0.1
PROCESS = "process of the pool"  # how the threads are named that stand in for processes

# Exercise 1


@dataclass(frozen=True)
class Work:
    """Calls to be made: how many, how long each one waits and computes (seconds), and on how many cores.

    coroutines: whether there is a coroutine function for them
    """

    name: str
    calls: int
    waits: float
    computes: float
    coroutines: bool
    cores: int = 4

    def seconds(self, model: str) -> float:
        """Return how long the calls take by a model, by the rules that the task gives."""
        call = self.waits + self.computes
        if model == "threads":
            return max(self.calls * self.computes, self.calls * call / min(THREADS, self.calls))
        if model == "processes":
            return START + self.calls * call / min(self.cores, self.calls)
        if model == "asyncio" and self.coroutines:
            return self.calls * self.computes + self.waits
        return self.calls * call

    def best(self) -> str:
        """Return the fastest model; the sequential one if that is not worth it."""
        model = min(("threads", "asyncio", "processes"), key=self.seconds)
        return model if self.seconds(model) * WORTH_IT <= self.seconds("sequential") else "sequential"

    def why_not(self, model: str) -> str:
        """Say why a model is no good choice."""
        waits = self.waits > self.computes
        if self.best() == "sequential":
            return self._why_not_more(model)
        if model == "sequential":
            return "While one call waits, nothing else happens." if waits else "All cores but one have nothing to do."
        if model == "threads":
            few = f"{THREADS} threads wait for {THREADS} calls at a time, tasks on a loop for all at once."
            return few if waits else "Threads take turns with the GIL: together they compute no faster than one."
        if model == "asyncio":
            blocks = "There is no coroutine function for it, so each call blocks the loop while it waits."
            return blocks if waits else "A loop computes on one core, and nothing else runs on it meanwhile."
        return f"A pool has a process a core: {self.cores} calls wait at a time, for which no core is needed."

    def _why_not_more(self, model: str) -> str:
        if self.calls == 1:
            return "There is a single call: nothing can be done at the same time."
        if model != "processes":
            return "What computes gains nothing from threads or a loop."
        if self.cores == 1:
            return "On one core processes take turns, too."
        return f"Starting the pool takes {START:g} s, all the calls together only {self.seconds('sequential'):g} s."


# Exercises 2 and 3


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
    """A plain function that takes a second, or what `seconds` says for an item, and notes where it ran."""

    def __init__(self, name: str, seconds: dict[Any, float] | None = None, **errors: Exception) -> None:
        self.__name__ = name
        self._seconds, self._errors = seconds or {}, errors
        self.on_loop = self.in_pool = self.in_thread = 0
        self.peak = self._under_way = 0

    @property
    def calls(self) -> int:
        """How often it was called."""
        return self.on_loop + self.in_pool + self.in_thread

    def __call__(self, item: Any) -> Any:
        """Take its time, and return the item with an exclamation mark."""
        name = threading.current_thread().name
        if running_loop():
            self.on_loop += 1
        elif name.startswith(PROCESS):
            self.in_pool += 1
        else:
            self.in_thread += 1
        self._under_way += 1
        self.peak = max(self.peak, self._under_way)
        try:
            with span(f"{self.__name__} {item}"):
                time.sleep(self._seconds.get(item, 1))
                if item in self._errors:
                    raise self._errors[item]
        finally:
            self._under_way -= 1
        return f"{item}!"


def in_order(items: Sequence[Any]) -> list[str]:
    """Return what Blocking gives for items."""
    return [f"{item}!" for item in items]


def as_given(found: Sequence[Any], items: list[str], timeline: Timeline) -> None:
    """Raise Wrong for results that are not those of `items`, in their order."""
    if found != in_order(items):
        raise Wrong(f"Return the results in the order of the items, {in_order(items)}; you returned {found}.", timeline)


def called_itself(function: Blocking, wrong: Wrong) -> Wrong:
    """Return `wrong`, or what to say instead of it to who called the function where it was to be handed over."""
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
