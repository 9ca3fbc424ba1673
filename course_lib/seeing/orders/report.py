"""What `every_order()` found, as data, as text and as a picture."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from course_lib.seeing.comparing import Comparison, compare
from course_lib.seeing.orders.drawing import APART
from course_lib.seeing.orders.order import Order, as_order
from course_lib.seeing.orders.running import Kind, Run
from course_lib.seeing.shown import Shown
from course_lib.seeing.timeline import Timeline
from course_lib.seeing.timeline.text import printable, wrapped

DRAWN = 3  # outcomes that are drawn; the others are listed
LISTED = 20
LANES = 12
LINES = 5  # of one outcome, or of one order in words
DRAWING = f"{APART}; + are ends in the same round"
UNSEEN = (
    "not seen: how long a wait outside takes from one timer to the next; what happens between two awaits, where "
    "nothing else can run; other orders of sets whose items are not tasks"
)


@dataclass(repr=False)
class OrderOutcome:
    """One of the different outcomes of a program, with the order that departs least from the usual one.

    `kind` is "result", "exception", "deadlock", "leak" (tasks or async generators left at main's end), "check" (what
    main returned did not pass) or "endless"; `text` says it in a few words; `value` is what main returned or the
    exception. `orders` counts the orders that end so, `departures` the choices of `order` that are not the usual ones.
    """

    run: Run
    _draw: Callable[[Run], Timeline]
    orders: int = 0
    _timeline: Timeline | None = None

    def __repr__(self) -> str:
        return f"<{self.kind} in {self.orders} orders: {self.text:.60}>"

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
    runs they took;
    `visits` in how many ways sets of tasks were visited.
    """

    outcomes: Sequence[OrderOutcome]
    complete: bool
    why: str
    orders: int
    drawn: int
    seed: int
    runs: int
    visits: int
    _replay: Callable[[Order], Timeline] = field(repr=False)

    @property
    def failures(self) -> list[OrderOutcome]:
        """The outcomes that fail."""
        return [outcome for outcome in self.outcomes if outcome.failed]

    def replay(self, order: Any = ()) -> Timeline:
        """Run the program in one order and return the timeline; what it prints is shown.

        Args:
            order: that of an outcome (`outcome.order`), or a list of what ends: "fetch 2" a wait, by its span (the
                second of that name is "fetch 2 #2"), ("fetch 1", "fetch 3") two in one round, "timer" the next timer.
                After the last of them all goes on as usual; without any, that is the usual order.

        What main raises is a note of the timeline. Raises ValueError where a wait is named that cannot end there, and
        TypeError for what is no order.
        """
        return self._replay(as_order(order))

    def __str__(self) -> str:
        lines = _lines("", self._head())
        for number, outcome in enumerate(self.outcomes[:LISTED], 1):
            lines += _lines(f"{number}: ", f"{self._share(outcome)}: {outcome.text}")
        if len(self.outcomes) > LISTED:
            lines.append(f"and {len(self.outcomes) - LISTED:,} more outcomes")
        for number, outcome in enumerate(self.outcomes[:DRAWN], 1):
            lines += ["", *_lines(f"{number}: ", f"{_away(outcome)}: {outcome.order}")]
            lines.append(_bare(outcome).text(lanes=LANES))
        drawing = DRAWING if any(" + " in line for line in lines) else APART
        return "\n".join([*lines, "", *_lines("", drawing), *_lines("", UNSEEN)])

    @property
    def alt(self) -> str:
        """How many orders there are, and what came of them."""
        named = [f"{self._share(outcome)}: {outcome.text}" for outcome in self.outcomes[:DRAWN]]
        return printable(f"Orders in which waits may end. {self._head()}. {'; '.join(named)}.")

    @property
    def drawn_outcomes(self) -> Comparison:
        """The orders of the first outcomes, drawn under one another."""
        shown = self.outcomes[:DRAWN]
        timelines = {f"{self._share(outcome)}: {outcome.text}": _bare(outcome) for outcome in shown}
        next(iter(timelines.values())).notes.append(APART)
        return compare(timelines)

    def _head(self) -> str:
        count = f"all {self.orders:,} orders" if self.complete else f"{self.orders:,} orders ({self.why})"
        number = len(self.outcomes)
        ways = f", sets of tasks visited in {self.visits} ways" if self.visits > 1 else ""
        return f"{count if self.orders > 1 else 'one order'}{ways}: {number} outcome{'s' * (number > 1)}"

    def _share(self, outcome: OrderOutcome) -> str:
        return f"in {outcome.orders:,} of {self.orders:,} orders"


def _away(outcome: OrderOutcome) -> str:
    away = outcome.departures
    return f"this is one, {away} choice{'s' * (away > 1)} off the usual order" if away else "this is the usual order"


def _bare(outcome: OrderOutcome) -> Timeline:
    """Return the timeline without the notes that stand elsewhere in the report."""
    timeline = outcome.timeline
    return replace(timeline, notes=[note for note in timeline.notes if note not in (APART, outcome.text)])


def _lines(start: str, text: str) -> list[str]:
    lines = wrapped(start, text)
    return lines if len(lines) <= LINES else [*lines[: LINES - 1], " " * len(start) + ".."]
