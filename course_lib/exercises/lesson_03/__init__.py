"""Lesson 3: every task has an owner, and cancellation passes through."""

import inspect
from typing import Any

from course_lib.exercises.framework import Answer, Exercise
from course_lib.exercises.lesson_03 import as_found, solutions
from course_lib.exercises.lesson_03.scenes import BAD, CLEAN_UP, Jobs, Scene, Source, play, used_uncalled

# Exercise 1


def _grade_fetch_or_default(fetch_or_default: Answer) -> str:
    old = "yesterday's page"

    fetch = Source("fetch", 1, "page")
    scene = play(fetch_or_default, fetch, 2, old)
    _called("fetch", [fetch], scene)
    if scene.result() != "page":
        raise scene.wrong(f"The page came after 1 s, within the limit of 2 s, and you returned {scene.returned!r:.60}.")
    if scene.ended != 1:
        raise scene.wrong(
            f"The page came after 1 s, and your function returned it at {scene.ended:g} s: do not wait on."
        )

    for seconds in (2, 3):
        fetch = Source("fetch", 5, "page")
        scene = play(fetch_or_default, fetch, seconds, old)
        if isinstance(scene.raised, TimeoutError):
            raise scene.wrong(
                "When the time was up, your function raised TimeoutError; it should return the default then."
            )
        if scene.result() != old:
            raise scene.wrong(
                f"The fetch needs 5 s, the limit is {seconds} s, and you returned {scene.returned!r:.60}: no default."
            )
        if (fetch.begun and not fetch.cleaned_up) or scene.ended != seconds + CLEAN_UP:
            raise scene.wrong(
                f"With a limit of {seconds} s, a fetch that hangs was given up at {scene.ended:g} s: {seconds} s for "
                f"the limit and {CLEAN_UP:g} s for its own clean-up make {seconds + CLEAN_UP:g} s. Cancel it after "
                "`seconds`, and let it finish its `finally`."
            )

    missing = ValueError("no such page")
    scene = play(fetch_or_default, Source("fetch", 1, missing), 2, old)
    _raised_own(missing, scene, "The fetch raised ValueError, and you hid it: only lateness gives the default.")

    gave_up = TimeoutError("the database gave up")
    scene = play(fetch_or_default, Source("fetch", 1, gave_up), 2, old)
    _raised_own(
        gave_up,
        scene,
        "The fetch itself raised TimeoutError after 1 s, long before your limit of 2 s, and you took it for your "
        "own: nobody will learn that the database gave up. Ask your limit whether it has expired.",
    )

    for cancel_at, doing in [(1, "in the middle of the fetch"), (2.2, "in the clean-up of a fetch that was too late")]:
        scene = play(fetch_or_default, Source("fetch", 5, "page"), 2, old, cancel_at=cancel_at)
        if not scene.cancelled:
            raise scene.wrong(
                f"At {cancel_at:g} s, {doing}, somebody cancelled your function, and it {scene.answered()} instead of "
                "ending cancelled. A cancellation belongs to who asked for it: let CancelledError through."
            )
    return "In time, too late, failed, cancelled: your function tells these four ends apart."


def _called(name: str, sources: list[Source], scene: Scene) -> None:
    if any(source.called for source in sources):
        return
    if "Source.__call__() takes" in str(scene.raised):
        raise scene.wrong(f"`{name}` takes no argument: call it without, `{name}()`.")
    # An error of another kind came before the call, and is the thing to tell.
    if scene.raised is None or used_uncalled(Source, scene.raised):
        raise scene.wrong(f"`{name}` is a function, and you never called it. To start it, call it: `{name}()`.")


def _raised_own(error: Exception, scene: Scene, hidden: str) -> None:
    if scene.raised is None:
        raise scene.wrong(hidden)
    if scene.raised is not error:
        another = "another " if type(scene.raised) is type(error) else ""
        raise scene.wrong(
            f"The fetch raised {type(error).__name__}, and you raised {another}{type(scene.raised).__name__} instead "
            "of it: raise the fetch's own exception."
        )


fetch_or_default = Exercise(
    lesson="lesson_03",
    task="""\
**Exercise 1: late, failed or cancelled?** Write `fetch_or_default(fetch, seconds, default)`.

- Return what `await fetch()` returns, as soon as it does.
- After `seconds` without an answer, give the fetch up and return `default`. By then the fetch has cleaned up.
- An exception that the fetch raises goes to your caller. It may be a TimeoutError of its own.
- Your caller may cancel you at any time. Then you end cancelled, and so has the fetch.""",
    reference=solutions.fetch_or_default,
    grade=_grade_fetch_or_default,
    hints=[
        "`asyncio.timeout(seconds)` cancels what is inside its block, waits for its end, and raises TimeoutError.",
        "A TimeoutError that reaches you may be the limit's or the fetch's. `async with asyncio.timeout(...) as limit` "
        "gives you someone to ask.",
        "`except TimeoutError:` `if limit.expired(): return default`, else `raise`. Catch nothing else.",
    ],
)


