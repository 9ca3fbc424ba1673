"""A test written with `async def` as a plain function: on the virtual clock, or in every order."""

import functools
import inspect
import math
import warnings
from collections.abc import Callable, Coroutine, Iterable
from contextlib import AsyncExitStack
from dataclasses import replace
from types import FrameType, TracebackType
from typing import Any, ParamSpec, TypeVar, overload

from course_lib.seeing import OrderOutcome, Orders, every_order, simulate
from course_lib.seeing.timeline import Timeline
from course_lib.seeing.timeline.frames import is_library, shorten
from course_lib.testing.fixtures import Fixtures, of_the_test
from course_lib.testing.leaks import LeakError, NoLeaks

P = ParamSpec("P")
T = TypeVar("T")
Named = str | Callable[..., Any]
Async = Callable[P, Coroutine[Any, Any, T]]
Main = Callable[[], Coroutine[Any, Any, Any]]

LANES = 12  # of a swimlane in a failure
REAL = "took real time"  # how a note begins that is about what the clock cannot see


class VirtualTimeWarning(UserWarning):
    """Something took real time, which the virtual clock cannot see."""


class OrdersWarning(UserWarning):
    """A test in every order was run in fewer than that, or nothing in it waits outside."""


class OrderError(AssertionError):
    """A test came to no end in one order: it waits for what never comes, or goes on for ever."""


@overload
def in_virtual_time(test: Async[P, T]) -> Callable[P, T]: ...
@overload
def in_virtual_time(*, limit: float = 10.0) -> Callable[[Async[P, T]], Callable[P, T]]: ...
def in_virtual_time(test: Any = None, *, limit: float = 10.0) -> Any:
    """Decorate a test: `@in_virtual_time`, or `@in_virtual_time(limit=30)`; it runs on a clock that costs nothing.

    Args:
        test: the coroutine function; its arguments are those of the function returned.
        limit: real seconds after which it is stopped.

    The function raises what the test raises, with the swimlane as a note; LeakError for what is left at its end, and
    for exceptions that nobody asked for; what `simulate` raises. Raises TypeError for what is no coroutine function.
    """

    def run(test: Any, main: Main) -> Any:
        __tracebackhide__ = True
        timeline = simulate(main, limit=limit)
        report(timeline, test)
        return timeline.result

    return _decorated(test, run, "in_virtual_time")


@overload
def in_every_order(test: Async[P, T]) -> Callable[P, None]: ...
@overload
def in_every_order(
    *,
    outside: Named | Iterable[Named] | None = None,
    orders: int = 5_000,
    more: int = 1_000,
    seed: int = 0,
    steps: int = 10_000,
    limit: float = 10.0,
) -> Callable[[Async[P, T]], Callable[P, None]]: ...
def in_every_order(test: Any = None, **how: Any) -> Any:
    """Decorate a test: `@in_every_order`, or `@in_every_order(outside="fetch")`; it runs once for each order.

    Args:
        test: the coroutine function; it makes its state anew each time. Synchronous fixtures are made once for all
            orders, asynchronous ones (which need the plugin) for each.
        outside, orders, more, seed, steps, limit: as those of `every_order`.

    The function raises what the test raises in the first order that fails, with that order drawn as a note; OrderError
    where it raises nothing and fails all the same. Raises TypeError for what is no coroutine function.
    """

    def run(test: Any, main: Main) -> None:
        __tracebackhide__ = True
        found = every_order(main, until_failure=True, **how)
        if found.failures:
            raise _failure(found, found.failures[0])
        _warn_of_few(found, test)

    return _decorated(test, run, "in_every_order")


def report(timeline: Timeline, function: Any) -> None:
    """Look at what a simulation notes of a program that was to leave nothing.

    Warns of what took real time, as of `function`'s place. Raises LeakError for the rest, such as exceptions that
    nobody asked for.
    """
    __tracebackhide__ = True
    real = [note for note in timeline.notes if note.startswith(REAL)]
    for note in real:
        _warn(note, VirtualTimeWarning, function)
    if left := [note for note in timeline.notes if note not in real]:
        error = LeakError([f"  {note}" for note in left])
        error.timeline = timeline  # type: ignore[attr-defined]  # as simulate does with what main raises
        raise error


