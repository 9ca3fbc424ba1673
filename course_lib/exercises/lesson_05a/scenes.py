"""How the exercises of lessons 5a and 5b are played: several calls at their times, side by side, some cancelled."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from course_lib.exercises.framework import Answer, Wrong, await_missing, describe_raised, run
from course_lib.exercises.places import raised_kind
from course_lib.exercises.returning import returned_none
from course_lib.seeing import Timeline

PATIENCE = 60.0
BLUNDERS = (TypeError, AttributeError, NameError)


@dataclass(slots=True)
class Call:
    """One call: made at `at` seconds, cancelled at `cancel_at`; and what became of it.

    name: its lane in the timeline
    make: called without arguments, gives the coroutine
    function: the learner's function, from which is read why a call may have given None
    """

    name: str
    make: Callable[[], Awaitable[Any]]
    at: float = 0
    cancel_at: float | None = None
    function: Answer | None = None
    returned: Any = None
    raised: BaseException | None = None
    cancelled: bool = False
    ended: float | None = None

    def answered(self) -> str:
        """Say what the call did."""
        if self.ended is None:
            return "did not end"
        if self.cancelled:
            return "ended cancelled"
        return f"raised {raised_kind(self.raised)}" if self.raised else f"returned {self.returned!r:.60}"


@dataclass(slots=True)
class Scene:
    """The calls of one run, and its timeline."""

    calls: list[Call]
    timeline: Timeline = field(default_factory=lambda: Timeline(virtual=True))
    stuck: list[str] = field(default_factory=list)  # names of the calls that had not ended in time

    def wrong(self, sentence: str) -> Wrong:
        """Return what to raise for this scene."""
        return Wrong(sentence, self.timeline)

    def result(self, number: int, *, none: bool = False) -> Any:
        """Return what a call returned; raise Wrong if it gave an exception, nothing or a coroutine instead.

        none: whether None is what it should return
        """
        call = self.calls[number]
        if call.cancelled:
            raise self.wrong(f"{call.name} ended cancelled, and nobody had cancelled it.")
        if call.raised:
            raise self.wrong(describe_raised(call.raised))
        if call.returned is None and not none:
            raise self.wrong(returned_none(call.function or call.make))
        if await_missing([call.returned]):
            raise self.wrong("You returned a coroutine or a task where its result belongs: an `await` is missing.")
        return call.returned


def play(*calls: Call, blunders: tuple[type[Exception], ...] = BLUNDERS, patience: float = PATIENCE) -> Scene:
    """Make the calls on the virtual clock, each in a task of its own, and wait until all have ended.

    Calls that do not end are left to the caller to look at: see `Scene.stuck`. Raises NotImplementedError for an
    untouched stub, and Wrong for what `run` finds and for a call that raised one of `blunders`.

    Args:
        blunders: exceptions that come from the learner's own code only.
        patience: virtual seconds after the last call, by which all should have ended.
    """
    scene = Scene(list(calls))

    async def main() -> Scene:
        loop, all_ended = asyncio.get_running_loop(), asyncio.Event()
        tasks = set()

        async def called(call: Call) -> Any:
            return await call.make()

        def begin(call: Call) -> None:
            task = loop.create_task(called(call), name=call.name)
            tasks.add(task)
            task.add_done_callback(partial(note, call))
            if call.cancel_at is not None:
                loop.call_at(call.cancel_at, task.cancel)

        def note(call: Call, task: asyncio.Task[Any]) -> None:
            if scene.stuck:
                return  # it was cancelled because the scene is over
            call.ended, call.cancelled = loop.time(), task.cancelled()
            call.raised = None if call.cancelled else task.exception()
            call.returned = None if call.cancelled or call.raised else task.result()
            if all(call.ended is not None for call in calls):
                all_ended.set()

        for call in calls:
            if call.at:
                loop.call_at(call.at, begin, call)
            else:
                begin(call)  # at once: of timers for the same moment none is sure to be the first
        with suppress(TimeoutError):
            async with asyncio.timeout(max(call.at for call in calls) + patience):
                await all_ended.wait()
        scene.stuck = [call.name for call in calls if call.ended is None]
        for call in calls:
            if isinstance(call.raised, NotImplementedError | Wrong):
                raise call.raised
            if isinstance(call.raised, blunders):
                raise Wrong(describe_raised(call.raised))
            if "is bound to a different event loop" in str(call.raised):
                raise Wrong(
                    "You keep a lock or the like outside of your function. Each scene of this check is a program of "
                    "its own, with its own event loop, as are other programs that use the same database: none of "
                    "them knows your lock."
                )
        return scene

    try:
        scene.timeline = run(main)
    except Wrong as wrong:
        if wrong.timeline is None or wrong.timeline.result is None or not scene.stuck:
            raise
        scene.timeline = wrong.timeline  # what did not end is the thing to tell, not what was left of it
    return scene
