"""What stands in a loop's queue, among its timers, and behind a task's wait, in words.

This looks into asyncio's own objects, as a debugger does: what a handle calls, and what a task waits for, has no
public name.
"""

import asyncio
import functools
from collections.abc import Callable, Mapping
from types import CodeType, FrameType
from typing import Any

from course_lib.seeing.timeline.frames import is_library

Phrase = tuple[str | int, ...]  # texts, and the numbers of tasks, whose names are known when the program has ended

NumberOf = Callable[[Any], int | None]


def is_users(callback: Any, caller: FrameType) -> bool:
    """Return whether a callback is one of the user's own, and not how asyncio wakes a task.

    Args:
        caller: who hands the callback to the loop; it tells where the callback has no code, like a list's `append`.
    """
    function = _plain(callback)
    if isinstance(getattr(function, "__self__", None), asyncio.Task):
        return False
    code = getattr(getattr(function, "__func__", function), "__code__", None)
    return not is_library(code if code is not None else caller.f_code)


def callback_phrase(handle: Any, *, number_of: NumberOf, sleepers: Mapping[int, int]) -> Phrase:
    """Say what a handle will do; () for what belongs to the loop itself.

    Args:
        number_of: the number of a task.
        sleepers: the number of the task that waits for a future, by the future's id.
    """
    callback, args = handle._callback, handle._args or ()
    if phrase := getattr(callback, "phrase", None):
        return (phrase,)
    owner = getattr(callback, "__self__", None)
    if (number := number_of(owner)) is not None:
        return (number,)
    if isinstance(owner, asyncio.Timeout):
        limited = number_of(owner._task)  # type: ignore[attr-defined]  # private, and the only way to know
        return (limited, "'s time limit") if limited is not None else ("a time limit",)
    if args and (sleeper := sleepers.get(id(args[0]))) is not None:
        return (sleeper, "'s wait ends")
    name = getattr(_plain(callback), "__qualname__", type(callback).__name__)
    if "run_until_complete" in name:
        return ()
    if args and (done := number_of(args[0])) is not None:
        return (f"{name.partition('.')[0].lstrip('_')} hears that ", done, " is done")
    return (f"asyncio's {name.rpartition('.')[2]}",)


def waits_for(task: Any, number_of: NumberOf, ends: Mapping[int, float], place: tuple[CodeType, int] | None) -> Phrase:
    """Say what a suspended task waits for, and where.

    Args:
        ends: when a sleep ends, in seconds, by the id of its future.
        place: the line of the user's own code at which it waits.
    """
    future = task._fut_waiter
    where = f" (line {place[1]})" if place else ""
    if (other := number_of(future)) is not None:
        return ("for ", other, where)
    if id(future) in ends:
        return (f"until {ends[id(future)]:g} s{where}",)
    children = [number_of(child) for child in getattr(future, "_children", ()) if not child.done()]
    named = [child for child in children if child is not None]
    if named:
        return ("for ", *(part for child in named for part in (child, ", ")), where)
    return (f"at line {place[1]} of {place[0].co_name}" if place else "in a library",)


def written(phrase: Phrase, names: Mapping[int, str]) -> str:
    """Write a phrase with the names of the tasks."""
    return "".join(names[part] if isinstance(part, int) else part for part in phrase).replace(",  (", " (").rstrip(", ")


def _plain(callback: Any) -> Any:
    while isinstance(callback, functools.partial):
        callback = callback.func
    return callback
