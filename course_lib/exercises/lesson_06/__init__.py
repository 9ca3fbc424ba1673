"""Lesson 6: waiting goes to asyncio, computing to processes, and you measure."""

import inspect
from collections.abc import Sequence
from typing import Any

from course_lib.exercises.framework import Answer, Exercise, Wrong, WrongAnswer, run
from course_lib.exercises.lesson_06 import mistakes, solutions
from course_lib.exercises.lesson_06.scenes import Blocking, Processes, Work, in_order, play, results_of
from course_lib.timeline import Timeline

# Exercise 1

MODELS = ("sequential", "threads", "asyncio", "processes")

WORKS = [
    Work("500 requests, with aiohttp", 500, 0.2, 0.001, coroutines=True),
    Work("40 queries, with a blocking driver", 40, 0.25, 0, coroutines=False),
    Work("60 thumbnails", 60, 0, 0.5, coroutines=False),
    Work("one long report", 1, 0, 3, coroutines=False),
    Work("2,000 short sums", 2_000, 0, 0.00005, coroutines=False),
    Work("60 thumbnails, on one core", 60, 0, 0.5, coroutines=False, cores=1),
    Work("one request", 1, 2, 0, coroutines=True),
]


def _grade_choose_model(choose_model: Answer) -> str:
    for work in WORKS:
        chosen, best = run(choose_model, work).result, work.best()
        if chosen not in MODELS:
            raise Wrong(f"{work.name}: you returned {chosen!r:.60}; return one of {', '.join(map(repr, MODELS))}.")
        if chosen != best:
            times = " and ".join(f"{model} {work.seconds(model):g} s" for model in (chosen, best))
            raise Wrong(f"{work.name}: you chose {chosen}, and {best} is right: {times}. {work.why_not(chosen)}")
    return "Waits, computing, how often, how many cores, and what there is a library for: you looked at all of them."


choose_model = Exercise(
    lesson="lesson_06",
    task="""\
**Exercise 1: which model?** Write `choose_model(work)`. It returns "sequential", "threads", "asyncio" or "processes".

`work` says what is to be done: `work.calls` (how many), `work.waits` and `work.computes` (seconds, each call),
`work.coroutines` (whether there is a coroutine function for it) and `work.cores`. Count with this:

- There are 10 threads. Threads, and a loop, compute on one core.
- asyncio makes all calls at once if there is a coroutine function; a plain function blocks the loop.
- A pool has a process for each core, and takes 0.5 s to start.
- What is not at least 1.5 times as fast as sequential is not worth it.""",
    reference=solutions.choose_model,
    grade=_grade_choose_model,
    hints=[
        "First ask whether there is anything to do at the same time. Then: does it mostly wait, or mostly compute?",
        "What waits goes to asyncio if there are coroutines, else to threads. What computes goes to processes if there "
        "is more than one core and more work than the pool's start costs.",
        "`work.calls * work.computes` is the computing altogether. Is it worth half a second of start-up?",
    ],
    wrong_answers=[
        WrongAnswer(mistakes.always_asyncio, "driver: you chose asyncio, and threads is right: asyncio 10 s and thr"),
        WrongAnswer(mistakes.always_threads, "10 threads wait for 10 calls at a time, tasks on a loop for all at once"),
        WrongAnswer(mistakes.async_or_processes, "no coroutine function for it, so each call blocks the loop"),
        WrongAnswer(mistakes.any_computing_to_processes, "4 calls wait at a time, for which no core is needed"),
        WrongAnswer(mistakes.threads_compute, "60 thumbnails: you chose threads, and processes is right: threads 30 s"),
        WrongAnswer(mistakes.never_counts_the_calls, "one long report: you chose processes"),
        WrongAnswer(mistakes.never_counts_the_start, "Starting the pool takes 0.5 s, all the calls together only 0.1"),
        WrongAnswer(mistakes.never_looks_at_the_cores, "On one core processes take turns, too"),
        WrongAnswer(mistakes.always_sequential, "While one call waits, nothing else happens"),
        WrongAnswer(mistakes.threads_for_every_wait, "threads 10.05 s and asyncio 0.7 s"),
        WrongAnswer(mistakes.misspells, "you returned 'process pool'; return one of 'sequential', 'threads'"),
        WrongAnswer(mistakes.forgets_return, "Is a `return` missing?"),
    ],
)


def _called_itself(function: Blocking, wrong: Wrong) -> Wrong:
    if not (function.on_loop and isinstance(wrong.error, TypeError)):
        return wrong
    return Wrong(
        f"You called `{function.__name__}` yourself, so it ran on the event loop, and gave a result where something to "
        f"await was wanted. Hand over the function and its argument, without calling it. {wrong}",
        wrong.timeline,
    )


# Exercise 2


