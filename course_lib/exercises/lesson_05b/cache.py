"""A cache on the virtual clock, with Redis' methods and exceptions: healthy, slow, down, full or without an answer."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf
from typing import Any

import redis.exceptions

from course_lib.exercises.framework import Wrong, await_missing
from course_lib.seeing import span

ANSWER = 0.1  # seconds
LOAD = 2.0
LIFE = 60  # seconds for which a value is to be kept


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
        error: what a call raises while it is "down"
        seconds: how long each call takes
    """

    def __init__(
        self,
        illness: str = "",
        until: float = inf,
        *,
        texts: bool = False,
        error: Exception | None = None,
        seconds: float = ANSWER,
    ) -> None:
        self.illness, self._until, self._texts, self._seconds = illness, until, texts, seconds
        self._error = error or redis.exceptions.ConnectionError(
            "Error 111 connecting to 127.0.0.1. Connection refused."
        )
        self.kept: dict[str, tuple[Any, float]] = {}  # value, when it expires
        self.asked: list[Asked] = []
        self.lives: list[float | None] = []  # for how long each value was stored

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
        self.lives.append(ex)
        self.kept[key] = value, inf if ex is None else _now() + ex

    async def delete(self, key: str) -> None:
        """Forget what is stored under `key`."""
        await self._answer("delete", key)
        self.kept.pop(key, None)

    def why_lives(self) -> str:
        """Say what is wrong with the times to live that were given; empty if all are 60 s."""
        if None in self.lives:
            return "You stored a value without a time to live: cache.set(key, value, ex=60)."
        if wrong := [ex for ex in self.lives if ex != LIFE]:
            return f"You stored a value for {wrong[0]:g} s; the task says 60: cache.set(key, value, ex=60)."
        return ""

    def count(self, verb: str, after: float = 0) -> int:
        """Return how often it was asked to get, set or delete, from `after` seconds on."""
        return sum(each.verb == verb and each.at >= after for each in self.asked)

    async def _answer(self, verb: str, key: str) -> None:
        if not isinstance(key, str):
            raise Wrong(f"The key of a value in the cache is a text; you asked for {key!r:.60}.")
        self.asked.append(Asked(verb, key, _now()))
        with span(f"cache: {verb} {key}"):
            illness = self.illness if _now() < self._until else ""
            if illness in ("mute", f"mute {verb}"):
                await asyncio.sleep(1000)
            await asyncio.sleep(self._seconds)
        if illness == "down":
            raise self._error
        if illness == "full" and verb == "set":
            raise redis.exceptions.OutOfMemoryError("command not allowed when used memory > 'maxmemory'.")


class Loads:
    """A load function: `await load(key)` takes `seconds`, then gives the next of `answers`, or raises it.

    Without answers it gives a text with the key, or the next of those that `of` has for the key.
    """

    def __init__(self, *answers: Any, seconds: float = LOAD, of: Mapping[str, Sequence[Any]] | None = None) -> None:
        self._answers, self._seconds, self._of = answers, seconds, of or {}
        self.keys: list[str] = []
        self.cancelled = 0

    async def load(self, key: str) -> Any:
        """Take its time; the last of the answers is repeated."""
        self.keys.append(key)
        answers = self._of.get(key, self._answers)
        number = self.keys.count(key) if self._of else len(self.keys)
        answer = answers[min(number, len(answers)) - 1] if answers else f"value of {key}"
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
