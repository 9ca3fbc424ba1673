"""`record()` and `span()`: watching the running loop in real time."""

import asyncio
import threading
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from contextvars import ContextVar
from types import TracebackType
from typing import Any, Self

from course_lib.seeing.clock import VirtualClockLoop
from course_lib.seeing.timeline.frames import is_library, leave_no_line
from course_lib.seeing.timeline.lanes import Noted, lanes_of
from course_lib.seeing.timeline.layers import Layer, put_layer, take_layers_off, without_ended
from course_lib.seeing.timeline.model import Gauge, Lane
from course_lib.seeing.timeline.timeline import Timeline
from course_lib.seeing.timeline.trace import Trace, TracedCoroutine, trace_of

# A step this long, in seconds, is drawn as blocking: ten others could have run meanwhile. asyncio's own debug mode
# warns from 0.1 s on.
BLOCKING = 0.05

# The recordings that this code lies in, the outermost first.
_active: ContextVar[tuple["Recorder", ...]] = ContextVar("active_recorders", default=())


class Recorder:
    """Collects traces on one loop; `now` gives the time of its clock in seconds."""

    def __init__(self, loop: asyncio.AbstractEventLoop, now: Callable[[], float], *, blocking: float) -> None:
        self._loop, self.now = loop, now
        self.start = now()
        self.open = True
        self.running: Trace | None = None
        self.log: list[float] = []  # three numbers a step of a task: its trace's number, begun, ended
        self.traces: list[Trace] = []
        self.gauges = defaultdict[str, list[tuple[float, float]]](list)
        self.blocks: list[tuple[float, float]] = []  # stretches in which nothing on the loop could run
        self.blocking = blocking
        self._loop_thread = threading.get_ident()

    def begin_span(self, name: str) -> Trace:
        """Begin the trace of a named stretch of code."""
        trace = Trace(len(self.traces), name, self.now())
        trace.in_thread = threading.get_ident() != self._loop_thread
        trace.owner = None if trace.in_thread else self.running
        self.traces.append(trace)
        return trace

    def note(self, name: str, value: float) -> None:
        """Note the value of a gauge from now on; of several at one instant the last counts."""
        points, now = self.gauges[name], self.now()
        if points and points[-1][0] == now:
            points.pop()
        points.append((now, value))

    def unfinished(self) -> list[tuple[Trace, asyncio.Task[Any]]]:
        """Return the traces of tasks that are not done, each with its task."""
        found = [(trace_of(task, self), task) for task in asyncio.all_tasks(self._loop)]
        return sorted(((t, task) for t, task in found if t), key=lambda pair: pair[0].number)

    def write(self, timeline: Timeline, end: float) -> None:
        """Fill in a timeline; what is not finished at `end`, a time of the recorder's clock, was left running."""
        timeline.end = end - self.start
        timeline.lanes = self._lanes(end)
        timeline.gauges = {
            name: Gauge(tuple((at - self.start, value) for at, value in points if at <= end))
            for name, points in self.gauges.items()
            if points[0][0] <= end
        }
        timeline.blocks = [(begun - self.start, ended - self.start) for begun, ended in self.blocks]

    def _lanes(self, end: float) -> list[Lane]:
        for trace, task in self.unfinished():
            trace.given_name = task.get_name()
        return lanes_of(self.traces, Noted(self.log, self.blocks, self.blocking), self.start, end)


class TracingFactory(Layer):
    """A task factory that traces what is created inside the recording."""

    def __call__(self, loop: asyncio.AbstractEventLoop, coro: Any, **kwargs: Any) -> Any:
        """Create a task."""
        recorder, context = self.owner, kwargs.get("context")
        # A kernel has tasks of its own on the same loop: they were not created in the recording's context.
        inside = recorder.open and recorder in (_active.get() if context is None else context.get(_active, ()))
        if inside and asyncio.iscoroutine(coro) and not _is_errand(coro):
            trace = Trace(len(recorder.traces), getattr(coro, "__name__", type(coro).__name__), recorder.now())
            trace.is_task = True
            recorder.traces.append(trace)
            coro = TracedCoroutine(coro, trace, recorder)
        try:
            return self.real(loop, coro, **kwargs)
        except BaseException as error:
            leave_no_line(error)
            raise


