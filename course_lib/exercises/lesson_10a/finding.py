"""Exercise 2: threads that are asked to stop, and waited for."""

import heapq
import math
from itertools import combinations
from typing import Any

from course_lib.exercises.chance import Chance
from course_lib.exercises.framework import Answer, Exercise, Wrong
from course_lib.exercises.lesson_10a import solutions
from course_lib.exercises.lesson_10a.stand_ins import (
    LET_CANCELLED_THROUGH,
    LET_THROUGH,
    LOOK,
    Row,
    Search,
    came,
    not_let_through,
    played,
)
from course_lib.exercises.playing import NOT_ENDED, Scene
from course_lib.exercises.shown import shown

ROUNDS = 15
NOT_WOKEN = "What a thread sets itself does not wake the loop: `call_soon_threadsafe` does."
BESIDE = 1 / 64  # seconds, so that nobody is cancelled in the moment in which a search ends


def _grade_first_found(first_found: Answer) -> str:
    _found(first_found, [(3, None), (2, "here"), (9, "and here"), (9, None)], 4)
    _found(first_found, [(2, None), (1, None), (2, "here"), (9, "late"), (9, None), (9, None)], 2)
    _found(first_found, [(1, None), (1, 0), (9, "late")], 3)
    _found(first_found, [(1, None), (2, None), (1, None)], 2)
    _found(first_found, [], 3)
    _found(first_found, [*[(1, None)] * 33, (1, "here")], 34)
    _fails(first_found, [(9, "late"), (1, OSError("no disk")), (9, None), (9, None)], 2)
    for cancel_at in (0.5, 2.375):
        _stopped(first_found, [(9, "late"), (2, None), (9, None), (9, None)], 2, cancel_at)

    chance = Chance("first_found")
    for _ in range(ROUNDS):
        threads, count = chance.number(1, 4), chance.number(1, 7)
        seconds = [chance.seconds(0, 3) for _ in range(count)]
        finds = [chance.value(f"at {n}") if chance.likely(0.25) else None for n in range(1, count + 1)]
        _found(first_found, list(zip(seconds, finds, strict=True)), threads)
        failing: list[tuple[float, Any]] = [(each, None) for each in seconds]
        place = chance.number(0, count - 1)
        failing[place] = (seconds[place], chance.failure("a disk"))
        _fails(first_found, failing, threads)
        _stopped(first_found, [(each + 1, None) for each in seconds], threads, chance.seconds(0, 1) + BESIDE)
    return "The first one that found something ended the search, and no thread searched on for nobody."


def _over_at(row: Row, threads: int, stop_at: float = math.inf) -> float:
    """Return when all can be over, in seconds, where something is found, or fails, or `stop_at` is the time to stop.

    A thread that is free takes the next place before the loop has heard what it found.
    """
    free, uses = [0.0] * threads, []
    for seconds, answer in row:
        begun = heapq.heappop(free)
        if begun > stop_at:
            break
        uses.append((begun, begun + seconds))
        heapq.heappush(free, begun + seconds)
        if answer is not None:
            stop_at = min(stop_at, begun + seconds)
    ends = [0.0]
    for begun, ended in uses:
        looks = math.floor((stop_at - begun) / LOOK) + 1 if ended > stop_at else math.inf  # before it sees the flag
        ends.append(min(ended, begun + looks * LOOK))
    return max(ends)


def _played(
    function: Answer, row: Row, threads: int, what: str, cancel_at: float | None = None
) -> tuple[Scene, Search]:
    """Return the scene and the search."""
    search = Search(row)
    try:
        scene, left = played(
            function, search, search.places, threads, cancel_at=cancel_at, under_way=lambda: search.under_way
        )
    except Wrong as wrong:
        if wrong.timeline and wrong.timeline.blocked:
            raise Wrong(
                f"{wrong} The end of a `with ThreadPoolExecutor` block, and `shutdown()`, wait for the threads, on the "
                "loop's own thread: `await asyncio.to_thread(pool.shutdown)` waits, too, and lets the others run.",
                wrong.timeline,
            ) from None
        if str(wrong).startswith(NOT_ENDED) and search.uses and not search.under_way:
            raise Wrong(
                f"{wrong} By {search.over:g} s no search was under way any more, and who waits has to hear it. "
                f"{NOT_WOKEN}",
                wrong.timeline,
            ) from None
        raise
    if row and cancel_at is None and not any(isinstance(answer, Exception) for _, answer in row):
        scene.result(none=True)  # what the function itself has raised comes before what it then left
    if search.peak > threads:
        raise scene.wrong(
            f"With threads={threads}, {search.peak} searches were under way at one time: a pool of your own, "
            f"`ThreadPoolExecutor({threads})`, has so many threads and no more."
        )
    if left.under_way:
        raise scene.wrong(
            f"{what}, and when your function ended, a search was still under way in its thread: ask it to stop, by "
            "`stop.set()`, and wait until it has."
        )
    if search.after_stop is not None:
        raise scene.wrong(
            f"{what}, `stop` was set, and after that search({search.after_stop}, stop) began: what has not begun is to "
            "be taken out of the pool, `pool.shutdown(cancel_futures=True)`."
        )
    return scene, search


