"""Exercise 1: workers behind a bounded queue, and a source that is read ahead of them, but not too far."""

from collections.abc import Sequence
from typing import Any

from course_lib.exercises.chance import Chance, Equal
from course_lib.exercises.framework import Answer, Exercise, Wrong
from course_lib.exercises.lesson_09a import solutions
from course_lib.exercises.lesson_09a.stand_ins import Source, Work, check_raised, check_stopped, played
from course_lib.exercises.lesson_09a.waits import Waits, never_asked
from course_lib.exercises.ordering import in_every_order
from course_lib.exercises.playing import NO_END, Scene
from course_lib.exercises.shown import shown

ROUNDS = 20
LEFT = "this was still running"
HELD_UP = {
    True: "to be held up: put into a queue with a limit.",
    False: "held up too late: is `size` the limit of the queue?",
}

Row = Sequence[tuple[float, Any]]


def _grade_work_ahead(work_ahead: Answer) -> str:
    quick, slow = [(0, n) for n in range(1, 9)], [(2, f"result {n}") for n in range(1, 9)]
    _done(work_ahead, quick, slow, 2, 2)
    _done(work_ahead, [(1, 1), (1, 2), (1, 3)], [(1, "a"), (1, "b"), (1, "c")], 1, 1)
    in_turn = [(5 if n % 4 == 1 else 0.25, f"result {n}") for n in range(1, 9)]
    _done(work_ahead, [(1, n) for n in range(1, 9)], in_turn, 1, 2)
    _done(work_ahead, [(1, "first"), (1, None), (1, 0), (1, "last")], [(2, None), (2, ""), (1, 0), (1, "z")], 2, 1)
    _done(work_ahead, [(1, "first"), (1, Equal()), (1, "last")], [(1, "a"), (1, "b"), (1, "c")], 1, 2)
    _done(work_ahead, [], [], 3, 2)
    _work_fails(work_ahead, quick, [(1, "a"), (1, OSError("disk full")), *slow[2:]], 1, 2)
    for clean_up in (0, 2):
        _work_fails(work_ahead, quick, [(3, "a"), (1, OSError("disk full")), *slow[2:]], 2, 1, clean_up)
    _source_fails(work_ahead, [(1, 1), (1, OSError("no line"))], [(9, "a")], 2, 2)
    for cancel_at in (0.5, 3.5):
        _stopped(work_ahead, quick, slow, 2, 2, cancel_at)

    chance = Chance("work_ahead")
    for _ in range(ROUNDS):
        workers, size, items = chance.number(1, 3), chance.number(1, 3), chance.number(1, 8)
        pause = chance.one_of((0.0, 1.25))
        row = [(chance.seconds(0, pause), chance.value(f"item {n}")) for n in range(items)]
        work = [(chance.seconds(0.25, 3), chance.value(f"result {n}")) for n in range(items)]
        _done(work_ahead, row, work, workers, size)
        _stopped(work_ahead, row, work, workers, size, 0.125, clean_up=chance.seconds(0, 1))
        place = chance.number(0, items - 1)
        failing = [*work[:place], (work[place][0], chance.failure("work")), *work[place + 1 :]]
        _work_fails(work_ahead, row, failing, workers, size, chance.seconds(0, 1))
        broken = [*row, (chance.seconds(0, 1), chance.failure("source"))]
        _source_fails(work_ahead, broken, work, workers, size, chance.seconds(0, 1))
    in_every_order(work_ahead, _few, _all_there)
    in_every_order(work_ahead, _few, _ends, cancel_at=1)
    return "Never more than two at work and two waiting, nobody idle, and a failure ended both sides at once."


def _few() -> tuple[Work, list[Any]]:
    row = [(1, "a"), (1, "b"), (1, None)]
    work = Work("work", [(1, 1), (1, 2), (1, 0)], [item for _, item in row])
    return work, [Source(row, work), work, 2, 1]


def _all_there(scene: Scene, work: Work) -> None:
    _check_results(scene, work)


def _ends(scene: Scene, work: Work) -> bool:
    if not scene.cancelled and scene.raised:
        raise scene.wrong(f"it {scene.answered()}; it was cancelled, and is to end so.")
    return False


