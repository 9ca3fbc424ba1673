"""Exercise 3: two sources asked at the same time, and both closed."""

from typing import Any

from course_lib.exercises.chance import Chance, Equal
from course_lib.exercises.framework import Answer, Exercise
from course_lib.exercises.lesson_08a import solutions
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
CLOSING = 2 * CLEAN_UP  # both, one after the other


def _grade_in_pairs(in_pairs: Answer) -> str:
    left: Row = [(1, "a"), (2, "b"), (1, "c")]
    right: Row = [(2, 1), (1, 2)]
    _paired(in_pairs, left, right, Consumer())
    _paired(in_pairs, right, left, Consumer(use=3))
    _paired(in_pairs, left, right, Consumer(takes=1))
    _paired(in_pairs, [(0, "a"), (0, "b")], [(0, 1)], Consumer())
    _paired(in_pairs, [(1, "a"), (1, Equal()), (1, "c")], [(1, 1), (1, 2), (1, 3)], Consumer())
    _hides_nothing(in_pairs, [(1, "a"), (1, ValueError("not a number"))], [(1, 1), (9, 2)])
    _hides_nothing(in_pairs, [(1, "a"), (9, "b")], [(1, 1), (1, OSError("no line"))])
    for cancel_at in (0.5, 1.5, 2.25):
        _stopped(in_pairs, left, right, cancel_at)

    chance = Chance("in_pairs")
    for _ in range(ROUNDS):
        left, right = ([(chance.seconds(0, 2), chance.value(n)) for n in names[: chance.number(0, 4)]]
                       for names in ("abcd", "wxyz"))  # fmt: skip
        both = min(len(left), len(right))
        use = chance.one_of((0.0, chance.seconds(0.25, 3)))
        _paired(in_pairs, left, right, Consumer(use=use))
        if both:
            _paired(in_pairs, left, right, Consumer(takes=chance.number(1, both), use=use))
            _stopped(in_pairs, [(2, "a")], [(chance.seconds(0, 2), 1)], chance.seconds(0, 2) + 0.125)
        fails, waits = (0.5, chance.failure("one source")), (chance.seconds(0.75, 9), "in vain")
        _hides_nothing(in_pairs, [*left[:both], fails], [*right[:both], waits])
        _hides_nothing(in_pairs, [*left[:both], waits], [*right[:both], fails])
    in_every_order(lambda *args: drained(in_pairs, *args), _few, _two_pairs)
    in_every_order(lambda *args: drained(in_pairs, *args), _few, _two_pairs_or_cut, cancel_at=1)
    return "Both were asked at the same time, for no more than was wanted, and both were closed each time."


def _few() -> tuple[list[Source], list[Any]]:
    sources = [Source("left", [(1, "a"), (1, None)]), Source("right", [(1, 0), (1, 2), (1, 3)])]
    return sources, [*sources]


def _two_pairs(scene: Scene, sources: list[Source]) -> None:
    check_closed(scene, sources)
    wanted = [("a", 0), (None, 2)]
    if not scene.cancelled and scene.result() != wanted:
        raise scene.wrong(f"the pairs are {wanted}; your generator gave {scene.returned!r:.60}.")


def _two_pairs_or_cut(scene: Scene, sources: list[Source]) -> bool:
    if being_closed(sources):
        return True
    _two_pairs(scene, sources)
    return False


def _paired(function: Answer, left: Row, right: Row, consumer: Consumer) -> None:
    sources = [Source("left", left), Source("right", right)]
    scene = consumed(function, consumer, sources)
    scene.result()
    wanted = list(zip(left, right, strict=False))[: consumer.takes]
    at, now = [], 0.0
    for place, ((one, _), (other, _)) in enumerate(wanted):
        at.append(now + max(one, other))
        if len(consumer.heard_at) > place and consumer.heard_at[place] >= now + one + other > at[-1]:
            raise scene.wrong(
                f"Pair {place + 1} was asked for at {now:g} s, and its items take {one:g} s and {other:g} s to come. "
                f"It was there at {consumer.heard_at[place]:g} s, and could be at {at[-1]:g} s: ask both at the "
                "same time."
            )
        now = at[-1] + consumer.use
    for pair in consumer.heard:
        if not isinstance(pair, tuple) or len(pair) != 2:
            raise scene.wrong(f"A pair is a tuple of two, (left, right); your generator gave {pair!r:.60}.")
    check_heard(scene, consumer, [(one, other) for (_, one), (_, other) in wanted], at)
    for source in sources:
        check_asked(scene, consumer, source, "pair")
    open_yet = [row for row in (left, right) if len(row) > len(wanted) or consumer.takes]
    now += 0.0 if consumer.takes else max(_next(row, len(wanted)) for row in (left, right))
    now += CLEAN_UP * len(open_yet)
    if scene.ended > now:
        raise scene.wrong(
            f"There were no more pairs, and all could be closed by {now:g} s; your generator ended at "
            f"{scene.ended:g} s."
        )


def _next(row: Row, place: int) -> float:
    """Return how long a source takes to give what stands at a place, or to end."""
    return row[place][0] if place < len(row) else CLEAN_UP


def _hides_nothing(function: Answer, left: Row, right: Row) -> None:
    sources = [Source("left", left), Source("right", right)]
    scene = consumed(function, Consumer(), sources)
    failure = next(each for source in sources for each in source.failures)
    if scene.raised is not failure:
        raise scene.wrong(
            f"A source raised {type(failure).__name__}, and your generator {scene.answered()}: let the very same "
            "exception through, not in a group."
        )
    failed_at = next(source.stopped for source in sources if source.failures)
    if scene.ended > failed_at + CLOSING:
        raise scene.wrong(
            f"One source failed at {failed_at:g} s, and your generator waited for the other, until {scene.ended:g} s: "
            "stop that one, close it, and raise."
        )


def _stopped(function: Answer, left: Row, right: Row, cancel_at: float) -> None:
    sources = [Source("left", left), Source("right", right)]
    scene = consumed(function, Consumer(use=0.5), sources, cancel_at=cancel_at)
    check_stopped(scene, cancel_at, CLOSING)


in_pairs = Exercise(
    lesson="lesson_08a",
    task="""\
**Exercise 3: a challenge, in pairs.** Write `in_pairs(left, right)`, an asynchronous generator.

- Both are asynchronous generators, and yours to close.
- Hand over pairs, `(item of left, item of right)`, in their order. The two items of a pair are asked for at the same
  time, and not before the consumer asks for the pair. It is there when both are.
- When one of the two has ended, you end; what the other had for that pair is dropped.
- If one fails, its very exception goes on at once, and the other is not waited for.
- When your generator has ended, or failed, or was closed, or cancelled, both are closed, and nothing is running.""",
    reference=solutions.in_pairs,
    grade=_grade_in_pairs,
    hints=[
        "Two awaits at the same time need two tasks. `create_task(anext(left, END))` makes one, which gives END, an "
        "object of your own, where the source has ended.",
        "A source cannot be closed while a task waits for its next item. If one fails, or you are cancelled, what "
        "becomes of the other's task?",
        "`try: pair = await asyncio.gather(*tasks)`, `finally:` cancel both, and `await asyncio.wait(tasks)`. All of "
        "it in `async with aclosing(left), aclosing(right):`, and the `yield` outside of the `try`.",
    ],
)
