"""What the exercises of lesson 3 give to the learner's function, and what was seen of its use."""

import asyncio
from collections.abc import Coroutine
from typing import Any

from course_lib.exercises.framework import await_missing
from course_lib.exercises.playing import Scene, used_uncalled
from course_lib.seeing import span

CLEAN_UP = 0.5  # seconds that what the learner calls needs when it is cancelled


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
        self.ended = False

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
            finally:
                self.ended = True
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
