"""Exercise 1: a long computation that lets the others have a turn."""

import asyncio
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from course_lib.exercises.chance import Chance
from course_lib.exercises.framework import Answer, Exercise, Wrong, await_missing, run
from course_lib.exercises.lesson_02 import solutions
from course_lib.exercises.shown import shown

MOST = 10  # items that may be worked on in one step
TURNS = 2_000  # of the other task: many more than a right answer needs
ROUNDS = 8


@dataclass
class Work:
    """The items of a scene, what work() gives for each, and what was seen of its calls."""

    items: Sequence[Any]
    results: Sequence[Any]
    done: list[Any] = field(default_factory=list)
    between: list[int] = field(default_factory=list)  # items worked on between two turns of somebody else
    elsewhere: list[Any] = field(default_factory=list)  # items worked on in another thread

    async def beside_another(self, in_chunks: Answer, given: list[Any]) -> Any:
        """Run the answer beside a task that notes how many items were worked on between two of its turns."""
        done, between, loop_thread = self.done, self.between, threading.get_ident()

        async def other() -> None:
            for _ in range(TURNS):
                await asyncio.sleep(0)
                between.append(len(done) - sum(between))

        def work(item: Any) -> Any:
            if threading.get_ident() != loop_thread:
                self.elsewhere.append(item)  # noted, for an exception here could be swallowed
            done.append(item)
            return self.results[min(len(done), len(self.results)) - 1]

        task = asyncio.create_task(other(), name="someone else")
        await asyncio.sleep(0)
        try:
            return await in_chunks(given, work)
        finally:
            between.append(len(done) - sum(between))
            task.cancel()
            await asyncio.wait([task])


def _grade_in_chunks(in_chunks: Answer) -> str:
    for count in (100, 37, 0, 123):
        _worked(in_chunks, Work(list(range(count)), [item * item for item in range(count)]))
    chance = Chance("in_chunks")
    for _ in range(ROUNDS):
        numbers = range(chance.number(1, 45))
        _worked(
            in_chunks,
            Work([chance.value(f"item {n}") for n in numbers], [chance.value(f"result {n}") for n in numbers]),
        )
    return "A hundred items, and nobody waited for more than ten of them."


def _worked(in_chunks: Answer, work: Work) -> None:
    items, done, given, count = work.items, work.done, list(work.items), len(work.items)
    timeline = run(work.beside_another, in_chunks, given)
    got = timeline.result
    if work.elsewhere:
        raise Wrong(
            "work() was called in another thread: no threads here, let the others have a turn in between.", timeline
        )
    if timeline.end > 0:
        raise Wrong(
            f"You slept for {timeline.end:g} s. `asyncio.sleep(0)` lets everyone else have a turn at once.", timeline
        )
    if max(work.between) > MOST:
        raise Wrong(_too_many(max(work.between), count), timeline)
    if not isinstance(got, list | tuple) or await_missing(got):
        raise Wrong(f"Return the list of results; you returned {shown(got)}.", timeline)
    if sorted(map(repr, done)) == sorted(map(repr, items)) and done != items:
        raise Wrong("work() was called for every item, but not in the order of the items.", timeline)
    if done != items:
        reached = sum(item in done for item in items)
        raise Wrong(f"Of {count} items, work() was called for {reached}, {len(done)} times in all.", timeline)
    if list(got) != work.results:
        raise Wrong(
            f"The results are not those of work(), in the order of the items: {shown(work.results)}; you returned "
            f"{shown(got)}.",
            timeline,
        )
    if given != items:
        raise Wrong(
            f"The list `items` had {count} items before your function ran, and {len(given)} after it: it is your "
            "caller's, who may still need it. Go through it, and leave it as it is.",
            timeline,
        )


def _too_many(number: int, count: int) -> str:
    if number < count:
        return f"Others waited while {number} items were worked on in one step; {MOST} at most."
    return (
        f"All {number} items were worked on before anyone else had a turn. Only an `await` that suspends, such as "
        "`asyncio.sleep(0)`, gives the loop back: a coroutine that never suspends runs like a plain function; tasks "
        "made together run in one round."
    )


in_chunks = Exercise(
    lesson="lesson_02",
    task=f"""\
**Exercise 1: let the others run.** Write `in_chunks(items, work)`.

- `work(item)` is a plain function that computes for a moment. Call it for each item, in order; return the results.
- A hundred calls in one step hold the loop for too long: after {MOST} items at most, let everyone else have a turn.
- Waste no time: no waiting, no threads. `items` is your caller's list: leave it as it is.""",
    reference=solutions.in_chunks,
    grade=_grade_in_chunks,
    hints=[
        "When does a task give the loop back? What is the shortest thing a task can wait for?",
        "`await asyncio.sleep(0)` goes to the end of the ready queue and comes back in the next round.",
        "Count the items with `enumerate(items, start=1)`; after each tenth, `await asyncio.sleep(0)`.",
    ],
)
