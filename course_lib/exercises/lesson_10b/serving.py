"""Exercise 2: a graceful shutdown: take nothing new, let it finish, cancel the rest."""

import asyncio
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

from course_lib.exercises.chance import STEP, Chance
from course_lib.exercises.framework import Answer, Exercise, Wrong, elsewhere, leaves
from course_lib.exercises.lesson_10b import solutions
from course_lib.exercises.ordering import in_every_order
from course_lib.exercises.playing import NOT_ENDED, Scene, play
from course_lib.exercises.shown import shown
from course_lib.seeing import span

ROUNDS = 20
BESIDE = 1 / 64  # seconds, so that nothing ends in the moment in which the grace does

CleanUp = float | Sequence[float]  # seconds that each job needs when it is cancelled; one number for all


class Item:
    """What lies in the queue: it may be falsy, so an item has its place in the row, and when it came."""

    def __init__(self, value: Any, at: float, seconds: float, clean_up: float = 0.0) -> None:
        self.value, self.at, self.seconds, self.clean_up = value, at, seconds, clean_up
        self.begun: float | None = None
        self.ended: float | None = None
        self.cancelled: float | None = None


class Source(asyncio.Queue[Any]):
    """The queue, into which nobody but us puts anything."""

    def put_nowait(self, item: Any) -> None:
        """Refuse an item; `put` comes here, too."""
        raise Wrong(
            "`queue.put_nowait` was called: an item that is put back goes to the end of the queue, behind those that "
            "came after it. What you have taken is begun."
        )

    def feed(self, item: Any) -> None:
        """Put an item in."""
        super().put_nowait(item)


class Jobs:
    """The queue's items as they come, the work on them, and what was seen of it."""

    def __init__(self, items: Sequence[Item], stop_at: float) -> None:
        self.items, self.stop_at = items, stop_at
        self.queue: Source
        self.tasks: list[asyncio.Task[None]] = []  # that let items come, and `stop`, where no timer does
        self.left = 0  # how many lay in the queue when all had ended

    def __call__(self, value: Any) -> Any:
        """Return a coroutine that works on an item."""
        coro = self._work(value)
        coro.__name__ = "work"  # type: ignore[attr-defined]  # which coroutine objects have and the stub lacks
        return coro

    async def _work(self, value: Any) -> None:
        if elsewhere():
            raise Wrong("`work` ran on an event loop of its own, in another thread: no threads here.")
        # The items are told by identity: one of them may be equal to another.
        item = next((item for item in self.items if item.value is value and item.begun is None), None)
        if item is None:
            raise Wrong(f"`work` was called with {shown(value, 40)}, which is no item of the queue, or twice.")
        now = asyncio.get_running_loop().time
        item.begun = now()
        # Where orders are tried, a wait has a name; elsewhere the task's own row says enough.
        with span(f"work {self.items.index(item) + 1}") if self.tasks else nullcontext():
            try:
                await asyncio.sleep(item.seconds)
            except asyncio.CancelledError:
                item.cancelled = now()
                await asyncio.sleep(item.clean_up)
                raise
            finally:
                item.ended = now()

    def __repr__(self) -> str:
        return "<function work>"


def _grade_serve(serve: Answer) -> str:
    _stops(serve, [(0, 2), (1, 9), (2, 2)], 2.5, 2)
    _stops(serve, [(0, 1), (1, 1), (2, 1)], 5, 2)
    _stops(serve, [], 2.5, 2)
    _stops(serve, [(0, 1), (1, 1), (3, 1), (4, 1)], 2.5, 2)
    _stops(serve, [(1, 9), (1, 1), (1, 9)], 2.5, 2, clean_up=0.5)
    _stops(serve, [(0, 9), (1, 9), (2, 9)], 2.5, 2, clean_up=(3, 1, 2))
    _stops(serve, [(1, 1), (2, 1)], 0, 2)
    _stops(serve, [(1, 1), (2, 9)], 2.5, 2, values=([], "item 2"))
    _stops(serve, [(0, 9), (1, 9), (2, 9)], 2.5, 2, values=("tea", 0, "cake"))
    for cancel_at in (1.5, 3.0):
        _cancelled(serve, [(0, 9), (1, 9)], 2.5, 2, cancel_at)

    chance = Chance("serve")
    for _ in range(ROUNDS):
        row, at = [], 0.0
        for _ in range(chance.number(0, 7)):
            at += chance.seconds(0, 2)
            row.append((at, chance.seconds(STEP, 6)))
        values = [chance.value(f"item {number}") for number in range(1, len(row) + 1)]
        stop_at, grace = chance.seconds(0, 8) + BESIDE, chance.seconds(STEP, 3) + BESIDE
        clean_up = [chance.seconds(0, 1) for _ in row]
        _stops(serve, row, stop_at, grace, values, clean_up)
        _cancelled(serve, row, 20, grace, chance.seconds(STEP, 6) + BESIDE, clean_up)
    in_every_order(serve, _few, _nothing_lost)
    return "Nothing new after `stop`, who was done in time was left to finish, and the rest was cancelled and named."


