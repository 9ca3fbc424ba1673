"""Exercise 2: tasks that nobody holds, and failures that nobody sees."""

import asyncio
import inspect
from typing import Any

from course_lib.exercises.chance import Chance
from course_lib.exercises.framework import Answer, Exercise, describe_raised, leaves
from course_lib.exercises.lesson_07a import as_found, solutions
from course_lib.exercises.lesson_07a.scenes import Call, Plan, check_cancelled
from course_lib.exercises.ordering import in_every_order
from course_lib.exercises.places import raised_kind
from course_lib.exercises.playing import Scene, play
from course_lib.exercises.returning import returned_none
from course_lib.exercises.shown import shown

ROUNDS = 15


class Report:
    """A plain function that notes what it is told, and when."""

    def __init__(self) -> None:
        self.told: list[tuple[Any, Any, float]] = []

    def __call__(self, user: Any, error: Any) -> None:
        """Note a failure."""
        self.told.append((user, error, asyncio.get_running_loop().time()))


def _grade_notify(notify: Answer) -> str:
    _sent(notify, {"Ann": Plan(1), "Ben": Plan(3), "Cy": Plan(2)})
    _sent(notify, {"Ann": Plan(1), "Ben": Plan(2, OSError("no route")), "Cy": Plan(3)})
    _sent(notify, {})
    _stopped(notify, {"Ann": Plan(3), "Ben": Plan(3, clean_up=1)}, 1)
    chance = Chance("notify")
    for _ in range(ROUNDS):
        names = chance.some(["Ann", "Ben", "Cy", "Dora", "Eve"], chance.number(1, 5))
        plans = {
            name: Plan(chance.seconds(0, 3), chance.failure(name) if chance.likely(0.5) else chance.value(name))
            for name in names
        }
        _sent(notify, plans)
        _stopped(notify, {name: Plan(3, clean_up=chance.seconds(0, 2)) for name in names}, 1.125)
    in_every_order(notify, _three, _one_failed)
    in_every_order(notify, _three, _cancelled_or_one_failed, cancel_at=1)
    return "Every task has an owner, failures are told at once, and nobody else is stopped by them."


def _sent(notify: Answer, plans: dict[str, Plan]) -> None:
    send, report = Call("send", plans), Report()
    scene = play(notify, list(plans), send, report)
    send.check_called(scene)
    failures = {user: plan for user, plan in plans.items() if isinstance(plan.answer, Exception)}
    if scene.raised:
        mine = next(leaves(scene.raised)) in [plan.answer for plan in failures.values()]
        raise scene.wrong(
            f"Your function raised {raised_kind(scene.raised)} because a sending failed: report it, and go on."
            if mine
            else describe_raised(scene.raised)
        )
    if scene.returned is None and scene.ended < max((plan.seconds for plan in plans.values()), default=0):
        raise scene.wrong(returned_none(notify, "You returned None before the last sending had ended."))
    number = scene.result()
    send.check_together(scene)
    told = [(user, at) for user, _, at in report.told]
    for user, plan in failures.items():
        if any(name is plan.answer for name, *_ in report.told):
            raise scene.wrong(
                f"Sending to {user} failed, and you gave `report` the exception first: `report(user, error)`."
            )
        others = [name for name, error, _ in report.told if error is plan.answer and name != user]
        if others and others[0] not in list(plans):
            raise scene.wrong(
                f"Sending to {user} failed, and you gave `report` {shown(others[0], 60)} where the user belongs: "
                "`report(user, error)`."
            )
        if others:
            raise scene.wrong(
                f"Sending to {user} failed, and you reported it as {others[0]!r}'s. A `lambda` or `def` in a loop "
                "looks the loop's variable up when it is called, and by then that is another one: hand it over, "
                "`lambda task, user=user: ...`."
            )
        if user not in [name for name, _ in told]:
            raise scene.wrong(f"Sending to {user} failed at {plan.seconds:g} s, and nobody was told: report it.")
        if (user, plan.seconds) not in told:
            (at,) = {at for name, at in told if name == user}
            raise scene.wrong(
                f"Sending to {user} failed at {plan.seconds:g} s, and it was reported at {at:g} s: report each failure "
                "as soon as it happens."
            )
    if sorted((user, id(error)) for user, error, _ in report.told) != sorted(
        (user, id(plan.answer)) for user, plan in failures.items()
    ):
        raise scene.wrong(
            f"Failed: {', '.join(failures) or 'nobody'}. Reported: {_named(report.told)}. "
            "Report each failure once, report(user, error), with the exception itself, and nothing else."
        )
    if number != len(plans) - len(failures) or isinstance(number, bool):
        raise scene.wrong(
            f"{len(plans) - len(failures)} of {len(plans)} sendings succeeded, and you returned {shown(number, 60)}."
        )
    if scene.ended != max((plan.seconds for plan in plans.values()), default=0):
        raise scene.wrong(f"The last sending had ended, and you returned only at {scene.ended:g} s: do not wait on.")


def _stopped(notify: Answer, plans: dict[str, Plan], at: float) -> None:
    send, report = Call("send", plans), Report()
    scene = play(notify, list(plans), send, report, cancel_at=at)
    check_cancelled(scene, at, at + max(plan.clean_up for plan in plans.values()), "while it sent")
    if report.told:
        raise scene.wrong(f"A sending that was cancelled was reported as {report.told[0][1]!r}: it has not failed.")
    if any(note.startswith("the callback ") for note in scene.timeline.notes):
        raise scene.wrong(
            f"At {at:g} s somebody cancelled your function, and a callback of yours failed: `exception()` of a "
            "cancelled task raises its CancelledError, so ask `task.cancelled()` first."
        )


def _named(told: list[tuple[Any, Any, float]]) -> str:
    return ", ".join(user if isinstance(user, str) else shown(user, 40) for user, *_ in told) or "nobody"


def _three() -> tuple[Report, list[Any]]:
    send = Call("send", {"Ann": Plan(1), "Ben": Plan(1, OSError("no route")), "Cy": Plan(1)})
    report = Report()
    return report, [["Ann", "Ben", "Cy"], send, report]


def _one_failed(scene: Scene, report: Report) -> None:
    if scene.result() != 2 or [user for user, *_ in report.told] != ["Ben"]:
        raise scene.wrong(f"of three, the second failed, and your function {scene.answered()}.")


def _cancelled_or_one_failed(scene: Scene, report: Report) -> None:
    if not scene.cancelled:
        _one_failed(scene, report)


notify = Exercise(
    lesson="lesson_07a",
    task=f"""\
**Exercise 2: fire, and forget nothing.** Mend `notify(users, send, report)`: its tasks may vanish, it returns before
anything is sent, and nobody learns of a failure.

```python
{inspect.getsource(as_found.notify)}```

- `send(user)` is a coroutine function. Start all the sendings at the same time; one that fails stops no other.
- Tell of each failure as soon as it happens: `report(user, error)`, a plain function, once for each.
- When all have ended, return how many succeeded.
- If you are cancelled, so are the sendings, and you end cancelled when they have ended (they may clean up: cancel
  them at once, but only once, and wait). A sending that was cancelled has not failed: nothing is reported, and no
  callback of yours fails over it.""",
    reference=solutions.notify,
    grade=_grade_notify,
    hints=[
        "Who awaits the tasks? An `async with asyncio.TaskGroup() as group:` would, but the first failure cancels the "
        "rest: so no failure may reach the group.",
        "Wrap the sending: `async def one(user)` awaits `send(user)`, reports an `Exception`, and returns 1 or 0.",
        "Keep the tasks in a list; after the group's block add up their results.",
    ],
)
