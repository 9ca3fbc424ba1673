"""Refusing arguments that make no sense, in words that say what would."""

import inspect
import math
from collections.abc import AsyncIterable
from typing import Any


def check_source(name: str, source: Any) -> None:
    """Raise TypeError unless `async for` can go over `source`; a coroutine is closed."""
    if isinstance(source, AsyncIterable):
        return
    if inspect.isasyncgenfunction(source):
        hint = "call it"
    elif inspect.iscoroutine(source):
        source.close()  # refused, so it never runs: no second message about that
        hint = "await it, and pass what it returns, or write `yield` where it returns"
    else:
        hint = "write an asynchronous generator, `async def` with `yield`, that goes over it"
    raise TypeError(f"{name}={source!r:.60} cannot be iterated over by `async for`: {hint}")


def check_size(size: Any, instead: str) -> None:
    """Raise TypeError unless `size` is a whole number, ValueError unless it is 1 or more."""
    if isinstance(size, bool) or not isinstance(size, int):
        raise TypeError(f"size={size!r:.60}: pass a whole number of items, 1 or more; {instead}")
    if size < 1:
        raise ValueError(f"size={size!r}: pass 1 or more items; {instead}")


def check_seconds(seconds: Any) -> None:
    """Raise TypeError unless `seconds` is a number, ValueError unless it is finite, 0 or more."""
    instead = "leave it out for batches that wait until they are full"
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        raise TypeError(f"seconds={seconds!r:.60}: pass a number of seconds, 0 or more; {instead}")
    if not 0 <= seconds < math.inf:
        raise ValueError(f"seconds={seconds!r}: pass a finite number of seconds, 0 or more; {instead}")