def _few() -> tuple[Jobs, list[Any]]:
    jobs = Jobs([Item(name, 0, 1) for name in ("a", "b", "c")], 0)
    queue = Source()
    stop = asyncio.Event()
    jobs.queue = queue

    async def feed() -> None:
        for item in jobs.items:
            with span("wait for an item"):
                await asyncio.sleep(1)
            queue.feed(item.value)

    async def tell() -> None:
        with span("wait for stop"):
            await asyncio.sleep(2)
        stop.set()

    jobs.tasks += [asyncio.create_task(feed(), name="feed"), asyncio.create_task(tell(), name="stop")]
    return jobs, [queue, jobs, stop, 1]


def _nothing_lost(scene: Scene, jobs: Jobs) -> bool:
    if error := next(leaves(scene.raised), None):
        raise scene.wrong(str(error) if isinstance(error, Wrong) else f"your function {scene.answered()}.")
    taken = sum(item.begun is not None for item in jobs.items)
    came = taken + jobs.queue.qsize()
    if jobs.tasks[0].done() and came < len(jobs.items):
        raise scene.wrong("an item was taken out of the queue when `stop` came, and never begun: it is lost.")
    return True


def _played(function: Answer, jobs: Jobs, grace: float, cancel_at: float | None = None) -> Scene:
    async def begin() -> Any:
        loop = asyncio.get_running_loop()
        jobs.queue, stop = Source(), asyncio.Event()
        for item in jobs.items:
            if item.at:
                loop.call_at(item.at, jobs.queue.feed, item.value)
            else:
                jobs.queue.feed(item.value)
        if jobs.stop_at:
            loop.call_at(jobs.stop_at, stop.set)
        else:
            stop.set()
        return await function(jobs.queue, jobs, stop, grace)

    def look() -> None:
        jobs.left = jobs.queue.qsize()

    begin.__name__ = function.__name__
    try:
        scene = replace(play(begin, cancel_at=cancel_at, at_end=look), function=function)
    except Wrong as wrong:
        if not str(wrong).startswith(NOT_ENDED):
            raise
        raise Wrong(
            f"{wrong} `stop` was set at {jobs.stop_at:g} s: who waits in `queue.get()` alone does not hear of it.",
            wrong.timeline,
        ) from None
    for error in leaves(scene.raised):
        if isinstance(error, Wrong):
            raise scene.wrong(str(error))
    return scene


def _row(row: Sequence[tuple[float, float]], values: Sequence[Any] | None, clean_up: CleanUp) -> list[Item]:
    clean_ups = [clean_up] * len(row) if isinstance(clean_up, float | int) else clean_up
    values = [f"item {number}" for number in range(1, len(row) + 1)] if values is None else values
    return [Item(value, *each, took) for value, each, took in zip(values, row, clean_ups, strict=True)]


def _stops(
    function: Answer,
    row: Sequence[tuple[float, float]],
    stop_at: float,
    grace: float,
    values: Sequence[Any] | None = None,
    clean_up: CleanUp = 0.0,
) -> None:
    jobs = Jobs(_row(row, values, clean_up), stop_at)
    scene = _played(function, jobs, grace)
    returned = scene.result()
    due = [item for item in jobs.items if item.at < stop_at]
    _check_begun(scene, jobs, due)
    end = stop_at + grace
    late = [item for item in due if item.at + item.seconds > end]
    _check_cancelled(scene, due, late, stop_at, grace)
    if not isinstance(returned, list) or any(isinstance(each, asyncio.Task) for each in returned):
        raise scene.wrong(
            f"Return a list of the items that were given up; your function returned {shown(returned, 60)}."
        )
    if len(returned) != len(late) or any(a is not b.value for a, b in zip(returned, late, strict=True)):
        wanted = [item.value for item in late]
        raise scene.wrong(
            f"Given up were {shown(wanted, 60)}, in the order in which they were taken; your list is "
            f"{shown(returned, 60)}."
        )
    ended = (
        end + max(item.clean_up for item in late) if late else max([stop_at, *(item.at + item.seconds for item in due)])
    )
    if scene.ended > ended:
        why = "the last job" if late else "all jobs" if due else "nothing was under way, and it"
        polls = "" if ended > stop_at else " Wait for `stop` and for the queue together."
        raise scene.wrong(
            f"`stop` came at {stop_at:g} s, {why} had ended at {ended:g} s, and your function ended at "
            f"{scene.ended:g} s.{polls}"
        )


