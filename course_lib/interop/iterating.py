"""Iterators across the border: `iterate_in_thread` for coroutines, `iterate_sync` for plain code."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Generator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import Context, copy_context
from typing import Any, Final, Generic, TypeVar

from course_lib.interop.loops import LoopThread
from course_lib.lifecycle.resources import uninterrupted

T = TypeVar("T")
END: Final = object()


def iterate_in_thread(source: Iterable[T] | Callable[[], Iterable[T]]) -> AsyncGenerator[T, None]:
    """Go through an iterable whose `next` blocks, in a thread, while the loop goes on.

        async with aclosing(iterate_in_thread(read_rows)) as rows:
            async for row in rows:
                ...

    One thread serves one iteration from its beginning to its end: there the iterator is made, asked for one item after
    another, each when it is wanted, and closed, all in one context, a copy of the caller's. A cancellation waits until
    the `next` that is under way has returned, drops what it gave, and closes the iterator.

    Args:
        source: an iterable, or a function of no arguments that returns one, called in the thread. What it gives, a
            generator or a file, is closed at the end, if it has `close`.

    Raises what the source raises; TypeError for what cannot be iterated over.
    """
    if isinstance(source, AsyncIterable):
        raise TypeError(f"source={source!r:.60} is asynchronous already: async for item in source")
    if not isinstance(source, Iterable) and not callable(source):
        raise TypeError(f"source={source!r:.60}: pass an iterable, or a function that returns one")
    return _in_thread(source)


async def _in_thread(source: Iterable[T] | Callable[[], Iterable[T]]) -> AsyncGenerator[T, None]:
    items, context = _Items(source), copy_context()
    # One thread: a close that is asked for while a `next` runs comes after it.
    with ThreadPoolExecutor(1, thread_name_prefix="iterate_in_thread") as thread:
        try:
            while (item := await _done_in(thread, context, items.next)) is not END:
                yield item
        finally:
            await _done_in(thread, context, items.close)


async def _done_in(thread: ThreadPoolExecutor, context: Context, function: Callable[[], Any]) -> Any:
    """Call a function in a thread, and wait for its end even if this task is cancelled meanwhile."""
    loop = asyncio.get_running_loop()
    outcome = loop.create_future()

    # What run_in_executor gives exchanges TimeoutError for another one, and takes some exceptions for cancellations.
    def call() -> None:
        try:
            result = function()
        except StopIteration as error:  # which a future refuses, and then nobody would be told
            refused = RuntimeError("source raised StopIteration, and not in `next`, where it says that no item is left")
            refused.__cause__ = error
            loop.call_soon_threadsafe(outcome.set_exception, refused)
        except BaseException as error:  # noqa: BLE001  # it is raised by who waits
            loop.call_soon_threadsafe(outcome.set_exception, error)
        else:
            loop.call_soon_threadsafe(outcome.set_result, result)

    thread.submit(context.run, call)
    return await uninterrupted(outcome)


class _Items(Generic[T]):
    """The iterator of `iterate_in_thread`; all of it runs in one thread."""

    def __init__(self, source: Iterable[T] | Callable[[], Iterable[T]]) -> None:
        self._source = source
        self._iterator: Iterator[T] | None = None

    def next(self) -> Any:
        """Return the next item, or END."""
        if self._iterator is None:
            self._iterator = iter(self._source if isinstance(self._source, Iterable) else self._source())
        return next(self._iterator, END)

    def close(self) -> None:
        """Close the iterator, if it was made and can be closed."""
        if close := getattr(self._iterator, "close", None):
            close()


def iterate_sync(source: AsyncIterable[T]) -> Generator[T, None, None]:
    """Go through an asynchronous iterable in plain code: `for item in iterate_sync(stream)`.

    The source has an event loop in a thread of its own for the whole iteration, and on it one task, so that time limits
    and task groups hold across its items; what it has started goes on between them. Each item is fetched when it is
    asked for. The source is closed, and its thread ended, after the last item, when an exception comes out, and when
    the generator is closed: that is what `break` does where nothing else holds it.

    Args:
        source: an asynchronous iterable that belongs to no loop yet, such as the call of an async generator function.

    Raises what the source raises; TypeError for what is not asynchronous. A KeyboardInterrupt while an item is waited
    for cancels the source, and is raised when that has cleaned up.
    """
    if not isinstance(source, AsyncIterable):
        raise TypeError(f"source={source!r:.60}: pass an asynchronous iterable, or iterate over this one with for")
    return _on_a_loop(source)


def _on_a_loop(source: AsyncIterable[T]) -> Generator[T, None, None]:
    with LoopThread() as loop:
        steps = _Steps(source)
        try:
            while (item := loop.run(steps.next)) is not END:
                yield item
        finally:
            loop.run(steps.close)


class _Steps(Generic[T]):
    """One task that goes through an asynchronous iterable, a step whenever it is asked to; all of it on one loop."""

    def __init__(self, source: AsyncIterable[T]) -> None:
        self._source = source
        self._wanted: asyncio.Queue[asyncio.Future[T] | None] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None

    async def next(self) -> Any:
        """Return the next item, or END; raise what the source raises. Cancelled, it cancels the source."""
        loop = asyncio.get_running_loop()
        if self._task is None:
            self._task = loop.create_task(self._go_through(), name="iterate_sync")
        item: asyncio.Future[T] = loop.create_future()
        self._wanted.put_nowait(item)
        either: set[asyncio.Future[Any]] = {item, self._task}
        try:
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            self._task.cancel()
            raise
        if item.done():
            return item.result()
        self._task.result()  # raises what ended it
        return END

    async def close(self) -> None:
        """Close the source, unless its task has ended; raise what the source raises then."""
        if self._task is not None and not self._task.done():
            self._wanted.put_nowait(None)
            await asyncio.wait({self._task})
            if not self._task.cancelled():
                self._task.result()

    async def _go_through(self) -> None:
        iterator = aiter(self._source)
        try:
            while (item := await self._wanted.get()) is not None:
                try:
                    item.set_result(await anext(iterator))
                except StopAsyncIteration:
                    return
        finally:
            if close := getattr(iterator, "aclose", None):
                await close()
