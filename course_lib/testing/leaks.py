"""What a block of asynchronous code leaves behind: tasks, async generators, threads and sockets."""

from collections.abc import Callable, Coroutine
from typing import Any, ParamSpec, Self, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class LeakError(AssertionError):
    """Something was left; `left` has a sentence for each thing: what it is, where it waits, and where it was made."""

    def __init__(self, left: list[str]) -> None:
        super().__init__("\n  ".join([f"left behind: {len(left)}", *left]))
        self.left = left


def no_leaks() -> "NoLeaks":
    """Return a block that nothing may be left of: `async with no_leaks(): ...`, or a decorator, `@no_leaks()`.

    At the end of the block LeakError is raised for the tasks, async generators, threads and sockets that were made
    inside it and are not ended. A socket or a thread that is about to end gets ten turns of the loop and, on a real
    clock, up to a second. The loop's own pool of threads is no leak. Where the block raises, that passes and nothing is
    looked at.
    """
    return NoLeaks()


class NoLeaks:
    """The block; see `no_leaks`."""

    def __call__(self, function: Callable[P, Coroutine[Any, Any, T]]) -> Callable[P, Coroutine[Any, Any, T]]:
        """Return a coroutine function that does the same, and leaves nothing."""
        raise NotImplementedError

    async def __aenter__(self) -> Self:
        raise NotImplementedError

    async def __aexit__(self, kind: Any, error: BaseException | None, traceback: Any) -> None:
        raise NotImplementedError