def _grade_crunch_all(crunch_all: Answer) -> str:
    jobs = ["a", "b", "c", "d"]
    pool, crunch, timeline = _crunch(crunch_all, jobs)
    if crunch.calls == 0:
        raise Wrong("`crunch` was never called: hand the pool the function and the job, `crunch, job`.", timeline)
    if crunch.in_thread:
        raise Wrong(
            "crunch ran in a thread of this process. It takes turns with your loop there, and with the other jobs, as "
            "they share a GIL: four jobs on one core. Hand it to `pool`, whose processes have a core each.",
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
    _as_given(found, jobs, timeline)

    # One job takes longer than those behind it.
    pool, crunch, timeline = _crunch(crunch_all, ["a", "b", "c"], a=2.0)
    _as_given(results_of(timeline, 3), ["a", "b", "c"], timeline)
    _, _, timeline = _crunch(crunch_all, [])
    results_of(timeline, 0)
    return "The heart beats, both processes are busy, and the results are in order."


def _crunch(crunch_all: Answer, jobs: list[str], **seconds: float) -> tuple[Processes, Blocking, Timeline]:
    pool, crunch = Processes(2), Blocking("crunch", seconds)
    try:
        timeline = play(crunch_all, jobs, crunch, pool)
    except Wrong as wrong:
        raise _called_itself(crunch, wrong) from None
    finally:
        pool.send_home()
    if timeline.blocked:
        still = f"The heartbeat stood still for {timeline.blocked:g} s"
        if crunch.on_loop:
            why = "crunch ran on the event loop, where nothing else can run meanwhile. Hand it to the pool."
        elif pool.closed:
            why = "closing the pool waits for its jobs. Besides, it belongs to your caller: leave it open."
        else:
            why = "the jobs ran in the pool, but you waited for them without `await`, which blocks the loop."
        raise Wrong(f"{still}: {why}", timeline)
    return pool, crunch, timeline


def _closed(pool: Processes, timeline: Timeline) -> None:
    if pool.closed:
        raise Wrong("You closed the pool. It belongs to your caller, who will need it again: leave it open.", timeline)


def _as_given(found: Sequence[Any], items: list[str], timeline: Timeline) -> None:
    if found != in_order(items):
        raise Wrong(f"Return the results in the order of the items, {in_order(items)}; you returned {found}.", timeline)


crunch_all = Exercise(
    lesson="lesson_06",
    task=f"""\
**Exercise 2: bug hunt.** While this works, a heartbeat on the same loop stands still. Mend
`crunch_all(jobs, crunch, pool)`.

```python
{inspect.getsource(mistakes.as_found).replace("as_found", "crunch_all").strip()}
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
    wrong_answers=[
        WrongAnswer(mistakes.as_found, "stood still for 4 s: crunch ran on the event loop"),
        WrongAnswer(mistakes.gives_way_in_between, "crunch ran on the event loop"),
        WrongAnswer(mistakes.wraps_it_in_coroutines, "crunch ran on the event loop"),
        WrongAnswer(mistakes.to_threads, "crunch ran in a thread of this process"),
        WrongAnswer(mistakes.forgets_the_pool, "crunch ran in a thread of this process"),
        WrongAnswer(mistakes.one_after_another, "take 2 s, yours took 4 s: give all jobs to the pool before"),
        WrongAnswer(mistakes.waits_for_the_pool, "you waited for them without `await`, which blocks the loop"),
        WrongAnswer(mistakes.maps, "you waited for them without `await`, which blocks the loop"),
        WrongAnswer(mistakes.closes_the_pool, "You closed the pool"),
        WrongAnswer(mistakes.as_they_end, "Return the results in the order of the items"),
        WrongAnswer(mistakes.calls_it_first, "You called `crunch` yourself, so it ran on the event loop"),
        WrongAnswer(mistakes.never_awaits, "Your list holds futures, not results"),
        WrongAnswer(mistakes.waits_for_a_set, "Your code raised ValueError: Set of "),
    ],
)


# Exercise 3


def _grade_fetch_in_threads(fetch_in_threads: Answer) -> str:
    urls = ["/a", "/b", "/c", "/d", "/e", "/f"]
    fetch, timeline = _fetch(fetch_in_threads, Blocking("fetch", {"/a": 3}), urls, 2)
    if fetch.calls == 0:
        raise Wrong("`fetch` was never called.", timeline)
    found = results_of(timeline, len(urls))
    if fetch.peak > 2:
        raise Wrong(f"{fetch.peak} fetches were under way at the same time; the limit was 2.", timeline)
    if timeline.end > 4:
        raise Wrong(
            f"/a takes 3 s, the five others 1 s each. With two at a time that is 4 s, yours took {timeline.end:g} s: "
            "as soon as one has ended, the next should begin.",
            timeline,
        )
    _as_given(found, urls, timeline)

    many = [f"/{number}" for number in range(80)]
    fetch, timeline = _fetch(fetch_in_threads, Blocking("fetch"), many, 40)
    if timeline.end > 2:
        raise Wrong(
            f"80 fetches of 1 s, 40 at a time, take 2 s; yours took {timeline.end:g} s, with {fetch.peak} at a time. "
            "asyncio.to_thread uses the loop's own pool, which never has more than 32 threads, and on most machines "
            "fewer: make a pool of your own.",
            timeline,
        )

    broken = Blocking("fetch", None, **{"/b": OSError("no route")})
    try:
        _, timeline = _fetch(fetch_in_threads, broken, ["/a", "/b", "/c"], 3)
    except Wrong as wrong:
        if not isinstance(wrong.error, OSError):
            raise
        raise Wrong("One fetch raised OSError, and the pages of the others were lost.", wrong.timeline) from None
    if results_of(timeline, 3) != ["/a!", None, "/c!"]:
        raise Wrong(f"/b could not be fetched: return None in its place. You returned {timeline.result}.", timeline)

    bug = Blocking("fetch", None, **{"/b": TypeError("a bug")})
    try:
        _, timeline = _fetch(fetch_in_threads, bug, ["/a", "/b", "/c"], 3)
    except Wrong as wrong:
        if not isinstance(wrong.error, TypeError):
            raise
        return "As many threads as the library allows, no more and no fewer, and a loop that stays free."
    raise Wrong("fetch raised TypeError, which is a bug and no missing page, and you hid it: catch OSError.", timeline)


def _fetch(fetch_in_threads: Answer, fetch: Blocking, urls: list[str], limit: int) -> tuple[Blocking, Timeline]:
    unfollowed = (
        "You handed fetch to threads without the event loop. This check cannot follow that, and to wait for them with "
        "`map` or `result()` blocks the loop. Use `loop.run_in_executor(pool, fetch, url)`, and await that."
    )
    try:
        timeline = play(fetch_in_threads, fetch, urls, limit)
    except Wrong as wrong:
        if fetch.unfollowed:
            raise Wrong(unfollowed, wrong.timeline) from None
        raise _called_itself(fetch, wrong) from None
    still = f"The heartbeat stood still for {timeline.blocked:g} s"
    if fetch.on_loop:
        raise Wrong(f"{still}: fetch is a plain function, and ran on the event loop. Let it run in a thread.", timeline)
    if fetch.unfollowed:
        raise Wrong(unfollowed, timeline)
    if timeline.blocked:
        raise Wrong(
            f"{still}: at the end of its `with` block a pool waits for its threads, and blocks the loop. Await the "
            "results inside the block.",
            timeline,
        )
    return fetch, timeline


fetch_in_threads = Exercise(
    lesson="lesson_06",
    task="""\
**Exercise 3: a blocking library.** Write `fetch_in_threads(fetch, urls, limit)`.

- `fetch(url)` is a plain function: it blocks while it waits, and there is no coroutine function for it.
- At most `limit` fetches are under way at the same time, and as many as that while there are enough. `limit` may be 40.
- Return a list of the pages in the order of the URLs. Where fetch raises OSError, None stands in its place.
- Any other exception goes to your caller.
- The loop stays free: a heartbeat on it goes on.""",
    reference=solutions.fetch_in_threads,
    grade=_grade_fetch_in_threads,
    hints=[
        "`asyncio.to_thread` uses a pool that all of the program shares; its size depends on the machine.",
        "`ThreadPoolExecutor(limit)` is a pool of your own: `loop.run_in_executor(pool, fetch, url)` gives a future. "
        "The pool is the limit.",
        "Write a coroutine for one URL: `try: return await loop.run_in_executor(...)`, `except OSError: return None`. "
        "Gather these inside `with ThreadPoolExecutor(limit) as pool:`.",
    ],
    wrong_answers=[
        WrongAnswer(mistakes.on_the_loop, "stood still for 8 s: fetch is a plain function, and ran on the event loop"),
        WrongAnswer(mistakes.awaits_a_plain_function, "You called `fetch` yourself, so it ran on the event loop"),
        WrongAnswer(mistakes.no_limit, "6 fetches were under way at the same time; the limit was 2"),
        WrongAnswer(mistakes.a_thread_for_each, "6 fetches were under way at the same time; the limit was 2"),
        WrongAnswer(mistakes.one_at_a_time, "yours took 8 s: as soon as one has ended, the next should begin"),
        WrongAnswer(mistakes.in_batches, "yours took 5 s: as soon as one has ended, the next should begin"),
        WrongAnswer(mistakes.the_loops_own_pool, "with 32 at a time. asyncio.to_thread uses the loop's own pool"),
        WrongAnswer(mistakes.a_failure_loses_all, "One fetch raised OSError, and the pages of the others were lost"),
        WrongAnswer(mistakes.returns_the_exceptions, "/b could not be fetched: return None in its place"),
        WrongAnswer(mistakes.hides_bugs, "which is a bug and no missing page, and you hid it"),
        WrongAnswer(mistakes.in_order_of_arrival, "Return the results in the order of the items"),
        WrongAnswer(mistakes.waits_for_the_threads, "You handed fetch to threads without the event loop"),
        WrongAnswer(mistakes.leaves_the_block_early, "Await the results inside the block"),
        WrongAnswer(mistakes.sleeps_instead, "yours took 8 s"),
    ],
)

EXERCISES = (choose_model, crunch_all, fetch_in_threads)