def _played(
    function: Answer,
    row: Row,
    works: Row,
    workers: int,
    size: int,
    cancel_at: float | None = None,
    clean_up: float = 0,
) -> tuple[Scene, Work, Source]:
    work = Work("work", works, [item for _, item in row if not isinstance(item, Exception)], clean_up)
    source, waits = Source(row, work), Waits()
    try:
        scene = played(function, source, work, workers, size, cancel_at=cancel_at, at_end=waits.look)
    except Wrong as wrong:
        why = ""
        if cancel_at is None and str(wrong).startswith(NO_END):
            why = _why_no_end(work, source, waits)
        elif cancel_at is None and LEFT in str(wrong) and all(call.answered for call in work.calls):
            why = _why_left(work, source)
        raise Wrong(f"{wrong} {why}".rstrip(), wrong.timeline) from None
    if work.peak > workers:
        raise scene.wrong(
            f"With workers={workers}, {work.peak} calls of `work` were under way at one time: so many workers, each "
            "with one item after another."
        )
    ends = [at for at in (scene.ended, work.failed_at, source.failed_at, cancel_at) if at is not None]
    most_ahead = source.most_ahead(until=min(ends))
    if most_ahead > size + 1:
        never = most_ahead >= len(work.items) - workers  # it read on to the end
        raise scene.wrong(
            f"With size={size}, {most_ahead} items had been read whose work had not begun: {size} may wait in "
            f"the queue, and one in the hand of who reads. The source is {HELD_UP[never]}"
        )
    return scene, work, source


def _why_left(work: Work, source: Source) -> str:
    if source.failed_at is None and len(work.calls) == len(work.items):
        return "All the work was done, and they wait for an item that never comes: cancel them, and then await them."
    return ""


def _why_no_end(work: Work, source: Source, waits: Waits) -> str:
    failed, at = ("source", source.failed_at) if work.failed_at is None else ("work", work.failed_at)
    if at is not None and "get" in waits.cancelled_at:
        return (
            f"At {at:g} s `{failed}` failed, and who was cancelled waits at `get` all the same: let CancelledError "
            "through."
        )
    if work.failed_at is not None and "put" in waits.cancelled_at:
        return (
            f"At {work.failed_at:g} s `work` failed, and what was still running was cancelled: a `finally` or an "
            "`except` that waits at `put` waits for a worker that is dead. At a failure nobody needs a sentinel."
        )
    if work.failed_at is not None:
        place = "join" if "join" in waits.at else "put"
        return (
            f"At {work.failed_at:g} s `work` failed, and a worker with it: who waits at `{place}` for a worker that is "
            "dead waits for ever. One task group over both sides ends both."
        )
    if source.failed_at is not None:
        return (
            f"At {source.failed_at:g} s `source` failed: who waits at `get` then waits for an item that never comes. "
            "One task group over both sides ends both."
        )
    if not source.asked and "get" in waits.at:
        return never_asked("source")
    if not work.calls and work.items:
        return (
            f"{source.came} items had been read, and nobody worked: make the workers before you read the source, and "
            "let them wait at `get` also while the queue is empty."
        )
    if all(call.answered for call in work.calls) and waits.at.count("put") > 1 and waits.only_put:
        return (
            f"`work` gave {len(work.calls)} results. Who waits, waits at `put`, and nobody takes anything out: a queue "
            "of results with a limit needs somebody who takes from it meanwhile; a list has no limit."
        )
    if "join" in waits.at and all(call.answered for call in work.calls):
        return "All the work was done, and `join` waits: for one `task_done()` for each item that was put in."
    if len(work.calls) == len(work.items):
        return (
            "All the work was done: does each worker hear that nothing more comes? One sentinel ends one worker; or, "
            "after `join`, cancel the workers, and then await them."
        )
    return (
        f"{source.came} items had been read, and `work` was called {len(work.calls)} times. Did a worker take an item "
        "for the end? An item may be anything, also None: only an object of your own can say that nothing more comes."
    )


def _done(function: Answer, row: Row, works: Row, workers: int, size: int) -> None:
    scene, work, source = _played(function, row, works, workers, size)
    _check_results(scene, work)
    model, _, due = _played(solutions.work_ahead, row, works, workers, size)
    late = f"With workers={workers} and size={size} this can be done at {model.ended:g} s; your function ended at "
    if scene.ended > model.ended and work.peak < min(workers, len(row)):
        calls = "call of `work` was" if work.peak == 1 else "calls of `work` were"
        raise scene.wrong(f"{late}{scene.ended:g} s. Never more than {work.peak} {calls} under way at one time.")
    _check_reads(scene, source, due, size)
    if scene.ended > model.ended:
        raise scene.wrong(f"{late}{scene.ended:g} s. As long as there is an item, nobody is idle.")


