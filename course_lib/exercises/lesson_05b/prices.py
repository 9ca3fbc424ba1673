"""A table of prices that several programs read and write through one cache, each call with its delays."""

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextvars import ContextVar
from copy import copy
from types import CodeType, FunctionType
from typing import Any

from course_lib.exercises.framework import Answer, Wrong, await_missing
from course_lib.seeing import span

Delays = Mapping[str, tuple[float, float]]
"""Of a call, by its verb: seconds until it takes effect, and from then until its answer."""

USUAL = (0.5, 0.5)


class World:
    """The prices in the database, and what the cache keeps; `commits` are the prices there were of each name.

    usual: the delays of a call that has no others
    """

    def __init__(self, usual: tuple[float, float] = USUAL, **prices: Any) -> None:
        self.usual = usual
        self.prices: dict[str, Any] = {"tea": 1, "coffee": 1} | prices
        self.commits = {name: [price] for name, price in self.prices.items()}
        self.kept: dict[str, Any] = {}
        self.calls: Counter[str] = Counter()
        self.pairs = self.singles = 0  # values that were stored: tuples, lists or dictionaries, and others

    def program(self, name: str, **delays: tuple[float, float]) -> "Program":
        """Return the handles of a program: it has its own connection, slow or fast, to the same servers."""
        return Program(self, name, delays)


class Program:
    """A database and a cache in one object, as one program reaches them."""

    def __init__(self, world: World, name: str, delays: Delays) -> None:
        self.world, self.name, self._delays = world, name, delays

    async def select(self, name: str) -> Any:
        """Read a price."""
        return await self._call("select", name)

    async def update(self, name: str, price: Any) -> None:
        """Write a price and commit."""
        await self._call("update", name, price)

    async def get(self, key: str) -> Any:
        """Return what the cache keeps under `key`, or None."""
        return await self._call("get", key)

    async def set(self, key: str, value: Any, ex: float | None = None) -> None:
        """Store a value in the cache; it keeps all."""
        await self._call("set", key, value)

    async def delete(self, key: str) -> None:
        """Forget what the cache keeps under `key`."""
        await self._call("delete", key)

    async def _call(self, verb: str, key: str, value: Any = None) -> Any:
        if await_missing([value]):
            raise Wrong("You stored a coroutine or a task: an `await` is missing.")
        acting = _acting.get() or self
        before, after = acting._delays.get(verb, self.world.usual)
        with span(f"{acting.name}: {verb} {key}"):
            await asyncio.sleep(before)
            result = self._take_effect(verb, key, value)
            await asyncio.sleep(after)
        return result

    def _take_effect(self, verb: str, key: str, value: Any) -> Any:
        world = self.world
        world.calls[verb] += 1
        if verb == "select":
            return world.prices[key]
        if verb == "get":
            return world.kept.get(key)
        if verb == "delete":
            world.kept.pop(key, None)
        elif verb == "set":
            world.kept[key] = value
            pair = isinstance(value, tuple | list | dict)
            world.pairs, world.singles = world.pairs + pair, world.singles + (not pair)
        elif key not in world.prices:
            raise LookupError(f"there is no {key!r}")
        else:
            world.prices[key] = value
            world.commits[key].append(value)
        return None


_acting: ContextVar[Program | None] = ContextVar("acting", default=None)


def acting_as(program: Program, function: Callable[..., Coroutine[Any, Any, Any]]) -> Any:
    """Return a coroutine function: `function`, with the delays of `program` in place of those of the handles it has."""

    async def call(*args: Any) -> Any:
        before = _acting.set(program)
        try:
            return await function(*args)
        finally:
            _acting.reset(before)

    return call


def as_loaded_anew(function: Answer) -> Answer:
    """Return the function as another program has it: with variables of its own outside of it, and copies in them."""
    if not isinstance(function, FunctionType):
        return function
    shared = function.__globals__
    used = {name: shared[name] for name in _names(function.__code__) if name in shared}
    own = {name: copy(value) for name, value in used.items() if isinstance(value, dict | list | set)}
    anew = FunctionType(function.__code__, shared | own, function.__name__, function.__defaults__, function.__closure__)
    anew.__kwdefaults__ = function.__kwdefaults__
    return anew


def _names(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for each in code.co_consts:
        if isinstance(each, CodeType):
            yield from _names(each)
