"""Exercise 3: many rows by few queries, in the order in which they were asked for."""

import asyncio
from collections.abc import Sequence
from typing import Any

from course_lib.exercises.chance import Chance
from course_lib.exercises.framework import Answer, Exercise, Wrong, elsewhere
from course_lib.exercises.lesson_12b import solutions
from course_lib.exercises.lesson_12b.scenes import CHANGED, OneAtATime, counted, let_through, played
from course_lib.exercises.shown import shown
from course_lib.seeing import span

ROUNDS = 30
QUERY = 1.0  # seconds


class Fetch(OneAtATime):
    """A coroutine function that gives the rows of a table, at most `most` numbers a query, in an order of its own."""

    __name__ = "fetch"

    def __init__(self, there: Sequence[int], most: int, failing: int | None = None, failure: Any = None) -> None:
        super().__init__()
        self.there = {number: {"number": number, "name": f"name {number}"} for number in there}
        self.most, self.failing, self.failure = most, failing, failure
        self.queries: list[list[int]] = []
        self._chance = Chance(f"fetch {len(there)}")

    async def __call__(self, numbers: Sequence[int]) -> list[dict[str, Any]]:
        """Return the rows that there are."""
        if elsewhere():
            raise Wrong("`fetch` ran in another thread, or on an event loop of its own: no threads here.")
        if not isinstance(numbers, list | tuple):
            raise Wrong(f"`fetch` takes a list of numbers; you gave {shown(numbers, 40)}.")
        if not numbers:
            raise Wrong("`fetch` was asked for nothing, an empty list: that is a round trip for nothing.")
        if len(numbers) > self.most:
            raise Wrong(f"`fetch` was given {len(numbers)} numbers, and takes {self.most} at most.")
        self.queries.append(list(numbers))
        for number in numbers:
            if number not in self.there and sum(number in query for query in self.queries) > 2:
                raise Wrong(
                    f"`fetch` was asked for {number} a third time: there is no such row, which is no row that is late."
                )
        together = "Two queries were under way at one time: a connection does one thing at a time."
        with self.busy(together), span(f"query {len(self.queries)}"):
            await asyncio.sleep(QUERY)
        if len(self.queries) == self.failing:
            raise self.failure
        rows = [self.there[number] for number in dict.fromkeys(numbers) if number in self.there]
        return self._chance.some(rows, len(rows))

    def __repr__(self) -> str:
        return "<function fetch>"


def _grade_in_batches(in_batches: Answer) -> str:
    ten = list(range(1, 11))
    _fetched(in_batches, [7, 2, 9, 4], ten, 4)
    _fetched(in_batches, [7, 2, 9, 4, 1, 3], ten, 4)
    _fetched(in_batches, [5, 3, 5, 5, 3, 1], ten, 2)
    _fetched(in_batches, [5, 99, 3], ten, 2)
    _fetched(in_batches, [98, 99], ten, 2)
    _fetched(in_batches, [0, 1, 0], [0, 1], 2)
    _fetched(in_batches, [], ten, 4)
    chance = Chance("in_batches")
    for _ in range(ROUNDS):
        most, count = chance.number(1, 6), chance.number(1, 14)
        numbers = [chance.number(0, 14) for _ in range(count)]
        there = chance.some(range(15), chance.number(5, 15))
        _fetched(in_batches, numbers, there, most)
        queries = -(-len(set(numbers)) // most)
        _fails(in_batches, numbers, there, most, chance.number(1, queries), chance.failure("the database"))
    return "As few queries as it takes, and every row in its place."


def _given(fetch: Fetch, numbers: Sequence[int]) -> str:
    return f"With numbers={list(numbers)} and most={fetch.most}"


def _fetched(function: Answer, numbers: list[int], there: Sequence[int], most: int) -> None:
    fetch = Fetch(there, most)
    passed = list(numbers)
    scene = played(function, fetch, passed, most)
    returned = scene.result()
    if passed != numbers:
        raise scene.wrong(CHANGED)
    given = _given(fetch, numbers)
    asked = [number for query in fetch.queries for number in query]
    wanted = [fetch.there.get(number) for number in numbers]
    if not isinstance(returned, list) or len(returned) != len(wanted):
        raise scene.wrong(
            f"{given}: return a list of {len(wanted)}, one for each number; you returned {shown(returned, 60)}."
        )
    for number, got, row in zip(numbers, returned, wanted, strict=True):
        if got != row:
            if row is None:
                why = "the database has no such row, so None belongs there"
            elif got is None:
                why = "its row came" if number in asked else "`fetch` was never asked for it"
            elif not isinstance(got, dict):
                why = f"its row belongs there, the dictionary {shown(row, 60)}"
            else:
                why = "`fetch` gives its rows in no order in particular, and none for what is not there"
            raise scene.wrong(f"{given}, the place of number {number} has {shown(got, 40)}: {why}.")
    if len(asked) > len(set(asked)):
        raise scene.wrong(f"{given}, `fetch` was asked for {asked}: ask for each number once.")
    fewest = -(-len(set(numbers)) // most)
    if len(fetch.queries) > fewest:
        raise scene.wrong(f"{given}, you made {len(fetch.queries)} queries, and {fewest} would do: fill each batch.")
    if scene.ended > fewest * QUERY:
        due = f"{counted(fewest, 'query')} {fewest * QUERY:g} s"
        raise scene.wrong(f"{given}, {due}, and your function took {scene.ended:g} s.")


def _fails(
    function: Answer, numbers: list[int], there: Sequence[int], most: int, failing: int, failure: Exception
) -> None:
    fetch = Fetch(there, most, failing, failure)
    scene = played(function, fetch, list(numbers), most)
    let_through(scene, failure, f"Query {failing}")


in_batches = Exercise(
    lesson="lesson_12b",
    task="""\
**Exercise 3: few queries, every row in its place.** Write `in_batches(fetch, numbers, most)`.

- `await fetch(some)` asks the database for a list of at most `most` numbers, and never for none. It gives rows, \
dictionaries with a `"number"`, in no order in particular, and none for a number that it has not.
- Return a list with the row of each of `numbers`, in their order; they may repeat. None stands for a row that is \
not there. Leave `numbers` as it is.
- Ask for each number once, in as few queries as it takes, one after another.
- If `fetch` raises something, let it through.""",
    reference=solutions.in_batches,
    grade=_grade_in_batches,
    hints=[
        "Three steps: the different numbers (`list(dict.fromkeys(numbers))`); their rows, batch by batch, into a "
        "dictionary; then the list.",
        "`for start in range(0, len(different), most):` the batch is `different[start : start + most]`. At the end, "
        "`rows.get(number)` gives None where there is none.",
    ],
)
