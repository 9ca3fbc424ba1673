"""Exercise 1: coroutines that nobody awaits, and exceptions that are true."""

import inspect
from typing import Any

from course_lib.exercises.chance import Chance
from course_lib.exercises.framework import Answer, Exercise
from course_lib.exercises.lesson_07a import as_found, solutions
from course_lib.exercises.lesson_07a.scenes import Call, Plan, check_cancelled
from course_lib.exercises.ordering import in_every_order
from course_lib.exercises.playing import Scene, play
from course_lib.exercises.shown import shown

ROUNDS = 15


def _grade_live_hosts(live_hosts: Answer) -> str:
    _asked(live_hosts, {"a": Plan(1, True), "b": Plan(2, False), "c": Plan(1, True)})
    _asked(live_hosts, {"a": Plan(2, True), "b": Plan(1, OSError("no route")), "c": Plan(3, True)})
    _asked(live_hosts, {})
    _stopped(live_hosts, {"a": Plan(3, True), "b": Plan(2, False, clean_up=1)}, 1)
    chance = Chance("live_hosts")
    for _ in range(ROUNDS):
        names = chance.some("abcdefgh", chance.number(1, 6))
        answers = [chance.failure(name) if chance.likely(0.3) else chance.likely(0.5) for name in names]
        _asked(
            live_hosts,
            {name: Plan(chance.seconds(0, 3), answer) for name, answer in zip(names, answers, strict=True)},
        )
        _stopped(live_hosts, {name: Plan(3, True, clean_up=chance.seconds(0, 2)) for name in names}, 1.125)
    in_every_order(live_hosts, _three, _two_up)
    in_every_order(live_hosts, _three, _cancelled_or_two_up, cancel_at=1)
    return "All asked together, every answer awaited, and a failure is not taken for a yes."


def _asked(live_hosts: Answer, plans: dict[str, Plan]) -> None:
    is_up = Call("is_up", plans)
    scene = play(live_hosts, list(plans), is_up)
    is_up.check_called(scene)
    found = scene.result()
    is_up.check_together(scene)
    up = [host for host, plan in plans.items() if plan.answer is True]
    failed = {host for host, plan in plans.items() if isinstance(plan.answer, Exception)}
    if not isinstance(found, list):
        raise scene.wrong(f"You returned {shown(found, 60)}: return a list of the hosts that are up.")
    if failed & set(map(str, found)):
        raise scene.wrong(
            f"You returned {found!r}, and asking {min(failed)!r} had failed: an exception object is true, like most "
            "objects. Such a host is not up."
        )
    if found != up:
        order = ", in the order of `hosts`" if sorted(map(str, found)) == sorted(up) else ""
        raise scene.wrong(f"Up are {up!r}{order}, and you returned {shown(found, 60)}.")
    if scene.ended != max((plan.seconds for plan in plans.values()), default=0):
        raise scene.wrong(f"The last answer was there, and you returned only at {scene.ended:g} s: do not wait on.")


def _stopped(live_hosts: Answer, plans: dict[str, Plan], at: float) -> None:
    scene = play(live_hosts, list(plans), Call("is_up", plans), cancel_at=at)
    check_cancelled(scene, at, at + max(plan.clean_up for plan in plans.values()), "while it asked")


def _three() -> tuple[Call, list[Any]]:
    is_up = Call("is_up", {"a": Plan(1, True), "b": Plan(1, OSError("no route")), "c": Plan(1, True)})
    return is_up, [["a", "b", "c"], is_up]


def _two_up(scene: Scene, is_up: Call) -> None:
    if scene.result() != ["a", "c"]:
        raise scene.wrong(f"up are ['a', 'c'], and your function {scene.answered()}.")


def _cancelled_or_two_up(scene: Scene, is_up: Call) -> None:
    if not scene.cancelled:
        _two_up(scene, is_up)


live_hosts = Exercise(
    lesson="lesson_07a",
    task=f"""\
**Exercise 1: everything is up.** Mend `live_hosts(hosts, is_up)`: it finds every host up, always.

```python
{inspect.getsource(as_found.live_hosts)}```

- `is_up(host)` is a coroutine function that gives True or False, or fails. A host where it fails is not up.
- Ask all the hosts at the same time. Return the list of those that are up, in the order of `hosts`.
- If you are cancelled, you end cancelled, and what you started has ended (it may clean up: cancel it
  at once, but only once, and wait).""",
    reference=solutions.live_hosts,
    grade=_grade_live_hosts,
    hints=[
        "What does `if is_up(host)` look at: an answer, or a coroutine object?",
        "`await asyncio.gather(*(is_up(host) for host in hosts), return_exceptions=True)` gives all answers, in the "
        "order of the hosts; failures come as exception objects.",
        "`zip(hosts, answers)`, and keep the host where the answer `is True`.",
    ],
)
