"""A table of prices that several programs read and write through one cache, each call with its delays."""

import asyncio
from collections import Counter
from collections.abc import Mapping
from typing import Any

from course_lib.exercises.framework import Wrong, await_missing
from course_lib.timeline import span

Delays = Mapping[str, tuple[float, float]]
"""Of a call, by its verb: seconds until it takes effect, and from then until its answer."""

USUAL = (0.5, 0.5)


class World:
    """The prices in the database, and what the cache keeps."""

    def __init__(self) -> None:
        self.prices: dict[str, Any] = {"tea": 1, "coffee": 1}
        self.kept: dict[str, Any] = {}
        self.calls: Counter[str] = Counter()
        self.stored: list[tuple[float, str]] = []  # when a key was stored
        self.committed: list[float] = []

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
        before, after = self._delays.get(verb, USUAL)
        with span(f"{self.name}: {verb} {key}"):
            await asyncio.sleep(before)
            result = self._take_effect(verb, key, value)
            await asyncio.sleep(after)
        return result

    def _take_effect(self, verb: str, key: str, value: Any) -> Any:
        world, now = self.world, asyncio.get_running_loop().time()
        world.calls[verb] += 1
        if verb == "select":
            return world.prices[key]
        if verb == "get":
            return world.kept.get(key)
        if verb == "delete":
            world.kept.pop(key, None)
        elif verb == "set":
            world.kept[key] = value
            world.stored.append((now, key))
        elif key not in world.prices:
            raise LookupError(f"there is no {key!r}")
        else:
            world.prices[key] = value
            world.committed.append(now)
        return None
