"""Refusing arguments that make no sense, in words that say what would."""

import inspect
import math
from collections.abc import Awaitable, Callable
from typing import Any


def check_number(name: str, value: Any, least: float, unit: str, instead: str) -> None:
    """Raise unless `value` is a finite number, `least` or more; `instead` is the next step for who passed another.

    Raises TypeError for what is no number, ValueError for one out of range.
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{name}={value!r:.60}: pass a number of {unit}, {least:g} or more; {instead}")
    if not least <= value < math.inf:
        raise ValueError(f"{name}={value!r}: pass a finite number of {unit}, {least:g} or more; {instead}")


def check_count(name: str, value: Any, least: int, instead: str) -> None:
    """Raise TypeError unless `value` is a whole number, ValueError unless it is `least` or more."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{name}={value!r:.60}: pass a whole number, {least} or more; {instead}")
    if value < least:
        raise ValueError(f"{name}={value!r}: pass {least} or more; {instead}")


def check_function(name: str, value: Any, instead: str) -> None:
    """Raise TypeError unless `value` can be called; a coroutine that was made by mistake is closed."""
    if inspect.iscoroutine(value):
        value.close()
        raise TypeError(f"{name} is a coroutine, already called, which can run only once: {instead}")
    if not callable(value):
        raise TypeError(f"{name} is {value!r:.60}, which cannot be called: {instead}")


def check_decorated(decorator: str, function: Any, for_generators: str) -> None:
    """Raise TypeError unless `function` can be decorated; `for_generators` says what to do with an async generator."""
    check_function(f"what {decorator} decorates", function, "decorate a coroutine function, one written with async def")
    if inspect.isasyncgenfunction(function):
        raise TypeError(
            f"{name_of(function)} is an async generator function, not a coroutine function: {for_generators}"
        )


def check_hook(name: str, value: Any) -> None:
    """Raise TypeError unless `value` is a plain function: what a coroutine function returns, nobody would await."""
    check_function(name, value, "pass a function")
    if inspect.iscoroutinefunction(value):
        raise TypeError(f"{name}={name_of(value)} is a coroutine function, which would never be awaited: use plain def")


def awaitable(name: str, value: Any) -> Awaitable[Any]:
    """Return `value`, or raise TypeError, saying what to pass, if it cannot be awaited."""
    if not inspect.isawaitable(value):
        hint = "call it" if callable(value) else "is it written with async def?"
        raise TypeError(f"{name} is {value!r:.60}, which cannot be awaited: {hint}")
    return value


def name_of(function: Callable[..., Any]) -> str:
    """Return a function's name; of an object that can be called, its type's."""
    return getattr(function, "__name__", type(function).__name__)
