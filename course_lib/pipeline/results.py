"""One run of a pipeline: its tasks, its end, and the results on the way out."""

import asyncio
import itertools
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from types import TracebackType
from typing import Any, Self

from course_lib.pipeline.channel import Channel, Closed
from course_lib.pipeline.stages import Failure, Stage
from course_lib.pipeline.turns import Turns
from course_lib.seeing import recorded
from course_lib.streams import Stream

SOURCE = -1  # the place of the source, before the first stage


class Results(AsyncIterator[Any]):
    """The results of one run, to be iterated over once.

    Inside of `async with pages(urls) as results:` the run ends with the block, however that is left. Iterated over
    without one, it ends with the last result; a loop that is left early ends it a little later, when Python finalises
    the iterator. Several tasks may take from one run: each result goes to one of them. An `anext()` that is cancelled
    loses nothing.
    """

    def __init__(
        self,
        stages: Sequence[Stage],
        source: AsyncIterable[Any] | Iterable[Any],
        on_failure: Callable[[Failure], object] | None,
    ) -> None:
        self._stages, self._source, self._on_failure = stages, source, on_failure
        self._tasks: dict[asyncio.Task[None], int] = {}  # each with the place of its stage
        self._left = [stage.at_once for stage in stages]  # workers of a stage that have not ended
        self._stopped = SOURCE - 1  # the last place whose tasks are to end
        self._failures: list[tuple[int, BaseException]] = []  # each with its place
        self._opened = self._closed = False
        self._iterating = False  # whether the source is asked for items, and not being closed
        self._ended = asyncio.Event()

    async def __aenter__(self) -> Self:
        if self._opened:
            raise RuntimeError("these results have had their run: call the pipeline again, with a new source")
        self._opened = True
        name = str if recorded() else lambda _: None
        self._queues = [Channel[Any](each.waiting, name(f"before {each.name}")) for each in self._stages]
        self._queues.append(Channel(self._stages[-1].waiting, name("results")))
        self._start(self._read(self._queues[0]), SOURCE, "source")
        for place, each in enumerate(self._stages):
            turns = Turns() if each.ordered and each.at_once > 1 else None
            for number in range(1, each.at_once + 1):
                work = self._work(place, each, self._queues[place], self._queues[place + 1], turns)
                self._start(work, place, each.name if each.at_once == 1 else f"{each.name} {number}")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._close(raising=error is not None)

    async def aclose(self) -> None:
        """End the run and wait for that; results that nobody has taken are dropped."""
        await self._close(raising=False)

    def __aiter__(self) -> AsyncIterator[Any]:
        if not self._opened:
            return self._alone()
        self._must_be_open()
        return self

    async def __anext__(self) -> Any:
        """Return the next result; raise StopAsyncIteration after the last.

        Raises what ended the run, once, a StopAsyncIteration of a stage as a RuntimeError; RuntimeError also outside of
        an `async with` block.
        """
        self._must_be_open()
        try:
            return await self._queues[-1].get()
        except Closed:
            await self._all_ended()
        self._must_be_open()
        self._raise_failure()
        raise StopAsyncIteration

    async def _alone(self) -> AsyncGenerator[Any, None]:
        async with self:
            async for result in self:
                yield result

    def _start(self, work: Any, place: int, name: str) -> None:
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks[task] = place
        task.add_done_callback(partial(self._task_ended, place))

    async def _read(self, queue: Channel[Any]) -> None:
        async with _closing(self._source) as items:
            self._iterating = True
            try:
                while self._stopped < SOURCE:  # asked each time, because a source may swallow the cancellation
                    await queue.put(await anext(items))
            except StopAsyncIteration:
                return
            finally:
                self._iterating = False

    async def _work(
        self, place: int, stage: Stage, queue: Channel[Any], results: Channel[Any], turns: Turns | None
    ) -> None:
        numbers = itertools.count() if turns is None else turns.numbers
        while place > self._stopped:  # asked each time, because a function may swallow the cancellation
            try:
                item = await queue.get()
            except Closed:
                return
            number = next(numbers)  # in the same step: the order of the items
            try:
                result = stage.function(item)
                if hasattr(result, "__await__"):
                    result = await result
            except (Exception, asyncio.CancelledError) as error:
                if place <= self._stopped:
                    raise
                if turns is not None:
                    await self._wait_with(error, place, turns.wait(number))  # what comes before it is not lost
                if self._on_failure is None:
                    raise
                self._on_failure(Failure(stage.name, item, error))
            else:
                if turns is not None:
                    await turns.wait(number)
                if place > self._stopped:
                    await results.put(result)
            if turns is not None:
                turns.next()

    async def _wait_with(self, error: BaseException, place: int, turn: Awaitable[None]) -> None:
        try:
            await turn
        except asyncio.CancelledError:  # something before it ended the run, and it will never be raised
            self._failures.append((place, error))
            raise

    def _task_ended(self, place: int, task: asyncio.Task[None]) -> None:
        del self._tasks[task]
        stopping = place <= self._stopped
        error = (None if stopping else asyncio.CancelledError()) if task.cancelled() else task.exception()
        if error is not None:
            self._failures.append((place, error))
            self._stop(place)
        if place == SOURCE:
            self._queues[0].close()
        else:
            self._left[place] -= 1
            if not self._left[place]:
                self._queues[place + 1].close()
        if not self._tasks:
            self._ended.set()

    def _stop(self, place: int) -> None:
        """End what stands up to a place: the stages after it go on with what has left it."""
        if place <= self._stopped:
            return
        before, self._stopped = self._stopped, place
        for task, where in self._tasks.items():
            if before < where <= place and (where != SOURCE or self._iterating):
                task.cancel()

    async def _close(self, *, raising: bool) -> None:
        self._closed = True
        cancellation = None
        if self._opened:
            self._stop(len(self._stages))
            self._queues[-1].close()  # for other tasks that wait for a result
        while self._tasks:
            try:
                await self._all_ended()
            except asyncio.CancelledError as error:  # while stages clean up: theirs to heed, and then ours
                cancellation = error
                for task in self._tasks:
                    task.cancel()
        if raising or cancellation is not None:
            self._report_failures()
        try:
            if cancellation is not None:
                raise cancellation
        finally:
            cancellation = None  # or this frame and the error's traceback would hold each other
        self._raise_failure()

    async def _all_ended(self) -> None:
        if self._tasks:
            await self._ended.wait()

    def _must_be_open(self) -> None:
        if not self._opened or self._closed:
            raise RuntimeError(
                f"these results are {'closed' if self._closed else 'not open'}: take them inside of "
                "`async with pages(urls) as results:`, or with `async for result in pages(urls):`"
            )

    def _raise_failure(self) -> None:
        if self._failures:
            # Where several failed, the last stage did so on the earliest item: a plain loop would have raised that.
            place = max(place for place, _ in self._failures)
            error = self._failures.pop([place for place, _ in self._failures].index(place))[1]
            self._report_failures()
            try:
                if isinstance(error, StopAsyncIteration):  # with which this iterator says that it has no more
                    raise RuntimeError(
                        f"the stage {self._stages[place].name} raised StopAsyncIteration, which would end the results "
                        "without a word: catch it in the stage, or give `anext` a default"
                    ) from error
                raise error
            finally:
                del error  # its traceback holds this frame

    def _report_failures(self) -> None:
        failures, self._failures = self._failures, []
        for _, error in failures:
            if not isinstance(error, asyncio.CancelledError):
                message = "a stage of a pipeline failed, and another error, or a cancellation, was raised"
                context = {"message": message, "exception": error}
                asyncio.get_running_loop().call_exception_handler(context)


@asynccontextmanager
async def _closing(source: AsyncIterable[Any] | Iterable[Any]) -> AsyncGenerator[AsyncIterator[Any], None]:
    """Open a source, and close it in the end."""
    if isinstance(source, Stream | Results):
        async with source:
            yield source
        return
    items: Any = aiter(source) if isinstance(source, AsyncIterable) else _each(source)
    try:
        yield items
    finally:
        if hasattr(items, "aclose"):
            await items.aclose()


async def _each(source: Iterable[Any]) -> AsyncGenerator[Any, None]:
    items = iter(source)
    try:
        for item in items:
            yield item
    finally:
        if hasattr(items, "close"):
            items.close()
