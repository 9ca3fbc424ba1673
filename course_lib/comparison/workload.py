"""A workload: a function, and the items it is called with, one call each."""

import asyncio
import inspect
import time
from collections.abc import Callable, Coroutine, Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from functools import partial
from typing import Any, Self

from course_lib.comparison.calibrate import compute
from course_lib.lifecycle.checks import check_count, check_function, check_number, name_of


@dataclass(frozen=True)
class Workload:
    """Calls to compare the models with: `function(item)` for each of `items`.

    function: a plain function; None when there is only the coroutine function
    items: what it is called with, one call each
    async_function: the same work as a coroutine function; without it asyncio calls `function` on its loop
    opening: gives an async context manager, entered once before all calls; `async_function` then takes what it gives as
        a first argument (a session, a pool)
    name: for tables
    """

    function: Callable[[Any], Any] | None
    items: Sequence[Any]
    async_function: Callable[..., Coroutine[Any, Any, Any]] | None = None
    opening: Callable[[], AbstractAsyncContextManager[Any]] | None = None
    name: str = ""

    @classmethod
    def of(cls, function: Callable[[Any], Any], items: Iterable[Any], name: str = "") -> Self:
        """Make a workload of a learner's own function, which may be a coroutine function.

        function: takes one item
        items: what to call it with, one call each; may be empty
        Raises TypeError when the function cannot be called with one argument, or items is no collection of items.
        """
        check_function("function", function, "pass the function itself, and its arguments as items")
        if inspect.isasyncgenfunction(function) or inspect.isgeneratorfunction(function):
            raise TypeError(f"{name_of(function)} contains `yield`, so calling it does no work: pass one that returns")
        if isinstance(items, str) or not isinstance(items, Iterable):
            raise TypeError(f"items={items!r:.60}: pass a list, with the argument of one call each: [{items!r:.20}]")
        try:
            inspect.signature(function).bind(None)
        except TypeError:
            raise TypeError(
                f"{name_of(function)}{inspect.signature(function)} cannot be called with one item: write a function "
                "with one parameter that calls it"
            ) from None
        except ValueError:
            pass  # a built-in that does not tell
        name = name or name_of(function)
        if inspect.iscoroutinefunction(function):
            return cls(None, list(items), function, name=name)
        return cls(function, list(items), name=name)


def waiting(seconds: float, calls: int) -> Workload:
    """Return calls that only wait: time.sleep, and asyncio.sleep.

    seconds: how long each call waits
    calls: how many
    Raises TypeError and ValueError for numbers without sense.
    """
    _check(calls, seconds=seconds)
    return Workload(time.sleep, [seconds] * calls, asyncio.sleep, name=f"waiting {seconds:g} s")


def computing(units: int, calls: int) -> Workload:
    """Return calls that only compute, in pure Python.

    units: how much each call computes; `await calibrate(seconds)` gives the number for a stated time on this machine
    calls: how many
    Raises TypeError and ValueError for numbers without sense.
    """
    check_count("units", units, 1, "await calibrate(0.1) gives the number for a tenth of a second")
    _check(calls)
    return Workload(compute, [units] * calls, name="computing")


def mixed(seconds: float, units: int, calls: int) -> Workload:
    """Return calls that wait, as for an answer, and then compute with it.

    seconds: how long each call waits
    units: how much it then computes, see `computing`
    calls: how many
    Raises TypeError and ValueError for numbers without sense.
    """
    check_count("units", units, 1, "await calibrate(0.1) gives the number for a tenth of a second")
    _check(calls, seconds=seconds)
    function, async_function = partial(_wait_then_compute, units), partial(_wait_then_compute_async, units)
    return Workload(function, [seconds] * calls, async_function, name=f"waiting {seconds:g} s, then computing")


def fetching(urls: Iterable[str]) -> Workload:
    """Return calls that fetch a URL each: with requests, and with aiohttp; both keep their connections open.

    Raises TypeError when `urls` is a single str.
    """
    from course_lib.comparison import http  # here, because its libraries take 0.3 s to import

    if isinstance(urls, str):
        raise TypeError(f"urls is the single str {urls!r}, whose letters are no URLs: pass a list: [url]")
    return Workload(http.get, list(urls), http.get_async, http.open_session, name="fetching")


def _wait_then_compute(units: int, seconds: float) -> None:
    time.sleep(seconds)
    compute(units)


async def _wait_then_compute_async(units: int, seconds: float) -> None:
    await asyncio.sleep(seconds)
    compute(units)


def _check(calls: int, **seconds: float) -> None:
    check_count("calls", calls, 0, "10 is a good number to begin with")
    for name, value in seconds.items():
        check_number(name, value, 0, "seconds", "0.1 is a good number to begin with")
