"""Exercise 5: the parts of one result end together."""

import inspect
from typing import Any

from course_lib.exercises.chance import Chance
from course_lib.exercises.framework import Answer, Exercise, describe_raised
from course_lib.exercises.lesson_07a import as_found, solutions
from course_lib.exercises.lesson_07a.scenes import Call, Plan, check_cancelled
from course_lib.exercises.ordering import in_every_order
from course_lib.exercises.playing import Scene, play
from course_lib.exercises.shown import shown

ROUNDS = 20
RECEIPT = "a receipt"


def _grade_place_order(place_order: Answer) -> str:
    _placed(place_order, Plan(1), Plan(2, RECEIPT))
    _placed(place_order, Plan(2), Plan(1, RECEIPT))
    _fails(place_order, Plan(1, ValueError("sold out")), Plan(3, RECEIPT, 1))
    _fails(place_order, Plan(3, None, 1), Plan(1, OSError("card refused")))
    _fails(place_order, Plan(1, ValueError("sold out")), Plan(3, RECEIPT, 1, OSError("cannot take it back")))
    _stopped(place_order, Plan(3, None, 1), Plan(3, RECEIPT, 2), 1)
    chance = Chance("place_order")
    for _ in range(ROUNDS):
        seconds = chance.some([0.3125, 0.625, 1.25, 2.5], 2)
        plans = [
            Plan(at, answer, chance.seconds(0, 1), chance.failure(name) if chance.likely(0.3) else None)
            for at, answer, name in zip(seconds, (None, chance.value(RECEIPT)), ("check", "charge"), strict=True)
        ]
        _placed(place_order, *plans)
        failing = chance.number(0, 1)
        plans[failing] = plans[failing]._replace(answer=chance.failure("the order"))
        _fails(place_order, *plans)
        _stopped(place_order, Plan(3, None, chance.seconds(0, 1)), Plan(3, RECEIPT, chance.seconds(0, 1)), 1.125)
    in_every_order(place_order, lambda: _both(None), _has_receipt)
    in_every_order(place_order, lambda: _both(ValueError("sold out")), _raised_own)
    in_every_order(place_order, lambda: _both(None), _cancelled_or_receipt, cancel_at=1)
    return "Both or neither: nothing goes on after the failure, and the failure comes out as it is."


def _play(place_order: Answer, check: Plan, charge: Plan, cancel_at: float | None = None) -> tuple[Scene, list[Call]]:
    calls = [Call("check", {(): check}), Call("charge", {(): charge})]
    scene = play(place_order, *calls, cancel_at=cancel_at)
    for call in calls:
        call.check_called(scene)
    return scene, calls


def _placed(place_order: Answer, check: Plan, charge: Plan) -> None:
    scene, calls = _play(place_order, check, charge)
    found = scene.result(none=charge.answer is None)
    for call in calls:
        call.check_together(scene)
    if found != charge.answer or type(found) is not type(charge.answer):
        raise scene.wrong(f"charge gave {charge.answer!r}, and you returned {shown(found, 60)}: return what it gave.")
    if scene.ended != max(check.seconds, charge.seconds):
        raise scene.wrong(
            f"Both had ended at {max(check.seconds, charge.seconds):g} s, and your function at {scene.ended:g} s."
        )


def _fails(place_order: Answer, check: Plan, charge: Plan) -> None:
    scene, calls = _play(place_order, check, charge)
    errors = [plan for plan in (check, charge) if isinstance(plan.answer, Exception)]
    first = min(errors, key=lambda plan: plan.seconds)
    other = charge if first is check else check
    name = "check" if first is check else "charge"
    if scene.raised is None:
        raise scene.wrong(f"{name} failed at {first.seconds:g} s, and your function {scene.answered()}: raise it.")
    if isinstance(scene.raised, BaseExceptionGroup):
        raise scene.wrong(f"{name} failed with {first.answer!r}, and you raised it in a group: raise it itself.")
    if scene.raised is other.late:
        raise scene.wrong(
            f"{name} failed first, with {first.answer!r}, and you raised what the other one raised in its clean-up: "
            "raise the first failure."
        )
    if scene.raised is not first.answer:
        raise scene.wrong(describe_raised(scene.raised, f"{name} failed with {first.answer!r}: raise that."))
    for call in calls:
        call.check_together(scene)
    end = first.seconds + (other.clean_up if other.seconds > first.seconds else 0)
    if scene.ended != end:
        raise scene.wrong(
            f"{name} failed at {first.seconds:g} s; the other one, cancelled at once, has ended by {end:g} s. Your "
            f"function ended at {scene.ended:g} s."
        )


def _stopped(place_order: Answer, check: Plan, charge: Plan, at: float) -> None:
    scene, _ = _play(place_order, check, charge, cancel_at=at)
    check_cancelled(scene, at, at + max(check.clean_up, charge.clean_up), "while both were under way")


def _both(failure: Exception | None) -> tuple[Exception | None, list[Any]]:
    return failure, [Call("check", {(): Plan(1, failure)}), Call("charge", {(): Plan(1, RECEIPT)})]


def _has_receipt(scene: Scene, failure: Exception | None) -> None:
    if scene.result() != RECEIPT:
        raise scene.wrong(f"charge gave {RECEIPT!r}, and your function {scene.answered()}.")


def _raised_own(scene: Scene, failure: Exception | None) -> None:
    if scene.raised is not failure:
        raise scene.wrong(f"check failed with {failure!r}, and your function {scene.answered()}.")


def _cancelled_or_receipt(scene: Scene, failure: Exception | None) -> None:
    if not scene.cancelled:
        _has_receipt(scene, failure)


place_order = Exercise(
    lesson="lesson_07a",
    task=f"""\
**Exercise 5: refused, and charged.** Mend `place_order(check, charge)`: when one of the two fails, the other goes on.

```python
{inspect.getsource(as_found.place_order)}```

- `check` and `charge` are coroutine functions without parameters. Run both at the same time, and return what `charge`
  gives.
- When one fails, cancel the other, wait until it has ended (it may clean up, and fail in that), and raise the first
  failure: itself, not a group.
- If you are cancelled, you end cancelled, and both have ended: cancel them at once, but only once, and wait.""",
    reference=solutions.place_order,
    grade=_grade_place_order,
    hints=[
        "A TaskGroup does all but one thing: its failures come as a group.",
        "The group's `exceptions` are in the order in which they happened.",
        "`except ExceptionGroup as failed: raise failed.exceptions[0] from None`.",
    ],
)
