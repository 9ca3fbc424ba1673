"""Exercise 2: a source that cannot be slowed: the oldest goes, and is told of."""

from collections.abc import Sequence
from typing import Any

from course_lib.exercises.chance import STEP, Chance, Equal
from course_lib.exercises.framework import Answer, Exercise, Wrong
from course_lib.exercises.lesson_09a import solutions
from course_lib.exercises.lesson_09a.stand_ins import Feed, Work, check_raised, check_stopped, played
from course_lib.exercises.lesson_09a.waits import Waits, never_asked
from course_lib.exercises.playing import NO_END, Scene
from course_lib.exercises.shown import shown

ROUNDS = 20
FULL = (
    "put_nowait does not wait for room. For an item, make room: take the oldest out first, with `get_nowait()`, and "
    "keep it among the dropped; at the end there is time: `await queue.put(...)` waits for room."
)
EMPTY = (
    "get_nowait found the queue empty: to drop one, ask `queue.full()` before, with its brackets; to use one, `await "
    "queue.get()` waits for it."
)
BESIDE = 1 / 64  # seconds, so that no item comes in the moment in which another has been used

Row = Sequence[tuple[float, Any]]


def _grade_keep_newest(keep_newest: Answer) -> str:
    eight = [(n, f"item {n}") for n in range(1, 9)]
    _kept(keep_newest, eight, 3.125, 2)
    _kept(keep_newest, [(0.125, "early"), *eight], 0.125, 1)
    _kept(keep_newest, eight, 2.25, 1)
    _kept(keep_newest, [(1, None), (2, 0), (3, ""), (4, "item 4"), (5, False)], 2.25, 3)
    _kept(keep_newest, [(1, "first"), (2, Equal()), (3, "last")], 2.25, 3)
    _kept(keep_newest, eight[:2], 0.25, 2, ends_at=4)
    _kept(keep_newest, [], 1, 1)
    _kept(keep_newest, [], 1, 2, ends_at=2)
    _use_fails(keep_newest, eight, 3.125, 2, 2)
    for cancel_at in (0.5, 2.5, 9.5):
        _stopped(keep_newest, eight, 3.125, 2, cancel_at)

    chance = Chance("keep_newest")
    for _ in range(ROUNDS):
        row, at = [], 0.0
        for number in range(chance.number(1, 10)):
            at += chance.seconds(STEP, 2)
            row.append((at, chance.value(f"item {number}")))
        seconds, size = chance.seconds(STEP, 4) + BESIDE, chance.number(1, 3)
        _kept(keep_newest, row, seconds, size, at + chance.one_of((0, 2, 9)))
        _use_fails(keep_newest, row, seconds, size, 1)
        _stopped(keep_newest, row, seconds, size, row[0][0] + 0.125, clean_up=chance.seconds(0, 1))
    return "Nothing was missed, the oldest made room for the newest, and you said what was dropped."


def _model(row: Row, seconds: float, size: int) -> tuple[list[tuple[float, Any]], list[Any], float]:
    """Return what is used, with when it begins, what is dropped, and when all is used, in seconds."""
    used: list[tuple[float, Any]] = []
    waiting: list[Any] = []
    dropped: list[Any] = []
    free = 0.0  # when the one who uses them is done with what he has
    for at, item in row:
        while waiting and free < at:
            used.append((free, waiting.pop(0)))
            free += seconds
        if free < at:
            used.append((at, item))
            free = at + seconds
            continue
        if len(waiting) == size:
            dropped.append(waiting.pop(0))
        waiting.append(item)
    for item in waiting:
        used.append((free, item))
        free += seconds
    return used, dropped, free


def _played(
    function: Answer, row: Row, use: Work, size: int, cancel_at: float | None = None, ends_at: float = 0
) -> Scene:
    feed, waits = Feed(row, ends_at), Waits()
    try:
        scene = played(function, feed, use, size, cancel_at=cancel_at, at_end=waits.look, full=FULL, empty=EMPTY)
    except Wrong as wrong:
        if cancel_at is None and str(wrong).startswith(NO_END):
            raise Wrong(f"{wrong} {_why_no_end(use, feed, waits)}".rstrip(), wrong.timeline) from None
        raise
    if feed.missed and not scene.raised:
        at, item = feed.missed
        raise scene.wrong(
            f"{shown(item, 40)} came at {at:g} s, and nobody was waiting for it: it is lost, and you do not know it. "
            "The feed cannot be slowed: ask it for the next at once, and let another task use the items."
        )
    return scene


