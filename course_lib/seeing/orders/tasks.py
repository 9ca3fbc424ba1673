"""Tasks whose place in a set is chosen, not left to the address at which they happen to lie."""

import asyncio
import itertools
import random
import sys
import weakref
from collections.abc import Iterable, Sequence
from operator import itemgetter
from types import CodeType
from typing import Any

from course_lib.seeing.orders.answering import AnsweringLoop

ALL = 3  # so many tasks are visited in all of their orders
SOME = 6  # more of them in so many orders


class OrderedTask(asyncio.Task[Any]):
    """A task that a set visits at the place its loop chose."""

    place = 0

    def __hash__(self) -> int:
        caller = sys._getframe(1).f_code
        if caller not in HARMLESS:
            self.get_loop().note_set(self)  # type: ignore[attr-defined]  # a TasksLoop
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


class TasksLoop(AnsweringLoop):
    """A loop that makes such tasks.

    Args:
        places: the places of the tasks in sets, in order of creation; those beyond have that of their creation.
    """

    def __init__(self, places: Sequence[int]) -> None:
        super().__init__()
        self.tasks: list[asyncio.Task[Any]] = []  # held: what the garbage collector takes, and when, is no order
        self.in_sets = False  # whether two tasks or more went into sets that may be visited
        self._places = places
        self._in_set: OrderedTask | None = None
        self._factory: Any = None

    def create_task(self, coro: Any, **kwargs: Any) -> asyncio.Task[Any]:
        """Create a task."""
        if self._factory is None:
            return self.plain_task(self, coro, **kwargs)
        if kwargs.get("context", ...) is None:
            del kwargs["context"]  # what a factory of Python 3.11 does not know unless it is used
        name = kwargs.pop("name", None)
        task: asyncio.Task[Any] = self._factory(self, coro, **kwargs)
        if not isinstance(task, OrderedTask):
            self.tasks.append(task)
        if name is not None:
            task.set_name(name)
        return task

    def plain_task(self, loop: asyncio.AbstractEventLoop, coro: Any, **kwargs: Any) -> OrderedTask:
        """Create a task as a loop without a factory does."""
        task = OrderedTask.__new__(OrderedTask)
        number = len(self.tasks) - 1  # the first one is main's, which is in no set
        task.place = self._places[number] if 0 <= number < len(self._places) else number
        self.tasks.append(task)
        task.__init__(coro, loop=loop, **kwargs)  # type: ignore[misc]  # which may hash it: it needs its place before
        return task

    def set_task_factory(self, factory: Any) -> None:
        """Set the function that creates tasks; None for the usual one."""
        self._factory = factory

    def get_task_factory(self) -> Any:
        """Return the function that creates tasks; None for the usual one."""
        return self._factory

    def note_set(self, task: OrderedTask) -> None:
        """Note that a task is put into a set that may be visited."""
        self._in_set = self._in_set or task
        self.in_sets |= self._in_set is not task

    def visited(self, items: Iterable[Any]) -> list[Any]:
        """Return what stands for a set of what asyncio is given: the same without repetitions, in the order chosen."""
        unique = list(dict.fromkeys(items))
        # Tasks run already: where asyncio visits them, it only asks to be told of their ends.
        self.in_sets |= sum(not isinstance(item, asyncio.Future) for item in unique) > 1
        places = [*self._places[: len(unique)], *range(len(self._places), len(unique))]
        return [item for _, item in sorted(zip(places, unique, strict=True), key=itemgetter(0))]


HARMLESS.add(TasksLoop.visited.__code__)
