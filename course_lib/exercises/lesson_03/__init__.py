"""Lesson 3: every task has an owner, and cancellation passes through."""

import inspect

from course_lib.exercises.framework import Answer, Exercise, WrongAnswer
from course_lib.exercises.lesson_03 import mistakes, solutions
from course_lib.exercises.lesson_03.scenes import CLEAN_UP, Jobs, Scene, Source, play

# Exercise 1


def _grade_fetch_or_default(fetch_or_default: Answer) -> str:
    old = "yesterday's page"

    scene = play(fetch_or_default, Source("fetch", 1, "page"), 2, old)
    if scene.result() != "page":
        raise scene.wrong(f"The page came after 1 s, within the limit of 2 s, and you returned {scene.returned!r:.60}.")
    if scene.ended != 1:
        raise scene.wrong(
            f"The page came after 1 s, and your function returned it at {scene.ended:g} s: do not wait on."
        )

    fetch = Source("fetch", 5, "page")
    scene = play(fetch_or_default, fetch, 2, old)
    if isinstance(scene.raised, TimeoutError):
        raise scene.wrong("When the time was up, your function raised TimeoutError; it should return the default then.")
    if scene.result() != old:
        raise scene.wrong(
            f"The fetch needs 5 s, the limit is 2 s, and you returned {scene.returned!r:.60}: no default."
        )
    if (fetch.begun and not fetch.cleaned_up) or scene.ended != 2 + CLEAN_UP:
        raise scene.wrong(
            f"A fetch that hangs was given up at {scene.ended:g} s: 2 s for the limit and {CLEAN_UP:g} s for its own "
            f"clean-up make {2 + CLEAN_UP:g} s. Cancel it at the limit, and let it finish its `finally`."
        )

    missing = ValueError("no such page")
    scene = play(fetch_or_default, Source("fetch", 1, missing), 2, old)
    if scene.raised is not missing:
        raise scene.wrong("The fetch raised ValueError, and your function hid it: only lateness gives the default.")

    gave_up = TimeoutError("the database gave up")
    scene = play(fetch_or_default, Source("fetch", 1, gave_up), 2, old)
    if scene.raised is not gave_up:
        raise scene.wrong(
            "The fetch itself raised TimeoutError after 1 s, long before your limit of 2 s, and you took it for your "
            "own: nobody will learn that the database gave up. Ask your limit whether it has expired."
        )

    fetch = Source("fetch", 5, "page")
    scene = play(fetch_or_default, fetch, 2, old, cancel_at=1)
    if not scene.cancelled:
        raise scene.wrong(
            f"At 1 s somebody cancelled your function, and it {_answered(scene)} instead of ending cancelled. A "
            "cancellation belongs to who asked for it: let CancelledError through."
        )
    return "In time, too late, failed, cancelled: your function tells these four ends apart."


def _answered(scene: Scene) -> str:
    return f"raised {type(scene.raised).__name__}" if scene.raised else f"returned {scene.returned!r:.60}"


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
    wrong_answers=[
        WrongAnswer(mistakes.no_limit, "you returned 'page': no default"),
        WrongAnswer(mistakes.late_is_an_error, "your function raised TimeoutError; it should return the default"),
        WrongAnswer(mistakes.any_timeout_error, "nobody will learn that the database gave up"),
        WrongAnswer(mistakes.any_exception, "The fetch raised ValueError, and your function hid it"),
        WrongAnswer(mistakes.cancelled_is_late, 'returned "yesterday\'s page" instead of ending cancelled'),
        WrongAnswer(mistakes.leaves_it_running, "this was still running: fetch"),
        WrongAnswer(mistakes.shields_it, "this was still running: fetch"),
        WrongAnswer(mistakes.sleeps_first, "your function returned it at 2 s: do not wait on"),
        WrongAnswer(mistakes.forgets_return, "Is a `return` missing?"),
    ],
)


# Exercise 2


def _grade_work_through(work_through: Answer) -> str:
    jobs, scene = _work(work_through, "job 1", "job 2", "job 3")
    if scene.result() != 3:
        raise scene.wrong(
            f"There were three good jobs, and you returned {scene.returned!r:.60}; return how many you handled."
        )
    _closed_once(jobs, scene, "When the last job was done")

    jobs, scene = _work(work_through, "job 1", "bad job", "job 3")
    if isinstance(scene.raised, ValueError):
        raise scene.wrong("One bad job ended the whole worker: the jobs after it were never handled.")
    if scene.result() != 2:
        raise scene.wrong(
            f"Two good jobs and one that failed, and you returned {scene.returned!r:.60}; count the good ones."
        )
    _closed_once(jobs, scene, "When one job had failed")

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
                f"At {cancel_at:g} s, {doing}, the worker was cancelled; it stopped, but {_answered(scene)} as if it "
                "had come to its end. After the clean-up, let CancelledError go on."
            )
        _closed_once(jobs, scene, f"When the worker was cancelled {doing}")

    lost = ConnectionError("the queue is gone")
    jobs, scene = _work(work_through, "job 1", lost, "job 2")
    if scene.raised is not lost:
        raise scene.wrong(
            "get_job() raised ConnectionError, and you went on: only a failing handle(job) is to be survived."
        )
    _closed_once(jobs, scene, "When get_job() had failed")
    return "It survives a bad job, stops when told to, and closes once however it ends."


