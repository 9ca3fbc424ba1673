"""How a value of the learner's is named in a sentence: a text that is cut in the middle tells nobody anything."""

import asyncio
import inspect
from collections import Counter
from typing import Any

NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
KINDS = (set, frozenset, dict, list, tuple)


def shown(value: Any, most: int = 80) -> str:
    """Return a value's repr, or what kind of thing it is where that says more.

    Args:
        value: anything; a broken repr of its own is raised.
        most: characters; of a longer repr the beginning is shown, with dots.
    """
    if (kind := _kind(value)) and not isinstance(value, KINDS):
        return _counted(kind, 1)
    if isinstance(value, KINDS) and value and any(_kind(each) or isinstance(each, KINDS) for each in value):
        inner = Counter(_kind(each) or type(each).__name__ for each in value)
        if len(inner) == 1 and (_kind(next(iter(value))) or len(repr(value)) > most):
            ((each, number),) = inner.items()
            return f"a {type(value).__name__} of {_counted(each, number)}"
    text = repr(value)
    return text if len(text) <= most else f"{text[: most - 4]} ..."


def _kind(value: Any) -> str:
    if inspect.iscoroutine(value):
        return "coroutine"
    if isinstance(value, asyncio.Task):
        return "task"
    if asyncio.isfuture(value):
        return "future"
    if inspect.isgenerator(value) or inspect.isasyncgen(value):
        return "generator"
    return "function" if inspect.isroutine(value) else ""


def _counted(kind: str, number: int) -> str:
    if number == 1:
        return f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}"
    return f"{NUMBERS[number] if number < len(NUMBERS) else number} {kind}s"
