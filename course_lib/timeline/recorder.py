"""How a timeline is recorded: every task's coroutine is wrapped, and the wrapper notes when a step begins and ends."""

import asyncio
import math
import re
import threading
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine, Generator, Iterator
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from types import TracebackType
from typing import Any, Self
from weakref import ref

from course_lib.clock import SimulationStopped
from course_lib.timeline.model import Lane, Outcome, Span, State, Timeline

# A step this long, in seconds, is drawn as blocking: ten others could have run meanwhile. asyncio's own debug mode
# warns from 0.1 s on.
BLOCKING = 0.05

_NUMBERED = re.compile(r"Task-\d+")
_active: ContextVar["Recorder | None"] = ContextVar("active_recorder", default=None)


def task_name(task: asyncio.Task[Any]) -> str:
    """Return the name somebody gave a task, else its coroutine function's: asyncio's own numbers differ in each run."""
    name, coro = task.get_name(), task.get_coro()
    return getattr(coro, "__name__", name) if _NUMBERED.fullmatch(name) else name


class Trace:
    """What is noted of one lane while it is recorded."""

    __slots__ = ("end", "error", "in_thread", "name", "outcome", "owner", "start", "steps", "task")

    def __init__(self, name: str, start: float) -> None:
        self.name, self.start = name, start
        self.end = math.inf
        self.outcome = Outcome.LEFT
        self.error = ""
        self.steps: list[tuple[float, float]] = []
        self.task: Callable[[], asyncio.Task[Any] | None] | None = None  # None: a span
        self.owner: Trace | None = None  # of a span: the task it lies in
        self.in_thread = False

    def finish(self, now: float, error: BaseException | None) -> None:
        self.end = now
        self.take_name()
        if error is None:
            self.outcome = Outcome.DONE
        elif isinstance(error, asyncio.CancelledError):
            self.outcome = Outcome.CANCELLED
        elif not isinstance(error, SimulationStopped):
            self.outcome, self.error = (Outcome.FAILED, f"{type(error).__name__}: {error}".rstrip(": "))

    def take_name(self) -> None:
        """Read the task's name while there is a task."""
        task = self.task() if self.task else None
        if task is not None:
            self.name = task_name(task)


class TracedCoroutine(Coroutine[Any, Any, Any]):
    """A coroutine that notes when each of its steps begins and ends, and is otherwise the one it wraps."""

    __slots__ = ("__name__", "__qualname__", "_coro", "_recorder", "_trace")

    def __init__(self, coro: Coroutine[Any, Any, Any], trace: Trace, recorder: "Recorder") -> None:
        self._coro, self._trace, self._recorder = coro, trace, recorder
        self.__name__ = getattr(coro, "__name__", type(coro).__name__)
        self.__qualname__ = getattr(coro, "__qualname__", self.__name__)

    def send(self, value: Any) -> Any:
        """Run one step."""
        return self._step(self._coro.send, value)

    def throw(self, *error: Any) -> Any:
        """Run one step that begins with an exception."""
        return self._step(self._coro.throw, *error)

    def _step(self, run: Callable[..., Any], *args: Any) -> Any:
        trace, recorder = self._trace, self._recorder
        recorder.running = trace
        recorder.steps += 1
        begun = recorder.now()
        try:
            result = run(*args)
        except StopIteration:
            trace.finish(recorder.now(), None)
            raise
        except BaseException as error:
            trace.finish(recorder.now(), error)
            raise
        else:
            return result
        finally:
            recorder.running = None
            ended = recorder.now()
            if ended > begun:  # on a virtual clock only a blocking step takes time
                trace.steps.append((begun, ended))

    def close(self) -> None:
        """Close the coroutine, as the garbage collector does with one that never ran."""
        self._coro.close()

    def __await__(self) -> Generator[Any, Any, Any]:
        return self._coro.__await__()

    def __getattr__(self, name: str) -> Any:
        # cr_frame, cr_await and their like: what Task.print_stack and debuggers read.
        return getattr(self._coro, name)


