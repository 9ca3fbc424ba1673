"""Which calls run now, and how the finished ones ended."""

import asyncio
import functools
import inspect
import itertools
import logging
import weakref
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import aclosing, contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeVar

from course_lib.lifecycle.checks import awaitable, check_count, check_function, name_of
from course_lib.lifecycle.timeouts import cancelled_by_limit, returned_default

F = TypeVar("F", bound=Callable[..., Any])

_log = logging.getLogger(__name__)


class Outcome(StrEnum):
    """How a call ended."""

    SUCCESS = "success"
    FAILED = "failed"
    CANCELLED = "cancelled"
    TIMEOUT = "timeout"  # a limit of ours ended it, or a TimeoutError left it
    CLOSED = "closed"  # nobody asked for the rest: an async generator that was left early, a coroutine thrown away


@dataclass(slots=True, eq=False)
class Call:
    """One call of a tracked function. Times are seconds of its loop's clock.

    `end` and `outcome` are None while it runs; `error` is "ValueError: no such page", and no exception, because that
    would keep alive all that its traceback saw.
    """

    id: int
    name: str
    start: float
    task_name: str
    end: float | None = None
    outcome: Outcome | None = None
    error: str = ""

    @property
    def duration(self) -> float | None:
        """Seconds from the first step to the end, of a generator with what its consumer took; None while it runs."""
        return (
            None if self.end is None else round(self.end - self.start, 9)
        )  # whole nanoseconds: 0.3, not 0.30000000000000004


class CallLog:
    """The calls of the functions tracked in it, for one event loop at a time.

    Args:
        keep: how many finished calls `finished` holds; the totals count all of them.

    Raises TypeError when keep is no whole number, ValueError when it is negative.
    """

    def __init__(self, keep: int = 1000) -> None:
        check_count("keep", keep, 0, "0 keeps the totals alone")
        self._numbers = itertools.count(1)  # not id(): Python gives the id of a dead object to a new one
        self._active: dict[int, tuple[Call, weakref.ref[asyncio.Task[Any]] | None]] = {}
        self._finished: deque[Call] = deque(maxlen=keep)
        self._totals = dict.fromkeys(Outcome, 0)
        self._total_duration = 0.0

    @property
    def active(self) -> list[Call]:
        """The calls that have begun and not ended, in order of their beginning."""
        return [call for call, _ in self._active.values()]

    @property
    def finished(self) -> list[Call]:
        """The last calls that ended, at most `keep`, in order of their end."""
        return list(self._finished)

    @property
    def totals(self) -> dict[Outcome, int]:
        """How many of all calls ended in which way."""
        return dict(self._totals)

    @property
    def total_duration(self) -> float:
        """The durations of all finished calls together, in seconds; of calls at the same time, each counts."""
        return round(self._total_duration, 9)

    def task_of(self, call: Call) -> asyncio.Task[Any] | None:
        """Return the task in which a call runs, or None when it has ended."""
        reference = self._active.get(call.id, (call, None))[1]
        return reference() if reference else None

    @contextmanager
    def watch(self, name: str) -> Iterator[Call]:
        """Note that a call begins, and how it ends; what it raises is passed on, whatever it is."""
        now = asyncio.get_running_loop().time  # kept: a generator may be closed when no loop runs any more
        task = asyncio.current_task()
        # Weak: a pending task that nobody holds must stay free to vanish, as it would without a log.
        reference = weakref.ref(task) if task else None
        call = Call(next(self._numbers), name, now(), task.get_name() if task else "")
        self._active[call.id] = (call, reference)
        _log.debug("%s #%d begins", name, call.id)
        try:
            yield call
            call.outcome = call.outcome or Outcome.SUCCESS
        except BaseException as error:  # KeyboardInterrupt and GeneratorExit, too, end a call
            call.outcome = _outcome(error, task)
            call.error = _describe(error) if call.outcome in (Outcome.FAILED, Outcome.TIMEOUT) else ""
            raise
        finally:
            del self._active[call.id]
            call.end = now()
            self._finished.append(call)
            self._totals[call.outcome or Outcome.FAILED] += 1
            self._total_duration += call.end - call.start
            _log.debug("%s #%d ends: %s", name, call.id, call.outcome)