def _work(work_through: Answer, *jobs: str | Exception, cancel_at: float | None = None) -> tuple[Jobs, Scene]:
    given = Jobs(*jobs)
    return given, play(work_through, given.get_job, given.handle, given.close, cancel_at=cancel_at)


def _closed_once(jobs: Jobs, scene: Scene, when: str) -> None:
    if jobs.closing == 0:
        raise scene.wrong(f"{when}, close() never ran. Where does code stand that runs however a block is left?")
    if jobs.closing > 1:
        raise scene.wrong(f"{when}, close() ran {jobs.closing} times. Leave it to one place.")
    if jobs.closed == 0:
        raise scene.wrong(f"{when}, close() was begun and never ended: await it.")


work_through = Exercise(
    lesson="lesson_03",
    task=f"""\
**Exercise 2: bug hunt.** This worker cannot be stopped, and may not close. Mend `work_through(get_job, handle, close)`.

```python
{inspect.getsource(mistakes.as_found).replace("as_found", "work_through").strip()}
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
    wrong_answers=[
        WrongAnswer(mistakes.as_found, "it went on with job 2: it cannot be stopped"),
        WrongAnswer(mistakes.no_finally, "When the worker was cancelled while it handled a job, close() never ran"),
        WrongAnswer(mistakes.breaks_when_cancelled, "it stopped, but returned 0 as if it had come to its end"),
        WrongAnswer(mistakes.returns_in_finally, "it stopped, but returned 0 as if it had come to its end"),
        WrongAnswer(mistakes.a_failure_ends_it, "One bad job ended the whole worker"),
        WrongAnswer(mistakes.closes_twice, "close() ran 2 times"),
        WrongAnswer(mistakes.closes_in_the_background, "this was still running: close"),
        WrongAnswer(mistakes.hides_the_end, "only a failing handle(job) is to be survived"),
        WrongAnswer(mistakes.counts_failures, "you returned 3; count the good ones"),
        WrongAnswer(mistakes.forgets_the_count, "Is a `return` missing?"),
    ],
)


# Exercise 3


def _grade_first_answer(first_answer: Answer) -> str:
    sources = [Source("source a", 3, "a"), Source("source b", 1, "b"), Source("source c", 2, "c")]
    scene = play(first_answer, sources)
    _asked_together(sources, scene)
    if scene.result() != "b":
        raise scene.wrong(f"Source b answers first, after 1 s; you returned {scene.returned!r:.60}.")
    if scene.ended != 1 + CLEAN_UP:
        raise scene.wrong(
            f"The first answer was there at 1 s, and you returned it at {scene.ended:g} s: cancel the others then. "
            f"Their clean-up takes {CLEAN_UP:g} s."
        )

    down = OSError("source b is down")
    sources = [Source("source a", 3, "a"), Source("source b", 1, down), Source("source c", 2, "c")]
    scene = play(first_answer, sources)
    if scene.raised:
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
            f"All three sources failed, and you {_answered(scene)}: raise an ExceptionGroup of their errors."
        )
    if sorted(map(str, scene.raised.exceptions)) != sorted(map(str, errors)):
        found = ", ".join(str(error) for error in scene.raised.exceptions)
        raise scene.wrong(f"All three sources failed, and your ExceptionGroup tells only of this: {found}.")

    sources = [Source("source a", 3, "a"), Source("source b", 1, "b")]
    scene = play(first_answer, sources, cancel_at=0.5)
    if not scene.cancelled:
        raise scene.wrong(
            f"At 0.5 s somebody cancelled your function, and it {_answered(scene)} instead of ending cancelled: a "
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
    wrong_answers=[
        WrongAnswer(mistakes.one_after_another, "source b was not asked at the beginning"),
        WrongAnswer(mistakes.waits_for_all, "Source b answers first, after 1 s; you returned 'a'"),
        WrongAnswer(mistakes.forgets_the_losers, "this was still running: source"),
        WrongAnswer(mistakes.cancels_and_goes, "this was still running: source a, source c"),
        WrongAnswer(mistakes.first_to_end, "Source b failed, and that ended everything"),
        WrongAnswer(mistakes.in_a_group, "Source b failed, and that ended everything"),
        WrongAnswer(mistakes.last_error_only, "you raised OSError: raise an ExceptionGroup of their errors"),
        WrongAnswer(mistakes.drops_an_error, "tells only of this: source a is down"),
        WrongAnswer(mistakes.gives_up_silently, "you returned None: raise an ExceptionGroup of their errors"),
        WrongAnswer(mistakes.cleans_up_after_success_only, "this was still running: source a, source b"),
        WrongAnswer(mistakes.treats_cancellation_as_failure, "instead of ending cancelled"),
    ],
)

EXERCISES = (fetch_or_default, work_through, first_answer)