# Exercise 2


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
            f"There were three good jobs, and you returned {scene.returned!r:.60}; return how many you handled."
        )
    _closed_once(jobs, scene, "When the last job was done")

    jobs, scene = _work(work_through, 0, 1)
    if scene.result() != 2:
        raise scene.wrong(
            f"There were two good jobs, 0 and 1, and you returned {scene.returned!r:.60}: only None ends the work, and "
            "0 is not None."
        )

    jobs, scene = _work(work_through, "job 1", *BAD, "job 4")
    if isinstance(scene.raised, tuple(BAD.values())):
        raise scene.wrong(
            f"One bad job ended the whole worker: its handle raised {type(scene.raised).__name__}, and the jobs after "
            "it were never handled."
        )
    if scene.result() != 2:
        raise scene.wrong(
            f"Two good jobs and two that failed, and you returned {scene.returned!r:.60}; count the good ones."
        )
    _closed_once(jobs, scene, "When two jobs had failed")

    for cancel_at, doing in [(2, "while it handled a job"), (3.5, "while it waited for a job")]:
        jobs, scene = _work(work_through, "job 1", "job 2", "job 3", cancel_at=cancel_at)
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

    for lost in (ConnectionError("the queue is gone"), ValueError("no such queue")):
        jobs, scene = _work(work_through, "job 1", lost, "job 2")
        if scene.raised is not lost:
            raise scene.wrong(
                f"get_job() raised {type(lost).__name__}, and your function {scene.answered()}: only a failing "
                "handle(job) is to be survived. Pass this one on."
            )
        _closed_once(jobs, scene, "When get_job() had failed")
    return "It survives a bad job, stops when told to, and closes once however it ends."


def _work(work_through: Answer, *jobs: Any, cancel_at: float | None = None) -> tuple[Jobs, Scene]:
    given = Jobs(*jobs)
    return given, play(work_through, given.get_job, given.handle, given.close, cancel_at=cancel_at)


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

- It handles one job after the other until `await get_job()` gives None, and returns how many it handled.
- A job whose `handle` fails costs only itself, and is not counted. If `get_job` fails, that is the end: pass it on.
- Cancelled, it stops at once and ends cancelled.
- However it ends, `await close()` runs, once, to its end.""",
    reference=solutions.work_through,
    grade=_grade_work_through,
    hints=[
        "Check the program as it is: it tells you at which moment it should have stopped. CancelledError is a "
        "BaseException, and no Exception: which line catches it?",
        "Put the `try` for bad jobs around `handle(job)` alone, and catch Exception there.",
        "Around the whole loop: `try:` ... `return handled`, then `finally: await close()`. No `return` in there.",
    ],
)


# Exercise 3


def _grade_first_answer(first_answer: Answer) -> str:
    sources = [Source("source a", 3, "a"), Source("source b", 1, "b"), Source("source c", 2, "c")]
    scene = play(first_answer, sources)
    _called("source", sources, scene)
    answer = scene.result()
    _asked_together(sources, scene)
    if answer != "b":
        raise scene.wrong(f"Source b answers first, after 1 s; you returned {scene.returned!r:.60}.")
    if scene.ended != 1 + CLEAN_UP:
        raise scene.wrong(
            f"The first answer was there at 1 s, and you returned it at {scene.ended:g} s: cancel the others then. "
            f"Their clean-up takes {CLEAN_UP:g} s."
        )

    down = OSError("source b is down")
    sources = [Source("source a", 3, "a"), Source("source b", 1, down), Source("source c", 2, "c")]
    scene = play(first_answer, sources)
    if scene.raised is down or isinstance(scene.raised, BaseExceptionGroup):
        raise scene.wrong("Source b failed, and that ended everything: source c had a good answer a second later.")
    if scene.result() != "c":
        raise scene.wrong(f"Source b fails, so source c answers first; you returned {scene.returned!r:.60}.")

    errors = [OSError(f"source {name} is down") for name in "abc"]
    sources = [
        Source(f"source {name}", wait, error) for name, wait, error in zip("abc", (3, 1, 2), errors, strict=True)
    ]
    scene = play(first_answer, sources)
    if not isinstance(scene.raised, BaseExceptionGroup):
        raise scene.wrong(
            f"All three sources failed, and you {scene.answered()}: raise an ExceptionGroup of their errors."
        )
    if sorted(map(str, scene.raised.exceptions)) != sorted(map(str, errors)):
        found = ", ".join(str(error) for error in scene.raised.exceptions)
        raise scene.wrong(f"All three sources failed, and your ExceptionGroup tells only of this: {found}.")

    sources = [Source("source a", 3, "a"), Source("source b", 1, "b")]
    scene = play(first_answer, sources, cancel_at=0.5)
    if not scene.cancelled:
        raise scene.wrong(
            f"At 0.5 s somebody cancelled your function, and it {scene.answered()} instead of ending cancelled: a "
            "CancelledError is no answer and no failure of a source."
        )
    return "The first success wins, failures are kept until they matter, and nobody is left running."


def _asked_together(sources: list[Source], scene: Scene) -> None:
    for source in sources:
        if source.begun != [0]:
            raise scene.wrong(f"{source.name} was not asked at the beginning: start all of them before you await one.")


first_answer = Exercise(
    lesson="lesson_03",
    task="""\
**Exercise 3: the first answer wins.** Write `first_answer(sources)`.

- `sources` is a list of coroutine functions without parameters. Ask all of them at the same time.
- Return the first answer that arrives. A source that fails is no answer: another one may still succeed.
- If all of them fail, raise an ExceptionGroup that holds all of their exceptions.
- When you end, also because you were cancelled, no source is running any more: cancel the others and await them.""",
    reference=solutions.first_answer,
    grade=_grade_first_answer,
    hints=[
        "Make a task of each source. `asyncio.as_completed(tasks)` gives them in the order in which they end.",
        "`try: return await finished`, `except Exception as error:` keep the error and look at the next. After the "
        "loop, `raise ExceptionGroup('no source answered', errors)`.",
        "Around it all: `finally:` cancel every task, then `await asyncio.gather(*tasks, return_exceptions=True)`.",
    ],
)

EXERCISES = (fetch_or_default, work_through, first_answer)