def track(log: CallLog, name: str | None = None) -> Callable[[F], F]:
    """Note in `log` each call of a coroutine function or async generator function; what it does stays the same.

    A call begins with its first step (a coroutine that is never awaited is no call) and is noted under `name`, or the
    function's own. Its outcome is "timeout" when a limit of `with_timeout` or `timeout_decorator` ended it, whether the
    limit lies around the tracked function or is, with or without a default, its decorator. Limits inside the function
    are its own affair, and a bare `asyncio.timeout` around it is seen as the cancellation that it sends. An async
    generator is active until it is closed: who may leave it early needs `contextlib.aclosing`.

    Raises TypeError when it is used without parentheses, or on what is no function.
    """
    if name is not None and not isinstance(name, str):
        raise TypeError(f"name={name!r:.60} is no str: write the decorator with parentheses, track_coroutine()")

    def decorator(function: F) -> F:
        check_function("what track decorates", function, "decorate a function written with async def")
        label = name or name_of(function)

        @functools.wraps(function)
        async def call_of_coroutine(*args: Any, **kwargs: Any) -> Any:
            with log.watch(label) as call:
                work: Awaitable[Any] = awaitable("what the tracked function returned", function(*args, **kwargs))
                result = await work
                if returned_default(function):
                    call.outcome = Outcome.TIMEOUT
                return result

        @functools.wraps(function)
        async def call_of_generator(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
            with log.watch(label):
                # Each way to resume a generator is passed on, so that it cannot tell that it is tracked. Closing it
                # before the record ends is what puts its clean-up inside the call.
                async with aclosing(function(*args, **kwargs)) as inner:
                    step = inner.asend(None)
                    while True:
                        try:
                            item = await step
                        except StopAsyncIteration:
                            return
                        try:
                            sent = yield item
                        except GeneratorExit:
                            raise
                        except BaseException as error:  # noqa: BLE001  # athrow() may throw anything
                            step = inner.athrow(error)
                        else:
                            step = inner.asend(sent)

        return call_of_generator if inspect.isasyncgenfunction(function) else call_of_coroutine  # type: ignore[return-value]

    return decorator


class CoroutineLifecycleManager:
    """The article's face of a CallLog, which is its `log`.

    Args:
        keep: how many finished calls `log.finished` holds.
    """

    def __init__(self, keep: int = 1000) -> None:
        self.log = CallLog(keep)

    def track_coroutine(self, name: str | None = None) -> Callable[[F], F]:
        """Decorate a function so that its calls are noted, under its own name or the given one; see `track`."""
        return track(self.log, name)

    def get_active_coroutines(self) -> list[dict[str, Any]]:
        """Return a dict for each running call: id, name, start_time (seconds of the loop's clock), task."""
        return [
            {"id": call.id, "name": call.name, "start_time": call.start, "task": self.log.task_of(call)}
            for call in self.log.active
        ]

    def get_statistics(self) -> dict[str, int | float]:
        """Return how many calls are active, completed, and of these how many by outcome; durations in seconds."""
        totals, total = self.log.totals, self.log.total_duration
        completed = sum(totals.values())
        return {
            "active": len(self.log.active),
            "completed": completed,
            **{str(outcome): number for outcome, number in totals.items()},
            "total_duration": total,
            "avg_duration": round(total / completed, 9) if completed else 0.0,
        }


def _outcome(error: BaseException, task: asyncio.Task[Any] | None) -> Outcome:
    if isinstance(error, asyncio.CancelledError):
        return Outcome.TIMEOUT if cancelled_by_limit(task) else Outcome.CANCELLED
    if isinstance(error, GeneratorExit):
        return Outcome.CLOSED
    return Outcome.TIMEOUT if isinstance(error, TimeoutError) else Outcome.FAILED


def _describe(error: BaseException) -> str:
    try:
        return f"{type(error).__name__}: {error}".rstrip(": ")
    except Exception:  # noqa: BLE001  # a broken __str__ must not take the place of the error
        return type(error).__name__
