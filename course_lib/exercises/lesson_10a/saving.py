"""Exercise 3: from a thread to the loop, and not too far ahead; and how the thread hears that nobody wants more."""

import asyncio
import traceback
from typing import Any

from course_lib.exercises.chance import Chance
from course_lib.exercises.framework import Answer, Exercise, Wrong, elsewhere, leaves, unseen_failure
from course_lib.exercises.lesson_09a.stand_ins import Work
from course_lib.exercises.lesson_10a import solutions
from course_lib.exercises.lesson_10a.stand_ins import (
    LET_CANCELLED_THROUGH,
    LET_THROUGH,
    LOOP_WAITS,
    Left,
    Readings,
    Row,
    StandIn,
    came,
    not_let_through,
    played,
)
from course_lib.exercises.playing import NO_END, Scene
from course_lib.exercises.shown import shown
from course_lib.seeing import Timeline

ROUNDS = 15
BESIDE = 1 / 64  # seconds, so that nothing is saved, or fails, in the moment in which a reading is there
WAKES_NOBODY = (
    "Who puts something into an `asyncio.Queue` in a thread wakes nobody: go by `run_coroutine_threadsafe` or "
    "`call_soon_threadsafe`. And who waits for an item has to hear that no more come."
)
NOTHING_LEFT = (
    "Nothing is left to save, and who waits for the next item has to hear it: when no more come, put an object of your "
    "own, as the end mark, by the same door."
)
ON_THE_LOOP = (
    "What waits on the loop's own thread lets nothing else run, not even what it waits for: await there, such as the "
    "`get` of an `asyncio.Queue`."
)
OWN_LOOP = (
    "`save` ran on a loop of its own, in the thread, and it belongs to yours: let the thread put each reading into a "
    "queue, and `await save(item)` in your function."
)
STOP_ITERATION = (
    "StopIteration cannot pass through a future: `next(readings, END)` gives an object of your own where no more come."
)
NO_ROOM = "Does the thread wait for room in a queue from which nobody takes any more? Take from it, until it has ended."
NONE_IS_AN_ITEM = "An item may be None: it cannot say that no more come. An object of your own can."
BY_A_DOOR = (
    "From a thread, go by `run_coroutine_threadsafe(queue.put(item), loop)`, and wait for its `.result()`: that wakes "
    "the loop, and waits for room."
)
NO_WAIT = "`put_nowait` raised QueueFull: it does not wait for room, and `await queue.put(item)` does."
NOT_CLOSED = (
    "An iteration that is left early goes on until somebody closes it: close it in time, `async with "
    "aclosing(iterate_in_thread(readings)) as items`."
)
SAVE_RAISED = "`save` raised"
NO_NEWS = "Does who waits for the next item hear that the thread has ended? A `finally` in the thread can tell."


def _grade_save_all(save_all: Answer) -> str:
    steady = [(1, f"reading {n}") for n in range(1, 7)]
    slow = [(3.5, None)] * 6
    _saved(save_all, steady, slow, 2)
    _saved(save_all, [(2, "a"), (0, "b"), (0, "c"), (4, "d")], [(1.5, None)] * 4, 1)
    _saved(save_all, [(1, "first"), (1, None), (1, 0), (1, "last")], [(0.5, None)] * 4, 1)
    _saved(save_all, [], [], 2)
    _save_fails(save_all, steady, [(0.5, None), (3.5, OSError("disk full")), *slow], 1)
    _save_fails(save_all, steady[:3], [(9.5, OSError("disk full")), *slow], 1)
    _save_fails(save_all, [(1, "a"), (9, "b"), (1, "c")], [(0.5, OSError("disk full")), *slow], 2)
    _reading_fails(save_all, [(1, "a"), (1, "b"), (1, OSError("no sensor"))], slow, 1)
    for cancel_at in (0.5, 4.25, 9.25):
        _stopped(save_all, steady, slow, 1, cancel_at)

    chance = Chance("save_all")
    for _ in range(ROUNDS):
        size, count = chance.number(1, 3), chance.number(1, 7)
        row = [(chance.seconds(0, 2), chance.value(f"reading {n}")) for n in range(count)]
        saving = [(chance.seconds(0, 3) + BESIDE, None) for _ in range(count)]
        _saved(save_all, row, saving, size)
        place = chance.number(0, count - 1)
        failing = [*saving[:place], (saving[place][0], chance.failure("the disk")), *saving[place + 1 :]]
        _save_fails(save_all, row, failing, size)
        _reading_fails(save_all, [*row, (chance.seconds(0, 2), chance.failure("the sensor"))], saving, size)
        _stopped(save_all, row, saving, size, row[0][0] + saving[0][0] / 2, clean_up=chance.seconds(0, 1))
    return "Each reading was saved, none was read too early, and the thread heard of every end."


class _Save(StandIn, Work):
    """The work on the readings; what it refuses is told before what came of that."""

    async def _work(self, item: Any) -> Any:
        if elsewhere():
            self.refuse(OWN_LOOP)
        try:
            return await super()._work(item)
        except Wrong as wrong:
            self.refuse(str(wrong))


