"""What an order is: which outside waits ended, in which turns, between which timers."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

Choice = tuple[str, ...]
"""One outside wait that ends, or two that end in the same round, by name; TIMER lets the next timer strike."""

TIMER: Choice = ()
Given = str | Sequence[str]


@dataclass(frozen=True, slots=True)
class Order:
    """The choices of one run, from its start on; after the last of them everything goes as usual.

    `visit` numbers the order in which sets of tasks are visited; 0 is that of their creation.
    """

    choices: tuple[Choice, ...] = ()
    visit: int = 0

    def __str__(self) -> str:
        words = "; ".join(" + ".join(choice) or "timer" for choice in self.choices) or "nothing to choose"
        if not self.visit:
            return words
        return f"{words} (sets of tasks visited {'last first' if self.visit == 1 else f'in way {self.visit}'})"


@dataclass(frozen=True, slots=True)
class Point:
    """A moment at which nothing was ready: the waits that could end, as usual the first first, and what is usual."""

    waits: tuple[str, ...]
    timer: bool  # whether there is a timer that could strike
    usual: Choice
    now: float  # the clock, in seconds, before the choice

    def others(self) -> Iterator[Choice]:
        """Yield the choices that are not the usual one."""
        return (choice for choice in self.all() if choice != self.usual)

    def all(self) -> Iterator[Choice]:
        """Yield every choice there is: one wait, the timer, two waits in either order."""
        for name in self.waits:
            yield (name,)
        if self.timer:
            yield TIMER
        for name in self.waits:
            for other in self.waits:
                if other != name:
                    yield (name, other)


def as_order(given: Any) -> Order:
    """Read an order that somebody wrote: "a" and ("a", "b") end waits, "timer" lets the next timer strike.

    Raises TypeError for what is none of these.
    """
    if isinstance(given, Order):
        return given
    if isinstance(given, str) or not isinstance(given, Sequence):
        raise TypeError(f'order={given!r}: pass a list, such as ["fetch 2", ("fetch 1", "fetch 3"), "timer"]')
    return Order(tuple(_choice(entry) for entry in given))


def _choice(entry: Given) -> Choice:
    names = (entry,) if isinstance(entry, str) else tuple(entry)
    if len(names) > 2 or not all(isinstance(name, str) for name in names):
        raise TypeError(f'order has {entry!r}: pass the name of a wait, two names as a tuple, or "timer"')
    return names
