"""Lesson 2: the loop runs one step at a time; a long step delays everyone."""

import asyncio
import inspect
import threading
from collections.abc import Callable
from contextlib import suppress
from contextvars import ContextVar, copy_context
from typing import Any

from course_lib.exercises.framework import Answer, Exercise, Wrong, await_missing, run
from course_lib.exercises.lesson_02 import as_found, solutions
from course_lib.seeing import Timeline
from course_lib.seeing.clock import SimulationError

# Exercise 1

MOST = 10  # items that may be worked on in one step
TURNS = 2_000  # of the loop that the other task takes part in: many more than a right answer needs


def _grade_in_chunks(in_chunks: Answer) -> str:
    for count in (100, 37, 0):
        items, done, between, elsewhere = list(range(count)), list[int](), list[int](), list[int]()
        timeline = run(_beside_another, in_chunks, items, done, between, elsewhere)
        got = timeline.result
        if elsewhere:
            raise Wrong(
                "work() was called in another thread: no threads here, let the others have a turn in between.", timeline
            )
        if timeline.end > 0:
            raise Wrong(
                f"You slept for {timeline.end:g} s. `asyncio.sleep(0)` lets everyone else have a turn at once.",
                timeline,
            )
        if max(between) > MOST:
            raise Wrong(_too_many(max(between), count), timeline)
        if not isinstance(got, list | tuple) or await_missing(got):
            raise Wrong(f"Return the list of results; you returned {got!r:.80}.", timeline)
        if sorted(done) == items != done:
            raise Wrong("work() was called for every item, but not in the order of the items.", timeline)
        if done != items:
            raise Wrong(
                f"Of {count} items, work() was called for {len(set(done))}, {len(done)} times in all.", timeline
            )
        if list(got) != [item * item for item in items]:
            raise Wrong("The results are not those of work(), in the order of the items.", timeline)
    return "A hundred items, and nobody waited for more than ten of them."


def _too_many(number: int, count: int) -> str:
    if number < count:
        return f"Others waited while {number} items were worked on in one step; {MOST} at most."
    return (
        f"All {number} items were worked on before anyone else had a turn. Only an `await` that really waits gives the "
        "loop back: a coroutine that never suspends runs like a plain function; tasks made together run in one turn."
    )


async def _beside_another(
    in_chunks: Answer, items: list[int], done: list[int], between: list[int], elsewhere: list[int]
) -> Any:
    """Run the answer beside a task that notes how many items were worked on between two of its turns.

    The items that were worked on in another thread go into `elsewhere`, too: an exception there could be swallowed.
    """

    async def other() -> None:
        for _ in range(TURNS):
            await asyncio.sleep(0)
            between.append(len(done) - sum(between))

    loop_thread = threading.get_ident()

    def work(item: int) -> int:
        if threading.get_ident() != loop_thread:
            elsewhere.append(item)
        done.append(item)
        return item * item

    task = asyncio.create_task(other(), name="someone else")
    await asyncio.sleep(0)
    try:
        return await in_chunks(items, work)
    finally:
        between.append(len(done) - sum(between))
        task.cancel()
        await asyncio.wait([task])


in_chunks = Exercise(
    lesson="lesson_02",
    task=f"""\
**Exercise 1: let the others run.** Write `in_chunks(items, work)`.

- `work(item)` is a plain function that computes for a moment. Call it for each item, in order; return the results.
- A hundred calls in one step hold the loop for too long: after {MOST} items at most, let everyone else have a turn.
- Waste no time: no waiting, no threads.""",
    reference=solutions.in_chunks,
    grade=_grade_in_chunks,
    hints=[
        "When does the loop get its turn back from a task? What is the shortest thing a task can wait for?",
        "`await asyncio.sleep(0)` goes to the end of the ready queue and comes back in the next turn.",
        "Count the items with `enumerate(items, start=1)`; after each tenth, `await asyncio.sleep(0)`.",
    ],
)


# Exercise 2


DELAY = 1.2345678  # seconds until the answer is there


