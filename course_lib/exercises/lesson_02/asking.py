"""Exercise 2: a callback becomes something to await."""

import asyncio
from collections.abc import Callable
from typing import Any

from course_lib.exercises.chance import Chance
from course_lib.exercises.framework import STANDS_STILL, Answer, Exercise, Wrong, await_missing, run
from course_lib.exercises.lesson_02 import solutions
from course_lib.exercises.returning import returned_none
from course_lib.exercises.shown import shown
from course_lib.seeing import Timeline
from course_lib.seeing.clock import SimulationError

DELAY = 1.2345678  # seconds until the answer is there: whoever looks at round times looks too late
ROUNDS = 15

Start = Callable[[Callable[[Any], None], Callable[[Exception], None]], None]


def _starting(answer: Any, delay: float) -> Start:
    def start(on_result: Callable[[Any], None], on_error: Callable[[Exception], None]) -> None:
        call = on_error if isinstance(answer, Exception) else on_result
        asyncio.get_running_loop().call_later(delay, call, answer)

    return start


def _grade_ask(ask: Answer) -> str:
    _answered(ask, "the answer", DELAY)
    _failed(ask, ConnectionError("no answer"), DELAY)
    chance = Chance("ask")
    for _ in range(ROUNDS):
        answer, delay = chance.answer("an answer"), chance.one_of((0, 0.1, DELAY, 1000))
        (_failed if isinstance(answer, Exception) else _answered)(ask, answer, delay)
    for _ in range(ROUNDS):
        _two_at_once(ask, [(chance.answer(f"answer {n}"), chance.one_of((0, 0.1, DELAY, 1000))) for n in (1, 2)])
    return "The callback woke your task at the very moment, with the result or with the exception."


def _asked(ask: Answer, answer: Any, delay: float) -> Timeline:
    try:
        return run(ask, _starting(answer, delay), none=True)
    except Wrong as wrong:
        if STANDS_STILL in str(wrong):
            raise Wrong(f"{wrong} Let the callback wake you: a future.", wrong.timeline) from None
        raise


def _answered(ask: Answer, answer: Any, delay: float) -> None:
    timeline = _asked(ask, answer, delay)
    if await_missing([timeline.result]):
        raise Wrong("You returned the future itself, and not what it will hold: an `await` is missing.", timeline)
    if timeline.end < delay:
        early = (
            "Your function returned before the answer was there. "
            f"You returned at {timeline.end:g} s; the answer came at {delay:.9g} s: wait for it."
        )
        raise Wrong(returned_none(ask, early) if timeline.result is None else early, timeline)
    if timeline.result is None and answer is not None:
        raise Wrong(returned_none(ask), timeline)
    if timeline.result != answer:
        raise Wrong(
            f"The answer was {answer!r}, which is an answer like any other; you returned {shown(timeline.result)}.",
            timeline,
        )
    _noticed_at_once("answer", timeline, delay)


def _failed(ask: Answer, refused: Exception, delay: float) -> None:
    try:
        timeline = _asked(ask, refused, delay)
    except Wrong as wrong:
        if wrong.error is refused and wrong.timeline:
            _noticed_at_once("exception", wrong.timeline, delay)
            return
        if isinstance(wrong.error, SimulationError) and isinstance(wrong.error.__cause__, asyncio.CancelledError):
            raise Wrong("on_error got an exception, and your function was cancelled: raise that exception.") from None
        if "never happens" in str(wrong):
            raise Wrong("on_error was called, and nobody woke your task: it waits for ever.", wrong.timeline) from None
        raise
    raise Wrong(
        f"on_error got an exception, and your function returned {shown(timeline.result, 60)}: raise it.", timeline
    )


def _two_at_once(ask: Answer, answers: list[tuple[Any, float]]) -> None:
    async def both() -> list[Any]:
        return await asyncio.gather(*(ask(_starting(*each)) for each in answers), return_exceptions=True)

    timeline = run(both)
    for got, (answer, delay) in zip(timeline.result, answers, strict=True):
        if got is not answer and got != answer:
            raise Wrong(
                f"Your function was called twice at the same time; one call was answered {shown(answer, 40)} after "
                f"{delay:.9g} s, and gave {shown(got, 40)}: each call needs variables and a future of its own.",
                timeline,
            )
    _noticed_at_once("later of two answers", timeline, max(delay for _, delay in answers))


def _noticed_at_once(what: str, timeline: Timeline, delay: float) -> None:
    if timeline.end > delay:
        raise Wrong(
            f"The {what} was there after {delay:.9g} s, and you noticed at {timeline.end:g} s, because you looked at "
            "times of your own. Let the callback wake you.",
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
