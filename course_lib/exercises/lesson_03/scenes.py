"""How the exercises of lesson 3 are played: a call of the learner's function, watched, and at some moment cancelled."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from course_lib.exercises.causes import passed_uncalled, returned_none
from course_lib.exercises.framework import Answer, Wrong, await_missing, describe_raised, leaves, run
from course_lib.seeing import Timeline, span

PATIENCE = 60.0  # virtual seconds after which a call is taken for one that does not end
CLEAN_UP = 0.5  # seconds that what the learner calls needs when it is cancelled
GAVE_UP = "not ended"  # the result of a call that did not end within PATIENCE


@dataclass(frozen=True, slots=True)
class Scene:
    """What became of one call of the learner's function; `ended` is the time in seconds, from the call."""

    function: Answer
    timeline: Timeline
    returned: Any
    raised: BaseException | None
    cancelled: bool
    ended: float

    def wrong(self, sentence: str) -> Wrong:
        """Return what to raise for this scene."""
        return Wrong(sentence, self.timeline)

    def result(self, *, none: bool = False) -> Any:
        """Return what the call returned; raise Wrong if it gave an exception, a coroutine or nothing instead.

        `none` says whether None is what it should return.
        """
        if self.raised:
            raise self.wrong(describe_raised(self.raised))
        if self.returned is None and not none:
            raise self.wrong(returned_none(self.function))
        if await_missing([self.returned]):
            raise self.wrong("You returned a coroutine or a task where its result belongs: an `await` is missing.")
        return self.returned

    def answered(self) -> str:
        """Say what the call did, for one that did not end cancelled."""
        return f"raised {type(self.raised).__name__}" if self.raised else f"returned {self.returned!r:.60}"


def play(function: Answer, *args: Any, cancel_at: float | None = None, at_end: Callable[[], object] = int) -> Scene:
    """Call the learner's function on the virtual clock and, at `cancel_at` seconds, cancel it.

    `at_end` is called when the call has ended, before what is left running is cancelled.
    Raises NotImplementedError for an untouched stub, and Wrong for what `run` finds, for a call that does not end,
    for one that ends cancelled when nobody cancelled it, and for tasks that are left when it ends.
    """

    async def main() -> Any:
        loop = asyncio.get_running_loop()
        task = loop.create_task(function(*args), name=function.__name__)
        if cancel_at is not None:
            loop.call_at(cancel_at, task.cancel)
        await asyncio.wait({task}, timeout=PATIENCE)
        at_end()
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
    scene = Scene(function, timeline, *timeline.result)
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
    """A coroutine function that takes `seconds`, then returns `answer` or raises it, and counts what is done to it.

    Cancelled, it cleans up for `clean_up` seconds, and raises `late` then, if that is given.
    """

    def __init__(
        self, name: str, seconds: float, answer: Any, clean_up: float = CLEAN_UP, late: Exception | None = None
    ) -> None:
        self.name, self.seconds, self.answer, self.clean_up, self.late = name, seconds, answer, clean_up, late
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
                await asyncio.sleep(self.clean_up)
                self.cleaned_up += 1
                if self.late:
                    raise self.late from None
                raise
            if isinstance(self.answer, Exception):
                raise self.answer
            return self.answer


def was_called(name: str, sources: list[Source], scene: Scene) -> None:
    """Raise Wrong, saying why, if none of the sources was called; `name` is what the learner calls them."""
    if any(source.called for source in sources):
        return
    if "Source.__call__() takes" in str(scene.raised):
        raise scene.wrong(f"`{name}` takes no argument: call it without, `{name}()`.")
    # An error of another kind came before the call, and is the thing to tell.
    if scene.raised is None or used_uncalled(Source, scene.raised):
        raise scene.wrong(f"`{name}` is a function, and you never called it. To start it, call it: `{name}()`.")


class Bad(str):
    """A job that cannot be handled: its handle raises `failure`."""

    failure: Exception


def bad(name: str, failure: Exception) -> Bad:
    """Return a bad job."""
    job = Bad(name)
    job.failure = failure
    return job


class Jobs:
    """What a worker is given: jobs by and by, a way to handle one, and something to close at the end.

    Each of `jobs` is what get_job gives, or an exception that it raises. Each takes `coming` seconds to come and
    `handling` to handle; close takes `closing` seconds, and a handle that is cancelled cleans up for `clean_up`.
    """

    def __init__(
        self, *jobs: Any, coming: float = 1, handling: float = 2, closing: float = CLEAN_UP, clean_up: float = 0
    ) -> None:
        self._jobs = list(jobs)
        self._coming, self._handling, self._closing, self._clean_up = coming, handling, closing, clean_up
        self.handled: list[tuple[str, float]] = []  # (job, when it was begun)
        self.hurried: list[float] = []  # when a job was asked for before the last one was handled
        self.close_called = self.closing = self.closed = 0
        self._in_hand = 0

    async def get_job(self) -> Any:
        """Return the next job after a while, None when there is none."""
        if self._in_hand:
            self.hurried.append(asyncio.get_running_loop().time())
        with span("get_job"):
            await asyncio.sleep(self._coming)
        job = self._jobs.pop(0) if self._jobs else None
        if isinstance(job, Exception):
            raise job
        self._in_hand += job is not None
        return job

    async def handle(self, job: Any) -> None:
        """Take a while; fail for a bad job."""
        self.handled.append((str(job), asyncio.get_running_loop().time()))
        with span(f"handle {job}"):
            try:
                await asyncio.sleep(self._handling)
            except asyncio.CancelledError:
                await_missing([job])  # else Python warns of it at some later time
                if self._clean_up:
                    await asyncio.sleep(self._clean_up)
                raise
            finally:
                self._in_hand -= 1
            if isinstance(job, Bad):
                raise job.failure

    def close(self) -> Coroutine[Any, Any, None]:
        """Return a coroutine that takes a while; it may stay without an await, so the call counts by itself."""
        self.close_called += 1
        coro = self._close()
        coro.__name__ = "close"  # type: ignore[attr-defined]  # which coroutine objects have and the stub lacks
        return coro

    async def _close(self) -> None:
        self.closing += 1
        with span("close"):
            await asyncio.sleep(self._closing)
        self.closed += 1
