"""Exercise 2: the first items of a source, which is closed however one leaves."""

from typing import Any

from course_lib.exercises.chance import Chance, Equal
from course_lib.exercises.framework import Answer, Exercise, Wrong
from course_lib.exercises.lesson_08a import solutions
from course_lib.exercises.lesson_08a.consumer import (
    Consumer,
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


def _grade_take(take: Answer) -> str:
    four: Row = [(1, "a"), (2, "b"), (1, "c"), (1, "d")]
    _taken(take, four, 2, Consumer())
    _taken(take, four, 9, Consumer(use=0.5))
    _taken(take, four, 3, Consumer(takes=1))
    _taken(take, four, 0, Consumer())
    _taken(take, [(1, "a"), (1, Equal()), (1, "c")], 3, Consumer())
    _hides_nothing(take, [(1, "a"), (1, ValueError("not a number"))], 3)
    for cancel_at in (2.125, 1.375):
        _stopped(take, four, 3, cancel_at)

    chance = Chance("take")
    for _ in range(ROUNDS):
        row = [(chance.seconds(0.25, 2), chance.value(f"item {n}")) for n in range(chance.number(0, 5))]
        count = chance.number(0, 6)
        use = chance.one_of((0.0, chance.seconds(0.25, 2)))
        _taken(take, row, count, Consumer(use=use))
        if row and count:
            _taken(take, row, count, Consumer(takes=chance.number(1, min(len(row), count)), use=use))
            _hides_nothing(take, [*row[: count - 1], (1.0, chance.failure("the source"))], count)
            _stopped(take, row, count, chance.seconds(0, row[0][0] - 0.25) + 0.125)
    in_every_order(lambda *args: drained(take, *args), _three, _first_two, cancel_at=1)
    return "The source was closed each time: at the end, early, cancelled. And it was asked for nothing in vain."


def _three() -> tuple[list[Source], list[Any]]:
    source = Source("source", [(1, "a"), (1, None), (1, "c")])
    return [source], [source, 2]


def _first_two(scene: Scene, sources: list[Source]) -> bool:
    if being_closed(sources):
        return True
    check_closed(scene, sources)
    if not scene.cancelled and scene.result() != ["a", None]:
        raise scene.wrong(f"the first two items are 'a' and None; your generator gave {scene.returned!r:.60}.")
    return False


def _taken(take: Answer, row: Row, count: int, consumer: Consumer) -> None:
    source = Source("source", row)
    try:
        scene = consumed(take, consumer, [source], count)
    except Wrong as wrong:
        if count:
            raise
        raise Wrong(f"With count=0: {wrong}", wrong.timeline, wrong.error) from None
    scene.result()
    wanted = row[: min(count, consumer.takes or count)]
    at, now = [], 0.0
    for seconds, _ in wanted:
        at.append(now + seconds)
        now += seconds + consumer.use
    if len(source.asked) > count:
        raise scene.wrong(
            f"With count={count}, your generator asked the source for {_items(len(source.asked))}. What was asked for "
            "in vain took time, and is lost: look whether it is enough before you ask."
        )
    check_heard(scene, consumer, [item for _, item in wanted], at)
    now += CLEAN_UP if source.asked else 0
    if scene.ended > now:
        raise scene.wrong(f"All was there, and closed, at {now:g} s, and your generator ended at {scene.ended:g} s.")


def _hides_nothing(take: Answer, row: Row, count: int) -> None:
    source, consumer = Source("source", row), Consumer()
    scene = consumed(take, consumer, [source], count)
    (failure,) = source.failures
    if scene.raised is not failure:
        raise scene.wrong(
            f"The source raised {type(failure).__name__}, and your generator {scene.answered()}: let it through."
        )


def _stopped(take: Answer, row: Row, count: int, cancel_at: float) -> None:
    source = Source("source", row)
    scene = consumed(take, Consumer(use=0.5), [source], count, cancel_at=cancel_at)
    check_stopped(scene, cancel_at)


def _items(number: int) -> str:
    return f"{number} item{'' if number == 1 else 's'}"


take = Exercise(
    lesson="lesson_08a",
    task="""\
**Exercise 2: the first few.** Write `take(source, count)`, an asynchronous generator.

- `source` is an asynchronous generator. It is yours: you close it.
- Hand over its first `count` items, each as it comes; fewer, if it ends before. `count` may be 0.
- Never ask it for an item that you will not hand over.
- What it raises goes on to whoever consumes your generator.
- When your generator has ended, or was closed, or cancelled, `source` is closed.""",
    reference=solutions.take,
    grade=_grade_take,
    hints=[
        "What you open, or are given to close, you close with `aclosing`, in your generator just as anywhere else.",
        "`async for` asks for the next item before you can say that it is enough. With `anext` you ask yourself, so "
        "many times as you like.",
        "`async with aclosing(source) as items:`, in it `for _ in range(count):`, `item = await anext(items)`, `yield "
        "item`. At the end of the source, anext raises StopAsyncIteration: `except StopAsyncIteration: return`.",
    ],
)