class Recorder:
    """Collects traces on one loop; `now` gives its time in seconds from the start of the recording."""

    def __init__(self, now: Callable[[], float], *, blocking: float) -> None:
        self.now = now
        self.running: Trace | None = None
        self.steps = 0
        self.traces: list[Trace] = []
        self.blocks: list[tuple[float, float]] = []  # stretches in which nothing on the loop could run
        self._blocking = blocking
        self._loop_thread = threading.get_ident()

    def factory(self, before: Callable[..., Any] | None) -> Callable[..., Any]:
        """Return a task factory that traces what is created inside the recording, on top of the factory `before`."""

        def create(loop: asyncio.AbstractEventLoop, coro: Any, **kwargs: Any) -> Any:
            make = before or _plain_task
            context = kwargs.get("context")
            # A kernel has tasks of its own on the same loop: they were not created in the recording's context. Nor does
            # a reader know the tasks by which asyncio closes abandoned generators.
            inside = (_active.get() if context is None else context.get(_active)) is self
            if not inside or type(coro).__name__.startswith("async_generator"):
                return make(loop, coro, **kwargs)
            trace = Trace(getattr(coro, "__name__", type(coro).__name__), self.now())
            self.traces.append(trace)
            task = make(loop, TracedCoroutine(coro, trace, self), **kwargs)
            trace.task = ref(task)  # weakly: a recording must not keep tasks or their results alive
            return task

        return create

    def begin_span(self, name: str) -> Trace:
        """Begin the trace of a named stretch of code."""
        trace = Trace(name, self.now())
        trace.in_thread = threading.get_ident() != self._loop_thread
        trace.owner = None if trace.in_thread else self.running
        self.traces.append(trace)
        return trace

    @contextmanager
    def watching(self, loop: asyncio.AbstractEventLoop) -> Iterator[None]:
        """Note every stretch in which the loop did not come back to its selector, where it waits for the next event."""
        selector = getattr(loop, "_selector", None)  # private, but the same since 3.4; uvloop has none
        if selector is None:
            yield
            return
        real_select, left = selector.select, self.now()

        def note() -> None:
            if self.now() - left >= self._blocking:
                self.blocks.append((left, self.now()))

        def select(timeout: float | None = None) -> Any:
            nonlocal left
            note()
            try:
                return real_select(timeout)
            finally:
                left = self.now()

        outer = vars(selector).get("select")
        selector.select = select
        try:
            yield
        finally:
            note()
            if outer is None:
                del selector.select
            else:
                selector.select = outer

    def lanes(self, end: float) -> list[Lane]:
        """Turn the traces into lanes; what is not finished at `end` was left running."""
        traces = []
        for trace in self.traces:
            trace.take_name()
            if trace.owner is None or trace.owner.name != trace.name:  # a span named as its task says nothing new
                traces.append(trace)
        total, seen = Counter(trace.name for trace in traces), Counter[str]()
        lanes = []
        for trace in traces:
            seen[trace.name] += 1
            name = trace.name if total[trace.name] == 1 else f"{trace.name} #{seen[trace.name]}"
            spans = tuple(self._spans(trace, min(trace.end, end)))
            outcome, error = (trace.outcome, trace.error) if trace.end <= end else (Outcome.LEFT, "")
            is_task = trace.task is not None
            lanes.append(Lane(name, trace.start, min(trace.end, end), spans, outcome, error, is_task))
        return lanes

    def _spans(self, trace: Trace, end: float) -> Iterator[Span]:
        if trace.in_thread:
            yield Span(trace.start, end, State.RUNNING)
            return
        if trace.task is None and trace.owner is None:
            busy = self.blocks  # code of a task that was there before the recording: only the loop's view is known
        else:
            busy = (trace.owner or trace).steps
        at = trace.start
        for begun, ended in busy:
            begun, ended = max(begun, trace.start), min(ended, end)
            if begun >= ended:
                continue
            if begun > at:
                yield Span(at, begun, State.WAITING)
            yield Span(begun, ended, State.BLOCKING if ended - begun >= self._blocking else State.RUNNING)
            at = ended
        if end > at:
            yield Span(at, end, State.WAITING)


class span:
    """Name a stretch of code, in a task, in plain synchronous code or in a worker thread: it gets a lane of its own.

    Args:
        name: what the lane is called.

    Outside a recording it does nothing. Exceptions pass through and mark the lane as failed or cancelled.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._trace: Trace | None = None

    def __enter__(self) -> Self:
        if recorder := _active.get():
            self._recorder, self._trace = recorder, recorder.begin_span(self.name)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        if self._trace:
            self._trace.finish(self._recorder.now(), error)


@asynccontextmanager
async def record(*, blocking: float = BLOCKING) -> AsyncIterator[Timeline]:
    """Record what the running loop does inside the block, in real time.

    Args:
        blocking: from how many seconds on a step counts as blocking the loop.

    Gives a Timeline that is filled when the block ends. It holds the tasks created inside the block and the stretches
    named with `span()`; the loop's other tasks go on unseen. The loop's task factory is wrapped and put back.
    Raises ValueError when blocking is not positive.
    """
    if not blocking > 0:
        raise ValueError(f"blocking={blocking!r}: pass seconds, more than 0 (0.05 is the default)")
    loop = asyncio.get_running_loop()
    begun = loop.time()
    recorder = Recorder(lambda: loop.time() - begun, blocking=blocking)
    timeline = Timeline()
    before = loop.get_task_factory()
    factory = recorder.factory(before)
    loop.set_task_factory(factory)
    token = _active.set(recorder)
    try:
        with recorder.watching(loop):
            yield timeline
    finally:
        timeline.end = recorder.now()
        _active.reset(token)
        if loop.get_task_factory() is factory:  # else somebody wrapped it in turn, and it passes everything on
            loop.set_task_factory(before)
        timeline.lanes, timeline.blocks = recorder.lanes(timeline.end), recorder.blocks


def recording_in_context(recorder: Recorder) -> None:
    """Make `recorder` the one that `span()` and new tasks report to, in the calling thread's context."""
    _active.set(recorder)


def _plain_task(loop: asyncio.AbstractEventLoop, coro: Any, **kwargs: Any) -> asyncio.Task[Any]:
    return asyncio.Task(coro, loop=loop, **kwargs)
