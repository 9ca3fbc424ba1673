"""Exercise 2: `queue.join()` after the death of a worker, because nobody owns the workers."""

import asyncio
import inspect
from collections.abc import Mapping, Sequence
from heapq import heapify, heapreplace
from math import inf
from typing import Any

from course_lib.exercises.chance import KINDS, Chance, Unreadable
from course_lib.exercises.framework import Answer, Exercise, Wrong, describe_raised, leaves
from course_lib.exercises.lesson_07b import as_found, solutions
from course_lib.exercises.ordering import in_every_order
from course_lib.exercises.playing import Scene, play
from course_lib.seeing import span

ROUNDS = 25
VALUES: tuple[Any, ...] = (0, "", False, None, (), "job", 1.5)  # each is only one thing, so that it is found by `is`


class Handling:
    """A way to handle jobs, which are numbered: each takes its seconds and may fail; what was done is noted.

    jobs: as many of them as `seconds` has
    failures: by number
    clean_up: seconds that a job which is cancelled needs
    """

    def __init__(
        self, seconds: Sequence[float], failures: Mapping[int, Exception] | None = None, clean_up: float = 0
    ) -> None:
        self.seconds, self.failures, self.clean_up = seconds, failures or {}, clean_up
        self.jobs: list[Any] = [f"job {number}" for number in range(len(seconds))]
        self.begun: list[int] = []
        self.handled: list[int] = []
        self.busy = self.peak = 0
        self.failed: list[int] = []
        self.failed_at = inf
        self.last_begun = 0.0
        self.begun_after = ""  # a job that was begun later than another had failed

    async def __call__(self, job: Any) -> None:
        """Handle one job."""
        places = [number for number, each in enumerate(self.jobs) if each is job]
        if not places:
            raise Wrong(f"You called handle({job!r:.40}), which is no job.")
        number = places[0]
        if number in self.begun:
            raise Wrong(f"{job!r} was handled twice: what one worker has taken must be gone for the others.")
        now = asyncio.get_running_loop().time()
        if now > self.failed_at:
            self.begun_after = self.begun_after or f"{job!r}"
        self.begun.append(number)
        self.last_begun = now
        self.busy += 1
        self.peak = max(self.peak, self.busy)
        try:
            with span(f"handle {number}"):
                try:
                    await asyncio.sleep(self.seconds[number])
                except asyncio.CancelledError:
                    await asyncio.sleep(self.clean_up)
                    raise
            if number in self.failures:
                self.failed.append(number)
                self.failed_at = min(self.failed_at, asyncio.get_running_loop().time())
                raise self.failures[number]
            self.handled.append(number)
        finally:
            self.busy -= 1


def _times(seconds: Sequence[float], workers: int) -> list[tuple[float, float]]:
    """Return from when to when each job is at work, when whoever is free takes the next."""
    free = [0.0] * workers
    heapify(free)
    times = []
    for each in seconds:
        begin = free[0]
        heapreplace(free, begin + each)
        times.append((begin, begin + each))
    return times


def _played(work_off: Answer, handling: Handling, workers: int, cancel_at: float | None = None) -> Scene:
    given = list(handling.jobs)
    try:
        scene = play(work_off, given, handling, workers, cancel_at=cancel_at)
    except Wrong as wrong:
        if handling.failed and "had not ended" in str(wrong):
            raise Wrong(
                "A job failed, and after 60 s your function still waits: a worker died of it, and nobody noticed. (A "
                "`queue.join()` waits for ever for its task_done().) Who owns the workers?",
                wrong.timeline,
            ) from None
        if "had not ended" in str(wrong) and len(handling.handled) == len(handling.jobs):
            raise Wrong(
                "All jobs were done, and after 60 s your function still waits: for whom?", wrong.timeline
            ) from None
        raise
    for each in leaves(scene.raised):
        if isinstance(each, Wrong):
            raise scene.wrong(str(each))
    if len(given) != len(handling.jobs):
        raise scene.wrong(
            f"The list `jobs` had {len(handling.jobs)} jobs, and has {len(given)} now: it is the caller's, leave it as "
            "it is."
        )
    if handling.peak > workers:
        raise scene.wrong(f"{handling.peak} jobs were handled at one time; at most {workers} should be.")
    if handling.begun != sorted(handling.begun):
        raise scene.wrong("Take the jobs in the order of the list.")
    return scene


def _check_done(work_off: Answer, handling: Handling, workers: int) -> None:
    scene = _played(work_off, handling, workers)
    count, times = scene.result(), _times(handling.seconds, workers)
    if len(handling.handled) < len(handling.jobs):
        none = " One job is None: a job may be any value." if None in handling.jobs else ""
        raise scene.wrong(f"{len(handling.handled)} of {len(handling.jobs)} jobs were done when you returned.{none}")
    if count != len(handling.jobs) or isinstance(count, bool):
        raise scene.wrong(f"{len(handling.jobs)} jobs were done; you returned {count!r:.60}.")
    end = max((end for _, end in times), default=0)
    if scene.ended > end:
        raise scene.wrong(
            f"{len(handling.jobs)} jobs and {workers} workers: you took {scene.ended:g} s for what {end:g} s can do. "
            "As long as jobs are left, nobody is idle, and when the last is done, you are."
        )