def _check_reads(scene: Scene, source: Source, model: Source, size: int) -> None:
    for number, (due, at) in enumerate(zip(model.asked, source.asked, strict=False), 1):
        if at > due:
            raise scene.wrong(
                f"Read ahead, as far as there is room: with size={size}, item {number} could be asked for at {due:g} "
                f"s, and was asked for at {at:g} s. {size} may wait in the queue, and one in the hand of who reads."
            )


def _check_results(scene: Scene, work: Work) -> None:
    returned = scene.result()
    if not isinstance(returned, list):
        raise scene.wrong(f"Return a list of what `work` gave; your function returned {shown(returned, 60)}.")
    if len(work.calls) < len(work.items):
        missing = work.items[len(work.calls)]
        why = "when the source has ended, what waits in the queue is still to be worked on."
        if not missing or isinstance(missing, Equal):
            why = "an item may be anything, also None; only an object of your own can say that nothing more comes."
        raise scene.wrong(
            f"`work` was never called with item {len(work.calls) + 1}, {shown(missing, 40)}, and your function "
            f"returned: {why}"
        )
    left = list(returned)
    for _, wanted in work.row:
        place = next((n for n, each in enumerate(left) if each is wanted), None)
        if place is None:
            raise scene.wrong(f"`work` gave {shown(wanted, 40)}, and your list has it not: {shown(returned, 60)}.")
        del left[place]
    if left:
        raise scene.wrong(f"Your list has {shown(left[0], 40)}, and `work` gave no such thing.")


def _work_fails(function: Answer, row: Row, works: Row, workers: int, size: int, clean_up: float = 0) -> None:
    scene, work, _ = _played(function, row, works, workers, size, clean_up=clean_up)
    failure = next(answer for _, answer in works if isinstance(answer, Exception))
    at = work.failed_at
    if at is None:
        raise scene.wrong(f"`work` was never called with every item, and your function {scene.answered()}.")
    check_raised(scene, failure, "`work`", at, clean_up)


def _source_fails(function: Answer, row: Row, works: Row, workers: int, size: int, clean_up: float = 0) -> None:
    scene, _, source = _played(function, row, works, workers, size, clean_up=clean_up)
    failure = next(item for _, item in row if isinstance(item, Exception))
    _check_reads(scene, source, _played(solutions.work_ahead, row, works, workers, size)[2], size)
    if source.failed_at is None:
        asked = len(source.asked)
        raise scene.wrong(f"`source` was asked for {asked} of {len(row)} items, and your function {scene.answered()}.")
    check_raised(scene, failure, "`source`", source.failed_at, clean_up)


def _stopped(
    function: Answer, row: Row, works: Row, workers: int, size: int, cancel_at: float, clean_up: float = 0
) -> None:
    scene = _played(function, row, works, workers, size, cancel_at, clean_up)[0]
    check_stopped(scene, cancel_at, clean_up)


work_ahead = Exercise(
    lesson="lesson_09a",
    task="""\
**Exercise 1: work behind a bounded queue.** Write `work_ahead(source, work, workers, size)`.

- `source` is an asynchronous iterator. Its items may be anything, also `None`. One task reads it.
- `await work(item)` takes a while. Call it once for each item, in their order, for `workers` items at one time.
- The source is read ahead, as far as there is room: at most `size` items wait in a queue, and one more in the hand of \
who reads.
- Return a list of what `work` gave, in any order.
- If `work` or `source` fails, all ends at once, and the exception leaves your function, alone or in a group. (The \
lesson's `pipeline` hands out first what came before: not here.)
- Cancelled, you stop at once. Nothing is left running.""",
    reference=solutions.work_ahead,
    grade=_grade_work_ahead,
    hints=[
        "A queue with a size, `workers` tasks that take from it, and the source read by `async for` into `put`. All in "
        "one `TaskGroup`: it ends both sides when one fails.",
        "How does a worker hear that nothing more comes? An object that can be no item, `END = object()`, once for "
        "each worker, put after the last item.",
        "A worker: `while (item := await queue.get()) is not END:` and `results.append(await work(item))`. In the "
        "group: make the workers, `async for item in source: await queue.put(item)`, then `put(END)`, `workers` times. "
        "Return the results after the group's block.",
    ],
)
