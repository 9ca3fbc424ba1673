"""Exercise 1: sequential, threads, asyncio or processes: what waits, what computes, and what a start costs."""

from course_lib.exercises.framework import Answer, Exercise, Wrong, run
from course_lib.exercises.lesson_06 import solutions
from course_lib.exercises.lesson_06.scenes import Work

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
)
