"""How a task is traced: `asyncio.Task` becomes a class of its own that wraps the coroutine it is given.

Not by a task factory, which a program may set itself, and which servers pass by (aiohttp makes its tasks with
`asyncio.Task(...)`). Whoever makes a task, on whichever loop, makes it of this class.
"""

import asyncio
import os
from collections.abc import Callable
from time import perf_counter
from types import CoroutineType
from typing import Any, Protocol

from course_lib.seeing.timeline.frames import leave_no_line
from course_lib.seeing.timeline.trace import UNNAMED
from course_lib.seeing.timeline.wrapping import WrappedCoroutine

_ASYNCIO = os.path.dirname(asyncio.__file__)
_OURS = os.path.dirname(os.path.abspath(__file__))
_get_coro: Any = asyncio.Task.get_coro  # Python's own


class Noting(Protocol):
    """What a task tells its steps and its end to: what is noted of its loop."""

    running: "TracedCoroutine | None"  # the one whose step is on the loop
    begun: float | None  # when that step began
    explained: float  # seconds of this turn that steps took
    slow: float
    note: Callable[[tuple[float, float, float]], None]  # a step: its task's number, begun, ended

    def ended(self, traced: "TracedTask", now: float, error: BaseException) -> None:
        """Note that the coroutine of the current task has ended, with StopIteration or an error."""

    def step_was_slow(self, coro: "TracedCoroutine", begun: float, ended: float) -> None:
        """Note a step that held the loop."""


class TracedTask:
    """What is known of a task, until it is written down; it refers to nothing that the garbage collector looks after.

    `end` is None until the coroutine has ended; `failed_task` refers weakly to the task.
    """

    __slots__ = ("end", "error", "failed_task", "function", "given_name", "number", "outcome", "start")
    failed_task: Callable[[], Any] | None  # set where it has failed

    def __init__(self, number: int, function: str, given_name: str, start: float) -> None:
        self.number, self.function, self.given_name, self.start = number, function, given_name, start
        self.end: float | None = None
        self.outcome, self.error = "LEFT", ""

    @property
    def name(self) -> str:
        """The name somebody gave, else the coroutine function's: asyncio's own numbers differ in each run."""
        return self.function if UNNAMED.fullmatch(self.given_name) else self.given_name


class TracedCoroutine(WrappedCoroutine):
    """A coroutine that notes when each of its steps begins and ends, and is otherwise the one it wraps."""

    __slots__ = ("loop", "traced")

    def __init__(self, coro: Any, traced: TracedTask, loop: Noting) -> None:
        self.coro, self.traced, self.loop = coro, traced, loop
        self.__qualname__ = coro.__qualname__ if type(coro) is CoroutineType else getattr(coro, "__qualname__", None)

    def send(self, value: Any, throw: tuple[Any, ...] = ()) -> Any:
        """Run one step."""
        loop = self.loop
        outer, loop.running = loop.running, self
        begun = perf_counter()
        if outer is None:  # an eager task runs its first step inside a step of the task that creates it
            loop.begun = begun
        try:
            return self.coro.throw(*throw) if throw else self.coro.send(value)
        except BaseException as error:
            del throw
            loop.ended(self.traced, perf_counter(), error)
            leave_no_line(error)
            raise
        finally:
            ended = perf_counter()
            loop.running = outer
            loop.note((self.traced.number, begun, ended))
            if outer is None:
                loop.begun = None
                loop.explained += ended - begun
                if ended - begun >= loop.slow:
                    loop.step_was_slow(self, begun, ended)


def trace_tasks(wrap: Callable[[Any, dict[str, Any]], Any]) -> None:
    """Let every task from now on be made of what `wrap` returns for its coroutine and its keyword arguments."""

    init: Any = asyncio.Task.__init__

    class Task(asyncio.Task):  # type: ignore[type-arg]
        __slots__ = ()

        def __init__(self, coro: Any, **kwargs: Any) -> None:
            try:
                init(self, wrap(coro, kwargs), **kwargs)
            except BaseException as error:
                leave_no_line(error)
                raise
            made: Any = getattr(self, "_source_traceback", None)  # in debug mode: where the task was made
            if made:
                made[:] = [frame for frame in made if not frame.filename.startswith(_OURS)]

        def set_name(self, value: object) -> None:
            """Set the name: asyncio.create_task() gives it so."""
            super().set_name(value)
            if traced := traced_in(self):
                traced.traced.given_name = self.get_name()

        def get_coro(self) -> Any:
            """Return the coroutine, as the program knows it."""
            coro: Any = super().get_coro()
            return coro.coro if type(coro) is TracedCoroutine else coro

    Task.__module__, Task.__qualname__, Task.__doc__ = asyncio.Task.__module__, "Task", asyncio.Task.__doc__
    asyncio.Task = asyncio.tasks.Task = Task  # type: ignore[misc]
    tasks: Any = asyncio.tasks
    if hasattr(tasks, "eager_task_factory"):  # which has kept the class that was there when it was made
        tasks.eager_task_factory = tasks.create_eager_task_factory(Task)
        vars(asyncio)["eager_task_factory"] = tasks.eager_task_factory


def is_errand(coro: Any) -> bool:
    """Return whether a task is one of asyncio's own, that no reader of the program knows: it closes a generator."""
    code = getattr(coro, "cr_code", None)
    if code is None:
        return type(coro).__name__.startswith("async_generator")
    known = _errands.get(code)
    if known is None:
        private = code.co_filename.startswith(_ASYNCIO) and code.co_name.startswith("_")
        known = private or code.co_name in ("shutdown_asyncgens", "shutdown_default_executor")
        if len(_errands) < 10_000:
            _errands[code] = known
    return known


_errands: dict[Any, bool] = {}  # by code: most tasks are made of the same few


def traced_in(task: Any) -> TracedCoroutine | None:
    """Return the wrapper in a task; None if it is not traced."""
    coro = _get_coro(task) if isinstance(task, asyncio.Task) else None
    return coro if isinstance(coro, TracedCoroutine) else None