def _grade_ask(ask: Answer) -> str:
    refused = ConnectionError("no answer")

    def starting(answer: Any, delay: float) -> Callable[..., None]:
        def start(on_result: Callable[[Any], None], on_error: Callable[[Exception], None]) -> None:
            call = on_error if isinstance(answer, Exception) else on_result
            asyncio.get_running_loop().call_later(delay, call, answer)

        return start

    # Odd numbers: whoever looks now and then, at round times, looks too late.
    timeline = run(ask, starting("the answer", DELAY))
    if await_missing([timeline.result]):
        raise Wrong("You returned the future itself, and not what it will hold: an `await` is missing.", timeline)
    if timeline.end < DELAY:
        raise Wrong(
            f"Your function returned before the answer was there: it came after {DELAY} s. Wait for it.", timeline
        )
    if timeline.result != "the answer":
        raise Wrong(f"Expected 'the answer', got {timeline.result!r:.80}.", timeline)
    _noticed_at_once("answer", timeline)
    try:
        timeline = run(ask, starting(refused, DELAY))
    except Wrong as wrong:
        if wrong.error is refused and wrong.timeline:
            _noticed_at_once("exception", wrong.timeline)
            return "The callback woke your task at the very moment, with the result or with the exception."
        if isinstance(wrong.error, SimulationError) and "CancelledError" in str(wrong.error):
            raise Wrong("on_error got an exception, and your function was cancelled: raise that exception.") from None
        if "never happens" in str(wrong):
            raise Wrong("on_error was called, and nobody woke your task: it waits for ever.", wrong.timeline) from None
        raise
    raise Wrong(f"on_error got an exception, and your function returned {timeline.result!r:.60}: raise it.", timeline)


def _noticed_at_once(what: str, timeline: Timeline) -> None:
    if timeline.end > DELAY:
        raise Wrong(
            f"The {what} was there after {DELAY} s, and you noticed at {timeline.end:g} s, because you looked at times "
            "of your own. Let the callback wake you.",
            timeline,
        )


ask = Exercise(
    lesson="lesson_02",
    task="""\
**Exercise 2: from a callback to an await.** Write `ask(start)`.

- `start(on_result, on_error)` returns at once. Later the loop calls `on_result(answer)`, or `on_error(exception)`.
- Return the answer, or raise the exception, at the moment it is there.
- This is how asyncio itself turns callbacks into something you can await.""",
    reference=solutions.ask,
    grade=_grade_ask,
    hints=[
        "What can be awaited now and be given its result later, by somebody else?",
        "`asyncio.get_running_loop().create_future()` makes one. It has `set_result` and `set_exception`.",
        "Pass these two methods to `start` as the callbacks, then `return await future`.",
    ],
)


# Exercise 3

_marked: ContextVar[str] = ContextVar("marked", default="lost")


def _grade_count_tasks(count_tasks: Answer) -> str:
    seen: dict[str, Any] = {}

    async def main() -> None:
        seen["old factory"] = asyncio.get_running_loop().get_task_factory() is seen["before"]

        async def page() -> str:
            return _marked.get()

        async def fails() -> None:
            raise ValueError("no such page")

        for _ in range(5):  # one after another: each is gone before the next is made
            await asyncio.create_task(page())
        context = copy_context()
        context.run(_marked.set, "kept")
        seen["context"] = await asyncio.create_task(page(), context=context, name="the one with a context")
        failed = asyncio.create_task(fails(), name="the failed one")
        cancelled = asyncio.create_task(asyncio.sleep(60))
        await asyncio.sleep(0)
        cancelled.cancel()
        await asyncio.wait([failed, cancelled])
        seen["raised"] = failed._exception is not None  # not .exception(): that would be asking for it

    async def broken() -> None:
        raise ZeroDivisionError

    async def program() -> Any:
        loop = asyncio.get_running_loop()
        before = seen["before"] = loop.get_task_factory()
        counts = await count_tasks(main)
        seen["put back"] = loop.get_task_factory() is before
        with suppress(ZeroDivisionError):
            await count_tasks(broken)
        seen["put back after an error"] = loop.get_task_factory() is before
        return counts

    try:
        timeline = run(program)
    except Wrong as wrong:
        if isinstance(wrong.error, TypeError) and "unexpected keyword argument" in str(wrong.error):
            raise Wrong(
                f"create_task(..., context=...) broke: {wrong.error}. A task factory is called with keywords, more of "
                "them in each Python: take **kwargs, and pass them on.",
                wrong.timeline,
            ) from None
        if isinstance(wrong.error, RecursionError):
            raise Wrong(
                f"{wrong} create_task asks the factory again: make the task with asyncio.Task.", wrong.timeline
            ) from None
        raise
    _counted(timeline, seen)
    return "Counted right, and the program noticed nothing: keywords, exceptions and the factory are as they were."


