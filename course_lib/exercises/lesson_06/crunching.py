"""Exercise 2: computing that stops the event loop, and goes to the processes of a pool."""

import inspect
from concurrent.futures import ProcessPoolExecutor
from typing import Any
from unittest.mock import patch

from course_lib.exercises.framework import Answer, Exercise, Wrong
from course_lib.exercises.lesson_06 import as_found, solutions
from course_lib.exercises.lesson_06.processes import Processes
from course_lib.exercises.lesson_06.scenes import Blocking, as_given, called_itself, play, results_of
from course_lib.seeing import Timeline


def _grade_crunch_all(crunch_all: Answer) -> str:
    jobs = ["a", "b", "c", "d"]
    pool, crunch, timeline = _crunch(crunch_all, jobs)
    if crunch.calls == 0:
        raise Wrong("`crunch` was never called: hand the pool the function and the job, `crunch, job`.", timeline)
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
    as_given(found, jobs, timeline)

    # One job takes longer than those behind it.
    pool, crunch, timeline = _crunch(crunch_all, ["a", "b", "c"], a=2.0)
    as_given(results_of(timeline, 3), ["a", "b", "c"], timeline)
    _, _, timeline = _crunch(crunch_all, [])
    results_of(timeline, 0)
    return "The heart beats, both processes are busy, and the results are in order."


def _crunch(crunch_all: Answer, jobs: list[str], **seconds: float) -> tuple[Processes, Blocking, Timeline]:
    pool, crunch = Processes(2), Blocking("crunch", seconds)
    try:
        with patch.object(ProcessPoolExecutor, "__init__", _refuse):
            timeline = play(crunch_all, jobs, crunch, pool, pool="hand the jobs to `pool` itself")
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
- The heartbeat goes on, both processes are busy, and the results come back as a list, in the order of the jobs.""",
    reference=solutions.crunch_all,
    grade=_grade_crunch_all,
    hints=[
        "A coroutine function that never waits blocks the loop like any other function. Who else could do the work?",
        "`loop.run_in_executor(pool, crunch, job)` gives a future that you can await; "
        "`asyncio.get_running_loop()` gives the loop.",
        "`asyncio.gather(*futures)` awaits them all together, and returns the results in order.",
    ],
)
