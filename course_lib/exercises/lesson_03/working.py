"""Exercise 2: a worker that survives a bad job, stops when told to, and closes."""

import inspect
from typing import Any

from course_lib.exercises.chance import Chance, Unreadable
from course_lib.exercises.framework import Answer, Exercise
from course_lib.exercises.lesson_03 import as_found, solutions
from course_lib.exercises.lesson_03.scenes import CLEAN_UP, Bad, Jobs, bad
from course_lib.exercises.ordering import in_every_order
from course_lib.exercises.playing import Scene, play
from course_lib.exercises.shown import shown

ROUNDS = 12


def _grade_work_through(work_through: Answer) -> str:
    jobs, scene = _work(work_through, "job 1", "job 2", "job 3")
    handled = scene.result()
    if jobs.hurried:
        raise scene.wrong(
            f"At {jobs.hurried[0]:g} s the worker asked for the next job, and had not handled the one it had: handle "
            "each job to its end before you take another."
        )
    if handled != 3:
        raise scene.wrong(
            f"There were three good jobs, and you returned {shown(scene.returned, 60)}; return how many you handled."
        )
    _closed_once(jobs, scene, "When the last job was done")
    _ended_at(10 + CLEAN_UP, scene)

    jobs, scene = _work(work_through, 0, 1)
    if scene.result() != 2:
        raise scene.wrong(
            f"There were two good jobs, 0 and 1, and you returned {shown(scene.returned, 60)}: only None ends the "
            "work, and 0 is not None."
        )

    _survives(work_through, "job 1", bad("bad job", ValueError("no text")), bad("worse job", OSError("no")), "job 4")
    for cancel_at, doing in [(2, "while it handled a job"), (3.5, "while it waited for a job")]:
        jobs, scene = _work(work_through, "job 1", "job 2", "job 3", cancel_at=cancel_at)
        _stopped(jobs, scene, cancel_at, doing, CLEAN_UP)

    for lost in (ConnectionError("the queue is gone"), ValueError("no such queue")):
        _ends(work_through, lost, "job 1", lost, "job 2")

    chance = Chance("work_through")
    for _ in range(ROUNDS):
        names = [f"job {number}" for number in range(chance.number(0, 5))]
        row = [bad(name, chance.failure(name)) if chance.likely(0.4) else _valued(chance, name) for name in names]
        coming, handling, closing = (chance.seconds(0.25, 2) for _ in range(3))
        _survives(work_through, *row, coming=coming, handling=handling, closing=closing)
        gone = chance.failure("the queue")
        _ends(work_through, gone, *row, gone, "job 9", coming=coming, handling=handling, closing=closing)
        clean_up, in_hand = chance.seconds(0, 1), chance.likely(0.5)
        jobs = Jobs("job 1", "job 2", coming=coming, handling=handling, closing=closing, clean_up=clean_up)
        cancel_at = coming + (handling if not in_hand else 0) + 0.125
        scene = play(work_through, jobs.get_job, jobs.handle, jobs.close, cancel_at=cancel_at)
        doing = "while it handled a job" if in_hand else "while it waited for a job"
        _stopped(jobs, scene, cancel_at, doing, closing + (clean_up if in_hand else 0))
    in_every_order(work_through, _few_jobs, _worked_or_cancelled, cancel_at=1)
    return "It survives a bad job, stops when told to, and closes once however it ends."


def _few_jobs() -> tuple[Jobs, list[Any]]:
    jobs = Jobs("job 1", bad("job 2", Unreadable("job 2")), "job 3")
    return jobs, [jobs.get_job, jobs.handle, jobs.close]


def _worked_or_cancelled(scene: Scene, jobs: Jobs) -> None:
    if scene.cancelled and jobs.closing == 1:
        return  # perhaps in there, which nobody does
    if not scene.cancelled and scene.result() != 2:
        raise scene.wrong(f"your function {scene.answered()}; it had handled two good jobs.")
    _closed_once(jobs, scene, "Then")


def _valued(chance: Chance, name: str) -> Any:
    value = chance.value(name)
    return name if value is None else value


def _work(work_through: Answer, *jobs: Any, cancel_at: float | None = None, **seconds: float) -> tuple[Jobs, Scene]:
    given = Jobs(*jobs, **seconds)
    return given, play(work_through, given.get_job, given.handle, given.close, cancel_at=cancel_at)


