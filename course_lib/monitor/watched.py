"""How a task is watched: its coroutine is wrapped, so that its end, and on request its every step, is seen.

Not by a done callback: that costs a trip through the loop for each task, and must look at the exception, which would
count as having asked for it. A wrapper sees the exception pass by.
"""

import asyncio
import inspect
import linecache
from collections import deque
from collections.abc import Callable, Coroutine, Iterator
from types import CodeType, CoroutineType
from typing import Any, Protocol

from course_lib.monitor.blame import STEP
from course_lib.monitor.records import Step, TaskMetrics, TaskState
from course_lib.seeing.timeline.frames import is_library, leave_no_line, waiting_line
from course_lib.seeing.timeline.trace import UNNAMED, describe
from course_lib.seeing.timeline.wrapping import WrappedCoroutine, layers_of

# Naming the place that a step reached takes longer than most steps do, so only those from so many seconds on are named.
NAMED = 0.001

# Names of their own for what every task needs: looking up an attribute twice, of an enum above all, is worth saving.
_current_task = asyncio.current_task
_COMPLETED, _CANCELLED = TaskState.COMPLETED, TaskState.CANCELLED
_libraries: dict[str, bool] = {}  # by file


class Watching(Protocol):
    """What a watched coroutine tells its end and its steps to."""

    now: Callable[[], float]
    began: float
    slow: float
    loop: asyncio.AbstractEventLoop | None
    completed: int
    completed_seconds: float
    failed: int
    cancelled: int
    finished: "deque[Watched]"
    failures: "deque[Watched]"
    running: "TimedWatched | None"

    @property
    def watch(self) -> Any:
        """What measures the loop's lag; None before the start."""

    def step_was_slow(self, watched: "TimedWatched", began: float, ended: float, start: str, end: str) -> None:
        """Report a step of a watched task that blocked the loop."""


class Watched(WrappedCoroutine):
    """A coroutine that tells its monitor how it ended, and is otherwise the one it wraps; also the task's record."""

    # One object a task, and as few fields as will do: each one costs every task.
    __slots__ = ("begun", "end", "error", "monitor", "name", "number", "start", "state")

    def __init__(self, coro: Coroutine[Any, Any, Any], monitor: Watching, number: int) -> None:
        self.coro, self.monitor, self.number = coro, monitor, number
        # A built-in function's call is worth saving, too.
        self.__qualname__ = coro.__qualname__ if type(coro) is CoroutineType else getattr(coro, "__qualname__", None)
        self.state: TaskState | None = None  # None until it has ended
        self.start = monitor.now()

    def send(self, value: Any, throw: tuple[Any, ...] = ()) -> Any:
        """Run one step."""
        self.begun: float | None = self.monitor.now()
        try:
            return self.coro.throw(*throw) if throw else self.coro.send(value)
        except StopIteration:
            del throw
            self.returned()
            raise
        except BaseException as error:
            del throw
            self.raised(error)
            raise

    def returned(self) -> None:
        """Note that the coroutine has returned."""
        monitor = self.monitor
        self.end = end = monitor.now()
        task: Any = _current_task(monitor.loop)
        # Not before: create_task() names what the factory has made. No task: a factory of some other kind of thing.
        self.name = task.get_name() if task is not None else ""
        if getattr(task, "_must_cancel", False):  # cancelled in its last step: asyncio drops the result
            self.state = _CANCELLED
            monitor.cancelled += 1
        else:
            self.state = _COMPLETED
            monitor.completed += 1
            monitor.completed_seconds += end - self.start
        monitor.finished.append(self)

    def raised(self, error: BaseException) -> None:
        """Note that the coroutine has raised."""
        monitor = self.monitor
        self.end = monitor.now()
        task: Any = _current_task(monitor.loop)
        self.name = task.get_name() if task is not None else ""
        if isinstance(error, asyncio.CancelledError):
            self.state = TaskState.CANCELLED
            monitor.cancelled += 1
            monitor.finished.append(self)
        else:
            self.state, self.error = TaskState.FAILED, describe(error)
            monitor.failed += 1
            monitor.failures.append(self)
        leave_no_line(error)  # which is that of `send`

    def metrics(self, now: float, task: "asyncio.Task[Any] | None" = None, *, running: bool = False) -> TaskMetrics:
        """Return what is known at `now`; `task` is the task where it has not ended, `running` whether it runs."""
        zero, function = self.monitor.began, getattr(self.coro, "__qualname__", type(self.coro).__name__)
        name = task.get_name() if task else getattr(self, "name", "")
        state = self.state or (TaskState.RUNNING if running else TaskState.PENDING)
        end = now if self.state is None else self.end
        return TaskMetrics(
            task_id=f"task-{self.number}",
            name=getattr(self.coro, "__name__", function) if UNNAMED.fullmatch(name) else name,
            function=function,
            state=state,
            start_time=_round(self.start - zero),
            end_time=None if self.state is None else _round(end - zero),
            duration=_round(end - self.start),
            error=getattr(self, "error", ""),
            place=self._place() if state is TaskState.PENDING else "",
            **self._timing(end),
        )

    def _place(self) -> str:
        created = inspect.iscoroutine(self.coro) and inspect.getcoroutinestate(self.coro) == inspect.CORO_CREATED
        return "not begun" if created else waiting_line(self.coro)

    def _timing(self, end: float) -> dict[str, Any]:
        return {}


