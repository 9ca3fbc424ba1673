"""Exercise 1: a slow program with five causes, each found by what it makes too many of, or too few."""

import ast
from dataclasses import dataclass
from typing import Any

from course_lib.exercises.chance import Chance
from course_lib.exercises.framework import Answer, Exercise, Wrong, await_missing, leaves, run
from course_lib.exercises.lesson_12b import as_found, solutions
from course_lib.exercises.lesson_12b.scenes import CHANGED
from course_lib.exercises.lesson_12b.shop import DRAW, LOGO, Shop
from course_lib.exercises.places import place_of
from course_lib.exercises.shown import shown
from course_lib.seeing import Timeline

FEW = 3  # orders: so many can be drawn
ROUNDS = 8
TINY = 1e-9  # seconds, for what floats leave
TIMES = 10  # as fast as the program that was found
PLAIN = (
    "`shop.draw(...)` gives a label at once, which can be neither awaited nor run. Give a thread the function and its "
    "arguments: `await asyncio.to_thread(shop.draw, order, logo)`."
)


@dataclass(frozen=True)
class Printing:
    """What one run of a program did in a shop; `seconds` is how long it took."""

    shop: Shop
    seconds: float
    returned: Any


def _printed(function: Answer, shop: Shop) -> Printing:
    numbers = list(shop.numbers)
    try:
        timeline = run(function, shop, numbers)
    except Wrong as wrong:
        timeline = _in_spite_of(wrong, shop)
    if numbers != shop.numbers:
        raise Wrong(CHANGED)
    return Printing(shop, timeline.end, timeline.result)


def _in_spite_of(wrong: Wrong, shop: Shop) -> Timeline:
    """Return what happened where all that is wrong is that `draw` blocked the loop: that is what the lesson counts."""
    timeline = wrong.timeline
    if timeline and any("generator connect was left open" in note for note in timeline.notes):
        closes = "`async with shop.connect() as connection:` closes it"
        wrong = Wrong(f"A connection was opened, and not closed when your function had ended: {closes}.", timeline)
    elif timeline and timeline.leaked:
        left = "a task was" if len(timeline.leaked) == 1 else f"{len(timeline.leaked)} tasks were"
        wrong = Wrong(
            f"When your function had ended, {left} still running: await what you start; a worker that waits for "
            "ever is cancelled first.",
            timeline,
        )
    elif _awaits_a_label(wrong.error):
        wrong = Wrong(PLAIN, timeline)
    elif timeline and timeline.blocked and not timeline.blocking_lines and not wrong.error:
        if timeline.blocked > shop.held + TINY:
            wrong = Wrong(
                f"The event loop was blocked for {timeline.blocked:g} s, and not by `draw` alone: something else waits "
                "without an `await`, such as `time.sleep`, or a pool's `map` and `shutdown`.",
                timeline,
            )
        elif timeline.result is not None:
            return timeline
    # Who reads the lanes of forty orders?
    raise wrong if len(shop.numbers) <= FEW else Wrong(str(wrong))


def _awaits_a_label(error: BaseException | None) -> bool:
    """Return whether a call or an `await` failed that was given what `shop.draw(...)` returned."""
    for each in leaves(error):
        place = place_of(each) if isinstance(each, TypeError) else None
        if place and isinstance(place.node, ast.Await | ast.Call):
            given = [node for node in ast.walk(place.node) if isinstance(node, ast.Call) and node is not place.node]
            return any(isinstance(node.func, ast.Attribute) and node.func.attr == "draw" for node in given)
    return False


def _grade_print_labels(print_labels: Answer) -> str:
    # The first label takes longer than the next: a list in the order in which they were drawn is another one.
    _check_labels(_printed(print_labels, Shop(FEW, 2, at_once=2, first=2 * DRAW, graded=True)))
    before = _printed(as_found.print_labels, Shop(graded=True)).seconds
    now = _printed(print_labels, Shop(graded=True))
    _check_labels(now)
    gain = before / now.seconds
    speed = f"It took {now.seconds:.2f} s, and the program that was found {before:.2f} s: {gain:.1f} times as fast."
    if cause := _first_cause(now):
        raise Wrong(f"{speed} The next in the table of section 5: {cause}")
    if gain < TIMES - TINY:
        logos = len(now.shop.downloads)
        rest = (
            f"The {logos} logos were downloaded one after another: begin them together."
            if now.shop.most_downloads == 1
            else "What else does it wait for?"
        )
        raise Wrong(f"{speed} All of the table is mended, and {TIMES} times can be had. {rest}")

    chance = Chance("print_labels")
    for _ in range(ROUNDS):
        orders, carriers, at_once = chance.number(2, 24), chance.number(1, 6), chance.number(2, 4)
        printing = _printed(print_labels, Shop(orders, carriers, at_once, graded=True))
        _check_labels(printing)
        if cause := _first_cause(printing):
            ways = "one carrier" if min(carriers, orders) == 1 else f"{min(carriers, orders)} carriers"
            raise Wrong(f"With {orders} orders by {ways}, and printers that take {at_once} at one time: {cause}")
    return (
        f"{gain:.1f} times as fast, by one connection, one query, each logo once, no blocked loop, and labels drawn "
        "side by side."
    )