def _survives(work_through: Answer, *row: Any, **seconds: float) -> None:
    jobs, scene = _work(work_through, *row, **seconds)
    failing = [job for job in row if isinstance(job, Bad)]
    good = len(row) - len(failing)
    if any(scene.raised is job.failure for job in failing):
        raise scene.wrong(
            f"One bad job ended the whole worker: its handle raised {type(scene.raised).__name__}, and the jobs after "
            "it were never handled."
        )
    if scene.result() != good:
        raise scene.wrong(
            f"Of the jobs {', '.join(map(repr, row)) or '(none)'}, {len(failing)} failed and {good} were good, and you "
            f"returned {shown(scene.returned, 60)}; count the good ones, up to None."
        )
    _closed_once(jobs, scene, "When some jobs had failed" if failing else "When the last job was done")
    coming, handling, closing = (
        seconds.get(name, usual) for name, usual in (("coming", 1), ("handling", 2), ("closing", CLEAN_UP))
    )
    _ended_at(len(row) * (coming + handling) + coming + closing, scene)


def _ends(work_through: Answer, lost: Exception, *row: Any, **seconds: float) -> None:
    jobs, scene = _work(work_through, *row, **seconds)
    if scene.raised is not lost:
        raise scene.wrong(
            f"get_job() raised {type(lost).__name__}, and your function {scene.answered()}: only a failing "
            "handle(job) is to be survived. Pass this one on."
        )
    _closed_once(jobs, scene, "When get_job() had failed")


def _stopped(jobs: Jobs, scene: Scene, cancel_at: float, doing: str, needs: float) -> None:
    went_on = [job for job, begun in jobs.handled if begun > cancel_at]
    if went_on:
        raise scene.wrong(
            f"At {cancel_at:g} s, {doing}, the worker was cancelled, and it went on with {went_on[0]}: it cannot "
            "be stopped, and whoever cancelled it waits for ever. Which `except` catches a CancelledError?"
        )
    if not scene.cancelled:
        raise scene.wrong(
            f"At {cancel_at:g} s, {doing}, the worker was cancelled; it stopped, but {scene.answered()} as if it "
            "had come to its end. After the clean-up, let CancelledError go on."
        )
    _closed_once(jobs, scene, f"When the worker was cancelled {doing}")
    if scene.ended != cancel_at + needs:
        raise scene.wrong(
            f"At {cancel_at:g} s, {doing}, the worker was cancelled, and it ended at {scene.ended:g} s: {needs:g} s "
            f"for what has to be cleaned up and closed make {cancel_at + needs:g} s. Stop at once."
        )


def _ended_at(possible: float, scene: Scene) -> None:
    if scene.ended != possible:
        raise scene.wrong(
            f"The jobs and close() took {possible:g} s, and your function {scene.ended:g} s: it waited for something "
            "else, too."
        )


def _closed_once(jobs: Jobs, scene: Scene, when: str) -> None:
    if jobs.close_called == 0:
        raise scene.wrong(f"{when}, close() never ran. Where does code stand that runs however a block is left?")
    if jobs.closing == 0:
        raise scene.wrong(f"{when}, close() was called and not awaited.")
    if jobs.closing > 1:
        raise scene.wrong(f"{when}, close() ran {jobs.closing} times. Leave it to one place.")
    if jobs.closed == 0:
        raise scene.wrong(f"{when}, close() was begun and never ended: await it.")


work_through = Exercise(
    lesson="lesson_03",
    task=f"""\
**Exercise 2: bug hunt.** This worker cannot be stopped, and may not close. Mend `work_through(get_job, handle, close)`.

```python
{inspect.getsource(as_found.work_through).strip()}
```

- It handles one job after the other, without a pause, until `await get_job()` gives None, and returns how many it
  handled.
- A job whose `handle` fails costs only itself, and is not counted. If `get_job` fails, that is the end: pass it on.
- Cancelled, it stops at once and ends cancelled.
- However it ends, `await close()` runs, once, to its end. (Nobody cancels it in there.)""",
    reference=solutions.work_through,
    grade=_grade_work_through,
    hints=[
        "Check the program as it is: it tells you at which moment it should have stopped. CancelledError is a "
        "BaseException, and no Exception: which line catches it?",
        "Put the `try` for bad jobs around `handle(job)` alone, and catch Exception there.",
        "Around the whole loop: `try:` ... `return handled`, then `finally: await close()`. No `return` in there.",
    ],
)
