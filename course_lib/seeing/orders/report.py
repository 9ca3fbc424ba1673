"""What `every_order()` found, as data, as text and as a picture."""

import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from course_lib.seeing.comparing import compare
from course_lib.seeing.orders.order import Order, as_order
from course_lib.seeing.orders.running import Kind, Run
from course_lib.seeing.shown import Shown
from course_lib.seeing.timeline import Timeline
from course_lib.seeing.timeline.text import draw_text

WIDTH = 79
DRAWN = 3  # outcomes that are drawn; the others are listed
LISTED = 20
LANES = 12
UNSEEN = (
    "not seen: how long a wait outside takes from one timer to the next, and what another order would do between two "
    "awaits, where nothing else can run"
)


@dataclass
class OrderOutcome:
    """One of the different outcomes of a program, with the order that departs least from the usual one.

    `kind` is "result", "exception", "deadlock", "leak" (tasks or async generators left at main's end), "check" (what
    main returned did not pass) or "endless"; `text` says it in a few words; `value` is what main returned or the
    exception. `orders` counts the orders that end so, `departures` the choices of `order` that are not the usual ones.
    """

    run: Run
    _draw: Callable[[Run], Timeline] = field(repr=False)
    orders: int = 0
    _timeline: Timeline | None = field(default=None, repr=False)

    @property
    def order(self) -> Order:
        """Of the orders that end so, the one that departs least from the usual one."""
        return self.run.order

    @property
    def departures(self) -> int:
        """How many of its choices are not the usual ones."""
        return self.run.departures

    @property
    def kind(self) -> Kind:
        """What kind of ending it is."""
        return self.run.ending.kind

    @property
    def text(self) -> str:
        """The ending in a few words."""
        return self.run.ending.text

    @property
    def value(self) -> Any:
        """What main returned, or the exception; None for a deadlock and for a run without end."""
        return self.run.ending.value

    @property
    def failed(self) -> bool:
        """Whether it is anything but a result that the check let pass."""
        return self.run.ending.failed

    @property
    def timeline(self) -> Timeline:
        """The order, drawn."""
        if self._timeline is None:
            self._timeline = self._draw(self.run)
        return self._timeline

    def add(self, run: Run) -> None:
        """Count another order that ends so."""
        self.orders += 1
        if run.departures < self.departures:
            self.run = run


@dataclass(frozen=True)
class Orders(Shown):
    """What a program does in the orders that were run: print it, or end a notebook cell with it for the picture.

    `outcomes` are the different ones, those that fail first. `complete` says that there is no other order; otherwise
    `why` says what ended the search. `orders` counts the different orders, `drawn` those of them at random, `runs` the
    runs they took.
    """

    outcomes: Sequence[OrderOutcome]
    complete: bool
    why: str
    orders: int
    drawn: int
    seed: int
    runs: int
    _replay: Callable[[Order], Timeline] = field(repr=False)

    @property
    def failures(self) -> list[OrderOutcome]:
        """The outcomes that fail."""
        return [outcome for outcome in self.outcomes if outcome.failed]

    def replay(self, order: Any = ()) -> Timeline:
        """Run the program in one order and return the timeline; what it prints is shown.

        Args:
            order: that of an outcome (`outcome.order`), or a list of what ends: "fetch 2" a wait, by its span (the
                second of that name is "fetch 2 #2"), ("fetch 1", "fetch 3") two in one turn, "timer" the next timer.
                After the last of them all goes on as usual; without any, that is the usual order.

        What main raises is a note of the timeline. Raises ValueError where a wait is named that cannot end there, and
        TypeError for what is no order.
        """
        return self._replay(as_order(order))

    def __str__(self) -> str:
        lines = [self._head(), *self._list()]
        if self.why:
            lines.append(self.why)
        for outcome in self.outcomes[:DRAWN]:
            words = _wrapped(str(outcome.order), "order: ")
            lines += ["", *self._title(outcome), *words, draw_text(outcome.timeline, None, LANES, WIDTH)]
        return "\n".join([*lines, "", *_wrapped(UNSEEN)])

    def draw(self) -> Any:
        """Draw the orders of the first outcomes as a matplotlib figure and return it."""
        return compare({" ".join(self._title(outcome)): outcome.timeline for outcome in self.outcomes[:DRAWN]}).draw()

    def _head(self) -> str:
        count = f"all {self.orders:,} orders" if self.complete else f"{self.orders:,} orders"
        number = len(self.outcomes)
        return f"{count if self.orders > 1 else 'one order'}: {number} outcome{'s' * (number > 1)}"

    def _list(self) -> list[str]:
        wide = len(f"{self.orders:,}")
        lines: list[str] = []
        for outcome in self.outcomes[:LISTED]:
            start = f"  {outcome.orders:>{wide},} of {self.orders:,}: "
            lines += _wrapped(outcome.text, start)
        if rest := len(self.outcomes) - LISTED:
            lines += [f"  and {rest} more"] if rest > 0 else []
        return lines

    def _title(self, outcome: OrderOutcome) -> list[str]:
        away = f"{outcome.departures} choice{'s' * (outcome.departures > 1)} off the usual order"
        this = away if outcome.departures else "the usual order"
        return _wrapped(f"{outcome.text} (in {outcome.orders:,} of {self.orders:,} orders; this is one, {this})")


def _wrapped(text: str, start: str = "") -> list[str]:
    return textwrap.wrap(text, WIDTH, initial_indent=start, subsequent_indent=" " * len(start), max_lines=4)
