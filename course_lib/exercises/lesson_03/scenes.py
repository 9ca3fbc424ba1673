"""How the exercises of lesson 3 are played: a call of the learner's function, watched, and at some moment cancelled."""

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any

from course_lib.exercises.causes import passed_uncalled
from course_lib.exercises.framework import Answer, Wrong, await_missing, describe_raised, leaves, run
from course_lib.seeing import Timeline, span

PATIENCE = 60.0  # virtual seconds after which a call is taken for one that does not end
CLEAN_UP = 0.5  # seconds that what the learner calls needs when it is cancelled
GAVE_UP = "not ended"  # the result of a call that did not end within PATIENCE
BAD = {"bad job": ValueError, "worse job": OSError}  # the jobs that fail, and how


@dataclass(frozen=True, slots=True)
class Scene:
    """What became of one call of the learner's function; `ended` is the time in seconds, from the call."""

    timeline: Timeline
    returned: Any
    raised: BaseException | None
    cancelled: bool
    ended: float

    def wrong(self, sentence: str) -> Wrong:
        """Return what to raise for this scene."""
        return Wrong(sentence, self.timeline)

    def result(self) -> Any:
        """Return what the call returned; raise Wrong if it gave an exception, nothing or a coroutine instead."""
        if self.raised:
            raise self.wrong(describe_raised(self.raised))
        if self.returned is None:
            raise self.wrong("Your function returned None. Is a `return` missing?")
        if await_missing([self.returned]):
            raise self.wrong("You returned a coroutine or a task where its result belongs: an `await` is missing.")
        return self.returned

    def answered(self) -> str:
        """Say what the call did, for one that did not end cancelled."""
        return f"raised {type(self.raised).__name__}" if self.raised else f"returned {self.returned!r:.60}"


def play(function: Answer, *args: Any, cancel_at: float | None = None) -> Scene:
    """Call the learner's function on the virtual clock and, at `cancel_at` seconds, cancel it.

    Raises NotImplementedError for an untouched stub, and Wrong for what `run` finds, for a call that does not end,
    for one that ends cancelled when nobody cancelled it, and for tasks that are left when it ends.
    """

    async def main() -> Any:
        loop = asyncio.get_running_loop()
        task = loop.create_task(function(*args), name=function.__name__)
        if cancel_at is not None:
            loop.call_at(cancel_at, task.cancel)
        await asyncio.wait({task}, timeout=PATIENCE)
        if not task.done():
            return GAVE_UP
        if task.cancelled():
            return None, None, True, loop.time()
        error = task.exception()
        if isinstance(error, NotImplementedError):
            raise error
        return None if error else task.result(), error, False, loop.time()

    found = None
    try:
        timeline = run(main)
    except Wrong as wrong:
        if wrong.timeline is None or wrong.timeline.result is None:
            raise
        found, timeline = wrong, wrong.timeline
    though = f", though it was cancelled at {cancel_at:g} s" if cancel_at is not None else ""
    if timeline.result is GAVE_UP:
        raise Wrong(f"It had not ended after {PATIENCE:g} s{though}.", timeline)
    scene = Scene(timeline, *timeline.result)
    # Before what is left running, which may be so because of this.
    if scene.cancelled and cancel_at is None:
        raise scene.wrong(
            "Your function ended cancelled: awaiting a cancelled task raises CancelledError. So does a gather of them: "
            "gather stops at the first CancelledError; pass `return_exceptions=True`."
        )
    if timeline.leaked:
        end = f"was cancelled at {cancel_at:g} s" if scene.cancelled else scene.answered()
        raise scene.wrong(f"When it {end}, this was still running: {', '.join(timeline.leaked)}. Await what you start.")
    if found:
        raise found
    return scene


def used_uncalled(stand_in: type, error: BaseException | None) -> bool:
    """Return whether an error came from using a stand-in itself where what its call gives belongs."""
    return any(passed_uncalled(stand_in, each) for each in leaves(error))


class Source:
    """A coroutine function that takes `seconds`, then returns `answer` or raises it, and counts what is done to it."""

    def __init__(self, name: str, seconds: float, answer: Any) -> None:
        self.name, self.seconds, self.answer = name, seconds, answer
        self.called = 0
        self.begun: list[float] = []
        self.cleaned_up = 0

    def __call__(self) -> Coroutine[Any, Any, Any]:
        """Return a coroutine whose lane in the timeline has the name of the source."""
        self.called += 1
        coro = self._work()
        coro.__name__ = self.name  # type: ignore[attr-defined]  # which coroutine objects have and the stub lacks
        return coro

    async def _work(self) -> Any:
        with span(self.name):
            self.begun.append(asyncio.get_running_loop().time())
            try:
                await asyncio.sleep(self.seconds)
            except asyncio.CancelledError:
                await asyncio.sleep(CLEAN_UP)
                self.cleaned_up += 1
                raise
            if isinstance(self.answer, Exception):
                raise self.answer
            return self.answer


class Jobs:
    """What a worker is given: jobs by and by, a way to handle one, and something to close at the end.

    Each of `jobs` is what get_job gives, or an exception that it raises. Each takes 1 s to come and 2 s to handle;
    those in BAD fail.
    """

    def __init__(self, *jobs: Any) -> None:
        self._jobs = list(jobs)
        self.handled: list[tuple[str, float]] = []  # (job, when it was begun)
        self.hurried: list[float] = []  # when a job was asked for before the last one was handled
        self.close_called = self.closing = self.closed = 0
        self._in_hand = 0

    async def get_job(self) -> Any:
        """Return the next job after 1 s, None when there is none."""
        if self._in_hand:
            self.hurried.append(asyncio.get_running_loop().time())
        with span("get_job"):
            await asyncio.sleep(1)
        job = self._jobs.pop(0) if self._jobs else None
        if isinstance(job, Exception):
            raise job
        self._in_hand += job is not None
        return job

    async def handle(self, job: Any) -> None:
        """Take 2 s; fail for a bad job."""
        self.handled.append((str(job), asyncio.get_running_loop().time()))
        with span(f"handle {job}"):
            try:
                await asyncio.sleep(2)
            except asyncio.CancelledError:
                await_missing([job])  # else Python warns of it at some later time
                raise
            finally:
                self._in_hand -= 1
            if job in BAD:
                raise BAD[job](f"cannot read {job}")

    def close(self) -> Coroutine[Any, Any, None]:
        """Return a coroutine that takes half a second; it may stay without an await, so the call counts by itself."""
        self.close_called += 1
        coro = self._close()
        coro.__name__ = "close"  # type: ignore[attr-defined]  # which coroutine objects have and the stub lacks
        return coro

    async def _close(self) -> None:
        self.closing += 1
        with span("close"):
            await asyncio.sleep(CLEAN_UP)
        self.closed += 1
