"""From plain code to a coroutine: `run_sync` for one call, `LoopThread` for many."""

import asyncio
import concurrent.futures
import inspect
import threading
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from functools import partial
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

from course_lib.lifecycle.checks import awaitable, name_of

T = TypeVar("T")
Work = Coroutine[Any, Any, T] | Callable[..., Awaitable[T]]


def run_sync(work: Work[T], *args: Any) -> T:
    """Run a coroutine from plain code, wherever that stands, and return its result.

    Where no event loop runs in this thread, that is `asyncio.run`. Where one does (in a cell of a notebook, in a plain
    function that a coroutine called), the work has a loop of its own in another thread, and this thread waits. The loop
    of this thread stands still meanwhile: where you can, `await` instead.

    Args:
        work: a coroutine, or a coroutine function.
        args: what to call it with.

    Raises what the work raises; CancelledError if it ended cancelled; TypeError for what is neither coroutine nor
    function; KeyboardInterrupt after the work was cancelled and has cleaned up. Under `asyncio.run` the first Ctrl+C
    asks the main task to end, which it hears when this has returned; the second one is raised here.
    """
    coro = _coroutine(work, args)
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(coro)
    with LoopThread() as loop:
        return loop.run(coro)


class LoopThread:
    """An event loop in a thread of its own, for plain code that needs one for more than one call.

        with LoopThread() as loop:
            client = loop.run(connect, url)      # waits for the result
            answer = loop.submit(client.ask)     # a concurrent.futures.Future
            ...

    Between two calls the loop goes on: what was begun on it lives until the block ends. Leaving the block cancels what
    is left, waits for its clean-up, and for the thread. Any thread may call `run` and `submit`.

    A task that raises KeyboardInterrupt or SystemExit ends the loop, as it ends `asyncio.run`; leaving the block raises
    it, if `run` has not.
    """

    def __init__(self) -> None:
        self._thread: threading.Thread | None = None
        self._calls: set[_Call[Any]] = set()  # those whose outcome somebody may wait for
        self._stop = asyncio.Event()
        self._closing = False
        self._error: BaseException | None = None

    def run(self, work: Work[T], *args: Any) -> T:
        """Run a coroutine on the loop, wait for its end, and return its result.

        Args:
            work: a coroutine, or a coroutine function.
            args: what to call it with.

        Raises what the work raises; CancelledError if it ended cancelled; TypeError for what is neither; RuntimeError
        outside of the block, and in the loop's own thread, which would wait for itself. A KeyboardInterrupt while this
        waits cancels the work, and is raised when that has cleaned up.
        """
        coro = _coroutine(work, args)
        if self._thread is threading.current_thread():
            coro.close()
            raise RuntimeError("run() in the loop's own thread would wait for itself: await the coroutine")
        call = self._send(coro)
        try:
            return call.outcome.result()
        except concurrent.futures.CancelledError:
            if call.outcome.cancelled():
                raise asyncio.CancelledError from None
            raise  # one that the work raised, about a future of its own
        except BaseException:
            if not call.outcome.done():  # this thread was interrupted; the work has not ended
                self._end_early(call)
            raise
        finally:
            del call  # it leads to what is raised, whose traceback leads to this frame

    def submit(self, work: Work[T], *args: Any) -> concurrent.futures.Future[T]:
        """Start a coroutine on the loop and return at once, with a future of its outcome.

        Cancelling the future cancels the work. The arguments are those of `run`.

        Raises TypeError for what is neither coroutine nor function; RuntimeError outside of the block.
        """
        call = self._send(_coroutine(work, args))
        call.outcome.add_done_callback(lambda outcome: self._tell(call.cancel) if outcome.cancelled() else None)
        return call.outcome

    def __enter__(self) -> Self:
        if self._thread is not None:
            raise RuntimeError("this LoopThread has had its block: make a new one, with LoopThread() as loop")
        # Made here: other threads may hand it work before its own has begun, and what fails, fails here. Named, because
        # without a name a Runner would also make it the current loop of this thread.
        self._runner = asyncio.Runner(loop_factory=asyncio.new_event_loop)
        self._loop = self._runner.get_loop()
        self._thread = threading.Thread(target=self._serve, name="LoopThread", daemon=True)
        try:
            self._thread.start()
        except RuntimeError:
            self._runner.close()  # the system has no more threads
            raise
        except BaseException:
            self._tell(self._stop.set)  # interrupted; the thread may run
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        assert self._thread is not None
        self._tell(self._stop.set)
        self._thread.join()
        if self._error is not None and self._error is not error:
            raise self._error

    def _serve(self) -> None:
        """Be the thread: run the loop until the block ends, then end what is left on it."""
        try:
            with self._runner:
                try:
                    self._runner.run(self._stop.wait())
                finally:
                    self._closing = True  # what begins from here on would not be cancelled
        except BaseException as error:  # noqa: BLE001  # raised on leaving the block
            self._error = error
        finally:
            # Those that came while the loop ended. Whoever comes later finds it closed.
            for call in tuple(self._calls):
                call.drop()

    def _send(self, coro: Coroutine[Any, Any, T]) -> "_Call[T]":
        if self._thread is None:
            coro.close()
            raise RuntimeError("this LoopThread has no loop yet: call it inside its block, with LoopThread() as loop")
        call = _Call(coro)
        self._calls.add(call)
        try:
            self._loop.call_soon_threadsafe(self._begin, call)  # in a copy of this thread's context
        except RuntimeError:
            self._calls.discard(call)
            coro.close()
            raise RuntimeError("this LoopThread has ended, and its loop with it: make another one") from None
        return call

    def _begin(self, call: "_Call[Any]") -> None:
        if self._closing or call.outcome.cancelled():
            self._calls.discard(call)
            call.drop()
        else:
            call.begin().add_done_callback(lambda _: self._calls.discard(call))

    def _end_early(self, call: "_Call[Any]") -> None:
        """Cancel what a call has begun, and wait for its end."""
        self._tell(call.cancel)
        with suppress(concurrent.futures.CancelledError):
            if error := call.outcome.exception():
                message = "what run() had begun failed while it was being cancelled"
                self._tell(partial(self._loop.call_exception_handler, {"message": message, "exception": error}))

    def _tell(self, callback: Callable[[], object]) -> None:
        with suppress(RuntimeError):  # the loop is closed, and there is nobody to tell
            self._loop.call_soon_threadsafe(callback)


