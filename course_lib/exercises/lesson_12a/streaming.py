"""Exercise 2: a sum over pages that would not fit into memory together."""

import asyncio
import gc
import heapq
from collections.abc import Iterator, Sequence
from typing import Any
from weakref import WeakSet

from course_lib.exercises.chance import Chance
from course_lib.exercises.framework import Answer, Exercise, Wrong, elsewhere, leaves
from course_lib.exercises.lesson_12a import solutions
from course_lib.exercises.playing import play
from course_lib.exercises.shown import shown
from course_lib.seeing import span

ROUNDS = 20


class Page:
    """A page, of which its site knows whether it is still held."""

    __slots__ = ("_site", "_size", "number")

    def __init__(self, site: "Site", number: int, size: int) -> None:
        self._site, self.number, self._size = site, number, size
        site.alive += 1
        site.most_alive = max(site.most_alive, site.alive)

    def __len__(self) -> int:
        return self._size

    def __bool__(self) -> bool:
        return True

    def __repr__(self) -> str:
        return f"<page {self.number}>"

    def __del__(self) -> None:
        self._site.alive -= 1


class Site:
    """Gives numbers and loads pages, and counts what is under way.

    Args:
        loads: for each number how long its page takes, in seconds, and its size, or what `load` raises.
    """

    def __init__(self, loads: Sequence[tuple[float, int | Exception]]) -> None:
        self.loads = loads
        self.alive = self.most_alive = self.taken = self.ahead = self.loading = self.most_loading = 0
        self.begun: list[int] = []
        self.tasks: WeakSet[asyncio.Task[Any]] = WeakSet()
        self.most_tasks = 0
        self.failed_at: float | None = None
        self.begun_after = 0  # loads that were begun when one had failed

    def numbers(self) -> Iterator[int]:
        """Give the numbers, one at a time, and note how far ahead they are taken."""
        for number in range(len(self.loads)):
            self.taken += 1
            self.ahead = max(self.ahead, self.taken - len(self.begun))
            yield number

    async def load(self, number: int) -> Page:
        """Load a page."""
        if elsewhere():
            raise Wrong("`load` ran in another thread, or on a loop of its own: no threads here.")
        loop = asyncio.get_running_loop()
        if number in self.begun:
            raise Wrong(f"Page {number} was loaded twice.")
        if self.failed_at is not None and loop.time() > self.failed_at:
            self.begun_after += 1
        if (task := asyncio.current_task()) and task not in self.tasks:
            self.tasks.add(task)
            gc.collect(0)  # a task that only a cycle holds is not kept by the learner
            self.most_tasks = max(self.most_tasks, len(self.tasks))
        self.begun.append(number)
        self.loading += 1
        self.most_loading = max(self.most_loading, self.loading)
        seconds, size = self.loads[number]
        try:
            with span(f"load {number}"):
                await asyncio.sleep(seconds)
                if isinstance(size, Exception):
                    self.failed_at = loop.time()
                    raise size
        finally:
            self.loading -= 1
        return Page(self, number, size)


def _grade_total_size(total_size: Answer) -> str:
    _summed(total_size, [(1, 100)] * 40, 4)
    _summed(total_size, [(3, 10), (1, 20), (1, 30), (1, 40), (1, 50)], 2)
    _summed(total_size, [(1, 7)], 3)
    _summed(total_size, [], 3)
    _summed(total_size, [(1, 0), (2, 5), (1, 0)], 1)
    _fails(total_size, [(1, 1), (2, OSError("no such page")), *[(1, 1)] * 10], 2)
    _stopped(total_size)
    chance = Chance("total_size")
    for _ in range(ROUNDS):
        loads: list[tuple[float, int | Exception]] = [
            (chance.seconds(0.3, 4), chance.number(0, 100)) for _ in range(chance.number(0, 30))
        ]
        workers = chance.number(1, 6)
        _summed(total_size, loads, workers)
        bad = [*loads, (chance.seconds(0.3, 2), chance.failure("a page")), *[(1.0, 5)] * 12]
        _fails(total_size, bad, workers)
    return "The pages were added up as they came, and none was held for longer than that."


