"""A cache on the virtual clock, with Redis' methods and exceptions: healthy, slow, down, full or without an answer."""

import asyncio
from dataclasses import dataclass
from math import inf
from typing import Any

import redis.exceptions

from course_lib.exercises.framework import Wrong, await_missing
from course_lib.seeing import span

ANSWER = 0.1  # seconds


@dataclass(frozen=True, slots=True)
class Asked:
    """One call of the cache; `at` in seconds of the virtual clock."""

    verb: str
    key: str
    at: float


class Cache:
    """Keeps values under keys, for as long as it was told to; each call takes 0.1 s.

    Args:
        illness: what ails it: "" nothing, "down" each call fails, "full" set fails, "mute" no call is ever answered,
            "mute set" that is so for set.
        until: seconds until it is well again.
        texts: whether it takes texts only, as Redis does.
    """

    def __init__(self, illness: str = "", until: float = inf, *, texts: bool = False) -> None:
        self._illness, self._until, self._texts = illness, until, texts
        self.kept: dict[str, tuple[Any, float]] = {}  # value, when it expires
        self.asked: list[Asked] = []
        self.without_end: list[str] = []  # keys that were stored without a time to live

    async def get(self, key: str) -> Any:
        """Return what is stored under `key`; None if there is nothing."""
        await self._answer("get", key)
        value, expires = self.kept.get(key, (None, inf))
        return value if _now() < expires else None

    async def set(self, key: str, value: Any, ex: float | None = None) -> None:
        """Store a value, for `ex` seconds."""
        if await_missing([value]):
            raise Wrong("You stored a coroutine or a task: an `await` is missing.")
        if self._texts and not isinstance(value, str | bytes | int | float):
            raise redis.exceptions.DataError(
                f"Invalid input of type: '{type(value).__name__}'. Convert to a bytes, string, int or float first."
            )
        await self._answer("set", key)
        if ex is None:
            self.without_end.append(key)
        self.kept[key] = value, inf if ex is None else _now() + ex

    async def delete(self, key: str) -> None:
        """Forget what is stored under `key`."""
        await self._answer("delete", key)
        self.kept.pop(key, None)

    def count(self, verb: str, after: float = 0) -> int:
        """Return how often it was asked to get, set or delete, from `after` seconds on."""
        return sum(each.verb == verb and each.at >= after for each in self.asked)

    async def _answer(self, verb: str, key: str) -> None:
        if not isinstance(key, str):
            raise Wrong(f"The key of a value in the cache is a text; you asked for {key!r:.60}.")
        self.asked.append(Asked(verb, key, _now()))
        with span(f"cache: {verb} {key}"):
            illness = self._illness if _now() < self._until else ""
            if illness in ("mute", f"mute {verb}"):
                await asyncio.sleep(1000)
            await asyncio.sleep(ANSWER)
        if illness == "down":
            raise redis.exceptions.ConnectionError("Error 111 connecting to 127.0.0.1. Connection refused.")
        if illness == "full" and verb == "set":
            raise redis.exceptions.OutOfMemoryError("command not allowed when used memory > 'maxmemory'.")


class Loads:
    """A load function: `await load(key)` takes `seconds`, then gives the next of `answers`, or raises it."""

    def __init__(self, *answers: Any, seconds: float = 2) -> None:
        self._answers, self._seconds = list(answers), seconds
        self.keys: list[str] = []
        self.cancelled = 0

    async def load(self, key: str) -> Any:
        """Take its time; the last of the answers is repeated."""
        self.keys.append(key)
        answer = self._answers[min(len(self.keys), len(self._answers)) - 1] if self._answers else f"value of {key}"
        with span(f"load {key}"):
            try:
                await asyncio.sleep(self._seconds)
            except asyncio.CancelledError:
                self.cancelled += 1
                raise
        if isinstance(answer, Exception):
            raise answer
        return answer


def _now() -> float:
    return asyncio.get_running_loop().time()
