"""Exercise 1: workers behind a bounded queue, and a source that is read ahead of them, but not too far."""

from collections.abc import Sequence
from typing import Any

from course_lib.exercises.chance import Chance
from course_lib.exercises.framework import Answer, Exercise, Wrong
from course_lib.exercises.lesson_09a import solutions
from course_lib.exercises.lesson_09a.stand_ins import Source, Work, check_raised, check_stopped, played
from course_lib.exercises.ordering import in_every_order
from course_lib.exercises.playing import Scene
from course_lib.exercises.shown import shown

ROUNDS = 20
NO_END = ("It had not ended", "Your code waits for something")  # how the sentences of `play` begin

Row = Sequence[tuple[float, Any]]


def _grade_work_ahead(work_ahead: Answer) -> str:
    quick, slow = [(0, n) for n in range(1, 9)], [(2, f"result {n}") for n in range(1, 9)]
    _done(work_ahead, quick, slow, 2, 2)
    _done(work_ahead, [(1, 1), (1, 2), (1, 3)], [(1, "a"), (1, "b"), (1, "c")], 1, 1)
    _done(work_ahead, [(1, "first"), (1, None), (1, 0), (1, "last")], [(2, None), (2, ""), (1, 0), (1, "z")], 2, 1)
    _done(work_ahead, [], [], 3, 2)
    _work_fails(work_ahead, quick, [(1, "a"), (1, OSError("disk full")), *slow[2:]], 1, 2)
    _work_fails(work_ahead, quick, [(3, "a"), (1, OSError("disk full")), *slow[2:]], 2, 1)
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
        _work_fails(work_ahead, row, failing, workers, size)
        _source_fails(work_ahead, [*row, (chance.seconds(0, 1), chance.failure("source"))], work, workers, size)
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
) -> tuple[Scene, Work]:
    work = Work("work", works, [item for _, item in row if not isinstance(item, Exception)], clean_up)
    source = Source(row, work)
    try:
        scene = played(function, source, work, workers, size, cancel_at=cancel_at)
    except Wrong as wrong:
        if cancel_at is None and str(wrong).startswith(NO_END):
            raise Wrong(f"{wrong} {_why_no_end(work, source)}", wrong.timeline) from None
        raise
    if work.peak > workers:
        raise scene.wrong(
            f"With workers={workers}, {work.peak} calls of `work` were under way at one time: so many workers, each "
            "with one item after another."
        )
    if source.most_ahead > size + 1:
        raise scene.wrong(
            f"With size={size}, {source.most_ahead} items had been read whose work had not begun: {size} may wait in "
            "the queue, and one in the hand of who reads. The source is to be held up: put into a queue with a limit."
        )
    return scene, work


def _why_no_end(work: Work, source: Source) -> str:
    if work.failed_at is not None:
        return (
            f"At {work.failed_at:g} s `work` failed, and a worker with it: who waits at `put` for a worker that is "
            "dead waits for ever. One task group over both sides ends both."
        )
    if not work.calls and work.items:
        return f"{source.came} items had been read, and nobody worked: make the workers before you read the source."
    if len(work.calls) == len(work.items):
        return "All the work was done: does each worker hear that nothing more comes? One sentinel ends one worker."
    return (
        f"{source.came} items had been read, and `work` was called {len(work.calls)} times. Did a worker take an item "
        "for the end? An item may be anything, also None: only an object of your own can say that nothing more comes."
    )


def _done(function: Answer, row: Row, works: Row, workers: int, size: int) -> None:
    scene, work = _played(function, row, works, workers, size)
    _check_results(scene, work)
    best = _played(solutions.work_ahead, row, works, workers, size)[0].ended
    if scene.ended > best:
        raise scene.wrong(
            f"With workers={workers} and size={size} this can be done at {best:g} s; your function ended at "
            f"{scene.ended:g} s. {_why_late(row, work, workers)}"
        )


def _why_late(row: Row, work: Work, workers: int) -> str:
    if work.peak < min(workers, len(row)):
        return f"At most {work.peak} calls of `work` were under way at one time."
    return "As long as there is room, read on; as long as there is an item, nobody is idle."


def _check_results(scene: Scene, work: Work) -> None:
    returned = scene.result()
    if not isinstance(returned, list):
        raise scene.wrong(f"Return a list of what `work` gave; your function returned {shown(returned, 60)}.")
    if len(work.calls) < len(work.items):
        missing = work.items[len(work.calls)]
        raise scene.wrong(
            f"`work` was never called with item {len(work.calls) + 1}, {shown(missing, 40)}, and your function "
            "returned: an item may be anything, also None; only an object of your own can say that nothing more comes."
        )
    left = list(returned)
    for _, wanted in work.row:
        place = next((n for n, each in enumerate(left) if each is wanted), None)
        if place is None:
            raise scene.wrong(f"`work` gave {shown(wanted, 40)}, and your list has it not: {shown(returned, 60)}.")
        del left[place]
    if left:
        raise scene.wrong(f"Your list has {shown(left[0], 40)}, and `work` gave no such thing.")


def _work_fails(function: Answer, row: Row, works: Row, workers: int, size: int) -> None:
    scene, work = _played(function, row, works, workers, size)
    failure = next(answer for _, answer in works if isinstance(answer, Exception))
    at = work.failed_at
    if at is None:
        raise scene.wrong(f"`work` was never called with every item, and your function {scene.answered()}.")
    check_raised(scene, failure, "`work`", at)


def _source_fails(function: Answer, row: Row, works: Row, workers: int, size: int) -> None:
    scene, _ = _played(function, row, works, workers, size)
    failure = next(item for _, item in row if isinstance(item, Exception))
    at = _played(solutions.work_ahead, row, works, workers, size)[0].ended
    check_raised(scene, failure, "`source`", at)


def _stopped(
    function: Answer, row: Row, works: Row, workers: int, size: int, cancel_at: float, clean_up: float = 0
) -> None:
    scene, _ = _played(function, row, works, workers, size, cancel_at, clean_up)
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
- If `work` or `source` fails, all ends at once, and the exception leaves your function, alone or in a group.
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
