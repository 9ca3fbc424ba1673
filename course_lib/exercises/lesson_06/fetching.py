"""Exercise 3: a library that blocks, in as many threads as it allows, while the loop stays free."""

from course_lib.exercises.framework import Answer, Exercise, Wrong
from course_lib.exercises.lesson_06 import solutions
from course_lib.exercises.lesson_06.scenes import Blocking, as_given, called_itself, play, results_of
from course_lib.seeing import Timeline


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
    as_given(found, urls, timeline)

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
    try:
        timeline = play(fetch_in_threads, fetch, urls, limit, pool="make one of your own")
    except Wrong as wrong:
        raise called_itself(fetch, wrong) from None
    still = f"The heartbeat stood still for {timeline.blocked:g} s"
    if fetch.on_loop:
        raise Wrong(f"{still}: fetch is a plain function, and ran on the event loop. Let it run in a thread.", timeline)
    if timeline.blocked:
        raise Wrong(
            f"{still}: who waits for threads by `map`, by `result()` or by the end of the pool's `with` block, blocks "
            "the loop. Use `loop.run_in_executor(pool, fetch, url)`, and await the results inside the block.",
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
)