def _counted(timeline: Timeline, seen: dict[str, Any]) -> None:
    got = timeline.result
    if not isinstance(got, tuple | list) or len(got) != 2 or not all(isinstance(number, int) for number in got):
        raise Wrong(f"Return two numbers, created and failed; you returned {got!r:.80}.", timeline)
    created, failed = got
    if "raised" not in seen:
        raise Wrong("main() was not awaited to its end.", timeline)
    if seen["context"] is None:
        raise Wrong(
            "A task lost its result: whoever awaits in its place must return it, `return await coro`.", timeline
        )
    if seen["context"] != "kept":
        raise Wrong(
            "A task was given a context, and did not run in it: pass the keywords on to asyncio.Task.", timeline
        )
    if created != 8:
        raise Wrong(f"main created 8 tasks, you counted {created}.{_why_not_eight(created, seen)}", timeline)
    if not seen["raised"]:
        raise Wrong("A task that failed looks as if it had not: its exception must go on after you saw it.", timeline)
    if failed != 1:
        raise Wrong(
            f"One task failed and one was cancelled, which is no failure; you counted {failed} failed.", timeline
        )
    if not any("nobody asked for the exception" in note for note in timeline.notes):
        raise Wrong(
            "Nobody asked for the exception of a task that failed, and asyncio no longer says so: `task.exception()` "
            "counts as asking. See the exception pass by instead, in a coroutine around the task's own.",
            timeline,
        )
    if not seen["put back"]:
        raise Wrong(
            "After your function returned, the task factory that was there before was not back. Put it back.", timeline
        )
    if not seen["put back after an error"]:
        raise Wrong("When main() raised, the old task factory was not put back: do it in a `finally`.", timeline)


def _why_not_eight(created: int, seen: dict[str, Any]) -> str:
    if 0 < created < 8:
        return " The id of a task that is gone is given to the next one: count, or number them."
    if created == 0 and seen["old factory"]:
        return " While main ran, the factory was still the old one: set yours before you await main()."
    return " The factory is called once for each task: count there." if created == 0 else ""


count_tasks = Exercise(
    lesson="lesson_02",
    task=f"""\
**Exercise 3: bug hunt.** Mend `count_tasks(main)`.

```python
{inspect.getsource(as_found.count_tasks).strip()}
```

- It awaits `main()` and returns two numbers: how many tasks were created meanwhile, and how many of them failed.
- It does so with a task factory, as the article's monitor does, and has the same defects. There are four or more.
- Being counted must change nothing for the tasks: what they are given, what they return, how they end, and that
  asyncio complains of an exception that nobody asked for. However `main` ends, the old factory is put back.""",
    reference=solutions.count_tasks,
    grade=_grade_count_tasks,
    hints=[
        "Run it, and mend what the first sentence says. `**kwargs` in a function's parameters takes every keyword.",
        "How long does `id(task)` stand for that task? What does `task.exception()` do, besides returning something?",
        "Wrap the coroutine: `async def watched(coro)` with `try: return await coro`, then `except Exception`, count, "
        "`raise`.",
        "`before = loop.get_task_factory()` at the start, and `loop.set_task_factory(before)` in a `finally`.",
    ],
)

EXERCISES = (in_chunks, ask, count_tasks)
