"""Tasks whose place in a set is chosen, not left to the address at which they happen to lie."""

import asyncio
import itertools
import random
import sys
import weakref
from collections.abc import Sequence
from types import CodeType
from typing import Any

ALL = 3  # so many tasks are visited in all of their orders
SOME = 6  # more of them in so many orders


class OrderedTask(asyncio.Task[Any]):
    """A task that a set visits at the place its loop chose."""

    place = 0

    def __hash__(self) -> int:
        caller = sys._getframe(1).f_code
        if caller not in HARMLESS:
            self.get_loop().note_set(self)  # type: ignore[attr-defined]  # OrdersLoop, the only one to make these
        return self.place

    def cancel(self, msg: Any = None) -> bool:
        """Cancel, as every task does; a group that aborts does so in the order of a set."""
        if sys._getframe(1).f_code is _ABORT:
            self.get_loop().note_set(self)  # type: ignore[attr-defined]
        return super().cancel(msg)


def _codes(owner: Any, *names: str) -> set[CodeType]:
    functions = (getattr(owner, name, None) for name in names)
    return {code for function in functions if (code := getattr(function, "__code__", None)) is not None}


_ABORT = next(iter(_codes(asyncio.TaskGroup, "_abort")), None)
# Where a task is hashed and no order comes of it: a dict keeps that of insertion, and a group visits its set only when
# it aborts. `wait` makes a set of what it is given, too, but what it gives back is hashed in another function.
HARMLESS = (
    _codes(asyncio, "gather", "as_completed", "wait", "all_tasks", "shield")
    | _codes(asyncio.TaskGroup, "create_task", "_on_task_done")
    | _codes(weakref.WeakSet, "add", "discard", "remove", "__contains__", "__init__", "__iter__")
    | _codes(asyncio.tasks, "_register_task", "_unregister_task", "_py_register_task", "_register_eager_task")
)


def visits(tasks: int) -> Sequence[Sequence[int]]:
    """Return the places to give to so many tasks, in order of creation: as created, reversed, and others.

    Up to three tasks get all their orders, more of them six: as created, reversed, and four drawn at random.
    """
    created = tuple(range(tasks))
    if tasks <= ALL:
        orders = list(itertools.permutations(created))
        return [orders[0], *orders[:0:-1]]
    draw = random.Random(tasks)
    return [created, created[::-1], *(draw.sample(created, tasks) for _ in range(SOME - 2))]