class TimedWatched(Watched):
    """A Watched that times each step."""

    __slots__ = ("first", "longest", "reached", "resumed", "running")

    def __init__(self, coro: Coroutine[Any, Any, Any], monitor: Watching, number: int) -> None:
        self.coro, self.monitor, self.number = coro, monitor, number
        self.__qualname__ = getattr(coro, "__qualname__", None)
        self.state = None
        self.first: float | None = None  # when its first step began
        self.begun = None  # when the step that runs now began
        self.running, self.longest = 0.0, -1.0
        self.resumed: tuple[CodeType, int] | None = None
        self.reached: tuple[CodeType, int] | None = None
        self.start = monitor.now()

    def send(self, value: Any, throw: tuple[Any, ...] = ()) -> Any:
        """Run one step."""
        monitor, coro = self.monitor, self.coro
        outer, monitor.running = monitor.running, self
        if self.first is None:
            place, self.first = None, monitor.now()
            self.begun = begun = self.first
        else:
            # Asked before each step: afterwards, when the step turns out to be long, it stands elsewhere.
            place = _place(coro)
            self.begun = begun = monitor.now()
        try:
            return coro.throw(*throw) if throw else coro.send(value)
        except StopIteration:
            del throw
            self.returned()
            raise
        except BaseException as error:
            del throw
            self.raised(error)
            raise
        finally:
            now = monitor.now() if self.state is None else self.end
            took = now - begun
            self.running += took
            self.begun = None
            if took > self.longest:
                self.longest, self.resumed = took, place
                self.reached = _place(coro) if took >= NAMED and self.state is None else None
            monitor.running = outer
            if outer is None:  # an eager task runs its first step inside a step of the task that creates it
                watch: Any = monitor.watch
                watch.explained += took  # here, and not in a method, for the sake of a call a step
                if took >= monitor.slow:
                    reached = "its end" if self.state else _text(_place(coro)) or "the next await"
                    monitor.step_was_slow(self, begun, now, _text(place) or STEP, reached)

    def _timing(self, end: float) -> dict[str, Any]:
        running = self.running + (end - self.begun if self.begun is not None else 0.0)
        to_start = (end if self.first is None else self.first) - self.start
        longest = Step(_round(self.longest), _text(self.resumed), _text(self.reached)) if self.longest >= 0 else None
        return {
            "waiting_to_start": _round(to_start),
            "running": _round(running),
            "suspended": _round(max(0.0, end - self.start - to_start - running)),
            "longest_step": longest,
        }


def _round(seconds: float) -> float:
    return round(seconds, 9)  # to nanoseconds: what a virtual clock says is exact, and is to look so


def unwrap(coro: Any, monitor: Watching) -> Watched | None:
    """Find the wrapper of one monitor among those of other monitors and of other task factories."""
    return next((layer for layer in layers_of(coro) if isinstance(layer, Watched) and layer.monitor is monitor), None)


def _place(coro: Any) -> tuple[CodeType, int] | None:
    """Return the code and the instruction at which a suspended coroutine waits in code that is no library's."""
    # The type first: isinstance() takes long where the class is an abstract one's.
    while type(coro) is not CoroutineType and isinstance(coro, WrappedCoroutine):  # another monitor's, or a recording's
        coro = coro.coro
    found = None
    while type(coro) is CoroutineType:
        file = coro.cr_code.co_filename
        library = _libraries.get(file)
        if library is None:
            library = _libraries[file] = is_library(coro.cr_code)
        if not library:
            found = coro
        elif found is not None:
            break  # what a library awaits in turn, it may await in any way it likes
        coro = coro.cr_await
    frame = found.cr_frame if found is not None else None
    return (frame.f_code, frame.f_lasti) if frame is not None else None


def _text(place: tuple[CodeType, int] | None) -> str:
    if place is None:
        return ""
    code, at = place
    number = next(_line_numbers(code, at), code.co_firstlineno)
    source = linecache.getline(code.co_filename, number).strip()
    return f"line {number} of {code.co_name}" + (f": {source}" if source else "")


def _line_numbers(code: CodeType, at: int) -> Iterator[int]:
    return (line for start, end, line in code.co_lines() if start <= at < end and line is not None)
