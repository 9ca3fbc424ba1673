"""What a check draws at random: sizes, places, exceptions, values, seconds; from a seed, so the same for everyone."""

import asyncio
import math
import random
from collections.abc import Sequence
from typing import Any, TypeVar

T = TypeVar("T")

STEP = 5 / 16  # seconds: some durations are equal by chance, sums are exact, and who looks at round times is late

FALSY: tuple[Any, ...] = (0, "", [], False, None, 0.0, {})
_PLACES = tuple(range(len(FALSY)))  # a list is in no deck: it cannot be hashed


class Unreadable(Exception):
    """A failure of a kind that nobody has heard of before: nothing but Exception is above it."""


KINDS = (ValueError, OSError, Unreadable, ConnectionError, LookupError, TimeoutError, ArithmeticError, RuntimeError)


class Equal:
    """An item that is equal to every text and number, so that none of them can say that nothing more comes."""

    __hash__ = object.__hash__

    def __eq__(self, other: object) -> bool:
        return self is other or isinstance(other, str | bytes | int | float)

    def __repr__(self) -> str:
        return "<an item equal to any text or number>"


class Chance:
    """Draws that are the same on every machine and every Python.

    Args:
        name: the seed, such as the name of the exercise.
    """

    def __init__(self, name: str) -> None:
        # Of what `random` has, only random() is promised to give the same numbers in every version.
        self._random = random.Random(name).random
        self._decks: dict[tuple[Any, ...], list[Any]] = {}

    def number(self, low: int, high: int) -> int:
        """Return a whole number from `low` to `high`, both included."""
        return low + int(self._random() * (high - low + 1))

    def seconds(self, low: float, high: float) -> float:
        """Return a duration, from `low` to `high` seconds, in steps of STEP."""
        return self.number(math.ceil(low / STEP), math.floor(high / STEP)) * STEP

    def likely(self, chance: float) -> bool:
        """Return True with this probability."""
        return self._random() < chance

    def one_of(self, values: Sequence[T]) -> T:
        """Return one of several values."""
        return values[self.number(0, len(values) - 1)]

    def some(self, values: Sequence[T], count: int) -> list[T]:
        """Return `count` of the values, in an order drawn at random."""
        keys = [self._random() for _ in values]
        return [values[place] for place in sorted(range(len(values)), key=keys.__getitem__)[:count]]

    def in_turn(self, values: tuple[T, ...]) -> T:
        """Return one of several values, and none of them again before the others have come."""
        deck = self._decks.setdefault(values, [])
        if not deck:
            deck += self.some(values, len(values))
        found: T = deck.pop()
        return found

    def failure(self, about: str) -> Exception:
        """Return an exception of a class drawn at random."""
        return self.in_turn(KINDS)(f"no answer from {about}")

    def value(self, name: str) -> Any:
        """Return `name`, or now and then a value that is falsy."""
        return FALSY[self.in_turn(_PLACES)] if self.likely(0.3) else name

    def answer(self, name: str) -> Any:
        """Return a value, or now and then an exception, for a stand-in to raise."""
        return self.failure(name) if self.likely(0.35) else self.value(name)


class Task(asyncio.Task[Any]):
    """A task whose place in a set is drawn at random, where Python takes its address, an accident of the run."""

    places = Chance("sets")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._place = self.places.number(0, 2**30)
        super().__init__(*args, **kwargs)

    def __hash__(self) -> int:
        return self._place


def placed_by_chance(loop: asyncio.AbstractEventLoop, coro: Any, **kwargs: Any) -> asyncio.Task[Any]:
    """Create a task, as a task factory does."""
    return Task(coro, loop=loop, **kwargs)