def _check_failed(work_off: Answer, handling: Handling, workers: int) -> None:
    scene = _played(work_off, handling, workers)
    times = _times(handling.seconds, workers)
    at = min(times[number][1] for number in handling.failures)
    if not handling.failed:  # it stopped before, and not by that job
        raise scene.wrong(describe_raised(scene.raised) if scene.raised else f"At {scene.ended:g} s you stopped: why?")
    failure = handling.failures[handling.failed[0]]
    kind = type(failure).__name__
    if scene.cancelled or not scene.raised:
        raise scene.wrong(f"A job raised {kind}, and your function {scene.answered()}: that failure must come out.")
    if not set(leaves(scene.raised)) <= set(handling.failures.values()):
        raise scene.wrong(f"A job raised {kind}, and out came something else: {describe_raised(scene.raised)}")
    if failure not in set(leaves(scene.raised)):
        raise scene.wrong(f"The first job that failed raised {kind}; your function {scene.answered()}.")
    if handling.begun_after:
        raise scene.wrong(f"A job failed at {at:g} s, and {handling.begun_after} was begun after that: stop then.")
    # A job that is begun at the moment of the failure is cancelled in that moment, and cleans up.
    under_way = handling.last_begun == at or any(begin < at < end for begin, end in times)
    if scene.ended > at + (handling.clean_up if under_way else 0):
        clean_up = f", and need {handling.clean_up:g} s to clean up" if handling.clean_up else ""
        raise scene.wrong(
            f"A job failed at {at:g} s, and your function ended at {scene.ended:g} s: the jobs under way are to be "
            f"cancelled then{clean_up}."
        )


def _check_cancelled(work_off: Answer, handling: Handling, workers: int, cancel_at: float) -> None:
    scene = _played(work_off, handling, workers, cancel_at)
    if not scene.cancelled:
        raise scene.wrong(
            f"Cancelled at {cancel_at:g} s, your function {scene.answered()}: let CancelledError through."
        )
    if scene.ended > cancel_at + handling.clean_up:
        raise scene.wrong(f"Cancelled at {cancel_at:g} s, your function ended at {scene.ended:g} s: stop at once.")


def _grade_work_off(work_off: Answer) -> str:
    _check_done(work_off, Handling([1, 1, 1, 1, 1]), 2)
    _check_failed(work_off, Handling([1, 1, 1, 2, 1, 1], {2: ValueError("job 2 cannot be done")}), 2)
    _check_done(work_off, Handling([5, 1, 1, 1, 1]), 2)
    _check_done(work_off, Handling([]), 2)
    _check_done(work_off, Handling([1]), 3)
    _check_done(work_off, Handling([35, 1]), 2)  # a job may take its time
    for kind in KINDS:
        _check_failed(work_off, Handling([0.75, 1, 3, 3], {1: kind("no")}, clean_up=0.5), 3)
    _check_failed(work_off, Handling([1], {0: OSError("no")}), 1)
    _check_cancelled(work_off, Handling([2, 2, 2], clean_up=0.5), 2, 1)
    chance = Chance("work_off")
    for _ in range(ROUNDS):
        jobs = chance.some(VALUES, chance.number(1, len(VALUES)))
        seconds = [chance.number(1, 8) / 4 + number / 64 for number in range(len(jobs))]
        workers, tidy = chance.number(1, 4), chance.number(0, 3) / 4
        handling = Handling(seconds)
        handling.jobs = jobs
        _check_done(work_off, handling, workers)
        failing = {number: chance.failure("a job") for number in range(len(seconds)) if chance.likely(0.3)}
        if failing:
            _check_failed(work_off, Handling(seconds, failing, tidy), workers)
        _check_cancelled(work_off, Handling(seconds, clean_up=tidy), workers, chance.number(0, 1) / 8 + 1 / 128)
    _check_orders(work_off)
    return "Jobs that can be done are done; one that cannot is heard of at once, and nobody is left waiting."


def _check_orders(work_off: Answer) -> None:
    def make() -> tuple[Handling, list[Any]]:
        handling = Handling([1, 1, 1, 1], {1: Unreadable("no")})
        return handling, [list(handling.jobs), handling, 2]

    def check(scene: Scene, handling: Handling) -> None:
        if handling.failed and not any(each is handling.failures[1] for each in leaves(scene.raised)):
            raise scene.wrong(f"a job fails, and your function {scene.answered()}.")

    in_every_order(work_off, make, check)

    def stops(scene: Scene, handling: Handling) -> None:
        if not scene.cancelled and not handling.failed and len(handling.handled) < 4:
            raise scene.wrong(f"your function {scene.answered()}.")

    in_every_order(work_off, make, stops, cancel_at=1)


work_off = Exercise(
    lesson="lesson_07b",
    task=f"""\
**Exercise 2: it hangs.** Mend `work_off(jobs, handle, workers)`.

```python
{inspect.getsource(as_found.work_off).strip()}
```

- `await handle(job)` does one job of the list `jobs`; a job may be any value. Take them in their order, never more than
  `workers` at one time, and nobody is idle while jobs are left. Return how many jobs there were, when all are done.
  Leave `jobs` as it is.
- The first job that fails ends everything: those under way are cancelled, no other is begun, and when they have ended,
  its failure comes out, alone or in a group.
- Cancelled, you stop at once. However you end, nothing is left running.""",
    reference=solutions.work_off,
    grade=_grade_work_off,
    hints=[
        "Check it as it is: who notices that a worker has died?",
        "A `TaskGroup` owns its tasks: when one fails, it cancels the others, and the body of its block with them.",
        "`async with asyncio.TaskGroup() as group:` around everything from `tasks = ...` on; make the workers with "
        "`group.create_task`. The last three lines stay as they are, one step further in.",
    ],
)
