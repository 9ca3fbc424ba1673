"""Exercise 3: a rate limit and a concurrency limit, both kept, and no moment wasted."""

import heapq
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from course_lib.exercises.chance import STEP, Chance
from course_lib.exercises.framework import Answer, Exercise, Wrong
from course_lib.exercises.lesson_09a import solutions
from course_lib.exercises.lesson_09a.stand_ins import Work, check_raised, check_stopped, played
from course_lib.exercises.playing import NO_END, Scene
from course_lib.exercises.shown import shown

ROUNDS = 20
START_TO_START = "The gap is from start to start, and whoever ends makes room at once."

Row = Sequence[tuple[float, Any]]


def _grade_call_paced(call_paced: Answer) -> str:
    _paced(call_paced, [(0.25, f"answer {n}") for n in range(1, 7)], 2, 1)
    _paced(call_paced, [(5, f"answer {n}") for n in range(1, 7)], 2, 1)
    _paced(call_paced, [(4, "a"), (4, "b"), (0.25, "c"), (0.25, "d"), (0.25, "e")], 2, 0.5)
    _paced(call_paced, [(3, None), (1, 0), (2, ""), (1, "d")], 2, 0.5)
    _paced(call_paced, [], 2, 1)
    _paced(call_paced, [(1, "first"), (2, "second"), (1, "third")], 2, 0.5, ["a", "a", "b"])
    _call_fails(call_paced, [(1, "a"), (1, OSError("no line")), (1, "c"), (1, "d")], 2, 2)
    _call_fails(call_paced, [(5, "a"), (1, OSError("no line")), (1, "c"), (1, "d")], 3, 0.5)
    _call_fails(call_paced, [(5, "a"), (1, OSError("no line")), (1, "c"), (1, "d")], 3, 0.5, clean_up=2)
    four = [(3, f"answer {n}") for n in range(1, 5)]
    for cancel_at in (0.5, 3.5):
        _stopped(call_paced, four, 2, 2, cancel_at)

    chance = Chance("call_paced")
    for _ in range(ROUNDS):
        at_once, gap, count = chance.number(1, 4), chance.seconds(STEP, 2), chance.number(1, 9)
        row = [(chance.seconds(STEP, 5), chance.value(f"answer {n}")) for n in range(count)]
        _paced(call_paced, row, at_once, gap)
        place = chance.number(0, count - 1)
        failing = [*row[:place], (row[place][0], chance.failure("the service")), *row[place + 1 :]]
        _call_fails(call_paced, failing, at_once, gap, chance.seconds(0, 1))
        _stopped(call_paced, row, at_once, gap, 0.125, clean_up=chance.seconds(0, 1))
    return "Both limits kept, and each call began as early as they allow."


def _starts(row: Row, at_once: int, gap: float) -> list[float]:
    """Return when each call can begin, in seconds."""
    ends: list[float] = []
    starts: list[float] = []
    for seconds, _ in row:
        start = starts[-1] + gap if starts else 0.0
        if len(ends) == at_once:
            start = max(start, heapq.heappop(ends))
        starts.append(start)
        heapq.heappush(ends, start + seconds)
    return starts


def _played(function: Answer, call: Work, at_once: int, gap: float, cancel_at: float | None = None) -> Scene:
    try:
        scene = played(function, call, list(call.items), at_once, gap, cancel_at=cancel_at)
    except Wrong as wrong:
        if cancel_at is None and str(wrong).startswith(NO_END):
            raise Wrong(f"{wrong} {_why_no_end(call)}".rstrip(), wrong.timeline) from None
        raise
    if call.peak > at_once:
        raise scene.wrong(
            f"With at_once={at_once}, {call.peak} calls were under way at one time: a gap between the starts does not "
            "limit that, where calls are slow."
        )
    begun = [each.begun for each in call.calls]
    for number, (first, second) in enumerate(pairwise(begun), 1):
        if second == first:
            raise scene.wrong(
                f"With gap={gap:g}, calls {number} and {number + 1} both began at {first:g} s: each is to draw a turn "
                "of its own, from one bucket, or one variable, that all share, and that moves on before anything is "
                "awaited. A semaphore does not limit that."
            )
        if second - first < gap:
            raise scene.wrong(
                f"With gap={gap:g}, call {number} began at {first:g} s, and call {number + 1} at {second:g} s. "
                f"{_for_a_rate(first, second, gap) or _turn_is_old(number + 1, second, gap)}"
            )
    return scene


def _why_no_end(call: Work) -> str:
    if call.failed_at is not None:
        return f"At {call.failed_at:g} s `call` failed, and your function went on: let its exception through."
    if len(call.calls) < len(call.items) and all(each.answered for each in call.calls):
        return (
            f"{len(call.calls)} of {len(call.items)} items were asked about, and all have their answers: `async with "
            "slots:` gives a slot back, however its block ends."
        )
    return ""


