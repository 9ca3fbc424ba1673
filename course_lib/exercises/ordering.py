"""A scene played in every order in which its stand-ins may answer: nothing that is right depends on luck."""

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

from course_lib.exercises.framework import Answer, Wrong, at_home
from course_lib.exercises.playing import Scene
from course_lib.seeing import Timeline, every_order
from course_lib.seeing.clock import SimulationError

T = TypeVar("T")

# So many orders one after another, those that depart least from the usual one first, and so many more at random.
FIRST, MORE = 60, 40
LIMIT = 1.0  # real seconds; a right answer needs a tenth

WHAT = {
    "deadlock": "your code waits for something that never happens",
    "endless": "your code does not come to an end",
    "leak": "when your function had ended, something was still running",
}


def in_every_order(
    function: Answer,
    make: Callable[[], tuple[T, list[Any]]],
    check: Callable[[Scene, T], object],
    cancel_at: float | None = None,
    again: int = 0,
) -> None:
    """Call the learner's function in many orders of the same answers; raise Wrong for the first that ends badly.

    Args:
        make: makes the stand-ins anew, whose sleeps lie in spans, and the arguments to call the function with.
        check: is given what became of the call and the stand-ins, and raises Wrong; the clock tells it nothing. Where
            it returns True, tasks that are left are not held against the function.
        cancel_at: when to cancel the call, in seconds: it strikes at every moment between two answers.
        again: how often to cancel it once more; each strikes at every later moment.
    """

    async def main() -> None:
        loop = asyncio.get_running_loop()
        at_home(loop)
        given, args = make()
        task = loop.create_task(function(*args), name=function.__name__)
        if cancel_at is not None:
            for number in range(1 + again):
                loop.call_at(cancel_at + number, task.cancel)
        await asyncio.wait({task})
        error = None if task.cancelled() else task.exception()
        returned = None if error or task.cancelled() else task.result()
        if check(Scene(function, Timeline(virtual=True), returned, error, task.cancelled(), 0), given):
            for left in (rest := asyncio.all_tasks() - {asyncio.current_task()}):
                left.cancel()
            await asyncio.gather(*rest, return_exceptions=True)

    try:
        found = every_order(main, until_failure=True, orders=FIRST, more=MORE, limit=LIMIT)
    except SimulationError:
        return  # threads, or another course in each run: what can be told of that, the other scenes tell
    if not found.failures:
        return
    outcome = found.failures[0]
    what = str(outcome.value) if isinstance(outcome.value, Wrong) else WHAT.get(outcome.kind, outcome.text)
    if cancel_at is not None:
        raise Wrong(f"When your function is cancelled at another moment: {what}", outcome.timeline)
    raise Wrong(f"In another order of the same answers: {what}", outcome.timeline)