def _why_no_end(use: Work, feed: Feed, waits: Waits) -> str:
    if not feed.asked and "get" in waits.at:
        return never_asked("feed")
    if use.failed_at is not None and "put" in waits.at:
        return (
            f"At {use.failed_at:g} s `use` failed, and with it the task that called it: who waits at `put` for a task "
            "that is dead waits for ever. One task group over both sides ends both."
        )
    if use.failed_at is not None:
        return f"At {use.failed_at:g} s `use` failed: one task group over both sides ends both."
    if "join" in waits.at:
        return "`join` waits for one `task_done()` for each item that was put in, also for one that you drop."
    if waits.only_put:
        return (
            "Who waits, waits at `put`, and nobody takes anything out. Did the one who uses the items take an item for "
            "the end? An item may be anything, also None: only an object of your own can say that nothing more comes."
        )
    if "get" in waits.at:
        return (
            f"The feed had ended at {feed.ends_at:g} s, and who waits at `get` does not hear of it: put an object of "
            "your own behind the last item."
        )
    return ""


def _most_waited(row: Row, use: Work) -> tuple[int, float]:
    """Return how many items at least waited at one time, and when: those that had come, and were used later."""
    came: list[float] = []
    last = len(row)
    for call in reversed(use.calls):  # of equal items the latest that it can have been
        last = max((n for n in range(last) if row[n][1] is call.item and row[n][0] <= call.begun), default=0)
        came.insert(0, row[last][0])
    moments = [(sum(at < call.begun for at in came[n:]), -call.begun) for n, call in enumerate(use.calls)]
    most, at = max(moments, default=(0, 0.0))
    return most, -at


def _thrown_away(used: list[tuple[float, Any]], use: Work, returned: Any) -> list[Any]:
    """Return the item that was neither used nor returned, in a list, where it is one, and what came after it was."""
    done = [call.item for call in use.calls]
    lost = [item for _, item in used if not any(item is each for each in done)]
    later = bool(done) and bool(used) and done[-1] is used[-1][1]
    return lost if later and len(lost) == 1 and isinstance(returned, list) else []


def _kept(function: Answer, row: Row, seconds: float, size: int, ends_at: float = 0) -> None:
    used, dropped, ended = _model(row, seconds, size)
    ended = max(ended, ends_at)
    use = _Uses(row, seconds)
    scene = _played(function, row, use, size, ends_at=ends_at)
    returned = scene.result()
    began = [(call.begun, call.item) for call in use.calls]
    waited, when = _most_waited(row, use)
    if waited > size:
        raise scene.wrong(
            f"At {when:g} s {waited} items waited, and `size` is {size}. When all places are taken, the oldest that "
            "waits goes, and is dropped."
        )
    more = isinstance(returned, list) and len(returned) > len(dropped)
    thrown = returned[-1:] if more else _thrown_away(used, use, returned)
    if thrown and len(began) < len(used) and all(a is b for a, b in zip(returned, dropped, strict=False)):
        raise scene.wrong(
            f"You dropped {shown(thrown[0], 40)}, and no item came that needed its place: at the end there is time. "
            "Who says that nothing more comes waits for room."
        )
    with_size = f"With size={size}, and {seconds:g} s to use an item"
    for number, ((due, item), (at, got)) in enumerate(zip(used, began, strict=False), 1):
        if got is not item and number == 1 and at > due:
            raise scene.wrong(
                f"{shown(item, 40)} can be used from {due:g} s on, while more come; the first that you used was "
                f"{shown(got, 40)}, at {at:g} s. Another task is to use the items meanwhile."
            )
        if got is not item and more and any(each is item for each in returned):
            raise scene.wrong(
                f"With size={size}, {shown(item, 40)} was dropped, and its place was not needed: only when {size} "
                "wait, besides the one in use, does the oldest go, one for each that comes."
            )
        if got is not item:
            raise scene.wrong(
                f"{with_size}, the item used as number {number} is {shown(item, 40)}; you used {shown(got, 40)}. When "
                "all places are taken, the oldest that waits goes, and the new one stands at the end."
            )
        if at != due:
            raise scene.wrong(f"{with_size}, {shown(item, 40)} can be used from {due:g} s on; you began at {at:g} s.")
    if len(began) != len(used):
        left = [item for _, item in used[len(began) :]]
        why = "Who uses the items goes on until the feed has ended, and nothing waits any more."
        if left and (not left[0] or isinstance(left[0], Equal)):
            why = (
                f"The next was {shown(left[0], 60)}: an item may be anything, also None, and only an object of your "
                "own can say that nothing more comes."
            )
        raise scene.wrong(f"{with_size}, {len(used)} of {len(row)} items are used; you used {len(began)}. {why}")
    if not isinstance(returned, list):
        raise scene.wrong(f"Return a list of the dropped items; your function returned {shown(returned, 60)}.")
    if len(returned) != len(dropped) or any(a is not b for a, b in zip(returned, dropped, strict=True)):
        raise scene.wrong(
            f"{with_size}, the dropped items are {shown(dropped, 60)}; your function returned {shown(returned, 60)}."
        )
    if scene.ended != ended:
        what = "The feed ended, and the last item was used," if row else "The feed ended"
        raise scene.wrong(f"{what} at {ended:g} s; your function ended at {scene.ended:g} s.")