class _WatchedSelect(Layer):
    """A selector's `select`, where a loop waits for the next event: whatever happens between two calls blocks it."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._left = self.owner.now()

    def __call__(self, timeout: float | None = None) -> Any:
        self.note()
        try:
            return self.real(timeout)
        except BaseException as error:
            leave_no_line(error)
            raise
        finally:
            self._left = self.owner.now()

    def note(self) -> None:
        recorder = self.owner
        if recorder.open and recorder.now() - self._left >= recorder.blocking:
            recorder.blocks.append((self._left, recorder.now()))


class span:
    """Name a stretch of code, in a task, in plain synchronous code or in a worker thread: it gets a lane of its own.

    Args:
        name: what the lane is called.

    Outside a recording it does nothing. Exceptions pass through and mark the lane as failed or cancelled.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._traces: list[tuple[Recorder, Trace]] = []

    def __enter__(self) -> Self:
        self._traces = [(recorder, recorder.begin_span(self.name)) for recorder in _active.get() if recorder.open]
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        for recorder, trace in self._traces:
            trace.finish(recorder.now(), error)


def gauge(name: str, value: float) -> None:
    """Note a number that goes up and down, such as how many items wait in a queue: it gets a row below the lanes.

    Args:
        name: what the row is called.
        value: the number from now on, 0 or more.

    Outside a recording it does nothing. Raises ValueError for what is no such number.
    """
    if not value >= 0:
        raise ValueError(f"value={value!r}: pass a number, 0 or more; what has gone below 0 has no row to stand in")
    for recorder in _active.get():
        if recorder.open:
            recorder.note(name, value)


def recorded() -> bool:
    """Return whether this code lies in a recording: whoever notes much need not work it out where nobody looks."""
    return any(recorder.open for recorder in _active.get())


@asynccontextmanager
async def record(*, tick: float | None = None, blocking: float = BLOCKING) -> AsyncIterator[Timeline]:
    """Record what the running loop does inside the block, in real time.

    Args:
        tick: the resolution of the timeline's text, in seconds: coarse enough, it is the same text in every run.
        blocking: from how many seconds on a step counts as blocking the loop.

    Gives a Timeline that is filled when the block ends. It holds the tasks created inside the block and the stretches
    named with `span()`; the loop's other tasks go on unseen. The loop's task factory is wrapped and put back.
    Raises ValueError when blocking is not positive.
    """
    if not blocking > 0:
        raise ValueError(f"blocking={blocking!r}: pass seconds, more than 0 (0.05 is the default)")
    loop, timeline = asyncio.get_running_loop(), Timeline(tick=tick)
    timeline.virtual = isinstance(loop, VirtualClockLoop)
    recorder = Recorder(loop, time.perf_counter, blocking=blocking)  # on Windows finer than loop.time()
    before = loop.get_task_factory()
    loop.set_task_factory(TracingFactory(before, before or plain_task, recorder))
    selector: Any = getattr(loop, "_selector", None)  # private, but the same since 3.4; uvloop has none
    if selector:
        watched = put_layer(selector, "select", _WatchedSelect, recorder)
    outer = _active.get()
    _active.set((*outer, recorder))
    try:
        yield timeline
    finally:
        end = recorder.now()
        if selector:
            watched.note()
        recorder.open = False
        _active.set(outer)  # not by a token: a generator that is closed by the loop ends in another context
        loop.set_task_factory(without_ended(loop.get_task_factory()))
        if selector:
            take_layers_off(selector, "select")
        recorder.write(timeline, end)


def recording_in_context(*recorders: Recorder) -> None:
    """Make `recorders` those that `span()` and new tasks report to, in the calling thread's context."""
    _active.set(recorders)


def _is_errand(coro: Any) -> bool:
    """Return whether a task is none that a reader of the program knows, and another one in each version.

    asyncio closes abandoned generators in tasks, and libraries have private coroutine functions for their errands.
    """
    code = getattr(coro, "cr_code", None)  # a coroutine compiled by Cython has none
    private = code is not None and coro.__name__.startswith("_") and is_library(code)
    return private or type(coro).__name__.startswith("async_generator")


def plain_task(loop: asyncio.AbstractEventLoop, coro: Any, **kwargs: Any) -> asyncio.Task[Any]:
    """Create a task as a loop without a factory does."""
    try:
        return asyncio.Task(coro, loop=loop, **kwargs)
    except BaseException as error:
        leave_no_line(error)
        raise