def _summed(function: Answer, loads: Sequence[tuple[float, int | Exception]], workers: int) -> None:
    site = Site(loads)
    scene = play(function, site.load, site.numbers(), workers)
    for error in leaves(scene.raised):
        if isinstance(error, Wrong):
            raise scene.wrong(str(error))
    total: Any = scene.result()
    given = f"With {_counted(len(loads), 'number')} and workers={workers}"
    if len(site.begun) < len(loads):
        raise scene.wrong(f"{given} your function loaded {_counted(len(site.begun), 'page')}.")
    if site.most_loading > workers:
        raise scene.wrong(f"{given} {site.most_loading} pages were being loaded at once.")
    if site.ahead > 2 * workers:
        why = "A list takes all, and so does a task for each number."
        if site.ahead <= 3 * workers:
            why = "A queue holds some, and who waits to put the next one in has one more in hand."
        raise scene.wrong(
            f"{given} up to {site.ahead} numbers had been taken whose loading had not begun. There may be a million: "
            f"a worker takes the next one when it is free. {why}"
        )
    if site.most_alive > 2 * workers:
        raise scene.wrong(
            f"{given} up to {site.most_alive} pages were held at once. Keep a page's size, and let the page go: what a "
            "list, a finished task or a queue holds stays in memory."
        )
    if site.most_tasks > 3 * workers:
        raise scene.wrong(
            f"{given} up to {site.most_tasks} tasks were held at once, most of them finished. There may be a million "
            "numbers: no task for each, or let it go when it has ended."
        )
    wanted = sum(size for _, size in loads if isinstance(size, int))
    if total != wanted or isinstance(total, bool):
        hint = ""
        if not isinstance(total, int) or workers == 1:
            pass
        elif not _is_right_alone(function, loads, wanted):
            hint = " It is wrong with workers=1, too: look at one worker alone."
        elif total < wanted:
            hint = (
                " With workers=1 your sum is right, so with more of them sizes get lost: `total += len(await "
                "load(number))`, say, reads `total` before it waits, and others add meanwhile (lesson 7b). Await "
                "first, then add."
            )
        raise scene.wrong(f"{given} the sizes add up to {wanted}; you returned {shown(total, 40)}.{hint}")
    if scene.ended > (due := _soonest(loads, workers)):
        raise scene.wrong(
            f"{given} it took {scene.ended:g} s for what {due:g} s can do: {workers} pages at a time, and the next one "
            "as soon as any has come."
        )


def _is_right_alone(function: Answer, loads: Sequence[tuple[float, int | Exception]], wanted: int) -> bool:
    site = Site(loads)
    try:
        return bool(play(function, site.load, site.numbers(), 1).returned == wanted)
    except Wrong:
        return False


def _counted(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _soonest(loads: Sequence[tuple[float, Any]], workers: int) -> float:
    free = [0.0] * workers
    for seconds, _ in loads:
        heapq.heappush(free, heapq.heappop(free) + seconds)
    return max(free)


def _fails(function: Answer, loads: Sequence[tuple[float, int | Exception]], workers: int) -> None:
    site = Site(loads)
    failure = next(size for _, size in loads if isinstance(size, Exception))
    scene = play(function, site.load, site.numbers(), workers)
    if not any(error is failure for error in leaves(scene.raised)):
        raise scene.wrong(f"`load` raised {type(failure).__name__}, and your function {scene.answered()}.")
    if site.begun_after:
        raise scene.wrong(f"A page had failed, and {site.begun_after} more were loaded after it: the sum is lost.")
    if site.failed_at is not None and scene.ended > site.failed_at:
        raise scene.wrong(
            f"A page failed at {site.failed_at:g} s, and your function ended at {scene.ended:g} s: cancel the others."
        )


def _stopped(function: Answer) -> None:
    site = Site([(2.0, 1)] * 20)
    scene = play(function, site.load, site.numbers(), 3, cancel_at=5.0)
    if not scene.cancelled:
        raise scene.wrong(f"At 5 s it was cancelled, and it {scene.answered()}: let CancelledError through.")
    if scene.ended > 5:
        raise scene.wrong(f"At 5 s it was cancelled, and it ended at {scene.ended:g} s: end at once.")


total_size = Exercise(
    lesson="lesson_12a",
    task="""\
**Exercise 2: more than fits into memory.** Write `total_size(load, numbers, workers)`.

- `await load(number)` gives a page. Return the sum of `len(page)` over all `numbers`.
- `workers` pages are loaded at a time, and the next as soon as any has come.
- `numbers` is an iterator, and may have a million: take no more than `2 * workers` of them that are not being loaded.
- Hold no more than `2 * workers` pages at once, nor `3 * workers` tasks, finished ones included.
- If a page fails, your function fails at once (in an exception group, if you like), and nothing goes on.""",
    reference=solutions.total_size,
    grade=_grade_total_size,
    hints=[
        "The lesson's `streamed` has the shape: some workers share one iterator, `for number in todo`.",
        "Each worker adds to one `total` (`nonlocal total`), in two lines: first await and measure, then add.",
        "Start `workers` of them in an `asyncio.TaskGroup`: if one fails, it cancels the others. Return `total` then.",
    ],
)
