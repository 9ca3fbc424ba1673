"""Exercise 1: sequential, threads, asyncio or processes: what waits, what computes, and what a start costs."""

from typing import Any

from course_lib.exercises.chance import Chance
from course_lib.exercises.framework import Answer, Exercise, Wrong, run
from course_lib.exercises.lesson_06 import solutions
from course_lib.exercises.lesson_06.works import Work

MODELS = ("sequential", "threads", "asyncio", "processes")

WORKS = [
    Work("500 requests, with aiohttp", 500, 0.2, 0.001, coroutines=True),
    Work("40 queries, with a blocking driver", 40, 0.25, 0, coroutines=False),
    Work("60 thumbnails", 60, 0, 0.5, coroutines=False),
    Work("one long report", 1, 0, 3, coroutines=False),
    Work("2,000 short sums", 2_000, 0, 0.00005, coroutines=False),
    Work("60 thumbnails, on one core", 60, 0, 0.5, coroutines=False, cores=1),
    Work("one request", 1, 2, 0, coroutines=True),
    Work("two reports, on two cores", 2, 0, 1.5, coroutines=False, cores=2),  # exactly 1.5 times as fast
    Work("12 slow queries, with a blocking driver, on 16 cores", 12, 2, 0, coroutines=False, cores=16),
]
ROUNDS = 3_000


def _grade_choose_model(choose_model: Answer) -> str:
    for work in WORKS:
        timeline = run(choose_model, work)
        _check_choice(work, timeline.result, why=True)
        if timeline.end:
            raise Wrong(
                f"To choose took {timeline.end:g} s: what it needs is in `work`, so there is nothing to wait for."
            )
    chance = Chance("choose_model")
    works = [work for work in (_drawn(chance) for _ in range(ROUNDS)) if len(work.right()) == 1]

    async def chooses(works: list[Work]) -> list[Any]:
        return [await choose_model(work) for work in works]

    for work, chosen in zip(works, run(chooses, works).result, strict=True):
        _check_choice(work, chosen)
    return "Waits, computing, how often, how many cores, and what there is a library for: you looked at all of them."


def _check_choice(work: Work, chosen: Any, *, why: bool = False) -> None:
    if chosen not in MODELS:
        raise Wrong(f"{work.name}: you returned {chosen!r:.60}; return one of {', '.join(map(repr, MODELS))}.")
    if chosen not in (right := work.right(exact=why)):
        # Of a model that is fastest, and not worth it, the other fact is to be told.
        times = " and ".join(f"{model} {work.seconds(model):g} s" for model in dict.fromkeys((chosen, right[0])))
        sequential = work.seconds("sequential")
        if "sequential" not in (chosen, right[0]):
            times += f" (sequential: {sequential:g} s)"
        told = f"{work.name}: you chose {chosen}, and {right[0]} is right: {times}."
        raise Wrong(f"{told} {work.why_not(chosen) if why else 'Count all four by the rules, and compare.'}")


def _drawn(chance: Chance) -> Work:
    """Draw a work: few or many calls, that wait, compute or both, short or long."""
    calls = chance.one_of((1, 2, 3, 5, 8, 9, 10, 11, 12, 20, 60, 500))
    waits, computes = (
        chance.one_of((0.0, 0.0, 0.001, 0.01, 0.1, 0.25, 0.5, 1.0, 3.0)) * chance.number(1, 9) for _ in "12"
    )
    coroutines, cores = chance.likely(0.5), chance.one_of((1, 2, 3, 4, 8, 16))
    name = (
        f"{calls} calls, each waits {waits:g} s and computes {computes:g} s, "
        f"{'with' if coroutines else 'without'} a coroutine function, {cores} {'core' if cores == 1 else 'cores'}"
    )
    return Work(name, calls, waits, computes, coroutines, cores)


choose_model = Exercise(
    lesson="lesson_06",
    task="""\
**Exercise 1: which model?** Write `choose_model(work)`. It returns "sequential", "threads", "asyncio" or "processes".

`work` says what is to be done: `work.calls` (how many, at least one), `work.waits` and `work.computes` (seconds, each
call), `work.coroutines` (whether there is a coroutine function for it) and `work.cores`. Count with this:

- Sequential: one call after another.
- Threads: 10 of them, and each takes the next call when it is free. Rounds count: 12 calls take two rounds, as long as
  20 do. But all the computing is done on one core: it never takes less than that altogether.
- asyncio, with a coroutine function: all calls wait at the same time, and all the computing is done on one core, one
  after another. A plain function blocks the loop: sequential.
- Processes: 0.5 s to start the pool; then rounds as with threads, with as many processes as there are cores.
- Take the fastest. What is not at least 1.5 times as fast as sequential is not worth it: "sequential". There are no
  ties.""",
    reference=solutions.choose_model,
    grade=_grade_choose_model,
    hints=[
        "What waits goes to asyncio if there are coroutines, else to threads. What computes goes to processes if there "
        "is more than one core and more work than the pool's start costs. Where it does both, count.",
        "A dictionary, model to seconds: `work.calls * (work.waits + work.computes)` is the sequential one. Threads "
        "need `math.ceil(work.calls / 10)` rounds of `work.waits + work.computes`, if that is not less than "
        "`work.calls * work.computes`.",
        "`min(seconds, key=seconds.get)` is the fastest. Is 1.5 times its seconds still within the sequential ones?",
    ],
)
