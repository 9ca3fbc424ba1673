"""Processes on the virtual clock that can be killed at any moment: what one of them asks for then never happens."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from course_lib.exercises.framework import Answer, Wrong, await_missing, describe_raised, run, still_running
from course_lib.exercises.places import raised_kind
from course_lib.exercises.returning import returned_none
from course_lib.exercises.shown import shown
from course_lib.seeing import Timeline, span

T = TypeVar("T")

ANSWER = 0.1  # seconds that a request takes: half of them there, half of them back
MOMENT = 0.05  # seconds: nothing that is asked for is shorter
PATIENCE = 5.0  # virtual seconds in which who is cancelled must end


@dataclass(eq=False)
class Process:
    """One process of the learner's.

    name: in the sentences, such as "the first consumer"
    killed_at: when it was killed, in seconds; None: it lives
    """

    name: str = "your process"
    killed_at: float | None = None
    refused: list[str] = field(default_factory=list)
    over: bool = False  # whether the scene is, so that what still runs is cancelled
    _then: list[Callable[[], object]] = field(default_factory=list)

    def kill(self) -> None:
        """End it at this moment."""
        if not self.over and self.killed_at is None:
            self.killed_at = asyncio.get_running_loop().time()
            for notice in self._then:
                notice()

    def refuse(self, sentence: str) -> Wrong:
        """Return what to raise for a call without sense; it is told, also where the learner's code catches it."""
        if self.killed_at is None:
            self.refused.append(sentence)
        return Wrong(sentence)

    def when_killed(self, notice: Callable[[], object]) -> None:
        """Call something when it is killed, as a server notices that its client is gone."""
        self._then.append(notice)

    def end(self) -> None:
        """Let nothing hang any more: the scene is over."""
        self.over = True

    async def ask(self, what: str, act: Callable[[], T]) -> T:
        """Do something elsewhere: the request travels, it is done, the answer travels; then return it."""
        with span(what):
            await self.spend(ANSWER / 2)
            answer = act()
            await self.spend(ANSWER / 2)
        return answer

    async def spend(self, seconds: float) -> None:
        """Let time pass; who was killed meanwhile never returns from it."""
        if self.killed_at is None:
            await asyncio.sleep(seconds)
        if self.killed_at is not None:
            if not self.over:
                await asyncio.Event().wait()
            raise asyncio.CancelledError


@dataclass(eq=False)
class Life:
    """A call of the learner's function in a process, and what became of it.

    at: when it begins, in seconds
    kill_at: when its process is killed
    """

    process: Process
    args: Sequence[Any]
    at: float = 0.0
    kill_at: float | None = None
    returned: Any = None
    raised: BaseException | None = None
    cancelled: bool = False
    ended: float | None = None

    @property
    def answered(self) -> str:
        """What the call did, for one that ended."""
        return f"raised {raised_kind(self.raised)}" if self.raised else f"returned {shown(self.returned, 60)}"


@dataclass(eq=False)
class Scene:
    """What became of all."""

    function: Answer
    lives: Sequence[Life]
    timeline: Timeline = field(default_factory=lambda: Timeline(virtual=True))

    def wrong(self, sentence: str) -> Wrong:
        """Return what to raise for this scene."""
        return Wrong(sentence, self.timeline)


def live(function: Answer, lives: Sequence[Life], until: float, *, none: bool = True) -> Scene:
    """Let processes live on the virtual clock; what has not ended at `until` seconds is cancelled.

    Raises NotImplementedError for an untouched stub, and Wrong for whatever makes looking further pointless: an
    exception, something left running, a cancellation that was not passed on.
    """
    scene = Scene(function, lives)
    stuck: list[str] = []

    async def one(life: Life) -> None:
        loop = asyncio.get_running_loop()
        await asyncio.sleep(life.at)
        if life.kill_at is not None:
            loop.call_at(life.kill_at, life.process.kill)
        try:
            life.returned = await function(*life.args)
        except asyncio.CancelledError:
            life.cancelled = True
            raise
        except NotImplementedError:
            raise
        except Exception as error:  # it is told below
            life.raised = error
        life.ended = loop.time()

    async def main() -> str:
        tasks = {asyncio.create_task(one(life), name=life.process.name): life for life in lives}
        await asyncio.wait(tasks, timeout=until)
        for task, life in tasks.items():
            life.process.end()
            task.cancel()
        _, left = await asyncio.wait(tasks, timeout=PATIENCE)
        stuck.extend(tasks[task].process.name for task in left)
        for task in tasks:
            if task.done() and not task.cancelled() and (error := task.exception()):
                raise error
        return "all ended"

    try:
        scene.timeline = run(main)
    except Wrong as wrong:
        scene.timeline = wrong.timeline or scene.timeline
        _look(scene, stuck, none=none)
        if not scene.timeline.leaked:
            raise
        # That a generator is closed is lesson 8a's; here a process has come to its end.
        if any(
            f"the async generator {name} was left open" not in scene.timeline.notes for name in scene.timeline.leaked
        ):
            raise scene.wrong(f"In the end, {still_running(scene.timeline, cancelled=True)}") from None
        return scene
    _look(scene, stuck, none=none)
    return scene


def _look(scene: Scene, stuck: list[str], *, none: bool) -> None:
    """Raise Wrong for what went wrong in any life."""
    for life in scene.lives:
        if life.process.refused:
            raise scene.wrong(life.process.refused[0])
        if life.raised and life.process.killed_at is None:
            raise scene.wrong(describe_raised(life.raised))
        if await_missing([life.returned]):
            raise scene.wrong("You returned a coroutine or a task where its result belongs: an `await` is missing.")
        if life.ended is not None and life.returned is None and not none:
            raise scene.wrong(returned_none(scene.function))
    if stuck:
        raise scene.wrong(
            f"It was cancelled, and {PATIENCE:g} s later it still ran: let CancelledError through, `except Exception` "
            "does not catch it."
        )


def moments(seconds: float) -> list[float]:
    """Return a time between any two things that may happen within so many seconds."""
    return [MOMENT * number + MOMENT / 2 for number in range(round(seconds / MOMENT) + 1)]
