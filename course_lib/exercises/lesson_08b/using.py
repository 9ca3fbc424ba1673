"""Exercise 2: as many resources as there are, each left once, the last first."""

import inspect
import math
from itertools import pairwise
from typing import Any

from course_lib.exercises.chance import Chance
from course_lib.exercises.framework import Answer, Exercise, Wrong
from course_lib.exercises.lesson_08b import as_found, solutions
from course_lib.exercises.lesson_08b.scenes import Resource, Step, given
from course_lib.exercises.ordering import in_every_order
from course_lib.exercises.playing import Scene, play
from course_lib.exercises.returning import returned_none
from course_lib.exercises.shown import shown

ROUNDS = 16
NAMES = "abcdef"


class Use:
    """Resources and work; `told` is the words for this scene, such as "leaving c failed"."""

    def __init__(self, names: str, work: Any, told: str, **failures: Any) -> None:
        self.log, self.resources = Resource.some(names, **failures)
        self.work, self.told = _Work(self, work), told
        self.args = [list(self.resources), self.work]  # a copy: the learner may take them out of it
        self.left_before = ""  # the names of those that had been left when the work began

    def named(self, what: str) -> str:
        """Return the names of what was entered, left or closed, in that order."""
        return "".join(name for done, name in self.log if done == what)

    def at_once(self, what: str) -> bool:
        """Return whether a resource was being entered, or left, before the one before it had been."""
        done = [each for each, _ in self.log]
        return (what, what) in pairwise(done)

    def values(self) -> list[Any]:
        """Return what entering gives."""
        return [resource.value for resource in self.resources]

    def are_left(self, scene: Scene) -> None:
        """Raise Wrong unless what was entered was left: all of it, once, the last one first."""
        entered, left = self.named("entered"), self.named("left")
        never = [name for name in left if name not in entered]
        if never:
            raise scene.wrong(
                f"{self.told}, so {never[0]} was never entered, and you left it: {_order(left)} were left."
            )
        if forgotten := [name for name in entered if name not in left]:
            raise scene.wrong(
                f"{self.told}: {_order(entered)} had been entered, and {_order(left)} left. Nobody leaves "
                f"{_order(forgotten)}."
            )
        if len(left) > len(entered):
            raise scene.wrong(f"{self.told}: you left a resource twice: {_order(left)}.")
        if left != entered[::-1]:
            raise scene.wrong(
                f"You entered {_order(entered)}, and left {_order(left)}, in this order. The last one may need the "
                "first one until its end: leave the last one first."
            )


class _Work(Step):
    def __init__(self, use: Use, answer: Any) -> None:
        super().__init__("work", 1, answer)
        self._use = use

    async def _work(self) -> Any:
        self._use.left_before = self._use.named("left")
        return await super()._work()


def _order(names: Any) -> str:
    return ", ".join(names) or "none"


def _grade_use_all(use_all: Answer) -> str:
    _works(use_all, Use("abc", "done", "All went well"))
    _works(use_all, Use("a", 0, "All went well"))
    refused = ConnectionError("c is down")
    _fails(use_all, Use("abcd", "done", "Entering c failed", enter_c=refused), refused)
    broken = ValueError("no answer")
    _fails(use_all, Use("abc", broken, "The work failed"), broken)
    stuck = OSError("b does not close")
    _fails(use_all, Use("abc", "done", "Leaving b failed", b=stuck), stuck)
    _fails(use_all, Use("abc", broken, "The work failed, and leaving b failed", b=stuck), stuck, broken)
    for cancel_at, told in [(1.5, "entering b"), (3.5, "working"), (4.5, "leaving c"), (6.5, "leaving a")]:
        _cancelled(use_all, Use("abc", "done", f"At {cancel_at:g} s, {told}, your function was cancelled"), cancel_at)

    chance = Chance("use_all")
    for _ in range(ROUNDS):
        names = NAMES[: chance.number(0, len(NAMES))]
        _works(use_all, Use(names, chance.value("done"), "All went well"))
        if not names:
            continue
        bad, failure, other = chance.one_of(names), chance.failure("a server"), chance.failure("the work")
        _fails(use_all, Use(names, "done", f"Entering {bad} failed", **{f"enter_{bad}": failure}), failure)
        _fails(use_all, Use(names, other, f"The work failed, and leaving {bad}", **{bad: failure}), failure, other)
        cancel_at = chance.number(0, 2 * len(names)) + 0.5
        told = f"At {cancel_at:g} s your function was cancelled"
        _cancelled(use_all, Use(names, "done", told), cancel_at)
    in_every_order(use_all, _three, _left, cancel_at=1)
    return "Whatever is opened is closed, once, the last one first, and nobody's failure keeps another one open."