def _found(function: Answer, row: Row, threads: int) -> None:
    places = len(row)
    what = f"{places} place{'s' * (places != 1)}, {threads} thread{'s' * (threads != 1)}"
    scene, search = _played(function, row, threads, what)
    if scene.raised and not places:
        raise scene.wrong(f"`places` was empty, and your function {scene.answered()}: nothing is found, return None.")
    returned = scene.result(none=True)
    hits = [(use.ended or 0, row[use.item - 1][1]) for use in search.uses if row[use.item - 1][1] is not None]
    if not hits and places and len(search.uses) < places:
        raise scene.wrong(f"{what}: `search` was called for {len(search.uses)} of them, and nothing had been found.")
    first = min((ended for ended, _ in hits), default=0)
    wanted = [answer for ended, answer in hits if ended == first]
    if not wanted and returned is not None:
        raise scene.wrong(f"No search found anything: return None. You returned {shown(returned, 60)}.")
    if wanted and not any(returned is each for each in wanted):
        also = ", which is falsy, and not None" if not wanted[0] else ""
        raise scene.wrong(
            f"The first search that did not give None gave {shown(wanted[0], 40)}{also}; you returned "
            f"{shown(returned, 40)}."
        )
    best = _over_at(row, threads)
    if scene.ended > best:
        raise scene.wrong(f"{what}: this can be over at {best:g} s. {_why_late(scene, search, threads, first)}")


def _why_late(scene: Scene, search: Search, threads: int, first: float) -> str:
    ended = f"Your function ended at {scene.ended:g} s"
    if search.peak < min(threads, len(search.row)):
        one = "one search was" if search.peak == 1 else f"{search.peak} searches were"
        shared = (
            " The pool of `to_thread` has 32 threads here, and on most machines fewer." if search.peak == 32 else ""
        )
        return f"{ended}: at most {one} under way at one time.{shared}"
    for earlier, later in combinations(search.uses, 2):
        if earlier.begun < later.begun and earlier.item > later.item:
            return (
                f"{ended}: search({earlier.item}, stop) began before search({later.item}, stop): search the places in "
                "their order."
            )
    if search.uses and scene.ended > search.over + LOOK:
        return (
            f"{ended}, and by {search.over:g} s no search was under way any more. {NOT_WOKEN} And who asks again and "
            "again is late."
        )
    if first and scene.ended > first + LOOK:
        return (
            f"{ended}: at {first:g} s something was found, and whoever still searches looks at `stop` soon after. "
            "Take the answers as they come, `asyncio.as_completed(jobs)`, and set `stop` at the first."
        )
    return f"{ended}: as soon as one search has ended, the next is to begin."


def _fails(function: Answer, row: Row, threads: int) -> None:
    error = next(answer for _, answer in row if isinstance(answer, Exception))
    what = f"`search` raised {type(error).__name__}"
    scene, _ = _played(function, row, threads, what)
    if not came(error, scene.raised):
        raise not_let_through(scene, f"{what}, and your function", LET_THROUGH)
    _check_over(scene, what, _over_at(row, threads))


def _stopped(function: Answer, row: Row, threads: int, cancel_at: float) -> None:
    what = f"Your function was cancelled at {cancel_at:g} s"
    scene, _ = _played(function, row, threads, what, cancel_at)
    if not scene.cancelled:
        raise not_let_through(scene, f"{what}, and it", LET_CANCELLED_THROUGH)
    _check_over(scene, what, _over_at(row, threads, cancel_at))


def _check_over(scene: Scene, what: str, best: float) -> None:
    if scene.ended > best:
        raise scene.wrong(
            f"{what}, and your function ended at {scene.ended:g} s; asked to stop, all can end at {best:g} s."
        )


first_found = Exercise(
    lesson="lesson_10a",
    task=f"""\
**Exercise 2: ask threads to stop.** Write `first_found(search, places, threads)`.

- `search(place, stop)` is a plain function and blocks for long. It returns what it found, or `None`. `stop` is a \
`threading.Event`; `search` looks at it every {LOOK:g} s, and returns soon after it is set.
- Search the places in their order, in `threads` threads, which may be more than 32. Return the first thing that is \
found, and it may be falsy. If no search finds anything, return `None`.
- As soon as something is found, or `search` raises, or you are cancelled: set `stop`, begin no further search, and \
wait for those under way. Then return, or let the exception through.
- The loop never stands still.""",
    reference=solutions.first_found,
    grade=_grade_first_found,
    hints=[
        "A `ThreadPoolExecutor(threads)` of your own, one `threading.Event` for all, and `loop.run_in_executor(pool, "
        "search, place, stop)` for each place, all handed over at once: the pool begins them as threads become free.",
        "`asyncio.as_completed(jobs)` gives them as they end. In a `finally` stands what is to happen in each case: "
        "set the flag, take out of the pool what has not begun, wait for what has.",
        "`pool.shutdown(cancel_futures=True)` does the last two, and blocks: `await asyncio.to_thread(pool.shutdown, "
        "cancel_futures=True)`. Above it: `for job in asyncio.as_completed(jobs): if (found := await job) is not None: "
        "return found`.",
    ],
)
