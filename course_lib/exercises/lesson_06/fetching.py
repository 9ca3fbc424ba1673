"""Exercise 3: a library that blocks, in as many threads as it allows, while the loop stays free."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from course_lib.exercises.chance import KINDS, Chance
from course_lib.exercises.framework import Answer, Exercise, Wrong
from course_lib.exercises.lesson_06 import solutions
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
    running_loop,
)
from course_lib.seeing import Timeline

ROUNDS = 15
MISSING = (OSError, ConnectionError, TimeoutError, PermissionError, FileNotFoundError)
OWN = "make one of your own"
LEAVE = "Leave your pool by `pool.shutdown(wait=False, cancel_futures=True)`, in a `finally:`."


def _grade_fetch_in_threads(fetch_in_threads: Answer) -> str:
    urls = ["/a", "/b", "/c", "/d", "/e", "/f"]
    fetch, timeline = _fetch(fetch_in_threads, Blocking("fetch", {"/a": 3}), urls, 2)
    if fetch.calls == 0:
        raise never_called(fetch, timeline, ": hand it to the threads of a pool.")
    found = results_of(timeline, len(urls))
    if fetch.peak > 2:
        raise Wrong(f"{fetch.peak} fetches were under way at the same time; the limit was 2.", timeline)
    if timeline.end > 4:
        raise Wrong(
            f"/a takes 3 s, the five others 1 s each. With two at a time that is 4 s, yours took {timeline.end:g} s: "
            "as soon as one has ended, the next should begin.",
            timeline,
        )
    as_given(found, fetch.wanted(urls), timeline)

    many = [f"/{number}" for number in range(80)]
    fetch, timeline = _fetch(fetch_in_threads, Blocking("fetch"), many, 40)
    if timeline.end > 2:
        raise Wrong(
            f"80 fetches of 1 s, 40 at a time, take 2 s; yours took {timeline.end:g} s, with {fetch.peak} at a time. "
            "asyncio.to_thread uses the loop's own pool, which never has more than 32 threads, and on most machines "
            "fewer: make a pool of your own.",
            timeline,
        )

    for missing in MISSING:
        _check_missing(fetch_in_threads, missing("no route"))
    chance = Chance("fetch_in_threads")
    for _ in range(ROUNDS):
        _check_drawn(fetch_in_threads, chance)
    for kind in (TypeError, *(each for each in KINDS if not issubclass(each, OSError))):
        bug = kind("a bug")
        fetch = Blocking("fetch", {"/a": 3}, {"/b": bug})
        end = _end(fetch_in_threads, fetch, f"raised {kind.__name__}, which is no OSError,")
        if not came(bug, end.raised):
            raise Wrong(
                f"fetch raised {kind.__name__}, which is a bug and no missing page, and you hid it: catch OSError.",
                end.timeline,
            )
        _check_left(end, fetch, 1, f"A fetch raised {kind.__name__} at 1 s")
    fetch = Blocking("fetch", {"/a": 3})
    end = _end(fetch_in_threads, fetch, "was under way when your function was cancelled", cancel_at=0.5)
    if not end.cancelled:
        raise Wrong(f"Cancelled at 0.5 s, your function {end.answered()}: let CancelledError through.", end.timeline)
    _check_left(end, fetch, 0.5, "Your function was cancelled at 0.5 s")
    return "As many threads as the library allows, no more and no fewer, and a loop that stays free to the end."


def _check_missing(fetch_in_threads: Answer, error: OSError) -> None:
    kind = type(error).__name__
    try:
        _, timeline = _fetch(fetch_in_threads, Blocking("fetch", None, {"/b": error}), ["/a", "/b", "/c"], 3)
    except Wrong as wrong:
        if not came(error, wrong.error):
            raise
        of = "," if kind == "OSError" else ", which is an OSError,"
        raise Wrong(f"One fetch raised {kind}{of} and the pages of the others were lost.", wrong.timeline) from None
    if results_of(timeline, 3) != ["/a!", None, "/c!"]:
        raise Wrong(f"/b could not be fetched: return None in its place. You returned {timeline.result}.", timeline)
    if timeline.end > 1:
        raise Wrong(f"Three fetches of 1 s at one time take 1 s; yours took {timeline.end:g} s.", timeline)


def _check_drawn(fetch_in_threads: Answer, chance: Chance) -> None:
    """Fetch so many URLs, with such a limit, for so long and with such answers as are drawn."""
    names = [f"/{letter}" for letter in "abcdefgh"]
    urls = [chance.one_of(names) for _ in range(chance.number(0, 9))]  # the same one may come again
    seconds = {name: chance.seconds(0.25, 3) for name in names}
    answers = {
        name: chance.one_of(MISSING)("no route") if chance.likely(0.3) else chance.value(f"{name}!") for name in names
    }
    limit = chance.number(1, 5)
    try:
        fetch, timeline = _fetch(fetch_in_threads, Blocking("fetch", seconds, answers), urls, limit)
    except Wrong as wrong:
        raise wrong if urls else Wrong(f"The list of URLs may be empty. {wrong}", wrong.timeline) from None
    wanted = [None if isinstance(answer, OSError) else answer for answer in fetch.wanted(urls)]
    as_given(results_of(timeline, len(urls)), wanted, timeline)
    if fetch.peak > limit:
        raise Wrong(f"{fetch.peak} fetches were under way at the same time; the limit was {limit}.", timeline)
    if (idle := fetch.idle(limit)) and len(urls) > limit:
        raise Wrong(
            f"{len(urls)} fetches, {limit} at a time: for {idle:g} s a thread had nothing to do while a fetch had yet "
            "to begin. As soon as one has ended, the next should begin.",
            timeline,
        )


def _check_left(end: End, fetch: Blocking, at: float, what: str) -> None:
    """Raise Wrong if a call that had to end at `at` seconds did so later, or left something behind."""
    if end.at > at:
        raise Wrong(
            f"{what}, and your function ended at {end.at:g} s. Nothing can stop a thread: do not wait.", end.timeline
        )
    if end.left:
        raise Wrong(
            f"{what}, and this was left running: {', '.join(end.left)}. Cancel your tasks, and await them.",
            end.timeline,
        )
    if late := sum(begun > at for begun in fetch.begun):
        raise Wrong(f"{what}. {late} more fetches began after that, for nobody. {LEAVE}", end.timeline)


def _end(fetch_in_threads: Answer, fetch: Blocking, what: str, cancel_at: float | None = None) -> End:
    """Play six fetches, two at a time, of which /a takes 3 s; the loop must stay free to the end."""
    urls = ["/a", "/b", "/c", "/d", "/e", "/f"]
    with _own_pools():
        end = play_to_the_end(fetch_in_threads, fetch, urls, 2, pool=OWN, cancel_at=cancel_at)
    if end.timeline.blocked:
        raise Wrong(
            f"A fetch {what} and the heartbeat stood still for {end.timeline.blocked:g} s: the end of a "
            f"`with ThreadPoolExecutor` block waits for all that has been handed in, and blocks the loop. {LEAVE}",
            end.timeline,
        )
    return end


@contextmanager
def _own_pools() -> Iterator[None]:
    """Raise Wrong, when this is left, for a pool that was made meanwhile on the loop's thread and is left open."""
    made: list[ThreadPoolExecutor] = []
    init = ThreadPoolExecutor.__init__

    def note(pool: ThreadPoolExecutor, *args: Any, **kwargs: Any) -> None:
        init(pool, *args, **kwargs)
        if running_loop():  # the loop's own was made before it ran
            made.append(pool)

    with patch.object(ThreadPoolExecutor, "__init__", note):
        yield
    still_open = [pool for pool in made if _is_open(pool)]
    for pool in still_open:
        pool.shutdown(wait=False, cancel_futures=True)
    if still_open:
        raise Wrong(f"You made a pool and left it open: its threads wait for more work. {LEAVE}")


