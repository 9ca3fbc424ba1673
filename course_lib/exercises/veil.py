"""A function handed to a learner's test so that the test cannot tell which one it is; it can only call it."""

import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

# What would tell one implementation from another without a call.
TELLING = re.compile(
    "__(annotations|closure|code|defaults|dict|doc|globals|kwdefaults|module|name|qualname|signature|wrapped)__"
)


@dataclass
class Seen:
    """What a test did with the function it was given."""

    calls: int = 0
    begun: int = 0  # calls whose coroutine, or block, was run
    looked_at: str = ""  # the attribute that the test asked for in place of calling
    misused: str = ""  # a call with other arguments than the task says, as it was written


def veiled(function: Callable[..., Any], name: str, seen: Seen) -> Callable[..., Any]:
    """Return what calls `function`, and looks the same whatever function that is.

    What a call gives is veiled likewise where it is a function or an asynchronous context manager.

    Args:
        function: the implementation: a coroutine function, or a function that makes one, or such a context manager.
        name: what it is called in the task.
        seen: is told what the test does with it.
    """
    signature = inspect.signature(function)
    waits = inspect.iscoroutinefunction(function)

    async def run(*args: Any, **kwargs: Any) -> Any:
        seen.begun += 1
        return _result(await function(*args, **kwargs), seen)

    class Function:
        __slots__ = ("__weakref__",)

        def __call__(self, *args: Any, **kwargs: Any) -> Any:
            seen.calls += 1
            try:
                signature.bind(*args, **kwargs)
            except TypeError as error:
                given = [*map(_text, args), *(f"{key}={_text(value)}" for key, value in kwargs.items())]
                seen.misused = f"{name}({', '.join(given)})"
                raise TypeError(f"{name}{signature}: {error}") from None
            if not waits:
                return _result(function(*args, **kwargs), seen)
            coro: Any = run(*args, **kwargs)
            coro.__name__ = coro.__qualname__ = name
            return coro

        def __getattribute__(self, attribute: str) -> Any:
            if TELLING.fullmatch(attribute):
                seen.looked_at = attribute
            return object.__getattribute__(self, attribute)

        def __repr__(self) -> str:
            return f"<function {name}>"

    return Function()


class _Block:
    """An asynchronous context manager under a veil."""

    __slots__ = ("_manager", "_seen")

    def __init__(self, manager: Any, seen: Seen) -> None:
        self._manager, self._seen = manager, seen

    async def __aenter__(self) -> Any:
        self._seen.begun += 1
        return await self._manager.__aenter__()

    async def __aexit__(self, *error: Any) -> Any:
        return await self._manager.__aexit__(*error)


def _result(value: Any, seen: Seen) -> Any:
    if inspect.isfunction(value):
        return veiled(value, value.__name__, seen)
    return _Block(value, seen) if hasattr(type(value), "__aenter__") else value


def _text(value: Any) -> str:
    return getattr(value, "__name__", None) or f"{value!r:.30}"
