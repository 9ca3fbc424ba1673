"""Exercise 3: stopping a task, without eating one's own cancellation."""

import asyncio
import inspect
from typing import Any, Literal

from course_lib.exercises.chance import Chance
from course_lib.exercises.framework import Answer, Exercise, describe_raised, run
from course_lib.exercises.lesson_07a import as_found, solutions
from course_lib.exercises.lesson_07a.scenes import Plan
from course_lib.exercises.playing import GAVE_UP, NOT_ENDED, PATIENCE, Scene
from course_lib.exercises.shown import shown
from course_lib.seeing import span

ROUNDS = 20


class Worker:
    """A task's work: cancelled, it cleans up, and then ends as planned, cancelled if `late` and `answer` are None."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.requests = 0
        self.interrupted = False

    async def work(self) -> Any:
        """Work, and clean up."""
        try:
            await asyncio.sleep(self.plan.seconds)
            if isinstance(self.plan.answer, Exception):
                raise self.plan.answer
        except asyncio.CancelledError:
            self.requests += 1
            try:
                with span("clean-up"):
                    await asyncio.sleep(self.plan.clean_up)
            except asyncio.CancelledError:
                self.interrupted = True
                raise
            if self.plan.late:
                raise self.plan.late from None
            if self.plan.answer is None:
                raise
        return self.plan.answer

    def end(self, asked: float) -> tuple[str, float]:
        """Return how the task ends when it is asked to at `asked` seconds, and when."""
        if self.plan.seconds <= asked:
            return ("failed" if isinstance(self.plan.answer, Exception) else "returned"), asked
        if self.plan.late:
            return "failed", asked + self.plan.clean_up
        return ("cancelled" if self.plan.answer is None else "returned"), asked + self.plan.clean_up


Turn = Literal["before", "after"]  # the learner's function hears of the task's end
ASKED = 1.0  # seconds after which the learner's function is called


def _grade_stop(stop: Answer) -> str:
    _ends(stop, Plan(9, None, 0))
    _ends(stop, Plan(9, None, 2))
    _ends(stop, Plan(9, None, 2, OSError("disk full")))
    _ends(stop, Plan(9, "a result all the same", 1))
    _ends(stop, Plan(9, None, 30))
    _ends(stop, Plan(0.5, "a result"))
    _ends(stop, Plan(0.5, OSError("disk full")))
    _cancelled(stop, Plan(9, None, 3), 2)
    for turn in ("before", "after"):
        _cancelled_at_its_end(stop, Plan(9, None, 1), turn)
        _cancelled_at_its_end(stop, Plan(9, None, 1, OSError("disk full")), turn)
        _cancelled_at_its_end(stop, Plan(9, "a result all the same", 1), turn)
    _in_clean_up(stop, Plan(9, None, 1))
    _in_clean_up(stop, Plan(9, None, 1, OSError("disk full")))
    _in_clean_up(stop, Plan(0.5, "a result"))
    chance = Chance("stop")
    for _ in range(ROUNDS):
        answer = chance.one_of([None, "a result", "", 0])
        late = chance.failure("the clean-up") if chance.likely(0.4) else None
        soon = chance.likely(0.3)
        if soon:
            answer = chance.answer("a result")
        plan = Plan(chance.seconds(0, 0.9) if soon else 9, answer, chance.seconds(0, 3), late)
        _ends(stop, plan)
        if not soon:
            clean_up = 1 + chance.seconds(0.5, 2)
            _cancelled(stop, plan._replace(clean_up=clean_up), ASKED + chance.seconds(0.3, 1) + 0.0625)
    return "You waited for its end, told how it ended, and let your own cancellation through."


def _play(
    stop: Answer,
    worker: Worker,
    cancel_at: float | None = None,
    at_its_end: Turn | None = None,
    in_clean_up: bool = False,
) -> Scene:
    async def cleaning_up(task: asyncio.Task[Any]) -> Any:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            return await stop(task)

    async def main() -> Any:
        loop = asyncio.get_running_loop()
        task = loop.create_task(worker.work(), name="the task")
        await asyncio.sleep(ASKED)
        if at_its_end == "before":
            task.add_done_callback(lambda _: stopping.cancel())
        stopping = loop.create_task(cleaning_up(task) if in_clean_up else stop(task), name="stop")
        if at_its_end == "after" or in_clean_up:
            await asyncio.sleep(0)  # it has begun
        if at_its_end == "after":
            task.add_done_callback(lambda _: stopping.cancel())
        if in_clean_up:
            stopping.cancel()
        if cancel_at is not None:
            loop.call_at(cancel_at, stopping.cancel)
        await asyncio.wait({stopping}, timeout=PATIENCE)
        if not stopping.done():
            return GAVE_UP
        ended, left = loop.time(), not task.done()
        await asyncio.wait({task})  # its clean-up goes on if stop() was cancelled
        if not task.cancelled():
            task.exception()
        if stopping.cancelled():
            return None, None, True, ended, left
        error = stopping.exception()
        if isinstance(error, NotImplementedError):
            raise error
        return None if error else stopping.result(), error, False, ended, left

    timeline = run(main)
    if timeline.result is GAVE_UP:
        raise Scene(stop, timeline, None, None, False, PATIENCE).wrong(f"{NOT_ENDED} after {PATIENCE:g} s.")
    returned, raised, cancelled, ended, left = timeline.result
    scene = Scene(stop, timeline, returned, raised, cancelled, ended)
    if left and cancel_at is None and not scene.cancelled and not scene.raised:
        raise scene.wrong(
            f"You {scene.answered()} at {ended:g} s, and the task was still cleaning up: wait until it has ended."
        )
    return scene


def _ends(stop: Answer, plan: Plan) -> None:
    worker = Worker(plan)
    scene = _play(stop, worker)
    how, when = worker.end(ASKED)
    if scene.cancelled:
        raise scene.wrong(
            "Your function ended cancelled: awaiting a cancelled task raises its CancelledError, and so do its "
            "`result()` and `exception()`: ask `task.cancelled()` first."
        )
    if scene.raised and scene.raised in (plan.late, plan.answer):
        raise scene.wrong(
            f"The task failed with {scene.raised!r}, and that came out of your function: return 'failed' then."
        )
    if scene.raised:
        raise scene.wrong(describe_raised(scene.raised))
    found = scene.result()
    if plan.seconds > ASKED and not worker.requests:
        raise scene.wrong("The task ran to its end, and nobody had cancelled it.")
    if worker.interrupted:
        raise scene.wrong("You cancelled the task a second time: that cut its clean-up short. Cancel it once.")
    if found != how:
        raise scene.wrong(f"The task ended {how}, and you returned {shown(found, 60)}: return {how!r}.")
    if scene.ended != when:
        raise scene.wrong(f"The task had ended at {when:g} s, and your function at {scene.ended:g} s.")


def _cancelled(stop: Answer, plan: Plan, at: float) -> None:
    worker = Worker(plan)
    scene = _play(stop, worker, cancel_at=at)
    if worker.interrupted:
        raise scene.wrong(
            f"At {at:g} s somebody cancelled your function, and that cut the task's clean-up short: an `await task` "
            "passes a cancellation on to the task. `asyncio.wait([task])` does not."
        )
    if not scene.cancelled:
        raise scene.wrong(
            f"At {at:g} s somebody cancelled your function, and it {scene.answered()} instead of ending cancelled. "
            "That CancelledError was your own, not the task's."
        )
    if scene.ended != at:
        raise scene.wrong(f"Somebody cancelled your function at {at:g} s, and it ended at {scene.ended:g} s.")


def _cancelled_at_its_end(stop: Answer, plan: Plan, turn: Turn) -> None:
    scene = _play(stop, Worker(plan), at_its_end=turn)
    if not scene.cancelled:
        raise scene.wrong(
            f"Somebody cancelled your function at {ASKED + plan.clean_up:g} s, in the same turn of the loop in which "
            f"the task ended, and it {scene.answered()}. That the task has ended does not say whose CancelledError it "
            "was: yours was lost."
        )


def _in_clean_up(stop: Answer, plan: Plan) -> None:
    worker = Worker(plan)
    scene = _play(stop, worker, in_clean_up=True)
    how, _ = worker.end(ASKED)
    if scene.cancelled or scene.raised or scene.returned != how:
        found = "ended cancelled" if scene.cancelled else scene.answered()
        raise scene.wrong(
            f"Your function was called in the clean-up of a task that had been cancelled, and {found}: return {how!r}. "
            "Nobody cancelled it since the call; `cancelling()` counts the older request, too."
        )


stop = Exercise(
    lesson="lesson_07a",
    task=f"""\
**Exercise 3: whose cancellation?** Mend `stop(task)`: it eats its own cancellation, and lets the task's failure out.

```python
{inspect.getsource(as_found.stop)}```

- Cancel the task, once, and wait until it has ended: it may clean up first. It may also have ended before.
- Return how it ended: `"cancelled"`, `"failed"` or `"returned"`. What it raised does not come out of your function.
- If you are cancelled while you wait, you end cancelled, at once, and do not disturb the task's clean-up:
  also when the task ends in the same turn of the loop.
- It may be called in a clean-up, in a task that was cancelled before: it does the same there.""",
    reference=solutions.stop,
    grade=_grade_stop,
    hints=[
        "`await task` raises the task's exceptions as well as your own CancelledError, and passes a cancellation on to "
        "the task. Which call of asyncio waits for a task, and does neither?",
        "`await asyncio.wait([task])` raises only your own cancellation.",
        "Afterwards ask the task: `task.cancelled()` first, then `task.exception()`.",
    ],
)