def _three() -> tuple[Use, list[Any]]:
    use = Use("abc", "done", "Then")
    return use, use.args


def _left(scene: Scene, use: Use) -> None:
    use.are_left(scene)
    if isinstance(scene.raised, TimeoutError) and any(resource.cut for resource in use.resources):
        return  # a limit of the learner's own: here an answer may take longer than any
    if not scene.cancelled and scene.result() != "done":
        raise scene.wrong(f"your function {scene.answered()}; the work gave 'done'.")


def _works(use_all: Answer, use: Use) -> None:
    scene = play(use_all, *use.args)
    if isinstance(scene.raised, Wrong):
        raise scene.wrong(str(scene.raised))
    if scene.raised is None and not use.work.called:
        raise scene.wrong("You never called work: `await work(values)`.")
    if scene.returned is None and not scene.raised and use.work.answer is not None:
        raise scene.wrong(returned_none(use_all))
    returned = scene.result(none=use.work.answer is None)
    if use.named("entered") != "".join(resource.name for resource in use.resources):
        without = "" if use.named("entered") else " Entering has to be awaited, `enter_async_context(...)` too."
        raise scene.wrong(
            f"You entered {_order(use.named('entered'))}: enter all of them, in the order they come in.{without}"
        )
    if use.at_once("entering"):
        raise scene.wrong(
            "You entered them at once: one after another, because a later one may need an earlier one. A gather also "
            "goes on entering when one of them has failed."
        )
    if use.work.given != (use.values(),):
        raise scene.wrong(
            f"work was given {given(use.work)}: give it one list, of what entering each resource gave, "
            f"{shown(use.values(), 60)}."
        )
    if use.work.called > 1:
        raise scene.wrong(f"You called work {use.work.called} times.")
    if returned != use.work.answer:
        raise scene.wrong(f"The work gave {use.work.answer!r}, and you returned {shown(returned, 60)}.")
    done = [what for what, _ in use.log]
    if "left" in done and "entered" in done[done.index("left") :]:
        raise scene.wrong("You left a resource before all had been entered: the work needs all of them at once.")
    if use.left_before:
        raise scene.wrong(
            f"{_order(sorted(use.left_before))} had been left when the work began, which needs them: `await "
            "work(values)` inside the `async with` block."
        )
    use.are_left(scene)
    if use.at_once("left"):
        raise scene.wrong("You left them at once: one after another, because a later one may need an earlier one.")
    told = [resource.left_with for resource in use.resources if resource.left_with is not None]
    if told:
        raise scene.wrong(f"All went well, and a resource was left with {told[0]!r}: tell it None, three times.")
    _ended(scene, use, 2 * len(use.resources) + use.work.seconds)


