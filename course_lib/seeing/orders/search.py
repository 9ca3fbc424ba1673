"""Which orders are run: those that depart least from the usual one first, each of them once, then some at random."""

import random
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from course_lib.seeing.clock import SimulationError
from course_lib.seeing.orders.loop import Chooser, DiffersError
from course_lib.seeing.orders.order import TIMER, Choice, Order, Point
from course_lib.seeing.orders.running import Run
from course_lib.seeing.orders.tasks import visits

# Runs a program: in the order of a chooser, with a way to visit sets (its number, and the places of the tasks).
Runner = Callable[[Chooser, int, Sequence[int]], Run]


class FollowedBy:
    """A chooser that makes the choices it is given and then the usual ones.

    With `strict`, a choice that is not there raises ValueError, which names those that are.
    """

    def __init__(self, choices: Sequence[Choice], *, strict: bool = False) -> None:
        self._choices, self._strict = iter(choices), strict

    def __call__(self, point: Point) -> Choice:
        """Choose."""
        choice = next(self._choices, point.usual)
        if self._strict and choice not in point.all():
            if choice == ("timer",) and point.timer:
                return TIMER
            there = [*point.waits, *["timer"] * point.timer]
            raise ValueError(f"order has {' and '.join(choice) or 'timer'!r}, but there can end: {', '.join(there)}")
        return choice


class AtRandom:
    """A chooser that draws each choice."""

    def __init__(self, draw: random.Random) -> None:
        self._draw = draw

    def __call__(self, point: Point) -> Choice:
        """Choose."""
        return self._draw.choice(tuple(point.all()))


@dataclass(frozen=True, slots=True)
class _Branch:
    """An order to run: one that was run, up to a point, and there another choice."""

    order: Order
    place: int
    other: Choice | None  # None for the start of a tree of its own: nothing is chosen yet

    def choices(self) -> tuple[Choice, ...]:
        return self.order.choices[: self.place] + ((self.other,) if self.other is not None else ())


class Search:
    """Goes through the orders of a program.

    Stateless: nothing of a run is kept but its order, and each run begins anew. A run makes the choices it is to make
    and then the usual ones; each of these, with each of its alternatives, is the beginning of another run. The runs
    with one departure come before those with two.
    """

    def __init__(self, run: Runner, *, first: int, more: int, seed: int) -> None:
        self.complete = False
        self.exhausted = False  # whether all runs that were allowed were made
        self.found = 0  # different orders
        self.runs = 0
        self.visits = 1  # in how many ways sets of tasks were visited
        self.drawn = 0  # of the orders, those at random
        self.unrepeatable = 0
        self._run, self._first, self._more, self._seed = run, first, more, seed
        self.places: Sequence[Sequence[int]] = [()]
        self._queue = deque([_Branch(Order(), 0, None)])
        self._left_out = False
        self._seen: set[object] = set()

    def __iter__(self) -> Iterator[Run]:
        """Yield a run for every order that differs from those before."""
        yield from self._in_turn()
        if self._queue or self._left_out:
            yield from self._at_random()
        else:
            self.complete = not self.unrepeatable

    def _in_turn(self) -> Iterator[Run]:
        while self._queue and self.found < self._first:
            branch = self._queue.popleft()
            choices = branch.choices()
            run = self._once(FollowedBy(choices), branch.order.visit)
            if run is None:
                continue
            if self.found == 0 and run.ending.kind != "endless":
                self._again(run)
            self._branch(run, len(choices))
            yield from self._new(run)
            if run.in_sets and self.visits == 1 and run.tasks > 1:
                yield from self._visited_otherwise(run)

    def _branch(self, run: Run, start: int) -> None:
        for place in range(start, len(run.points)):
            for other in run.points[place].others():
                if len(self._queue) + self.found > self._first:
                    self._left_out = True
                    return
                self._queue.append(_Branch(run.order, place, other))

    def _new(self, run: Run) -> Iterator[Run]:
        # Where no set was visited in another order, a run with other places of the tasks is the same one.
        same = (run.order.choices, run.ending.key, run.steps)
        if same not in self._seen:
            self._seen.add(same)
            self.found += 1
            yield run

    def _visited_otherwise(self, run: Run) -> Iterator[Run]:
        """Run an order again with every set of tasks reversed: only if that makes a difference, look at them all."""
        places = visits(run.tasks)
        twin = self._once(FollowedBy(run.order.choices), 1, places)
        if twin is None or (twin.order.choices, twin.ending.key, twin.steps) in self._seen:
            return
        self.places, self.visits = places, len(places)
        self._queue.extend(_Branch(Order(visit=visit), 0, None) for visit in range(1, len(places)))
        yield from self._new(twin)

    def _at_random(self) -> Iterator[Run]:
        for number in range(self._more):
            draw = random.Random(f"{self._seed} {number}")
            visit = draw.randrange(self.visits)
            run = self._once(AtRandom(draw), visit)
            if run is None:
                continue
            for new in self._new(run):
                self.drawn += 1
                yield new
        self.exhausted = True

    def _once(self, chooser: Chooser, visit: int, places: Sequence[Sequence[int]] | None = None) -> Run | None:
        self.runs += 1
        try:
            return self._run(chooser, visit, (places or self.places)[visit])
        except DiffersError:
            self.unrepeatable += 1
            return None

    def _again(self, run: Run) -> None:
        """Run the usual order once more.

        Raises SimulationError when it does not end the same way: then no order is worth looking at.
        """
        again = self._once(FollowedBy(run.order.choices), 0)
        if again is None or again.ending.key != run.ending.key or again.points != run.points:
            second = "did something else" if again is None else again.ending.text
            raise SimulationError(
                f"the same order run twice did not end the same way: first {run.ending.text}, then {second}. Every "
                "order is a run of its own: make what main changes anew inside main, and leave out of it real "
                "time, and the order of sets whose items are not tasks"
            )