def _is_open(pool: ThreadPoolExecutor) -> bool:
    try:
        pool.submit(int)
    except RuntimeError:
        return False
    return True


def _fetch(fetch_in_threads: Answer, fetch: Blocking, urls: list[str], limit: int) -> tuple[Blocking, Timeline]:
    try:
        with _own_pools():
            timeline = play(fetch_in_threads, fetch, urls, limit, pool=OWN)
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
- Return a list of the pages in the order of the URLs, which may be none. Where fetch raises OSError, None stands in its
  place.
- Any other exception goes to your caller at once, and so does a cancellation: what has not begun is not fetched any
  more, and nobody waits for the threads that are at work, which nothing can stop.
- The loop stays free to the end: a heartbeat on it goes on. You leave no pool open.""",
    reference=solutions.fetch_in_threads,
    grade=_grade_fetch_in_threads,
    hints=[
        "`asyncio.to_thread` uses a pool that all of the program shares; its size depends on the machine.",
        "`ThreadPoolExecutor(limit)` is a pool of your own: `loop.run_in_executor(pool, fetch, url)` gives a future. "
        "The pool is the limit.",
        "Write a plain function for one URL, which runs in the thread: `try: return fetch(url)`, `except OSError: "
        "return None`. Gather the futures of all.",
        "At its end `with ThreadPoolExecutor(...)` waits for the threads that are at work, and blocks the loop. "
        "`pool.shutdown(wait=False, cancel_futures=True)` in a `finally:` does not.",
    ],
)
