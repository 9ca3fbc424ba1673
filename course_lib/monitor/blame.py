"""Whom to blame for a block: what was seen for most of it; else it is said between what and what it lies.

C code that keeps the interpreter to itself (`x in big_list`, arithmetic with huge numbers) lets nothing look while it
runs. What is seen then is what comes next, long after the last look: it is where the block ends, not what it was.
"""

import asyncio
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from types import FrameType
from typing import Any

from course_lib.seeing.timeline.frames import LIBRARY, is_ours, running_line, waiting_line

STEP = "the beginning of the step"
SEVERAL = "several tasks in one round"
UNSEEN = "code that could not be seen"

_END_OF_STEP = asyncio.Handle._run.__code__


@dataclass(slots=True)
class Sighting:
    """What was seen on the loop at one look, or at several in a row: from `first` to `last`.

    `since` is when the step began that it was seen in, or the turn where no watched task ran; `ident` tells tasks of
    one name apart, 0 is no task.
    """

    since: float
    ident: int
    task: str
    function: str
    line: str
    first: float
    last: float


def blame(
    seen: list[Sighting], began: float, ended: float, gap: float, start: str, end: str, *, seconds: float | None = None
) -> tuple[str, str, str]:
    """Return the task, its function and the line that took most of a block, as far as it was seen.

    Args:
        seen: what was seen in this turn or step, in order.
        began, ended: when the block did, in seconds of the clock of `seen`.
        gap: seconds between two looks from which on what comes next does not stand for what was before.
        start, end: what to call the places where the block began and ended.
        seconds: how much of the time counts; without it, all.
    """
    half = (ended - began if seconds is None else seconds) / 2
    tasks, lines = defaultdict[int, float](float), defaultdict[tuple[int, str], float](float)
    unseen = [(0.0, "")]  # how long, and between what and what
    for length, before, after in _stretches(seen, began, ended):
        known = before if after is None or after.line == STEP else after
        if known is None:
            unseen.append((length, ""))
            continue
        one_task = one_line = False
        if before is not None and after is not None:
            one_line = (before.ident, before.line) == (after.ident, after.line)
            # A task has one step in a turn: between two looks at it nothing else ran. Callbacks are all alike.
            one_task = before.ident == after.ident != 0
        if one_task or one_line or length <= gap:
            tasks[known.ident] += length
        if one_line or length <= gap:
            lines[known.ident, known.line] += length
        else:
            edges = before.line if before else start, after.line if after else end
            unseen.append((length, "between {} and {}".format(*edges)))
    who = max(tasks, key=lambda ident: tasks[ident], default=None)
    if who is None or tasks[who] <= half:
        if len(tasks) > 1 and sum(tasks.values()) > half:
            return SEVERAL, "", ""
        return UNSEEN, "", max(unseen)[1]
    task, function = next((one.task, one.function) for one in seen if one.ident == who)
    place = _place({line: length for (ident, line), length in lines.items() if ident == who}, half)
    return task, function, place or max(unseen)[1]


def _stretches(
    seen: list[Sighting], began: float, ended: float
) -> Iterator[tuple[float, Sighting | None, Sighting | None]]:
    """Cut a block at each look; give how long each piece is, and what was seen before and after it."""
    looks: list[tuple[float, Sighting | None]] = [(began, None)]
    for one in seen:
        if one.since > looks[-1][0]:  # nobody looked then, but it is known that the step began
            looks.append((one.since, replace(one, line=STEP)))
        looks += [(one.first, one), (one.last, one)]
    looks.append((ended, None))
    return ((at - before_at, before, after) for (before_at, before), (at, after) in pairwise(looks))


def _place(lines: dict[str, float], half: float) -> str:
    """Return the line that took more than half, or the first and the last of those that did together; else ""."""
    most, left = set[str](), half
    for line in sorted(lines, key=lambda line: -lines[line]):
        if left >= 0:
            most.add(line)
            left -= lines[line]
    if left >= 0:
        return ""
    first, *rest = [line for line in lines if line in most]  # as they were first seen
    return f"between {first} and {rest[-1]}" if rest else first


def place_of(frame: FrameType | None, task: "asyncio.Task[Any] | None") -> str:
    """Describe the innermost line of own code, of the step that runs: below the step stands who started the loop."""
    outer = frame
    while outer is not None and outer.f_code is not _END_OF_STEP:
        outer = outer.f_back
    line = running_line(frame)
    if outer is None or line != running_line(outer):
        return line
    # The step has just ended, or is about to begin, or the task is a library's.
    waits = waiting_line(task.get_coro()) if task else LIBRARY
    if waits != LIBRARY or frame is None:
        return waits
    return "the end of the step" if is_ours(frame.f_code) else f"{frame.f_code.co_name} in a library"
