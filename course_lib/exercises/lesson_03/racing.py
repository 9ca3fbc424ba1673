"""Exercise 3: many sources, one answer, and nobody left running."""

from collections.abc import Sequence
from typing import Any

from course_lib.exercises.chance import Chance, Unreadable
from course_lib.exercises.framework import Answer, Exercise, describe_raised, leaves
from course_lib.exercises.lesson_03 import solutions
from course_lib.exercises.lesson_03.scenes import CLEAN_UP, Source, was_called
from course_lib.exercises.ordering import in_every_order
from course_lib.exercises.places import raised_kind
from course_lib.exercises.playing import Scene, play
from course_lib.exercises.returning import returned_none
from course_lib.exercises.shown import shown

ROUNDS = 25
TIES = 8


def _grade_first_answer(first_answer: Answer) -> str:
    sources = [Source("source a", 3, "a"), Source("source b", 1, "b"), Source("source c", 2, "c")]
    scene = play(first_answer, sources)
    was_called("source", sources, scene)
    if scene.returned is None and not scene.raised and scene.ended < 1:
        early = f"You returned None at {scene.ended:g} s; the first answer came at 1 s: wait for it."
        raise scene.wrong(returned_none(first_answer, early))
    answer = scene.result()
    _asked_together(sources, scene)
    if answer != "b":
        raise scene.wrong(f"Source b answers first, after 1 s; you returned {shown(scene.returned, 60)}.")
    if scene.ended != 1 + CLEAN_UP:
        raise scene.wrong(
            f"The first answer was there at 1 s, and you returned it at {scene.ended:g} s: cancel the others then. "
            f"Their clean-up takes {CLEAN_UP:g} s, which makes {1 + CLEAN_UP:g} s."
        )

    down = OSError("source b is down")
    sources = [Source("source a", 3, "a"), Source("source b", 1, down), Source("source c", 2, "c")]
    scene = play(first_answer, sources)
    if scene.raised is down or isinstance(scene.raised, BaseExceptionGroup):
        raise scene.wrong("Source b failed, and that ended everything: source c had a good answer a second later.")
    if scene.result() != "c":
        raise scene.wrong(f"Source b fails, so source c answers first; you returned {shown(scene.returned, 60)}.")

    _all_fail(
        first_answer,
        [Source(f"source {name}", wait, OSError(name)) for name, wait in zip("abc", (3, 1, 2), strict=True)],
    )
    _cancelled(first_answer, [Source("source a", 3, "a"), Source("source b", 1, "b")], 0.5)
    _first(first_answer, [Source("source a", 1, Unreadable("a")), Source("source b", 2, "b")])
    _first(first_answer, [Source("source a", 2, "a"), Source("source b", 1, "")])
    for _ in range(TIES):  # in a set, either may come first
        row = [Source("source a", 1, OSError("down")), Source("source b", 1, "b"), Source("source c", 3, "c")]
        _first(first_answer, row)

    chance = Chance("first_answer")
    for _ in range(ROUNDS):
        names = [f"source {number}" for number in range(chance.number(1, 5))]
        seconds = [chance.seconds(0, 2) for _ in names]
        clean_ups = [chance.seconds(0, 1) for _ in names]
        drawn = list(zip(names, seconds, [chance.answer(name) for name in names], clean_ups, strict=True))
        if all(isinstance(answer, Exception) for _, _, answer, _ in drawn):
            _all_fail(first_answer, [Source(*each) for each in drawn])
        else:
            late = [chance.failure(name) if chance.likely(0.2) else None for name in names]
            _first(first_answer, [Source(*each, error) for each, error in zip(drawn, late, strict=True)])
        # All of them slow: whoever cancels comes before the first answer.
        _cancelled(first_answer, [Source(name, 3 + wait, answer, tidy) for name, wait, answer, tidy in drawn], 1.125)
    in_every_order(first_answer, lambda: _three_sources(OSError("a"), "b", 0), _one_answer)
    in_every_order(first_answer, lambda: _three_sources(OSError("a"), Unreadable("b"), ValueError("c")), _all_errors)
    in_every_order(first_answer, lambda: _three_sources("a", "b", "c"), _one_answer, cancel_at=1)
    return "The first success wins, failures are kept until they matter, and nobody is left running."


def _three_sources(*answers: Any) -> tuple[list[Source], list[Any]]:
    sources = [Source(f"source {name}", 1, answer) for name, answer in zip("abc", answers, strict=True)]
    return sources, [sources]


def _one_answer(scene: Scene, sources: list[Source]) -> bool:
    """Check the answer; return whether the cancellation came after it, when the other sources cleaned up."""
    good = [source.answer for source in sources if not isinstance(source.answer, Exception)]
    if not scene.cancelled and scene.result() not in good:
        raise scene.wrong(f"your function {scene.answered()}, which is none of the answers.")
    return scene.cancelled and any(source.ended and not source.cleaned_up for source in sources)


