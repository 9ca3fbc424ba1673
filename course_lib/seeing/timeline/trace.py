"""How one lane is traced: its task's coroutine is wrapped, and the wrapper notes when a step begins and ends."""

import asyncio
import math
import re
from collections.abc import Callable, Coroutine
from typing import Any, Protocol
from weakref import ref

from course_lib.seeing.clock import SimulationStopped
from course_lib.seeing.timeline.frames import leave_no_line
from course_lib.seeing.timeline.model import Outcome
from course_lib.seeing.timeline.wrapping import WrappedCoroutine, layers_of

# What is no name that somebody gave. Python 3.13.0 calls a task that a task factory made "None".
UNNAMED = re.compile(r"(Task-\d+|None)?")
_NUMBERED = re.compile(r"\bTask-\d+")
_ADDRESS = re.compile(r" at 0x[0-9A-Fa-f]+")


def task_name(task: asyncio.Task[Any]) -> str:
    """Return the name somebody gave a task, else its coroutine function's: asyncio's own numbers differ in each run."""
    name, coro = task.get_name(), task.get_coro()
    return getattr(coro, "__name__", name) if UNNAMED.fullmatch(name) else name


def sentence(text: str) -> str:
    """Return text on one line, without what differs in each run: addresses and asyncio's own task numbers."""
    return " ".join(_NUMBERED.sub("Task", _ADDRESS.sub("", text)).split())


def describe(error: BaseException | None) -> str:
    """Return "ValueError: no such page" for an error."""
    try:
        return sentence(f"{type(error).__name__}: {error}").rstrip(": ")
    except Exception:  # noqa: BLE001  # a broken __str__ must not break the program that is recorded
        return type(error).__name__


class Trace:
    """What is noted of one lane while it is recorded; times are those of the recorder's clock.

    There is one for every task, and the garbage collector goes through all of them, again and again: they stay small,
    and hold no other container.
    """

    # Defaults on the class, so that making one sets no more than it must.
    end = math.inf
    outcome = Outcome.LEFT
    error = ""
    is_task = False
    in_thread = False
    given_name = ""
    owner: "Trace | None" = None  # of a span: the task it lies in
    failed_task: Callable[[], asyncio.Task[Any] | None] | None = None  # weakly: a recording keeps no task alive

    def __init__(self, number: int, function: str, start: float) -> None:
        self.number, self._function, self.start = number, function, start

    @property
    def name(self) -> str:
        """The name somebody gave, else the coroutine function's: asyncio's own numbers differ in each run."""
        return self._function if UNNAMED.fullmatch(self.given_name) else self.given_name

    def finish(self, now: float, error: BaseException | None) -> None:
        """Note the end of the lane and how it came."""
        self.end = now
        if error is None:
            self.outcome = Outcome.DONE
        elif isinstance(error, asyncio.CancelledError):
            self.outcome = Outcome.CANCELLED
        elif not isinstance(error, SimulationStopped):
            self.outcome, self.error = Outcome.FAILED, describe(error)

    def task_ended(self, now: float, error: BaseException) -> None:
        """Note that the current task, whose lane this is, has left its coroutine with an error or StopIteration."""
        returned = isinstance(error, StopIteration)
        self.finish(now, None if returned else error)
        if task := asyncio.current_task():
            self.given_name = task.get_name()
            self.failed_task = None if returned else ref(task)


class Tracing(Protocol):
    """What a traced coroutine needs of its recorder."""

    now: Callable[[], float]
    open: bool
    running: Trace | None
    log: list[float]  # three numbers a step: the trace's number, begun, ended


class TracedCoroutine(WrappedCoroutine):
    """A coroutine that notes when each of its steps begins and ends, and is otherwise the one it wraps."""

    __slots__ = ("recorder", "trace")

    def __init__(self, coro: Coroutine[Any, Any, Any], trace: Trace, recorder: Tracing) -> None:
        self.coro, self.trace, self.recorder = coro, trace, recorder
        self.__qualname__ = getattr(coro, "__qualname__", None)

    def send(self, value: Any, throw: tuple[Any, ...] = ()) -> Any:
        """Run one step."""
        recorder = self.recorder
        if not recorder.open:  # the recording has ended, the task has not
            try:
                return self.coro.throw(*throw) if throw else self.coro.send(value)
            except BaseException as error:
                del throw
                leave_no_line(error)
                raise
        trace, outer, now = self.trace, recorder.running, recorder.now
        recorder.running = trace
        begun = now()
        try:
            result = self.coro.throw(*throw) if throw else self.coro.send(value)
            ended = now()
        except BaseException as error:
            ended = now()
            del throw
            trace.task_ended(ended, error)
            leave_no_line(error)
            raise
        finally:
            recorder.running = outer  # an eager task runs its first step inside a step of the task that creates it
            if ended > begun:  # on a virtual clock only a blocking step takes time
                log = recorder.log
                if log and log[-1] == begun and log[-3] == trace.number:
                    log[-1] = ended  # one stretch: on a virtual clock an endless loop must not fill the memory
                else:
                    log.extend((trace.number, begun, ended))
        return result


def trace_of(task: asyncio.Task[Any], recorder: Tracing) -> Trace | None:
    """Return what `recorder` notes of a task; None if it does not trace it."""
    coros = layers_of(task.get_coro())
    return next((coro.trace for coro in coros if isinstance(coro, TracedCoroutine) and coro.recorder is recorder), None)
