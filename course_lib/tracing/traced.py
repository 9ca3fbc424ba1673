"""How a task is traced: `asyncio.Task` becomes a class of its own that wraps the coroutine it is given.

Not by a task factory, which a program may set itself, and which servers pass by (aiohttp makes its tasks with
`asyncio.Task(...)`). Whoever makes a task, on whichever loop, makes it of this class.
"""

import asyncio
import os
from collections.abc import Callable
from time import perf_counter
from typing import Any, Protocol

from course_lib.seeing.timeline.frames import leave_no_line
from course_lib.seeing.timeline.trace import Trace
from course_lib.seeing.timeline.wrapping import WrappedCoroutine

_ASYNCIO = os.path.dirname(asyncio.__file__)
_get_coro: Any = asyncio.Task.get_coro  # Python's own


class Noting(Protocol):
    """What a task tells its steps and its end to: what is noted of its loop."""

    running: "TracedCoroutine | None"  # the one whose step is on the loop
    begun: float | None  # when that step began
    explained: float  # seconds of this turn that steps took
    slow: float
    note: Callable[[tuple[float, float, float]], None]  # a step: its trace's number, begun, ended

    def ended(self, trace: Trace, now: float, error: BaseException) -> None:
        """Note that the coroutine of the current task has ended, with StopIteration or an error."""

    def step_was_slow(self, coro: "TracedCoroutine", begun: float, ended: float) -> None:
        """Note a step that held the loop."""


class TracedCoroutine(WrappedCoroutine):
    """A coroutine that notes when each of its steps begins and ends, and is otherwise the one it wraps."""

    __slots__ = ("loop", "trace")

    def __init__(self, coro: Any, trace: Trace, loop: Noting) -> None:
        self.coro, self.trace, self.loop = coro, trace, loop
        self.__qualname__ = getattr(coro, "__qualname__", None)

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
            loop.ended(self.trace, perf_counter(), error)
            leave_no_line(error)
            raise
        finally:
            ended = perf_counter()
            loop.running = outer
            loop.note((self.trace.number, begun, ended))
            if outer is None:
                loop.begun = None
                loop.explained += ended - begun
                if ended - begun >= loop.slow:
                    loop.step_was_slow(self, begun, ended)


def trace_tasks(wrap: Callable[[Any, dict[str, Any]], Any]) -> None:
    """Let every task from now on be made of what `wrap` returns for its coroutine and its keyword arguments."""

    class Task(asyncio.Task):  # type: ignore[type-arg]
        __slots__ = ()

        def __init__(self, coro: Any, **kwargs: Any) -> None:
            try:
                super().__init__(wrap(coro, kwargs), **kwargs)
            except BaseException as error:
                leave_no_line(error)
                raise

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
    own = code is not None and code.co_filename.startswith(_ASYNCIO) and coro.__name__.startswith(("_", "shutdown_"))
    return own or type(coro).__name__.startswith("async_generator")


def traced_in(task: Any) -> TracedCoroutine | None:
    """Return the wrapper in a task; None if it is not traced."""
    coro = _get_coro(task) if isinstance(task, asyncio.Task) else None
    return coro if isinstance(coro, TracedCoroutine) else None