def _for_a_rate(first: float, second: float, gap: float) -> str:
    if second - first != 1 / gap or gap == 1:
        return ""
    return f"They are {second - first:g} seconds apart, which is 1 / gap: the lesson's Bucket takes a rate, 1 / gap."


def _turn_is_old(number: int, begun: float, gap: float) -> str:
    early = (number - 1) * gap  # if all turns were drawn at once
    if early >= begun:
        return "From one start to the next, `gap` seconds are to pass, however long a call has waited before."
    return (
        f"Call {number} may have drawn its turn early, for {early:g} s, and then waited for a slot: a slot first, and "
        "then the turn, or two old ones may begin together."
    )


def _paced(function: Answer, row: Row, at_once: int, gap: float, items: Sequence[Any] | None = None) -> None:
    call = Work("call", row, items)
    scene = _played(function, call, at_once, gap)
    returned = scene.result()
    starts = _starts(row, at_once, gap)
    _check_starts(scene, call, starts, at_once, gap)
    if len(call.calls) < len(row):
        raise scene.wrong(f"There are {len(row)} items, and `call` was called {len(call.calls)} times.")
    answers = [answer for _, answer in row]
    if not isinstance(returned, list) or len(returned) != len(answers):
        raise scene.wrong(
            f"Return a list of what the {len(answers)} calls gave; your function returned {shown(returned, 60)}."
        )
    for number, (got, wanted) in enumerate(zip(returned, answers, strict=True), 1):
        if got is not wanted:
            places = [place for place, answer in enumerate(answers) if answer is got]
            if any(call.items[place] == call.items[number - 1] for place in places):
                raise scene.wrong(
                    f"Place {number} of your list is {shown(got, 40)}; call {number} gave {shown(wanted, 40)}: two "
                    "items may be equal, and each has an answer of its own."
                )
            raise scene.wrong(
                f"Place {number} of your list is {shown(got, 40)}; call {number} gave {shown(wanted, 40)}: the "
                "answers stand in the order of the items."
            )
    ended = max((start + seconds for start, (seconds, _) in zip(starts, row, strict=True)), default=0)
    if scene.ended > ended:
        raise scene.wrong(
            f"The last call ended at {ended:g} s, and your function at {scene.ended:g} s: after the last call there is "
            "nothing to wait for."
        )


def _check_starts(scene: Scene, call: Work, starts: list[float], at_once: int, gap: float) -> None:
    for number, (due, made) in enumerate(zip(starts, call.calls, strict=False), 1):
        if made.begun > due:
            before = call.calls[number - 2].begun if number > 1 else made.begun
            raise scene.wrong(
                f"With at_once={at_once} and gap={gap:g}, call {number} could begin at {due:g} s, and began at "
                f"{made.begun:g} s. {_for_a_rate(before, made.begun, gap) or START_TO_START}"
            )


def _call_fails(function: Answer, row: Row, at_once: int, gap: float, clean_up: float = 0) -> None:
    call = Work("call", row, clean_up=clean_up)
    scene = _played(function, call, at_once, gap)
    number = next(number for number, (_, answer) in enumerate(row) if isinstance(answer, Exception))
    _check_starts(scene, call, _starts(row, at_once, gap)[: number + 1], at_once, gap)
    if call.failed_at is None:
        raise scene.wrong(
            f"`call` was called {len(call.calls)} times, and your function {scene.answered()} before call {number + 1} "
            "had failed."
        )
    check_raised(scene, row[number][1], "`call`", call.failed_at, clean_up)


def _stopped(function: Answer, row: Row, at_once: int, gap: float, cancel_at: float, clean_up: float = 0) -> None:
    scene = _played(function, Work("call", row, clean_up=clean_up), at_once, gap, cancel_at)
    check_stopped(scene, cancel_at, clean_up)


call_paced = Exercise(
    lesson="lesson_09a",
    task="""\
**Exercise 3: two limits.** Write `call_paced(call, items, at_once, gap)`.

- `await call(item)` asks a service. Begin the calls in the order of `items`, a list; some may be equal.
- The service allows `at_once` calls at one time, and calls must begin at least `gap` seconds apart: from start to \
start, whatever was before.
- Each call begins as early as both limits allow.
- Return the list of the answers, in the order of the items.
- If a call fails, all ends at once, and the exception leaves your function, alone or in a group.
- Cancelled, you stop at once. Nothing is left running.""",
    reference=solutions.call_paced,
    grade=_grade_call_paced,
    hints=[
        "A semaphore for the one limit. For the other, a variable that all calls share: when the next may begin. (It "
        "is the lesson's bucket.)",
        "Who has a slot draws its turn: `start = max(next_start, loop.time())`, and sets `next_start = start + gap` "
        "before it awaits anything. Then it sleeps until `start`.",
        "A task for each item: `async with slots:`, in it draw the turn (`nonlocal next_start`), sleep, and `return "
        "await call(item)`. A `TaskGroup` over all; then the results of its tasks.",
    ],
)