def _fails(use_all: Answer, use: Use, raised: Exception, before: Exception | None = None) -> None:
    scene = play(use_all, *use.args)
    use.are_left(scene)
    if scene.raised is None:
        raise scene.wrong(f"{use.told}, and your function {scene.answered()}: raise {type(raised).__name__}.")
    if scene.raised is not raised:
        raise scene.wrong(
            f"{use.told}, and your function {scene.answered()}: as with nested `async with` blocks, the error that "
            f"came last is raised, {type(raised).__name__}."
        )
    if before is not None and not _leads_to(raised, before):
        raise scene.wrong(
            f"{use.told}: the first error, {type(before).__name__}, is lost. Python keeps it in the `__context__` of "
            "the second one where that is raised while the first is on its way."
        )
    for resource in use.resources:
        wanted = _told(use, resource)
        if resource.left_with is not wanted:
            raise scene.wrong(
                f"{use.told}: {resource.name} was left with {resource.left_with!r} where an `async with` would have "
                f"told it {wanted!r}. A transaction that is told None commits."
            )
    entered, tried = len(use.named("entered")), any(isinstance(value, Exception) for value in use.values())
    _ended(scene, use, 2 * entered + (1 if tried else use.work.seconds))


def _told(use: Use, resource: Resource) -> BaseException | None:
    """Return the error that is on its way when a resource is left; None for one that was never entered."""
    if resource.name not in use.named("entered"):
        return None
    error: BaseException | None = use.work.answer if isinstance(use.work.answer, Exception) else None
    for each in use.resources:
        if isinstance(each.value, Exception):
            error = each.value
    for each in reversed(use.resources[use.resources.index(resource) + 1 :]):
        if each.failure is not None and each.name in use.named("entered"):
            error = each.failure
    return error


def _leads_to(error: BaseException | None, wanted: BaseException) -> bool:
    for _ in range(len(NAMES) + 2):
        error = error.__context__ if error is not None else None
        if error is wanted:
            return True
    return False


def _cancelled(use_all: Answer, use: Use, cancel_at: float) -> None:
    scene = play(use_all, *use.args, cancel_at=cancel_at)
    if not scene.cancelled:
        raise scene.wrong(f"{use.told}, and it {scene.answered()} instead of ending cancelled.")
    use.are_left(scene)
    # What it was doing is over at once; then what is left of the leaving takes a second each.
    leaving = max(0, math.ceil(cancel_at - len(use.resources) - use.work.seconds))
    rest = len(use.named("entered")) - leaving
    whole = 2 * len(use.resources) + use.work.seconds  # for who leaves them where no cancellation reaches
    if scene.ended != cancel_at + rest and not (leaving and scene.ended == whole):
        raise scene.wrong(
            f"{use.told}. To leave what was entered takes {rest:g} s from then on, and it ended at {scene.ended:g} s."
        )


def _ended(scene: Scene, use: Use, at: float) -> None:
    if scene.ended != at:
        raise scene.wrong(
            f"{use.told}: entering and leaving take 1 s each, one after another, and with the work that is {at:g} s. "
            f"It ended at {scene.ended:g} s."
        )


use_all = Exercise(
    lesson="lesson_08b",
    task=f"""\
**Exercise 2: bug hunt.** This function closes what it never opened, and leaves open what it should close. Mend
`use_all(resources, work)`, so that it does what nested `async with` blocks would do, one for each resource.

```python
{inspect.getsource(as_found.use_all).strip()}
```

- `resources` is a list of asynchronous context managers. Enter them one after another, in their order, then
  `await work(values)` with a list of what entering gave, and return what that returns.
- However it ends (the work fails, entering one fails, you are cancelled): those that were entered are left, each once,
  the last one first, and each is told the error that is on its way, if there is one.
- One that fails while it is left does not keep the others open. The error that came last is raised, and its
  `__context__` leads to the earlier ones. (None of the resources swallows: their `__aexit__` returns None.)""",
    reference=solutions.use_all,
    grade=_grade_use_all,
    hints=[
        "Check the program as it is, `ex.use_all.check(ex.as_found.use_all)`: it says what it sees first.",
        "A list that is known only at run time, entered in order and left in reverse: `AsyncExitStack`.",
        "In `async with AsyncExitStack() as stack:`, `await stack.enter_async_context(resource)` gives what entering "
        "gave. The stack does the rest.",
    ],
)