class _Played:
    """A scene, its readings and its saving."""

    def __init__(self, row: Row, saving: Row, clean_up: float) -> None:
        self.save = _Save("save", saving, [item for _, item in row if not isinstance(item, Exception)], clean_up)
        self.readings = Readings(row, lambda: len(self.save.calls))
        self.scene: Scene
        self.left: Left

    def play(self, function: Answer, size: int, cancel_at: float | None) -> None:
        """Let the function save the readings."""
        readings = self.readings
        self.scene, self.left = played(
            function, readings, self.save, size, cancel_at=cancel_at, under_way=lambda: readings.under_way
        )

    def explained(self, row: Row, what: str, why: str, wrong: Wrong) -> str:
        """Return a sentence of `play`, with what it means here."""
        told, begun = str(wrong), len(self.save.calls)
        if _met_stop_iteration(wrong.timeline):
            return f"{what}. {told} {STOP_ITERATION}"
        if LOOP_WAITS in told:
            return f"{told} {ON_THE_LOOP}"
        if told.startswith(NO_END):
            failed = unseen_failure(wrong.timeline)
            if why is WAKES_NOBODY and failed and "QueueFull" not in failed:
                why = NO_NEWS
            elif why is WAKES_NOBODY and begun == len(row):
                why = NOTHING_LEFT
            ended_by_none = begun < self.readings.came and row[begun][1] is None
            return f"{what}. {told} {NONE_IS_AN_ITEM if ended_by_none else why}"
        if "_in_thread" in told:
            return f"{told} {NOT_CLOSED}"
        if what.startswith(SAVE_RAISED) and "still running" in told and self.readings.came > begun:
            return f"{what}. {told} {NO_ROOM}"
        if wrong.timeline and any("QueueFull" in note for note in wrong.timeline.notes):
            return f"{FULL} {told}"
        return told


def _met_stop_iteration(timeline: Timeline | None, raised: BaseException | None = None) -> bool:
    """Return whether StopIteration was to pass through a future: it fails in a callback, or, later, as RuntimeError."""
    noted = any("StopIteration" in note for note in timeline.notes) if timeline else False
    return noted or any(isinstance(each.__cause__, StopIteration) for each in leaves(raised))


def _played(
    function: Answer,
    row: Row,
    saving: Row,
    size: int,
    what: str = "All was to be saved",
    why: str = WAKES_NOBODY,
    cancel_at: float | None = None,
    clean_up: float = 0,
) -> _Played:
    seen = _Played(row, saving, clean_up)
    try:
        seen.play(function, size, cancel_at)
    except Wrong as wrong:
        raise Wrong(seen.explained(row, what, why, wrong), wrong.timeline) from None
    scene, left = seen.scene, seen.left
    if any("QueueFull" in note for note in scene.timeline.notes):
        raise scene.wrong(FULL)
    if _met_stop_iteration(scene.timeline, scene.raised):
        raise scene.wrong(STOP_ITERATION)
    for each in leaves(scene.raised):
        if isinstance(each, asyncio.QueueFull):
            names = [frame.f_globals.get("__name__", "") for frame, _ in traceback.walk_tb(each.__traceback__)]
            in_thread = "concurrent.futures.thread" in names
            raise scene.wrong(f"`put_nowait` raised QueueFull in the thread. {BY_A_DOOR}" if in_thread else NO_WAIT)
    if left.under_way:
        raise scene.wrong(
            f"{what}, and when your function ended, its thread was still reading. Nothing can stop that reading, so "
            "wait for it: nobody may use the sensor twice."
        )
    if left.stuck:
        raise scene.wrong(
            f"{what}, and when your function ended, its thread still waited for room that nobody makes any more: let "
            "it go on, and tell it, by a flag, that it is to end."
        )
    return seen


FULL = (
    "`put_nowait` raised QueueFull on the loop, where nobody looks, and the reading is lost: let the thread wait for "
    "room, `run_coroutine_threadsafe(queue.put(item), loop).result()`."
)


def _best(row: Row, saving: Row, size: int) -> float:
    """Return when all can be saved, in seconds, where no more than `size` are read whose saving has not begun."""
    taken: list[float] = []
    read = saved = 0.0
    for number, (seconds, item) in enumerate(row):
        read = max(read, taken[number - size] if number >= size else 0) + seconds
        if isinstance(item, Exception):
            return max(read, saved)
        taken.append(max(read, saved))
        saved = taken[-1] + saving[number][0]
    return saved


