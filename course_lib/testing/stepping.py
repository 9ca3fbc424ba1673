"""A coroutine whose suspensions are counted, and whose task is cancelled at some of them."""

import asyncio
from collections.abc import Collection, Coroutine
from typing import Any

from course_lib.seeing.timeline.frames import leave_no_line
from course_lib.seeing.timeline.wrapping import WrappedCoroutine


class Stepped(WrappedCoroutine):
    """A coroutine whose task is cancelled at its suspensions number `points`, counted from 1: for tests on a real loop.

    `count` is how often it has suspended so far.

    Args:
        coro: the coroutine.
        points: at which suspensions its task is cancelled.
        on_arrival: cancel it as what it waits for arrives, before it goes on, and not as it suspends: the result and
            the cancellation meet.
    """

    __slots__ = ("count", "on_arrival", "points")

    def __init__(
        self, coro: Coroutine[Any, Any, Any], points: Collection[int] = (), *, on_arrival: bool = False
    ) -> None:
        self.coro, self.points, self.on_arrival = coro, points, on_arrival
        self.count = 0
        self.__qualname__ = getattr(coro, "__qualname__", None)

    def send(self, value: Any, throw: tuple[Any, ...] = ()) -> Any:
        """Run one step."""
        try:
            waits_for = self.coro.throw(*throw) if throw else self.coro.send(value)
        except BaseException as error:
            del throw
            leave_no_line(error)
            raise
        self.suspended(waits_for)
        return waits_for

    def suspended(self, waits_for: "asyncio.Future[Any] | None") -> None:
        """Count a suspension, and cancel the task where it is one of the points."""
        self.count += 1
        task = asyncio.current_task()
        if self.count not in self.points or task is None:
            return
        if self.on_arrival and waits_for is not None:
            # Before the task's own callback: it has its result, and has not been resumed.
            waits_for.add_done_callback(lambda _: task.cancel())
        else:
            task.cancel()
