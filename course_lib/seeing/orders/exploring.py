"""`every_order()`: a program in every order in which what it waits for may end."""

from collections.abc import Callable, Iterable
from typing import Any

from course_lib.seeing.orders.outside import Outside
from course_lib.seeing.orders.program import Program
from course_lib.seeing.orders.report import OrderOutcome, Orders
from course_lib.seeing.orders.running import Check, Main
from course_lib.seeing.orders.search import Search
from course_lib.seeing.orders.thread import Guarded
from course_lib.seeing.timeline.mains import check_main

Named = str | Callable[..., Any]


def every_order(
    main: Main,
    check: Check | None = None,
    *,
    outside: Named | Iterable[Named] | None = None,
    orders: int = 5_000,
    more: int = 1_000,
    seed: int = 0,
    steps: int = 10_000,
    until_failure: bool = False,
    limit: float = 10.0,
) -> Orders:
    """Run a program in every order in which the waits outside may end, and report each different outcome.

    A wait outside, an `asyncio.sleep` while a `span` is open, takes any time. Every other sleep, and every time limit,
    is a timer and keeps its time. Whenever nothing is ready, one wait outside ends, or two end in the same round, in
    either order, or the next timer strikes; only timers move the clock. What asyncio promises stays promised: callbacks
    that are ready together run in their order. The order in which a set of tasks is visited is varied, too.

    Args:
        main: the coroutine function, called without arguments, once for each order; it makes its state anew each time.
            For one with arguments pass `lambda: main(5)`.
        check: is given what main returned; it fails when it raises, or returns False.
        outside: which sleeps are waits outside, in place of those in any span: the beginning of a span's name, or a
            function whose sleeps are meant (its own and those of what it calls), or several of both.
        orders: how many orders to run one after another, those that depart least from the usual one first; three tasks
            with two waits each and two timers have 2,000.
        more: how many runs at random follow where there are more orders than that.
        seed: of the random runs.
        steps: how many callbacks one run may take; one with more is an outcome, "no end".
        until_failure: whether to stop at the first outcome that fails; it is one that departs least.
        limit: real seconds after which no further order is run. A run that does not come back to the loop is stopped
            half a second later. Where the report must be the same on every machine, let `orders` end the search.

    What main prints is not shown, except by `replay`. The call may be made anywhere, also inside a running loop: main
    runs in a thread of its own. Raises TypeError for a main that is no coroutine function, ValueError for numbers that
    are not positive, SimulationError for real threads, sockets and processes, and when the same order, run twice, ends
    in two ways; RunawayError for a run that cannot be stopped.

    Source: stateless exploration as in loom and Coyote; least departures first is Musuvathi and Qadeer's bound on
    preemptions (Iterative Context Bounding, 2007).
    """
    check_main(main, "every_order")
    if check is not None and not callable(check):
        raise TypeError(f"check={check!r}: pass a function that is given what main returned")
    for name, value, least in (("orders", orders, 1), ("more", more, 0), ("steps", steps, 1)):
        if value < least:
            raise ValueError(f"{name}={value!r}: pass a whole number, {least} or more")
    if not limit > 0:
        raise ValueError(f"limit={limit!r}: pass real seconds, more than 0 (10 is the default)")
    program = Program(main, check, _outside(outside), steps)
    guarded = Guarded(limit)
    search = Search(lambda *order: program.run(guarded, *order), first=orders, more=more, seed=seed)
    found: dict[Any, OrderOutcome] = {}

    def explore() -> None:
        for run in search:
            outcome = found.get(run.ending.key)
            if outcome is None:
                outcome = found[run.ending.key] = OrderOutcome(run, program.draw)
            outcome.add(run)
            if guarded.over or (until_failure and outcome.failed):
                return

    with program.same_draws():
        guarded.explore(explore, quiet=True)
    program.places = search.places
    outcomes = sorted(found.values(), key=lambda outcome: (not outcome.failed, outcome.departures))
    why = _why(search, guarded, orders, seed)
    return Orders(
        outcomes, search.complete, why, search.found, search.drawn, seed, search.runs, search.visits, program.replay
    )


def _why(search: Search, guarded: Guarded, first: int, seed: int) -> str:
    """Say why these are not all orders; "" where they are."""
    if search.complete:
        return ""
    if guarded.over:
        return f"stopped after {guarded.limit:g} s of real time"
    if search.unrepeatable:
        return f"{search.unrepeatable:,} could not be repeated: the program does not do the same each time"
    if search.exhausted:
        return f"there are more: the first {first:,}, then {search.drawn:,} at random with seed {seed}"
    return "stopped at the first that fails"


def _outside(given: Named | Iterable[Named] | None) -> Outside:
    if given is None:
        return Outside()
    parts = list(given) if isinstance(given, Iterable) and not isinstance(given, str) else [given]
    codes = [getattr(part, "__code__", None) for part in parts if not isinstance(part, str)]
    if not parts or not all(codes):
        raise TypeError(f"outside={given!r}: pass the beginning of a span's name, or a function written with async def")
    return Outside([part for part in parts if isinstance(part, str)], [code for code in codes if code])
