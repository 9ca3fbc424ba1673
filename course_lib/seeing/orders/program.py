"""A program that can be run in any order, again and again: each run begins anew, and draws the same numbers."""

import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from course_lib.seeing.clock import RunawayError
from course_lib.seeing.orders.drawing import Drawing
from course_lib.seeing.orders.loop import Chooser, OrdersLoop
from course_lib.seeing.orders.order import Order
from course_lib.seeing.orders.outside import Outside
from course_lib.seeing.orders.running import Check, Ending, Main, Run, run
from course_lib.seeing.orders.search import FollowedBy
from course_lib.seeing.orders.thread import Guarded
from course_lib.seeing.timeline import Timeline

LIMIT = 10.0  # real seconds for one order that is replayed
STUCK = 0.2  # real seconds for one that is known to have no end


class Program:
    """A program, and what is needed to run it.

    Args:
        main: the coroutine function.
        check: is given what main returned, and raises or returns False if it is not right.
        outside: says which sleeps are waits outside.
        steps: how many callbacks one run may take.
    """

    places: Sequence[Sequence[int]] = ((),)  # for each way to visit sets, the places of the tasks

    def __init__(self, main: Main, check: Check | None, outside: Outside, steps: int) -> None:
        self._main, self._check, self._outside, self._steps = main, check, outside, steps
        self._state = random.getstate()

    @contextmanager
    def same_draws(self) -> Iterator[None]:
        """Leave Python's random numbers as they were, whatever runs meanwhile."""
        before = random.getstate()
        try:
            yield
        finally:
            random.setstate(before)

    def run(self, guarded: Guarded, chooser: Chooser, visit: int, places: Sequence[int]) -> Run:
        """Run it in the order that a chooser makes, in the thread that is guarded."""
        loop = self._loop(chooser, places)
        ending = guarded.part(lambda: run(loop, self._main, self._check))
        if ending is None:
            ending = Ending("endless", f"no end: stopped at {guarded.line}", key=("endless", guarded.line))
        return Run.of(loop, visit, ending)

    def replay(self, order: Order) -> Timeline:
        """Run it in one order, aloud, and draw that."""
        chooser = FollowedBy(order.choices, strict=True)
        made = list[Run]()
        guarded = Guarded(LIMIT)
        with self.same_draws():
            guarded.explore(
                lambda: made.append(self.run(guarded, chooser, order.visit, self._places(order))), quiet=True
            )
        return self.draw(made[0], aloud=True)

    def draw(self, made: Run, *, aloud: bool = False) -> Timeline:
        """Run it once more as it was run, and draw that.

        Raises RunawayError when it takes too long, and did not then.
        """
        stuck = made.ending.kind == "endless"
        guarded = Guarded(STUCK if stuck else LIMIT)
        chooser = FollowedBy(made.order.choices, strict=True)
        drawing = Drawing(made, self._loop(chooser, self._places(made.order)))

        def explore() -> None:
            guarded.part(lambda: drawing.run(self._main))
            drawing.write()

        with self.same_draws():
            guarded.explore(explore, quiet=not aloud)
        if guarded.over and not stuck:
            raise RunawayError(f"the order was stopped after {LIMIT:g} s of real time, at {guarded.line}")
        return drawing.timeline

    def _places(self, order: Order) -> Sequence[int]:
        if order.visit >= len(self.places):
            raise ValueError(
                f"order has visit={order.visit!r}, but sets of tasks were visited in {len(self.places)} ways: pass a "
                f"number below that"
            )
        return self.places[order.visit]

    def _loop(self, chooser: Chooser, places: Sequence[int]) -> OrdersLoop:
        random.setstate(self._state)
        # The stub calls a loop abstract that does not define what this one refuses.
        return OrdersLoop(chooser, self._outside, places, steps=self._steps)  # type: ignore[abstract]
