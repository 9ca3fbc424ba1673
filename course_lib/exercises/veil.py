"""A function handed to a learner's test so that the test cannot tell which one it is; it can only call it."""

import inspect
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
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
    idle: Counter[str] = field(default_factory=Counter)  # by name, how many calls did not begin
    blocks: set[str] = field(default_factory=set)  # the names of what gives a block
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
        _begin(name, seen)
        return _result(name, await function(*args, **kwargs), seen)

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
                return _result(name, function(*args, **kwargs), seen)
            seen.idle[name] += 1
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

    __slots__ = ("_manager", "_name", "_seen")

    def __init__(self, name: str, manager: Any, seen: Seen) -> None:
        self._name, self._manager, self._seen = name, manager, seen
        seen.idle[name] += 1
        seen.blocks.add(name)

    async def __aenter__(self) -> Any:
        _begin(self._name, self._seen)
        return await self._manager.__aenter__()

    async def __aexit__(self, *error: Any) -> Any:
        return await self._manager.__aexit__(*error)


def _begin(name: str, seen: Seen) -> None:
    seen.begun += 1
    seen.idle[name] -= 1


def _result(name: str, value: Any, seen: Seen) -> Any:
    if inspect.isfunction(value):
        return veiled(value, value.__name__, seen)
    return _Block(name, value, seen) if hasattr(type(value), "__aenter__") else value


def _text(value: Any) -> str:
    return getattr(value, "__name__", None) or f"{value!r:.30}"
