"""Who consumes what a learner's generator makes of its sources, and what is wrong with any generator."""

import asyncio
import inspect
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from math import inf
from typing import Any

from course_lib.exercises.chance import Equal
from course_lib.exercises.framework import Answer, Wrong, leaves
from course_lib.exercises.lesson_08a.source import CLEAN_UP, Source, still_open
from course_lib.exercises.playing import Scene, play
from course_lib.exercises.shown import shown
from course_lib.seeing import span


@dataclass(eq=False)
class Consumer:
    """Who takes from the learner's generator, and closes it.

    Args:
        takes: after how many items it leaves; None: it listens to the end.
        use: how many seconds it uses each item for.
    """

    takes: int | None = None
    use: float = 0.0
    heard: list[Any] = field(default_factory=list)
    heard_at: list[float] = field(default_factory=list)
    asked_at: list[float] = field(default_factory=list)
    struck_at: float | None = None  # when it was cancelled while it used an item
    no_yield: bool = False

    def of(self, function: Answer) -> Answer:
        """Return a coroutine function that consumes what `function` gives, and returns what it heard."""

        async def consume(*args: Any) -> list[Any]:
            loop = asyncio.get_running_loop()
            made: Any = function(*args)
            if inspect.iscoroutine(made):
                await made  # an untouched stub says here that it is one
                self.no_yield = True
                return self.heard
            async with aclosing(made) as items:
                while self.takes is None or len(self.heard) < self.takes:
                    self.asked_at.append(loop.time())
                    try:
                        item = await anext(items)
                    except StopAsyncIteration:
                        break
                    if inspect.isawaitable(item):
                        number = len(self.heard) + 1
                        raise Wrong(f"Item {number} is something to be awaited, not an item: an `await` is missing.")
                    self.heard.append(item)
                    self.heard_at.append(loop.time())
                    await self._use(loop)
            return self.heard

        consume.__name__ = function.__name__
        return consume

    async def _use(self, loop: asyncio.AbstractEventLoop) -> None:
        if self.use:
            try:
                with span(f"use {len(self.heard)}"):
                    await asyncio.sleep(self.use)
            except asyncio.CancelledError:
                self.struck_at = loop.time()
                raise


def consumed(
    function: Answer, consumer: Consumer, sources: Sequence[Source], *more: Any, cancel_at: float | None = None
) -> Scene:
    """Play a scene; raise Wrong for what is wrong with any generator, such as a source that it left open."""
    open_at_end: list[Source] = []
    consume, found = consumer.of(function), None
    try:
        scene = play(
            consume, *sources, *more, cancel_at=cancel_at, at_end=lambda: open_at_end.extend(still_open(sources))
        )
    except Wrong as wrong:
        if wrong.timeline is None or not isinstance(wrong.timeline.result, tuple):
            raise
        # It ended, and a generator that it left open is told of as that, not as the task that closes it at last.
        found, scene = wrong, Scene(consume, wrong.timeline, *wrong.timeline.result)
    if consumer.struck_at is not None and cancel_at is None:
        raise scene.wrong(_struck(consumer))
    check_generator(scene, consumer, sources)
    if open_at_end:
        _tell_of_a_slip(scene, sources)
        raise scene.wrong(left_open(open_at_end, consumer, scene))
    if found:
        raise found
    return scene


def check_generator(scene: Scene, consumer: Consumer, sources: Sequence[Source]) -> None:
    """Raise Wrong for what has nothing to do with the exercise: no `yield`, or rules of generators broken."""
    name = scene.function.__name__
    if isinstance(scene.raised, Wrong):
        raise scene.wrong(str(scene.raised))
    if consumer.no_yield:
        raise scene.wrong(
            f"{name} contains no `yield`, so it is a coroutine that returns once: hand over each item with `yield`, "
            "as it comes."
        )
    if any(source.closed_while_asked for source in sources):
        raise scene.wrong(_closed_while_asked(sources))
    for error in leaves(scene.raised):
        if isinstance(error, RuntimeError) and isinstance(error.__cause__, StopAsyncIteration):
            raise scene.wrong(
                "A source had ended, and `anext` said so with StopAsyncIteration, which left your generator: Python "
                "turns it into a RuntimeError there. Catch it, and `return`."
            )
    if any(source.called for source in sources):
        raise scene.wrong("The source is an async generator already: take from it as it is, without calling it.")


def _tell_of_a_slip(scene: Scene, sources: Sequence[Source]) -> None:
    """Raise Wrong for an error that comes from no source and from no limit: what it left open follows from it."""
    if scene.raised and not isinstance(scene.raised, TimeoutError) and not any(source.failures for source in sources):
        scene.result()


