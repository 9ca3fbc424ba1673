"""Cancel everywhere: a coroutine function, cancelled at every moment at which its program suspends."""

import asyncio
from collections.abc import Callable, Collection, Coroutine
from dataclasses import dataclass
from typing import Any

from course_lib.seeing.timeline.wrapping import WrappedCoroutine


class CancellationError(AssertionError):
    """A cancellation at one moment went wrong: what happened, the moment, and the swimlane of that run."""


@dataclass(frozen=True, slots=True)
class Cancelled:
    """What was tried, all of it well: print it."""

    points: int  # moments at which main was cancelled
    runs: int  # how often main ran, the first of them uncancelled


def cancel_everywhere(
    main: Callable[..., Coroutine[Any, Any, Any]],
    check: Callable[..., Any] | None = None,
    *,
    make: Callable[[], Any] | None = None,
    times: int = 2,
    allow: Callable[["asyncio.Task[Any]"], Any] | None = None,
    within: float | None = None,
) -> Cancelled:
    """Run a coroutine function on the virtual clock once for each moment at which it can be cancelled, cancelled there.

    A moment is a suspension of any task of the program, and main's first step before it. At each one main's task is
    cancelled as that task suspends, and in another run as what that task waits for arrives. Each time it must end with
    CancelledError, what `check` says must hold, and nothing may be left: no task, async generator, thread or socket.

    Args:
        main: the coroutine function, called without arguments; with what `make` made where that is given.
        check: is called after each run, also the uncancelled one, on the same loop, with what `make` made; it fails
            when it raises, or returns False. It may be a coroutine function: is the lock free again?
        make: makes what main works on, anew for each run.
        times: up to how often main is cancelled in one run: again at its next suspension, while it cleans up.
        allow: is given main's task where it did not end cancelled; a true answer lets that pass.
        within: virtual seconds after the first cancellation by which main must have ended; None for any time.

    Raises CancellationError for the first moment that goes wrong, what main raises when nobody cancels it, LeakError
    for what it leaves then, ValueError where it never suspends or does not do the same each time.
    """
    raise NotImplementedError


class Stepped(WrappedCoroutine):
    """A coroutine whose task is cancelled at its suspension points number `points`, counted from 1: for real loops.

    Args:
        coro: the coroutine.
        points: at which suspensions its task is cancelled.
        on_arrival: cancel it as what it waits for arrives, before it goes on, and not as it suspends.
    """

    def __init__(
        self, coro: Coroutine[Any, Any, Any], points: Collection[int] = (), *, on_arrival: bool = False
    ) -> None:
        raise NotImplementedError