def _check_begun(scene: Scene, jobs: Jobs, due: Sequence[Item]) -> None:
    for item in jobs.items:
        if item not in due and item.begun is not None:
            raise scene.wrong(
                f"`stop` came at {jobs.stop_at:g} s, and `work` began with an item at {item.begun:g} s: take nothing "
                "new after that. What waits in `queue.get()` is to be cancelled."
            )
    for item in due:
        if item.begun is None:
            failed = next((lane for lane in scene.timeline.lanes if lane.error), None)
            why = f" Look first at {failed.name}, which had failed: {failed.error}." if failed else ""
            raise scene.wrong(
                f"The item {shown(item.value, 40)} came at {item.at:g} s, before `stop`, and `work` was never called "
                f"with it.{why}"
            )
        if item.begun > item.at:
            raise scene.wrong(
                f"An item came at {item.at:g} s, and its work began at {item.begun:g} s: begin at once, however many "
                "are under way."
            )
    if jobs.left != len(jobs.items) - len(due) - sum(item.at > scene.ended for item in jobs.items):
        raise scene.wrong("An item was taken out of the queue, and never begun: it is lost.")


def _check_cancelled(scene: Scene, due: Sequence[Item], late: Sequence[Item], stop_at: float, grace: float) -> None:
    for item in due:
        if item in late and item.cancelled is None:
            raise scene.wrong(
                f"A job that had not ended {grace:g} s after `stop`, which came at {stop_at:g} s, was not cancelled."
            )
        if item.cancelled is not None and item.cancelled < stop_at + grace:
            raise scene.wrong(
                f"`stop` came at {stop_at:g} s, and with grace={grace:g} a job was cancelled at {item.cancelled:g} s: "
                "what is under way has so many seconds to finish."
            )
        if item.cancelled is not None and item.cancelled > stop_at + grace:
            raise scene.wrong(
                f"`stop` came at {stop_at:g} s, and with grace={grace:g} a job was cancelled at {item.cancelled:g} s: "
                "too late. The grace is for all of them together."
            )


def _cancelled(
    function: Answer,
    row: Sequence[tuple[float, float]],
    stop_at: float,
    grace: float,
    cancel_at: float,
    clean_up: CleanUp = 0.0,
) -> None:
    jobs = Jobs(_row(row, None, clean_up), stop_at)
    scene = _played(function, jobs, grace, cancel_at)
    if not scene.cancelled:
        raise scene.wrong(
            f"At {cancel_at:g} s your function was cancelled, and it {scene.answered()}: let CancelledError through."
        )
    begun = [item.clean_up for item in jobs.items if item.cancelled is not None]
    if scene.ended > cancel_at + max(begun, default=0):
        raise scene.wrong(
            f"At {cancel_at:g} s your function was cancelled, and it ended at {scene.ended:g} s: cancel at once what "
            "is under way, and wait only for its end."
        )


serve = Exercise(
    lesson="lesson_10b",
    task="""\
**Exercise 2: a graceful shutdown.** Write `serve(queue, work, stop, grace)`.

- `queue` is an `asyncio.Queue` of items, which may be anything. Take an item as soon as it comes, and begin \
`work(item)` at once, however many are under way. (`work` raises nothing but its cancellation, which it passes on; it \
tells of its own failures.)
- When `stop` is set, an `asyncio.Event`, take nothing more. What is under way has `grace` more seconds, all together.
- What has not ended then is cancelled, and waited for. Return the list of its items, in the order in which they were \
taken. When all has ended earlier, return at once: an empty list.
- An item that you have taken is begun, also if `stop` comes in that moment. The others stay in the queue.
- Cancelled, cancel what is under way, wait for its end, and let the cancellation through. Nothing is left running.""",
    reference=solutions.serve,
    grade=_grade_serve,
    hints=[
        "Two waits at once: for an item, and for `stop`. Make a task of `stop.wait()` and one of `queue.get()`, and "
        "await `asyncio.wait({taking, stopped}, return_when=asyncio.FIRST_COMPLETED)`, in a loop.",
        "A dict from each job's task to its item, `jobs[task] = item`, from which a job goes when it has ended: "
        "`task.add_done_callback(jobs.pop)`. After the loop, `await asyncio.wait(jobs, timeout=grace)`, if there are "
        "any; what then is in `jobs` was not done in time.",
        "A `try` around it all. In its `finally`: cancel the two waiting tasks and the jobs, and `await "
        "asyncio.wait(tasks)`. If `taking` is done when `stop` comes, its item is begun like any other.",
    ],
)
