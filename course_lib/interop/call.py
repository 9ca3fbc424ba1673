"""A coroutine on its way to the loop of another thread, and what becomes of it."""

import asyncio
import concurrent.futures
import inspect
import threading
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Generic, TypeVar

from course_lib.lifecycle.checks import awaitable, name_of

T = TypeVar("T")
Work = Coroutine[Any, Any, T] | Callable[..., Awaitable[T]]


class Call(Generic[T]):
    """A coroutine, its task once there is one, and a future of its outcome that any thread may wait for.

    The future ends when the task has ended, and not when its cancellation was asked for, unless it is cancelled itself.

    over: whether the future has ended, and will not be touched any more over there
    """

    def __init__(self, coro: Coroutine[Any, Any, T]) -> None:
        self.outcome: concurrent.futures.Future[T] = concurrent.futures.Future()
        self.over = False
        self._gate = threading.Lock()
        self._gate.acquire()
        self._coro = coro
        self._task: asyncio.Task[T] | None = None

    @property
    def begun(self) -> bool:
        """Whether there is a task."""
        return self._task is not None

    @property
    def ended(self) -> bool:
        """Whether there is a task, and it has come to its end."""
        return self._task is not None and self._task.done()

    def wait(self, seconds: float | None) -> None:
        """Wait until it is over, or for so many seconds; in one thread, which may be interrupted, and wait again.

        A plain lock is taken in one step. To wait for the future is Python code that takes the future's lock: who is
        interrupted in there may leave it taken, and the loop would wait for it.
        """
        if not self.over:
            self._gate.acquire(timeout=-1 if seconds is None else seconds)

    def begin(self) -> asyncio.Task[T]:
        """Make the task, in the loop's thread, and return it."""
        self._task = asyncio.get_running_loop().create_task(self._coro)
        self._task.add_done_callback(self._end)
        return self._task

    def cancel(self) -> None:
        """Cancel the task, in the loop's thread."""
        if self._task is not None:
            self._task.cancel()

    def drop(self) -> None:
        """Give up a coroutine that nobody will run to its end; once, and in any thread."""
        try:
            if self._task is None:
                self._coro.close()
            if self.outcome.cancel():
                self.outcome.set_running_or_notify_cancel()  # without which concurrent.futures.wait does not hear of it
        finally:
            self._be_over()

    def _end(self, task: asyncio.Task[T]) -> None:
        error = None if task.cancelled() else task.exception()
        if task.cancelled():
            self.outcome.cancel()
        if not self.outcome.set_running_or_notify_cancel():  # it is cancelled
            if error:
                message = "work that was submitted failed while it was being cancelled"
                task.get_loop().call_exception_handler({"message": message, "exception": error, "task": task})
        elif error:
            self.outcome.set_exception(error)
        else:
            self.outcome.set_result(task.result())
        self._be_over()

    def _be_over(self) -> None:
        if not self.over:
            self.over = True
            self._gate.release()


def coroutine(work: Work[T], args: tuple[Any, ...]) -> Coroutine[Any, Any, T]:
    """Return the coroutine to run.

    Raises TypeError for what is neither a coroutine nor a function; running it does so where the function gives nothing
    that can be awaited.
    """
    if inspect.iscoroutine(work):
        if args:
            work.close()
            raise TypeError("work is a coroutine, already called, and arguments for it came too: pass the function")
        return work
    if asyncio.isfuture(work):
        raise TypeError("work is a future or a task, which belongs to its loop: await it there, or pass a coroutine")
    if not callable(work):
        raise TypeError(f"work={work!r:.60} is neither a coroutine nor a coroutine function")
    return _called(work, args)


async def _called(work: Callable[..., Awaitable[T]], args: tuple[Any, ...]) -> T:
    return await awaitable(f"what {name_of(work)} returned", work(*args))  # type: ignore[no-any-return]