class _Uses(Work):
    """A Work that takes any of the items, in their order, and leaves some out."""

    def __init__(self, row: Row, seconds: float, failure: tuple[int, Exception] | None = None, **more: Any) -> None:
        answers: list[tuple[float, Any]] = [(seconds, None)] * len(row)
        if failure:
            number, error = failure
            answers[number - 1] = (seconds, error)
        super().__init__("use", answers, [item for _, item in row], **more)
        self._came = list(self.items)

    async def _work(self, item: Any) -> Any:
        if self.under_way:
            raise Wrong("`use` was called while it still used another item: one item at a time.")
        number = len(self.calls)  # what was left out takes no turn
        rest = [each for each in range(number, len(self.items)) if self.items[each] is item]
        if rest:
            self.items[number : rest[0]] = []
        elif any(item is each for each in self._came) and not any(item is call.item for call in self.calls):
            raise Wrong(
                f"{shown(item, 40)} came before {shown(self.calls[-1].item, 40)}, which you have used already: use "
                "what waits in the order in which it came."
            )
        return await super()._work(item)


def _use_fails(function: Answer, row: Row, seconds: float, size: int, number: int) -> None:
    used, _, _ = _model(row, seconds, size)
    if len(used) < number:
        return
    error = OSError("disk full")
    use = _Uses(row, seconds, (number, error))
    scene = _played(function, row, use, size)
    began, due = [call.begun for call in use.calls], used[number - 1][0]
    if use.failed_at is None or began[number - 1] > due:
        when = f"was used from {began[number - 1]:g} s on" if use.failed_at is not None else "was not used"
        raise scene.wrong(
            f"With size={size}, and {seconds:g} s to use an item, the item to be used as number {number} could be used "
            f"from {due:g} s on; it {when}, and your function {scene.answered()}."
        )
    check_raised(scene, error, "`use`", use.failed_at)


def _stopped(function: Answer, row: Row, seconds: float, size: int, cancel_at: float, clean_up: float = 0) -> None:
    scene = _played(function, row, _Uses(row, seconds, clean_up=clean_up), size, cancel_at)
    check_stopped(scene, cancel_at, clean_up)


keep_newest = Exercise(
    lesson="lesson_09a",
    task="""\
**Exercise 2: a feed that does not wait.** Write `keep_newest(feed, use, size)`.

- `feed` is an asynchronous iterator whose items come when they come. One that comes while nobody is waiting for it is \
lost: ask for the next at once.
- `await use(item)` takes a while: one item at a time, in their order. Items may be anything, also `None`.
- Meanwhile, at most `size` items wait. When one more comes, the oldest that waits is dropped.
- When the feed has ended, which may be a while after its last item, and what waits has been used, return the list of \
the dropped items.
- If `use` fails, all ends at once, and the exception leaves your function, alone or in a group.
- Cancelled, you stop at once. Nothing is left running.""",
    reference=solutions.keep_newest,
    grade=_grade_keep_newest,
    hints=[
        "Two tasks: one asks the feed, and never waits for anything else; the other uses the items, one by one. "
        "Between them a queue of `size` places, in one `TaskGroup`.",
        "`put` would wait. When `queue.full()`, take the oldest out with `get_nowait()`, and keep it in the list of "
        "the dropped; then `put_nowait(item)`.",
        "At the end of the feed there is time: `await queue.put(END)` waits for room, and drops nothing.",
    ],
)
