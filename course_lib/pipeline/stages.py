"""What a pipeline is made of: stages, each a function and how many items it works on at once."""

import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from course_lib.lifecycle.checks import check_count, check_function, name_of

Function = Callable[[Any], Awaitable[Any] | Any]


@dataclass(frozen=True)
class Stage:
    """A function that each item goes through, made by `stage`."""

    function: Function
    at_once: int
    ordered: bool
    waiting: int
    name: str


def stage(
    function: Function,
    *,
    at_once: int = 1,
    ordered: bool = True,
    waiting: int | None = None,
    name: str | None = None,
) -> Stage:
    """Return a stage of a pipeline.

    Args:
        function: called with an item, returns the next stage's; a coroutine function, or a plain one that does not
            block.
        at_once: how many items it works on at once, from 1.
        ordered: whether results keep the order of their items. Then one that is ready early waits for those before it,
            and its place with it; False passes results on as they come.
        waiting: how many items may wait in front of the stage, from 1, and behind it where it is the last; without it,
            as many as it works on at once. More of them make up for uneven times, and cost fewer turns of the loop.
        name: of its tasks in a timeline, and of the gauge that tells how many wait ("before parse"); without it, the
            function's.

    Raises TypeError and ValueError for arguments without sense.
    """
    check_function("function", function, "pass the function itself, stage(fetch)")
    if inspect.isasyncgenfunction(function) or inspect.isgeneratorfunction(function):
        raise TypeError(
            f"function={name_of(function)} is a generator function, and a stage makes one result of each item: return "
            "a list, or make the generator the pipeline's source"
        )
    check_count("at_once", at_once, 1, "1 works on one item after another")
    if waiting is not None:
        check_count("waiting", waiting, 1, "leave it out for as many as are worked on at once")
    return Stage(function, at_once, ordered, waiting or at_once, name or name_of(function))


@dataclass(frozen=True)
class Failure:
    """An item that a stage failed on."""

    stage: str
    item: Any  # as that stage got it
    error: BaseException