def show_only_the_users(error: BaseException, frame: FrameType | None = None) -> None:
    """Leave the user's own lines of the tracebacks of an error and of what led to it.

    Where an error has none, because the test had ended, or waited, it is as if raised where `frame` is.
    """
    shorten(error)
    traceback = error.__traceback__
    if traceback is not None and is_library(traceback.tb_frame.f_code):
        line = frame and (frame.f_lineno or frame.f_code.co_firstlineno)
        error.__traceback__ = TracebackType(None, frame, frame.f_lasti, line) if frame and line else None


def draw(error: BaseException, timeline: Timeline | None) -> None:
    """Add a timeline to an error, if it says more than that there is one task."""
    if timeline is not None and len(timeline.lanes) > 1:
        error.add_note(f"\n{timeline.text(lanes=LANES)}")


def _decorated(test: Any, run: Callable[[Any, Main], Any], called: str) -> Any:
    if test is None:
        return lambda test: _decorated(test, run, called)
    if not inspect.iscoroutinefunction(test):
        name = getattr(test, "__name__", repr(test))
        raise TypeError(f"@{called} stands before {name}, which is not written with async def: it needs no clock")

    @functools.wraps(test)
    def plain(*args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True

        frame: FrameType | None = None
        asked_for = of_the_test.get()

        async def main() -> Any:
            nonlocal frame
            async with NoLeaks(), AsyncExitStack() as stack:
                fixtures = Fixtures(stack)
                for fixture in asked_for:
                    await fixtures.value(fixture)
                given = [await fixtures.value(value) for value in args]
                named = {name: await fixtures.value(value) for name, value in kwargs.items()}
                coro = test(*given, **named)
                frame = coro.cr_frame
                return await coro

        try:
            return run(test, main)
        except BaseException as error:
            draw(error, getattr(error, "timeline", None))
            show_only_the_users(error, frame)
            raise

    plain.makes_its_fixtures = True  # type: ignore[attr-defined]  # the plugin hands it AsyncFixtures
    return plain


def _failure(found: Orders, outcome: OrderOutcome) -> BaseException:
    if outcome.kind == "exception":
        error: BaseException = outcome.value
    else:
        error = OrderError(outcome.text)
    away = outcome.departures
    how = f"{away} choice{'s' * (away > 1)} off the usual order" if away else "the usual order"
    error.add_note(f"\nthe order, found after {found.runs:,} runs, {how}:\n  {outcome.order}\n")
    error.add_note(_without_what_is_said(outcome).text(lanes=LANES))
    return error


def _without_what_is_said(outcome: OrderOutcome) -> Timeline:
    """Return the timeline without the failure, which the error itself says, and without how orders are drawn."""
    timeline = outcome.timeline
    lanes = [replace(lane, error="") if lane.error == outcome.text else lane for lane in timeline.lanes]
    notes = [note for note in timeline.notes if note != outcome.text and not note.startswith("the clock stands still")]
    return replace(timeline, lanes=lanes, notes=notes)


def _warn_of_few(found: Orders, test: Any) -> None:
    if not found.complete:
        _warn(f"these are not all orders: {found.orders:,} ({found.why})", OrdersWarning, test)
    elif found.visits == 1 and all(outcome.run.shortest == math.inf for outcome in found.outcomes):
        _warn(
            "there is one order only, since nothing waits outside: put the sleep of a stand-in into `with "
            'span("fetch"):`, or name the function it is in, @in_every_order(outside=fetch)',
            OrdersWarning,
            test,
        )


def _warn(text: str, kind: type[Warning], function: Any) -> None:
    """Warn as of a function's place: the lines that led here are those of whatever runs the tests."""
    code = getattr(inspect.unwrap(function), "__code__", None)
    place = (code.co_filename, code.co_firstlineno) if code else (__file__, 1)
    warnings.warn_explicit(text, kind, *place)
