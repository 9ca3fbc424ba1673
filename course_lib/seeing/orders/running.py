"""One run of a program in one order, and how it ended."""

import asyncio
import ctypes
import inspect
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from course_lib.seeing.clock import SimulationStopped, clock_for_this_thread
from course_lib.seeing.orders.loop import DiffersError, EndlessError, OrdersLoop, StuckError
from course_lib.seeing.orders.order import Order, Point
from course_lib.seeing.timeline.frames import waiting_line
from course_lib.seeing.timeline.recorder import recording_in_context
from course_lib.seeing.timeline.trace import describe, sentence, task_name

Main = Callable[[], Coroutine[Any, Any, Any]]
Check = Callable[[Any], Any]
Kind = Literal["result", "exception", "deadlock", "leak", "check", "endless"]

CLEANUP = 1_000  # callbacks that the tasks left over may run when they are cancelled


@dataclass(frozen=True, slots=True)
class Ending:
    """How a run ended: `value` is what main returned or what was raised, `text` says it in a few words."""

    kind: Kind
    text: str
    value: Any = None
    key: Any = None  # equal for endings that are the same

    @property
    def failed(self) -> bool:
        """Whether it is anything but a result that the check lets pass."""
        return self.kind != "result"


@dataclass(frozen=True, slots=True)
class Run:
    """One run: the order it had, the points at which there was a choice, and its ending."""

    order: Order
    points: tuple[Point, ...]
    ending: Ending
    steps: int
    tasks: int  # besides main's
    in_sets: bool  # whether two tasks or more were in a set
    end: float  # the clock at the end, in seconds
    shortest: float  # of the waits outside, in seconds, as written; infinity where there is none

    @classmethod
    def of(cls, loop: OrdersLoop, visit: int, ending: Ending) -> "Run":
        """Return what a loop ran."""
        made = min(len(loop.choices), len(loop.points))  # where it was stopped, one may have been left out
        return cls(
            Order(tuple(loop.choices[:made]), visit), tuple(loop.points[:made]), ending, loop.steps,
            len(loop.tasks) - 1, loop.in_sets, loop.time() if loop.ended is None else loop.ended, loop.shortest,
        )  # fmt: skip

    @property
    def departures(self) -> int:
        """How many choices are not the usual ones."""
        usual = sum(choice == point.usual for choice, point in zip(self.order.choices, self.points, strict=True))
        return len(self.points) - usual + bool(self.order.visit)


def run(
    loop: OrdersLoop, main: Main, check: Check | None, *recorders: Any, at_end: Callable[[], None] | None = None
) -> Ending:
    """Run main on a loop to its end, call `at_end`, clean up, and say how it ended.

    Raises DiffersError when the loop's chooser wants what is not there, SimulationError where something was refused.
    """
    recording_in_context(loop, *recorders)  # type: ignore[arg-type]  # it is all that a span asks of a recorder
    with clock_for_this_thread(loop):  # type: ignore[arg-type]  # and all that the time module asks of a clock
        try:
            ending = _run(loop, main)
            loop.ended = loop.time()
            if at_end is not None:
                at_end()
            _clean_up(loop)
        finally:
            loop.close()
    if loop.refused:
        raise loop.refused
    return _checked(ending, check) if check is not None and ending.kind in ("result", "leak") else ending


def _run(loop: OrdersLoop, main: Main) -> Ending:
    coro = main()
    if not inspect.iscoroutine(coro):
        name = getattr(main, "__name__", repr(main))
        raise TypeError(f"{name}() gave {coro!r:.60}, not a coroutine: write it with async def")
    try:
        task = loop.run(coro)
    except StuckError:
        waiting = [
            f"{task_name(task)} waits at {waiting_line(task.get_coro())}" for task in loop.tasks if not task.done()
        ]
        return _ending("deadlock", f"deadlock: {'; '.join(waiting)}")
    except EndlessError:
        return _ending("endless", f"no end after {loop.most:,} steps")
    except (SimulationStopped, DiffersError):
        raise
    except (KeyboardInterrupt, SystemExit) as error:
        return _ending("exception", _described(error), error)
    if task.cancelled():
        return _ending("exception", "CancelledError", asyncio.CancelledError())
    if failure := task.exception():
        return _ending("exception", _described(failure), failure)
    left = [task_name(task) for task in loop.tasks if not task.done() and not _is_errand(task)]
    left += [generator.__name__ for generator in loop.open_generators()] + loop.left_open
    result = task.result()
    if left:
        return _ending("leak", f"left running: {', '.join(left)}; returned {_text(result)}", result, _key(result))
    return _ending("result", f"returned {_text(result)}", result, _key(result))


def _clean_up(loop: OrdersLoop) -> None:
    """End what is left as asyncio.run does: else the garbage collector would, in the middle of another run."""
    left = [task for task in loop.tasks if not task.done()]
    if left or loop.open_generators():
        loop.clean_up(left, CLEANUP)
    for task in loop.tasks:
        if not task.done():
            # Never collected, not even when Python ends: closing a coroutine that catches everything never returns.
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(task))
        elif not task.cancelled():
            task.exception()  # asked, so that nobody is told of it when the task goes


def _is_errand(task: asyncio.Task[Any]) -> bool:
    """Return whether a task closes an async generator that was dropped: the program knows no such task."""
    return type(task.get_coro()).__name__.startswith("async_generator")


def _checked(ending: Ending, check: Check) -> Ending:
    try:
        said = check(ending.value)
    except SimulationStopped:
        raise
    except Exception as error:  # noqa: BLE001  # whatever it is, it is what the check says
        return _ending("check", _described(error), error)
    if inspect.iscoroutine(said):
        said.close()
        raise TypeError("check gave a coroutine: pass a plain function that looks at what main returned")
    if said is False:
        return _ending("check", f"check({_text(ending.value)}) is False", ending.value, _key(ending.value))
    return ending


def _ending(kind: Kind, text: str, value: Any = None, key: Any = None) -> Ending:
    return Ending(kind, text, value, (kind, text if key is None else key, text if kind == "leak" else ""))


def _described(error: BaseException) -> str:
    """Describe an error; of a group, what is in it, since its own text only counts that."""
    if isinstance(error, BaseExceptionGroup):
        return f"{type(error).__name__} of {'; '.join(map(_described, error.exceptions))}"
    return describe(error)


def _text(value: Any) -> str:
    try:
        return sentence(repr(value))
    except Exception:  # noqa: BLE001  # a broken __repr__ is no ending
        return f"a {type(value).__name__}"


def _key(value: Any) -> Any:
    """Return what is equal for equal values, whatever order a set or a dict has."""
    if isinstance(value, Mapping):
        return (type(value).__name__, frozenset((_key(name), _key(item)) for name, item in value.items()))
    if isinstance(value, set | frozenset):
        return (type(value).__name__, frozenset(map(_key, value)))
    if isinstance(value, list | tuple):
        return (type(value).__name__, tuple(map(_key, value)))
    return (type(value).__name__, _text(value))