def _all_errors(scene: Scene, sources: list[Source]) -> None:
    if {id(each) for each in leaves(scene.raised)} != {id(source.answer) for source in sources}:
        raise scene.wrong(f"your function {scene.answered()}; all three sources failed: tell of all of them.")


def _asked_together(sources: Sequence[Source], scene: Scene) -> None:
    for source in sources:
        if source.begun != [0]:
            raise scene.wrong(f"{source.name} was not asked at the beginning: start all of them before you await one.")


def _first(first_answer: Answer, sources: Sequence[Source]) -> None:
    """Play a scene in which one or more answer: some may fail before, together with the first, or in their clean-up."""
    scene = play(first_answer, sources)
    good = [source for source in sources if not isinstance(source.answer, Exception)]
    at = min(source.seconds for source in good)
    told = "; ".join(
        f"{each.name} {'raises ' if isinstance(each.answer, Exception) else 'gives '}{shown(each.answer, 40)} at "
        f"{each.seconds:g} s"
        for each in sources
    )
    _asked_together(sources, scene)
    if any(scene.raised is source.late for source in sources if source.late):
        raise scene.wrong(
            f"A source that you cancelled raised {shown(scene.raised, 60)} in its clean-up, and that took the place of "
            "the answer you had: a source that fails is no answer."
        )
    if scene.raised:
        raise scene.wrong(
            f"There was an answer, and your function raised {raised_kind(scene.raised)}: {told}. A failure of a "
            "source, of whatever class, is no answer and no end."
        )
    answers = [source.answer for source in good if source.seconds == at]
    if not any(scene.result(none=None in answers) == answer for answer in answers):
        raise scene.wrong(f"You returned {shown(scene.returned, 60)}, which is not the first answer: {told}.")
    least = max((source.clean_up for source in sources if source.seconds > at), default=0)
    most = max((source.clean_up for source in sources if source.seconds >= at), default=0)
    if not at + least <= scene.ended <= at + most:
        raise scene.wrong(
            f"The first answer was there at {at:g} s, and you returned it at {scene.ended:g} s: cancel the others "
            f"then. Their clean-up takes {least:g} s, which makes {at + least:g} s."
        )


def _all_fail(first_answer: Answer, sources: Sequence[Source]) -> None:
    scene = play(first_answer, sources)
    errors = [source.answer for source in sources]
    if not isinstance(scene.raised, BaseExceptionGroup):
        raise scene.wrong(
            f"All {len(sources)} sources failed, and you {scene.answered()}: raise an ExceptionGroup of their errors."
            + (f" {describe_raised(scene.raised)}" if scene.raised and scene.raised not in errors else "")
        )
    found = list(leaves(scene.raised))
    if sorted(map(id, found)) != sorted(map(id, errors)):
        names = ", ".join(repr(error) for error in found)
        raise scene.wrong(f"All {len(sources)} sources failed, and your ExceptionGroup tells only of this: {names}.")
    last = max(source.seconds for source in sources)
    if scene.ended != last:
        raise scene.wrong(f"The last source failed at {last:g} s, and your function ended at {scene.ended:g} s.")


def _cancelled(first_answer: Answer, sources: Sequence[Source], cancel_at: float) -> None:
    scene = play(first_answer, sources, cancel_at=cancel_at)
    if not scene.cancelled:
        raise scene.wrong(
            f"At {cancel_at:g} s somebody cancelled your function, and it {scene.answered()} instead of ending "
            "cancelled: a CancelledError is no answer and no failure of a source."
        )
    needs = max(source.clean_up for source in sources)
    if scene.ended != cancel_at + needs:
        raise scene.wrong(
            f"At {cancel_at:g} s somebody cancelled your function, and it ended at {scene.ended:g} s. The clean-up of "
            f"the sources takes {needs:g} s when they are all cancelled at once."
        )


first_answer = Exercise(
    lesson="lesson_03",
    task="""\
**Exercise 3: the first answer wins.** Write `first_answer(sources)`.

- `sources` is a list of coroutine functions without parameters. Ask all of them at the same time.
- Return the first answer that arrives. A source that fails is no answer: another one may still succeed.
- If all of them fail, raise an ExceptionGroup that holds all of their exceptions.
- When you end, also because you were cancelled, no source is running any more: cancel the others and await them.""",
    reference=solutions.first_answer,
    grade=_grade_first_answer,
    hints=[
        "Make a task of each source. `asyncio.as_completed(tasks)` gives them in the order in which they end.",
        "`try: return await finished`, `except Exception as error:` keep the error and look at the next. After the "
        "loop, `raise ExceptionGroup('no source answered', errors)`.",
        "Around it all: `finally:` cancel every task, then `await asyncio.gather(*tasks, return_exceptions=True)`.",
    ],
)