def left_open(sources: Sequence[Source], consumer: Consumer, scene: Scene) -> str:
    """Say which sources were left open, and when."""
    names = " and ".join(f"`{source.name}`" for source in sources)
    if scene.cancelled:
        when = "The consumer was cancelled, and closed your generator"
    elif consumer.takes is not None and len(consumer.heard) == consumer.takes:
        when = f"The consumer left after {_counted(consumer.takes)}, and closed your generator"
    elif scene.raised:
        when = f"{type(scene.raised).__name__} left your generator"
    else:
        when = "Your generator had ended"
    return (
        f"{when}; {names} {'was' if len(sources) == 1 else 'were'} still open then. Neither the end of a loop nor a "
        "`return` closes a generator: `async with aclosing(...)` does, however its block is left."
    )


def _counted(number: int) -> str:
    return f"{number or 'no'} item{'' if number == 1 else 's'}"


def _closed_while_asked(sources: Sequence[Source]) -> str:
    name = next(source.name for source in sources if source.closed_while_asked)
    return (
        f"`{name}` was closed while a task still waited for its next item, which a generator refuses. First end that "
        "task: cancel it, and wait until it has ended."
    )


def _struck(consumer: Consumer) -> str:
    return (
        f"At {consumer.struck_at:g} s the consumer was using its item {len(consumer.heard)}, and was cancelled there, "
        "by your generator: a time limit, or a task group, works for the task that entered it, and a `yield` does not "
        "leave its block. No `yield` in there."
    )


def check_stopped(scene: Scene, cancel_at: float, needs: float = CLEAN_UP) -> None:
    """Raise Wrong unless a call that was cancelled ended so, and within `needs` seconds for closing."""
    if not scene.cancelled:
        raise scene.wrong(
            f"At {cancel_at:g} s the consumer was cancelled, and it {scene.answered()}: your generator let no "
            "CancelledError through. Which `except` catches it?"
        )
    if scene.ended > cancel_at + needs:
        raise scene.wrong(
            f"At {cancel_at:g} s the consumer was cancelled, and it ended at {scene.ended:g} s: closing takes "
            f"{needs:g} s, and there was nothing else to wait for."
        )


def check_heard(scene: Scene, consumer: Consumer, items: Sequence[Any], at: Sequence[float]) -> None:
    """Raise Wrong unless the consumer heard these items, at these seconds."""
    for number, (item, due) in enumerate(zip(items, at, strict=True), 1):
        if len(consumer.heard) < number:
            raise scene.wrong(
                f"Item {number}, {shown(item, 60)}, was due at {due:g} s, and your generator {_ended(scene)}."
            )
        got, when = consumer.heard[number - 1], consumer.heard_at[number - 1]
        if got is not item and (got != item or isinstance(item, Equal)):
            raise scene.wrong(f"Item {number} should be {item!r:.60}; your generator gave {got!r:.60}.")
        if when > due:
            raise scene.wrong(
                f"Item {number}, {shown(item, 60)}, could be there at {due:g} s, and your generator gave it at "
                f"{when:g} s: hand over each as it comes."
            )
    if len(consumer.heard) > len(items):
        raise scene.wrong(f"Your generator gave {consumer.heard[len(items)]!r:.60}, and nothing more was to come.")


def check_asked(scene: Scene, consumer: Consumer, source: Source, what: str = "item") -> None:
    """Raise Wrong if a source was asked before the consumer asked."""
    for place, at in enumerate(source.asked):
        wanted = consumer.asked_at[place] if place < len(consumer.asked_at) else inf
        if at < wanted:
            raise scene.wrong(
                f"`{source.name}` was asked for its item {place + 1} at {at:g} s, before the consumer wanted that "
                f"{what}: ask only when you are asked."
            )


def _ended(scene: Scene) -> str:
    if scene.raised:
        return f"raised {type(scene.raised).__name__}"
    return "had ended"


async def drained(function: Answer, *args: Any) -> list[Any]:
    """Consume what `function` gives, and return what was heard."""
    heard: list[Any] = await Consumer().of(function)(*args)
    return heard


def check_closed(scene: Scene, sources: Sequence[Source]) -> None:
    """Raise Wrong for a scene of `drained` that broke the rules of generators, or left a source open."""
    check_generator(scene, Consumer(), sources)
    if still_open(sources):
        _tell_of_a_slip(scene, sources)
        raise scene.wrong(left_open(still_open(sources), Consumer(), scene))
