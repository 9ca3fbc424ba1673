"""Exercise 2: computing that stops the event loop, and goes to the processes of a pool."""

import inspect
from concurrent.futures import ProcessPoolExecutor
from typing import Any
from unittest.mock import patch

from course_lib.exercises.chance import KINDS, Chance
from course_lib.exercises.framework import Answer, Exercise, Wrong
from course_lib.exercises.lesson_06 import as_found, solutions
from course_lib.exercises.lesson_06.processes import Processes
from course_lib.exercises.lesson_06.scenes import (
    Blocking,
    End,
    as_given,
    called_itself,
    came,
    never_called,
    play,
    play_to_the_end,
    results_of,
)
from course_lib.seeing import Timeline

ROUNDS = 15
HAND_OVER = "hand the jobs to `pool` itself"


def _grade_crunch_all(crunch_all: Answer) -> str:
    jobs = ["a", "b", "c", "d"]
    pool, crunch, timeline = _crunch(crunch_all, jobs, Blocking("crunch"))
    if crunch.calls == 0:
        raise never_called(crunch, timeline, ": hand the pool the function and the job, `crunch, job`.")
    if crunch.in_thread:
        raise Wrong(
            "crunch ran in a thread of this process. Threads share one GIL: the jobs would take turns with each other "
            "and with your loop, on one core, and the picture, where they overlap, would not come true. Hand it to "
            "`pool`, whose processes have a GIL each.",
            timeline,
        )
    found = results_of(timeline, len(jobs))
    if timeline.end > 2:
        raise Wrong(
            f"Four jobs of 1 s in two processes take 2 s, yours took {timeline.end:g} s: give all jobs to the pool "
            "before you await the first.",
            timeline,
        )
    _closed(pool, timeline)
    as_given(found, crunch.wanted(jobs), timeline)

    # One job takes longer than those behind it.
    _check_jobs(crunch_all, ["a", "b", "c"], Blocking("crunch", {"a": 2.0}))
    _check_jobs(crunch_all, [], Blocking("crunch"))
    _check_jobs(crunch_all, ["a", "b", "c", "d"], Blocking("crunch", {"a": 3.0}))
    chance = Chance("crunch_all")
    for _ in range(ROUNDS):
        jobs = [chance.one_of("abcdefgh") for _ in range(chance.number(0, 7))]  # the same job may come again
        seconds = {job: chance.seconds(0.25, 3) for job in "abcdefgh"}
        answers = {job: chance.value(f"{job}!") for job in "abcdefgh"}
        _check_jobs(crunch_all, jobs, Blocking("crunch", seconds, answers))
    for kind in KINDS:
        error = kind("cannot be computed")
        end = _end(crunch_all, ["a", "b", "c"], Blocking("crunch", None, {"b": error}))
        if not came(error, end.raised):
            raise Wrong(
                f"crunch raised {kind.__name__}, and your function {end.answered()}: what it raises goes to your "
                "caller.",
                end.timeline,
            )
    end = _end(crunch_all, ["a", "b", "c"], Blocking("crunch"), cancel_at=0.5)
    if not end.cancelled or end.at != 0.5:
        raise Wrong(
            f"Cancelled at 0.5 s, your function {end.answered()} at {end.at:g} s: let CancelledError through at once.",
            end.timeline,
        )
    return "The heart beats, both processes are busy, and the results are in order."


def _check_jobs(crunch_all: Answer, jobs: list[str], crunch: Blocking) -> None:
    pool, crunch, timeline = _crunch(crunch_all, jobs, crunch)
    as_given(results_of(timeline, len(jobs)), crunch.wanted(jobs), timeline)
    if idle := crunch.idle(2):
        raise Wrong(
            f"{len(jobs)} jobs, some longer than others: for {idle:g} s a process had nothing to do while a job had "
            "yet to begin. Give all jobs to the pool at once; it hands out the next when one has ended.",
            timeline,
        )
    _closed(pool, timeline)


def _end(crunch_all: Answer, jobs: list[str], crunch: Blocking, cancel_at: float | None = None) -> End:
    pool = Processes(2)
    try:
        with patch.object(ProcessPoolExecutor, "__init__", _refuse):
            return play_to_the_end(crunch_all, jobs, crunch, pool, pool=HAND_OVER, cancel_at=cancel_at)
    finally:
        pool.send_home()


def _crunch(crunch_all: Answer, jobs: list[str], crunch: Blocking) -> tuple[Processes, Blocking, Timeline]:
    pool = Processes(2)
    try:
        with patch.object(ProcessPoolExecutor, "__init__", _refuse):
            timeline = play(crunch_all, jobs, crunch, pool, pool=HAND_OVER)
    except Wrong as wrong:
        raise called_itself(crunch, wrong) from None
    finally:
        pool.send_home()
    if timeline.blocked and (crunch.on_loop or not crunch.in_thread):
        still = f"The heartbeat stood still for {timeline.blocked:g} s"
        if crunch.on_loop:
            why = "crunch ran on the event loop, where nothing else can run meanwhile. Hand it to the pool."
        elif pool.closed:
            why = "closing the pool waits for its jobs. Besides, it belongs to your caller: leave it open."
        else:
            why = "the jobs ran in the pool, but you waited for them without `await`, which blocks the loop."
        raise Wrong(f"{still}: {why}", timeline)
    return pool, crunch, timeline


def _refuse(*_: Any, **__: Any) -> None:
    raise Wrong("You made a pool of your own. Use `pool`, which is your caller's, and has been started already.")


def _closed(pool: Processes, timeline: Timeline) -> None:
    if pool.closed:
        raise Wrong("You closed the pool. It belongs to your caller, who will need it again: leave it open.", timeline)


crunch_all = Exercise(
    lesson="lesson_06",
    task=f"""\
**Exercise 2: bug hunt.** While this works, a heartbeat on the same loop stands still. Mend
`crunch_all(jobs, crunch, pool)`.

```python
{inspect.getsource(as_found.crunch_all).strip()}
```

- `crunch(job)` is a plain function that computes for a second and returns a result.
- `pool` is a `ProcessPoolExecutor` with two processes. It is your caller's: do not close it.
- The heartbeat goes on, both processes are busy, and the results come back as a list, in the order of the jobs.
- What `crunch` raises goes to your caller.""",
    reference=solutions.crunch_all,
    grade=_grade_crunch_all,
    hints=[
        "A coroutine function that never waits blocks the loop like any other function. Who else could do the work?",
        "`loop.run_in_executor(pool, crunch, job)` gives a future that you can await; "
        "`asyncio.get_running_loop()` gives the loop.",
        "`asyncio.gather(*futures)` awaits them all together, and returns the results in order.",
    ],
)
