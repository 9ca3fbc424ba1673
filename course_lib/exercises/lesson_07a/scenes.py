"""What the exercises of lesson 7a give to the learner's function, and what was seen of its use."""

import asyncio
import inspect
from collections.abc import Coroutine, Iterable, Mapping
from typing import Any, NamedTuple

from course_lib.exercises.causes import hint
from course_lib.exercises.framework import Wrong, describe_raised, elsewhere, leaves
from course_lib.exercises.playing import Scene, used_uncalled
from course_lib.exercises.shown import shown
from course_lib.seeing import span


class Plan(NamedTuple):
    """How one call goes: after `seconds` it gives `answer` or raises it; cancelled, it cleans up and raises `late`."""

    seconds: float
    answer: Any = None
    clean_up: float = 0.5
    late: Exception | None = None


class Call:
    """A coroutine function of one argument (or none: the plan of `()`), and what was seen of its calls.

    Args:
        name: what the learner calls it.
        plans: how the call goes, by its argument.
    """

    def __init__(self, name: str, plans: Mapping[Any, Plan]) -> None:
        self.name, self.plans = name, plans
        self.called = 0
        self.refused: Wrong | None = None  # told whatever became of it: it may have been caught
        self.begun: list[tuple[Any, float]] = []
        self.ended: list[Any] = []  # by a return or a failure
        self.cleaned_up: list[Any] = []

    def __call__(self, *given: Any) -> Coroutine[Any, Any, Any]:
        """Return a coroutine; its lane in the timeline has the argument in its name."""
        self.called += 1
        argument = given[0] if len(given) == 1 else given
        try:
            plan = self.plans[argument]
        except (KeyError, TypeError):
            raise self._refuse(f"You called `{self.name}({_listed(given)})`: {self._what_to_pass()}.") from None
        coro = self._work(argument, plan, self.name if argument == () else f"{self.name} {argument}")
        coro.__name__ = self.name  # type: ignore[attr-defined]  # which coroutine objects have and the stub lacks
        return coro

    def _refuse(self, sentence: str) -> Wrong:
        self.refused = self.refused or Wrong(sentence)
        return self.refused

    def _what_to_pass(self) -> str:
        if () in self.plans:
            return "it takes no argument"
        return f"pass one of {_listed(self.plans)}" if self.plans else "there was nothing to call it for"

    async def _work(self, argument: Any, plan: Plan, lane: str) -> Any:
        if elsewhere():
            raise self._refuse(f"{self.name} ran on an event loop of its own: one loop is enough here, and no threads.")
        with span(lane):
            self.begun.append((argument, asyncio.get_running_loop().time()))
            try:
                await asyncio.sleep(plan.seconds)
            except asyncio.CancelledError:
                await asyncio.sleep(plan.clean_up)
                self.cleaned_up.append(argument)
                if plan.late:
                    raise plan.late from None
                raise
            self.ended.append(argument)
            if isinstance(plan.answer, Exception):
                raise plan.answer
            return plan.answer

    def check_called(self, scene: Scene) -> None:
        """Raise Wrong if a call was refused, or there was something to call it for, and none of its coroutines ran."""
        if self.refused:
            raise scene.wrong(str(self.refused))
        if not self.plans or self.begun:
            return
        if inspect.isasyncgen(scene.returned):
            raise scene.wrong(
                "You returned an asynchronous generator, and nobody goes through it, so that its code never ran: "
                "square brackets make a list."
            )
        if self.called and scene.raised:
            # A task may have been made, and cancelled before it began: then the advice says what went wrong.
            why = hint(next(leaves(scene.raised))) or f"You called `{self.name}`, and what it gave never ran."
            raise scene.wrong(describe_raised(scene.raised, why))
        if self.called:
            raise scene.wrong(
                f"You called `{self.name}` and never awaited what it gave: the call only makes a coroutine, and a "
                "coroutine object is true whatever its answer would have been."
            )
        if scene.raised is None or used_uncalled(Call, scene.raised):
            raise scene.wrong(f"`{self.name}` is a function, and you never called it. To start it, call it.")

    def check_together(self, scene: Scene) -> None:
        """Raise Wrong unless every call began at the beginning, once."""
        late = [argument for argument, at in self.begun if at > 0]
        if late:
            raise scene.wrong(
                f"`{self.name}` began for {late[0]!r} only when others had ended: start all of them before you await "
                "one."
            )
        arguments = [argument for argument, _ in self.begun]
        for argument in self.plans:
            if (times := arguments.count(argument)) != 1:
                raise scene.wrong(f"`{self.name}` was begun {times} times for {argument!r}, and once was to be.")


def _listed(values: Iterable[Any]) -> str:
    return ", ".join(shown(each, 60) for each in values)


def check_cancelled(scene: Scene, at: float, end: float, doing: str) -> None:
    """Raise Wrong unless a call that was cancelled at `at` seconds ended cancelled, at `end` seconds."""
    if not scene.cancelled:
        raise scene.wrong(
            f"At {at:g} s, {doing}, somebody cancelled your function, and it {scene.answered()} instead of ending "
            "cancelled: let CancelledError through."
        )
    if scene.ended != end:
        short = " When it is cancelled a second time, its clean-up is cut short." if scene.ended < end else ""
        raise scene.wrong(
            f"At {at:g} s, {doing}, somebody cancelled your function. It ended at {scene.ended:g} s; what it had "
            f"started, cancelled at once, has cleaned up by {end:g} s.{short}"
        )
