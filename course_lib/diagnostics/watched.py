"""How a task is watched: its coroutine is wrapped, so that each of its steps is timed and a failure is seen.

The wrapper holds what is known of the task, so that it is forgotten with the task and there is no list of all tasks.
"""

import asyncio
import sys
from collections.abc import Callable, Coroutine
from time import perf_counter
from types import CoroutineType
from typing import Any, Protocol

from course_lib.diagnostics.places import Spot
from course_lib.seeing.timeline.frames import is_library, leave_no_line
from course_lib.seeing.timeline.wrapping import WrappedCoroutine, layers_of

GROUPS_COUNT = sys.version_info < (3, 13)  # a TaskGroup that has failed leaves its own request in `cancelling()`
SLOW = 0.1  # seconds, unless something else is asked for; from here on asyncio's own debug mode warns, too


class Watching(Protocol):
    """What a watched coroutine tells its steps to."""

    open: bool
    running: "Watched | None"  # the one whose step is on the loop
    begun: float  # when the last step began
    slow: float  # from so many seconds on a step is told of
    rests: bool  # whether nobody looks at steps now
    wake: Callable[[], None]  # see that somebody does

    def held(self, watched: "Watched", begun: float) -> None:
        """Note a step of the current task that held the loop."""

    def others_ready(self, me: "Watched") -> bool:
        """Return whether a step of another watched task is due now."""

    def failed(self, watched: "Watched") -> None:
        """Note that the current task is about to end with an exception."""

    def swallowed(self, watched: "Watched") -> None:
        """Note that the current task, into which a cancellation was thrown, is about to return."""

    def cancelled_by_group(self) -> None:
        """Note that a TaskGroup has cancelled the current task, to end its own block."""


class Watched(WrappedCoroutine):
    """A coroutine that times its steps, and is otherwise the one it wraps."""

    # As few fields as will do: each one costs every task.
    __slots__ = ("cell", "struck", "watch")

    def __init__(self, coro: Coroutine[Any, Any, Any], watch: Watching, cell: int) -> None:
        self.coro, self.watch, self.cell = coro, watch, cell
        self.struck: Spot | None = None  # where the last cancellation struck
        self.__qualname__ = coro.__qualname__ if type(coro) is CoroutineType else getattr(coro, "__qualname__", None)

    def send(self, value: Any, throw: tuple[Any, ...] = ()) -> Any:
        """Run one step."""
        watch = self.watch
        # An eager task runs its first step inside a step of the task that creates it: that one is timed.
        timed = watch.running is None
        if timed:
            watch.running = self
            watch.begun = begun = perf_counter()
            if watch.rests:
                watch.wake()
        try:
            return self.coro.throw(*throw) if throw else self.coro.send(value)
        except BaseException as error:
            del throw
            if type(error) is not StopIteration:
                if not isinstance(error, asyncio.CancelledError) and watch.open:
                    watch.failed(self)
                leave_no_line(error)
            elif self.struck is not None and watch.open:
                watch.swallowed(self)
            raise
        finally:
            if timed:
                watch.running = None
                if perf_counter() - begun >= watch.slow and watch.open:
                    watch.held(self, begun)

    def throw(self, *error: Any) -> Any:
        """Run one step that begins with an exception."""
        if isinstance(error[0], asyncio.CancelledError) or error[0] is asyncio.CancelledError:
            if GROUPS_COUNT and _group_ends(self.coro):
                self.watch.cancelled_by_group()
            else:
                self.struck = _waiting_spot(self.coro)
        try:
            return self.send(None, error)
        except BaseException as raised:
            del error
            leave_no_line(raised)
            raise


class OfCell(Watched):
    """A cell's own code, which a kernel runs as a task where it awaits.

    That it is slow is no fault, unless another task stood ready meanwhile, and for how long.
    """

    __slots__ = ("ready_since",)

    def send(self, value: Any, throw: tuple[Any, ...] = ()) -> Any:
        """Run one step."""
        self.ready_since: float | None = None  # a thread looks for others, if this step lasts
        try:
            return super().send(value, throw)
        except BaseException as error:
            del throw
            leave_no_line(error)
            raise

    def look_for_others(self) -> None:
        """Note if another task stands ready from now on."""
        if self.ready_since is None and self.watch.others_ready(self):
            self.ready_since = perf_counter()


def watched_in(task: Any) -> Watched | None:
    """Return the wrapper in a task; None if it is not watched."""
    if not isinstance(task, asyncio.Task):
        return None
    return next((layer for layer in layers_of(task.get_coro()) if isinstance(layer, Watched)), None)


def _waiting_spot(coro: Any) -> Spot | None:
    """Return where in the user's own code a suspended coroutine waits: the innermost of what await one another."""
    found = None
    while coro is not None:
        frame = getattr(coro, "cr_frame", None)
        if frame is not None and not is_library(frame.f_code):
            found = frame.f_code, frame.f_lasti
        coro = getattr(coro, "cr_await", None)
    return found


def _group_ends(coro: Any) -> bool:
    """Return whether a suspended coroutine waits at the end of a TaskGroup that has cancelled its own task."""
    while coro is not None:
        frame = getattr(coro, "cr_frame", None)
        if frame is not None and frame.f_code is asyncio.TaskGroup.__aexit__.__code__:
            # Private, and the one way to know whose request it is.
            return bool(getattr(frame.f_locals["self"], "_parent_cancel_requested", False))
        coro = getattr(coro, "cr_await", None)
    return False