def _check_labels(printing: Printing) -> None:
    wanted = [printing.shop.label(number) for number in printing.shop.numbers]
    returned = printing.returned
    if isinstance(returned, list | tuple) and await_missing(returned):
        raise Wrong("Your list holds tasks or coroutines, not labels: an `await` is missing.")
    if not isinstance(returned, list | tuple) or len(returned) != len(wanted):
        raise Wrong(f"Return a list of {len(wanted)} labels, one for each number; you returned {shown(returned, 60)}.")
    for number, got, label in zip(printing.shop.numbers, returned, wanted, strict=True):
        if got is None:
            raise Wrong(
                f"Where the label of order {number} belongs, your list has None: a `return` is missing where it is "
                "drawn, or the drawing itself."
            )
        if isinstance(got, Exception):
            # Who asks gather to return exceptions has what was wrong in the list.
            raise Wrong(str(got) if isinstance(got, Wrong) else f"Your list holds an exception, {shown(got, 60)}.")
        if got != label:
            raise Wrong(
                f"Where the label of order {number} belongs, your list has {shown(got, 60)}: the labels stand in the "
                "order of `numbers`, whatever order the rows come in and the drawings end in."
            )
        if (times := printing.shop.drawn[number]) != 1:
            how = f"{times} times: once is enough" if times else "not at all: `shop.draw` makes a label"
            raise Wrong(f"The label of order {number} was drawn {how}.")
    if not printing.shop.queries:
        raise Wrong("No query was made: an order is what `fetch` gives.")


def _first_cause(printing: Printing) -> str:
    """Say which of the five causes is left, the first in the lesson's table; empty where none is."""
    shop = printing.shop
    if shop.connections > 1:
        return (
            f"{shop.connections} connections were opened, and one is enough: open it once, before the first query, and "
            "use it again."
        )
    if shop.queries > 1:
        return f"{shop.queries} queries were made, each a round trip: `fetch` takes a list, and one query is enough."
    if shop.bytes > len(shop.downloads) * LOGO:
        carrier, times = shop.downloads.most_common(1)[0]
        together = " Tasks that look at the same moment all miss: download before they begin." * (
            shop.most_downloads > len(shop.downloads)
        )
        return (
            f"{shop.bytes / 1e6:.1f} MB were downloaded, the logo of {carrier} {times} times. Keep what you have "
            f"downloaded.{together}"
        )
    if shop.blocked:
        return (
            f"{shop.blocked} of {len(shop.numbers)} calls of `draw` held the event loop. It is a plain function that "
            "waits: `await asyncio.to_thread(shop.draw, order, logo)`."
        )
    # Fewer may be right, where some are drawn while logos are still to come.
    if shop.most_drawn < min(shop.at_once, len(shop.numbers)) and printing.seconds > shop.drawn_by + TINY:
        alone = f"1 at most: each waited for the one before. Draw them in tasks, {shop.at_once} at a time."
        had = alone if shop.most_drawn == 1 else f"{shop.most_drawn} at most: let in {shop.at_once}."
        return f"the printers take {shop.at_once} labels at one time, and had {had}"
    return ""


print_labels = Exercise(
    lesson="lesson_12b",
    task="""\
**Exercise 1: ten times faster.** Make `print_labels(shop, numbers)` ten times as fast. Go step by step, and check \
after each: the check names the next cause in the table of section 5. `hint()` says how each is mended.

- `async with shop.connect() as connection:` opens a connection, in 30 ms. `await connection.fetch(numbers)` gives the \
rows of a list of orders, in 10 ms, in no order in particular. A row is a dictionary, with `"number"` and `"carrier"`.
- `await shop.download(carrier)` gives a carrier's logo. It takes 20 ms; and the line carries one logo at a time, for \
20 ms each.
- `shop.draw(order, logo)` gives a label. It is a plain function, which waits for a printer, for 20 ms or longer, \
and may run in a thread. The printers take `shop.at_once` labels at one time; one more is an error.
- Return the labels in the order of `numbers`, which are all different; leave `numbers` as it is. Nothing fails \
here.""",
    reference=solutions.print_labels,
    grade=_grade_print_labels,
    hints=[
        "The connection: `async with` goes above the loop. The queries: one `fetch(numbers)`; put its rows into a "
        "dictionary, by number.",
        "The bytes: a dictionary of logos, by carrier, filled before the first label is drawn. The blocked loop: "
        "`await asyncio.to_thread(shop.draw, order, logo)`.",
        "In turn: all logos may be downloaded in one `gather`. For the labels, one semaphore of `shop.at_once`, made "
        "once; `async def draw(order)`, which draws inside it; and a `gather` over the orders, in the order of "
        "`numbers`.",
    ],
)