def _saved(function: Answer, row: Row, saving: Row, size: int) -> None:
    seen, best = _played(function, row, saving, size), _best(row, saving, size)
    scene, save = seen.scene, seen.save
    scene.result(none=True)
    if row and not save.calls:
        raise scene.wrong("`save` never ran: `await save(item)`, for each reading.")
    if seen.readings.most_ahead > size + 1:
        raise scene.wrong(
            f"With size={size}, {seen.readings.most_ahead} readings were there whose saving had not begun: {size} may "
            "wait in the queue, and one in the thread's hand (one that another thread takes out is there, too). The "
            "thread has to wait for room."
        )
    if len(save.calls) < len(row):
        missing = row[len(save.calls)][1]
        raise scene.wrong(
            f"Reading {len(save.calls) + 1}, {shown(missing, 40)}, was never saved, and your function returned: a "
            "reading may be anything, also None; only an object of your own can say that nothing more comes."
        )
    if save.peak > 1:
        raise scene.wrong(f"{save.peak} calls of `save` were under way at one time: save one after another.")
    if scene.ended > best:
        raise scene.wrong(
            f"With size={size} this can be done at {best:g} s; your function ended at {scene.ended:g} s. While one "
            "reading is saved, the thread reads on, as far as there is room; and the loop is told at once of each."
        )


def _save_fails(function: Answer, row: Row, saving: Row, size: int) -> None:
    error = next(answer for _, answer in saving if isinstance(answer, Exception))
    seen = _played(function, row, saving, size, f"{SAVE_RAISED} {type(error).__name__}", NO_ROOM)
    at = seen.save.failed_at
    if at is None:
        raise seen.scene.wrong(f"`save` was not called with every reading, and your function {seen.scene.answered()}.")
    what = f"`save` raised {type(error).__name__} at {at:g} s"
    _check_raised(seen, error, what)
    _check_over(seen, at, what)


def _reading_fails(function: Answer, row: Row, saving: Row, size: int) -> None:
    error = next(item for _, item in row if isinstance(item, Exception))
    what = f"`readings` raised {type(error).__name__}"
    seen, best = _played(function, row, saving, size, what, NO_NEWS), _best(row, saving, size)
    _check_raised(seen, error, what)
    if seen.scene.ended > best:
        raise seen.scene.wrong(
            f"{what}, and your function ended at {seen.scene.ended:g} s: by {best:g} s all is saved."
        )


def _stopped(function: Answer, row: Row, saving: Row, size: int, cancel_at: float, clean_up: float = 0) -> None:
    what = f"Your function was cancelled at {cancel_at:g} s"
    seen = _played(function, row, saving, size, what, NO_ROOM, cancel_at, clean_up)
    if not seen.scene.cancelled:
        raise not_let_through(seen.scene, f"{what}, and it", LET_CANCELLED_THROUGH)
    _check_over(seen, cancel_at, what)


def _check_raised(seen: _Played, error: Exception, what: str) -> None:
    scene = seen.scene
    if not came(error, scene.raised):
        raise not_let_through(scene, f"{what}, and your function", LET_THROUGH)


def _check_over(seen: _Played, at: float, what: str) -> None:
    """Raise Wrong if something began after `at`, or later where a `save` was cleaning up: nobody knew of it earlier."""
    known = max([at, *(call.ended or 0 for call in seen.save.calls if call.begun < at)])
    if late := [use.begun for use in seen.readings.uses if use.begun >= known]:
        raise seen.scene.wrong(
            f"{what}, and at {late[0]:g} s the thread began another reading: look at your flag before each."
        )
    if late := [call.begun for call in seen.save.calls if call.begun > at]:
        raise seen.scene.wrong(f"{what}, and at {late[0]:g} s another `save` began: nothing more is wanted.")
    over = max([known, *(use.ended or 0 for use in seen.readings.uses)])
    if seen.scene.ended > over:
        raise seen.scene.wrong(
            f"{what}, and your function ended at {seen.scene.ended:g} s: at {over:g} s nothing was under way any more."
        )


save_all = Exercise(
    lesson="lesson_10a",
    task="""\
**Exercise 3: a thread reads, the loop saves.** Write `save_all(readings, save, size)`.

- `readings` is a plain iterator, and its `next` blocks. Read it in one thread. An item may be anything, also `None`.
- `await save(item)` takes a while. Save the items in their order, one after another.
- The thread reads ahead: at most `size` items wait in a queue, and one in the thread's hand.
- If `save` raises, or you are cancelled: no further reading begins. Wait for the one under way, and then let the \
exception through. Nothing is left running, and no thread is left waiting.
- If `readings` raises, its exception leaves your function.""",
    reference=solutions.save_all,
    grade=_grade_save_all,
    hints=[
        "In the thread: `item = next(readings, END)`, where `END` is an object of your own, and then "
        "`asyncio.run_coroutine_threadsafe(queue.put(item), loop).result()`, which waits for room; at the very end, in "
        "a `finally`, put `END`.",
        "Who wants no more sets a `threading.Event`, which the thread looks at before each reading. But it may be "
        "waiting for room just then. Make room: take from the queue until `END` comes.",
        "`reading = asyncio.create_task(asyncio.to_thread(read))`; then `try:`, and `while (item := await queue.get()) "
        "is not END: await save(item)`; `except BaseException:` set the flag, `while await queue.get() is not END: "
        "pass`, and `raise`; `finally: await asyncio.wait([reading])`; after that `await reading`, which raises what "
        "`readings` raised. (Shorter, by section 7: `async with aclosing(iterate_in_thread(readings)) as items`, in a "
        "task of a `TaskGroup` that puts each item, and then `END`, into an `asyncio.Queue(size)`.)",
    ],
)
