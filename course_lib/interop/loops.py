"""From plain code to a coroutine: `run_sync` for one call, `LoopThread` for many."""

import asyncio
import concurrent.futures
import threading
from collections.abc import Callable, Coroutine
from contextlib import suppress
from types import TracebackType
from typing import Any, Self, TypeVar

from course_lib.interop.call import Call, Work, coroutine

T = TypeVar("T")
SLICE = 0.5
"""Seconds that the main thread waits for another one at a time.

A Ctrl+C that comes the moment before such a wait is heard after it, and so is on Windows any that comes in it.
"""


def run_sync(work: Work[T], *args: Any) -> T:
    """Run a coroutine from plain code, wherever that stands, and return its result.

    Where no event loop runs in this thread, that is `asyncio.run`. Where one does (in a cell of a notebook, in a plain
    function that a coroutine called), the work has a loop of its own in another thread, and this thread waits. The loop
    of this thread stands still meanwhile: where you can, `await` instead.

    Args:
        work: a coroutine, or a coroutine function.
        args: what to call it with.

    Raises what the work raises; CancelledError if it ended cancelled; TypeError for what is neither coroutine nor
    function; KeyboardInterrupt after the work was cancelled and has cleaned up. Who runs the loop of this thread may
    take an interrupt for itself, and hears of it when this has returned: `asyncio.run` the first one, and a notebook
    each one in a cell that awaits.
    """
    coro = coroutine(work, args)
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
        self._calls: set[Call[Any]] = set()  # those whose outcome is open
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
        coro = coroutine(work, args)
        if self._thread is threading.current_thread():
            coro.close()
            raise RuntimeError("run() in the loop's own thread would wait for itself: await the coroutine")
        call = self._call(coro)
        try:
            self._send(call)
            _wait_for(call)
            return call.outcome.result()
        except concurrent.futures.CancelledError:
            if call.outcome.cancelled():
                raise asyncio.CancelledError from None
            raise  # one that the work raised, about a future of its own
        except BaseException:
            if not call.over:  # this thread was interrupted; the work may be on its way, or under way
                self._end_early(call)
            raise
        finally:
            del call  # it leads to what is raised, whose traceback leads to this frame

    def submit(self, work: Work[T], *args: Any) -> concurrent.futures.Future[T]:
        """Start a coroutine on the loop and return at once, with a future of its outcome.

        Cancelling the future cancels the work. The arguments are those of `run`.

        Raises TypeError for what is neither coroutine nor function; RuntimeError outside of the block.
        """
        call = self._call(coroutine(work, args))
        self._send(call)
        call.outcome.add_done_callback(lambda _: None if call.ended else self._tell(self._cancel, call))
        return call.outcome

    def __enter__(self) -> Self:
        if self._thread is not None:
            raise RuntimeError("this LoopThread has had its block: make a new one, with LoopThread() as loop")
        # Made here: other threads may hand it work before its own has begun, and what fails, fails here. Without a
        # factory, a Runner would also make it this thread's current loop.
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
        self._closing = True
        self._tell(self._stop.set)
        while self._thread.is_alive():
            self._thread.join(_slice())
        if self._error is not None and self._error is not error:
            raise self._error

    def _serve(self) -> None:
        """Be the thread: run the loop until the block ends, then end what is left on it."""
        try:
            with self._runner:
                try:
                    self._runner.run(self._stop.wait())
                finally:
                    self._closing = True  # also where a task has ended the loop: what begins now nobody would cancel
        except BaseException as error:  # noqa: BLE001  # raised on leaving the block
            self._error = error
        finally:
            # Those that came while the loop ended. Whoever comes later finds it closed.
            for call in tuple(self._calls):
                self._drop(call)

    def _call(self, coro: Coroutine[Any, Any, T]) -> Call[T]:
        if self._thread is None:
            coro.close()
            raise RuntimeError("this LoopThread has no loop yet: call it inside its block, with LoopThread() as loop")
        call = Call(coro)
        self._calls.add(call)
        return call

    def _send(self, call: Call[Any]) -> None:
        try:
            if self._closing:
                raise RuntimeError
            self._loop.call_soon_threadsafe(self._begin, call)  # in a copy of this thread's context
        except RuntimeError:
            self._drop(call)
            if not self._closing:
                raise
            raise RuntimeError("this LoopThread has ended, and its loop with it: make another one") from None

    def _begin(self, call: Call[Any]) -> None:
        if self._closing or call.outcome.cancelled():
            self._drop(call)
        else:
            call.begin().add_done_callback(lambda _: self._calls.discard(call))

    def _cancel(self, call: Call[Any]) -> None:
        if call.begun:
            call.cancel()
        else:
            self._drop(call)

    def _drop(self, call: Call[Any]) -> None:
        with suppress(KeyError):  # whoever removes it drops it: more than one thread may come here
            self._calls.remove(call)
            call.drop()

    def _end_early(self, call: Call[Any]) -> None:
        """Cancel what a call has begun, and wait for its end."""
        self._tell(self._cancel, call)
        _wait_for(call)
        with suppress(concurrent.futures.CancelledError):
            if error := call.outcome.exception():
                message = "what run() had begun failed while it was being cancelled"
                self._tell(self._loop.call_exception_handler, {"message": message, "exception": error})

    def _tell(self, callback: Callable[..., object], *args: Any) -> None:
        with suppress(RuntimeError):  # the loop is closed, and there is nobody to tell
            self._loop.call_soon_threadsafe(callback, *args)


def _wait_for(call: Call[Any]) -> None:
    while not call.over:
        call.wait(_slice())


def _slice() -> float | None:
    """Return how long to wait at a time: as long as it takes in a thread that is not interrupted.

    In slices a simulation, which has a thread of its own, would let virtual time pass, and never see that all wait.
    """
    return SLICE if threading.current_thread() is threading.main_thread() else None
