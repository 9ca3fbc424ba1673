"""A stream, and the task that each of its sources has."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, aclosing, nullcontext
from functools import partial
from types import TracebackType
from typing import Any, Generic, Self, TypeVar, cast

T = TypeVar("T")


class Stream(AsyncIterator[T]):
    """Items that are worked for in tasks, while its `async with` block is open.

    Entering starts the sources. Leaving stops them, closes them and waits for that; a cancellation meanwhile is passed
    on to their clean-up, and raised in the end. What the block raises is raised. An error of a source that nobody has
    received is raised on leaving; where another one, or a cancellation, goes first, the loop's exception handler gets
    it. Several tasks may take from one stream: each item goes to one of them.

    A source is stopped by cancelling its task, wherever that is: a generator that is cleaning up at its own end just
    then is interrupted there. A clean-up that must not be protects itself, as it must against any cancellation.

    Made by `merge`, `batches` and `buffer`.
    """

    def __init__(self, name: str, sources: Sequence[AsyncIterable[Any]], ahead: int):
        self._name, self._sources, self._ahead = name, sources, ahead
        self._ready: deque[tuple[Any, asyncio.Semaphore]] = deque()  # with the room that each takes
        self._pumps: list[Pump[Any]] = []  # those that run: one that has ended leads to its error
        self._failures: deque[asyncio.Task[None]] = deque()  # of pumps, in the order they came, and not yet raised
        self._opened = self._closed = False
        self._changed = asyncio.Event()

    async def __aenter__(self) -> Self:
        if self._closed:
            raise RuntimeError(f"this {self._name} is closed, and its sources with it: make another one")
        if not self._opened:
            self._opened = True
            for place, source in enumerate(self._sources):
                name = f"{self._name} {place + 1}" if len(self._sources) > 1 else self._name
                self._pumps.append(Pump(name, source, self._ahead, self._put))
                self._pumps[-1].task.add_done_callback(partial(self._ended, self._pumps[-1]))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._close(error)

    async def aclose(self) -> None:
        """Stop and close the sources and wait for that, as leaving the block does; what had come is dropped."""
        await self._close(None)

    def __aiter__(self) -> Self:
        self._must_be_open()
        return self

    async def __anext__(self) -> T:
        """Return the next item; raise StopAsyncIteration at the end.

        Raises what a source raised, once; RuntimeError outside of an `async with` block.
        """
        await self._until(lambda: self._can_take() or not self._pumps)
        self._must_be_open()
        if self._ready:
            return self._take()
        self._raise_failures()
        raise StopAsyncIteration

    def _can_take(self) -> bool:
        return bool(self._ready)

    def _take(self) -> T:
        item, room = self._ready.popleft()
        room.release()
        return cast(T, item)

    def _put(self, item: Any, pump: "Pump[Any]") -> None:
        self._ready.append((item, pump.room))
        self._changed.set()

    def _ended(self, pump: "Pump[Any]", task: asyncio.Task[None]) -> None:
        self._pumps.remove(pump)
        del pump.task
        failed = not pump.stopping if task.cancelled() else task.exception() is not None
        if failed:
            self._failures.append(task)
            self._stop()
        self._changed.set()

    def _stop(self) -> None:
        for pump in self._pumps:
            pump.stop()

    async def _close(self, raising: BaseException | None) -> None:
        self._closed = True
        cancellation = None
        self._stop()
        self._changed.set()
        while self._pumps:
            try:
                await self._until(lambda: not self._pumps)
            except asyncio.CancelledError as error:  # while sources clean up: theirs to heed, and then ours
                cancellation = error
                for pump in self._pumps:
                    pump.interrupt()
        if cancellation is not None or raising is not None:
            self._report_failures()
        if cancellation is not None:
            try:
                raise cancellation
            finally:
                del cancellation  # its traceback leads to this frame
        self._raise_failures()

    async def _until(self, condition: Callable[[], bool]) -> None:
        while not condition():
            self._changed.clear()
            await self._changed.wait()

    def _must_be_open(self) -> None:
        if not self._opened or self._closed:
            raise RuntimeError(
                f"this {self._name} is {'closed' if self._closed else 'not open'}: iterate inside of "
                f"`async with {self._name}(...) as items:`, which closes its sources however it is left"
            )

    def _raise_failures(self) -> None:
        if self._failures:
            first = self._failures.popleft()
            self._report_failures()
            try:
                first.result()
            finally:
                del first  # the traceback of its error leads to this frame

    def _report_failures(self) -> None:
        while self._failures:
            task = self._failures.popleft()
            if not task.cancelled():
                message = f"a source of a {self._name} failed, and another error, or a cancellation, was raised"
                context = {"message": message, "exception": task.exception(), "task": task}
                asyncio.get_running_loop().call_exception_handler(context)


class Pump(Generic[T]):
    """A source in a task of its own, from its first step until it is closed."""

    def __init__(self, name: str, source: AsyncIterable[T], ahead: int, put: Callable[[T, "Pump[T]"], None]):
        self.room = asyncio.Semaphore(ahead)
        self.iterating = self.stopping = False
        self.task = asyncio.get_running_loop().create_task(self._run(source, put), name=name)

    def stop(self) -> None:
        """Have the source stopped and closed: by cancellation, once, unless it is being closed already."""
        # A task that is cancelled before its first step takes none, and would close nothing.
        if self.iterating and not self.stopping:
            self.task.cancel()
        self.stopping = True

    def interrupt(self) -> None:
        """Cancel, also what is being closed."""
        self.stopping = True
        self.task.cancel()

    async def _run(self, source: AsyncIterable[T], put: Callable[[T, "Pump[T]"], None]) -> None:
        async with _closing(source) as items:
            self.iterating = True
            try:
                while not self.stopping:  # asked each time, because a source may swallow the cancellation
                    await self.room.acquire()
                    put(await anext(items), self)
            except StopAsyncIteration:
                return
            finally:
                self.iterating = False


def _closing(source: AsyncIterable[T]) -> AbstractAsyncContextManager[AsyncIterator[T], bool | None]:
    if isinstance(source, Stream):
        return source
    items = aiter(source)
    return aclosing(cast(AsyncGenerator[T], items)) if hasattr(items, "aclose") else nullcontext(items)
