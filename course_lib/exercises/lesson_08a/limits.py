"""Exercise 1: a time limit on each item, and on nothing else."""

import inspect
from typing import Any

from course_lib.exercises.chance import Chance, Equal
from course_lib.exercises.framework import Answer, Exercise
from course_lib.exercises.lesson_08a import as_found, solutions
from course_lib.exercises.lesson_08a.consumer import (
    Consumer,
    check_asked,
    check_closed,
    check_heard,
    check_stopped,
    consumed,
    drained,
)
from course_lib.exercises.lesson_08a.source import CLEAN_UP, Row, Source, being_closed
from course_lib.exercises.ordering import in_every_order
from course_lib.exercises.playing import Scene

ROUNDS = 20


def _grade_each_within(each_within: Answer) -> str:
    three: Row = [(1, "a"), (1, "b"), (1, "c")]
    _in_time(each_within, three, 2, Consumer(use=5))
    _in_time(each_within, three, 2, Consumer())
    _in_time(each_within, [(1, "a"), (1, Equal()), (1, "c")], 2, Consumer())
    _too_late(each_within, [(1, "a"), (5, "b"), (1, "c")], 2, Consumer(use=3))
    _in_time(each_within, three, 2, Consumer(takes=2, use=1))
    for own in (ValueError("not a number"), TimeoutError("the line is dead")):
        _hides_nothing(each_within, [(1, "a"), (1, own)], 2)
    for cancel_at in (1.5, 3.5):
        _stopped(each_within, three, 2, cancel_at)

    chance = Chance("each_within")
    for _ in range(ROUNDS):
        row = [(chance.seconds(0.25, 2), chance.value(f"item {n}")) for n in range(chance.number(0, 4))]
        # Its end, with the closing, is waited for within the limit, too.
        seconds = max([1.0, *(each for each, _ in row)]) + 0.125
        use = chance.one_of((0.0, chance.seconds(0.25, 6)))
        _in_time(each_within, row, seconds, Consumer(use=use))
        _too_late(each_within, [*row, (seconds + chance.seconds(0.25, 3), "late")], seconds, Consumer(use=use))
        if row:
            _in_time(each_within, row, seconds, Consumer(takes=chance.number(1, len(row)), use=use))
            _hides_nothing(each_within, [*row, (0.25, chance.failure("the source"))], seconds)
            _stopped(each_within, row, seconds, chance.seconds(0, row[0][0] - 0.25) + 0.125)
    in_every_order(lambda *args: drained(each_within, *args), _two, _both, cancel_at=1)
    return "Each item had its own time, the consumer had all it wanted, and the source was closed each time."


def _two() -> tuple[list[Source], list[Any]]:
    source = Source("source", [(1, "a"), (1, None)])
    return [source], [source, 30]


def _both(scene: Scene, sources: list[Source]) -> bool:
    if being_closed(sources):
        return True
    check_closed(scene, sources)
    if not scene.cancelled and scene.result() != ["a", None]:
        raise scene.wrong(f"the items are 'a' and None; your generator gave {scene.returned!r:.60}.")
    return False


def _due(row: Row, use: float) -> tuple[list[float], float]:
    """Return when each item is due, and when the one after them is asked for."""
    at, now = [], 0.0
    for seconds, _ in row:
        at.append(now + seconds)
        now += seconds + use
    return at, now


def _in_time(function: Answer, row: Row, seconds: float, consumer: Consumer) -> None:
    source = Source("source", row)
    scene = consumed(function, consumer, [source], seconds)
    check_asked(scene, consumer, source)
    if isinstance(scene.raised, TimeoutError):
        slowest = max((each for each, _ in row), default=0)
        raise scene.wrong(
            f"No item took longer than {slowest:g} s, the limit was {seconds:g} s, and your generator raised "
            f"TimeoutError at {scene.ended:g} s: count anew for each item, from when it is asked for."
        )
    scene.result()
    wanted = row[: consumer.takes]
    at, now = _due(wanted, consumer.use)
    check_heard(scene, consumer, [item for _, item in wanted], at)
    if scene.ended > now + CLEAN_UP:
        raise scene.wrong(
            f"All was there, and closed, at {now + CLEAN_UP:g} s, and your generator ended at {scene.ended:g} s."
        )


def _too_late(function: Answer, row: Row, seconds: float, consumer: Consumer) -> None:
    source = Source("source", row)
    scene = consumed(function, consumer, [source], seconds)
    check_asked(scene, consumer, source)
    number = next(place for place, (each, _) in enumerate(row) if each > seconds)
    at, asked = _due(row[:number], consumer.use)
    due = asked + seconds + CLEAN_UP
    if not isinstance(scene.raised, TimeoutError):
        raise scene.wrong(
            f"Item {number + 1} was asked for at {asked:g} s, and did not come in {seconds:g} s; your generator "
            f"{scene.answered()}: raise TimeoutError."
        )
    check_heard(scene, consumer, [item for _, item in row[:number]], at)
    if scene.ended != due:
        raise scene.wrong(
            f"Item {number + 1} was asked for at {asked:g} s, and did not come in {seconds:g} s. The TimeoutError was "
            f"there at {scene.ended:g} s; with {CLEAN_UP:g} s to close the source it is due at {due:g} s."
        )


def _hides_nothing(function: Answer, row: Row, seconds: float) -> None:
    source = Source("source", row)
    scene = consumed(function, Consumer(), [source], seconds)
    (failure,) = source.failures
    if scene.raised is not failure:
        raise scene.wrong(
            f"The source raised {type(failure).__name__}({str(failure)!r}), and your generator {scene.answered()}: let "
            "the very same exception through."
        )


def _stopped(function: Answer, row: Row, seconds: float, cancel_at: float) -> None:
    scene = consumed(function, Consumer(use=2), [Source("source", row)], seconds, cancel_at=cancel_at)
    check_stopped(scene, cancel_at)


each_within = Exercise(
    lesson="lesson_08a",
    task=f"""\
**Exercise 1: bug hunt.** Each item was to come within `seconds`. Mend `each_within(source, seconds)`.

```python
{inspect.getsource(as_found.each_within).strip()}
```

- Hand over the items of `source`, each as it comes; an item may be None. Ask for one only when you are asked.
- One that has not come `seconds` after it was asked for raises TimeoutError, at that time. How long the consumer uses
  an item is its own affair.
- What the source itself raises goes on as it is.
- When your generator has ended, or failed, or was closed, or cancelled, `source` is closed.""",
    reference=solutions.each_within,
    grade=_grade_each_within,
    hints=[
        "`ex.each_within.check(ex.as_found.each_within)` shows whom the limit strikes. What is "
        "being waited for at a `yield`?",
        "The limit belongs around the waiting for one item, so not around an `async for`: ask with `anext`.",
        "In `async with aclosing(source) as items:`, a `while True:`; in it `async with asyncio.timeout(seconds): item "
        "= await anext(items)`, and the `yield item` behind it, outside. Around the limit, `except "
        "StopAsyncIteration: return`.",
    ],
)