class _Call(Generic[T]):
    """A coroutine on its way to another thread's loop, and what becomes of it."""

    def __init__(self, coro: Coroutine[Any, Any, T]) -> None:
        self.outcome: concurrent.futures.Future[T] = concurrent.futures.Future()
        self._coro = coro
        self._task: asyncio.Task[T] | None = None

    def begin(self) -> asyncio.Task[T]:
        """Make the task, in the loop's thread, as all of the following; and return it."""
        self._task = asyncio.get_running_loop().create_task(self._coro)
        self._task.add_done_callback(self._end)
        return self._task

    def cancel(self) -> None:
        """Cancel the task; before it is made there is nothing to cancel."""
        if self._task is not None:
            self._task.cancel()

    def drop(self) -> None:
        """Give up a coroutine that will not run."""
        if self._task is None:
            self._coro.close()
        if self.outcome.cancel():
            self.outcome.set_running_or_notify_cancel()  # for those that wait for several futures

    def _end(self, task: asyncio.Task[T]) -> None:
        if task.cancelled():
            self.outcome.cancel()
        # False: somebody has cancelled it. A task that failed nevertheless is then reported by asyncio.
        if not self.outcome.set_running_or_notify_cancel():
            return
        if error := task.exception():
            self.outcome.set_exception(error)
        else:
            self.outcome.set_result(task.result())


def _coroutine(work: Work[T], args: tuple[Any, ...]) -> Coroutine[Any, Any, T]:
    """Return the coroutine to run; raise TypeError for what is neither coroutine nor function."""
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
