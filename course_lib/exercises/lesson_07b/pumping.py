"""Exercise 3: a reader faster than the writer, and a queue between them that takes whatever comes."""

import asyncio
import inspect
from collections.abc import Sequence
from typing import Any

from course_lib.exercises.chance import FALSY, KINDS, Chance
from course_lib.exercises.framework import Answer, Exercise, Wrong, describe_raised, leaves
from course_lib.exercises.lesson_07b import as_found, solutions
from course_lib.exercises.ordering import in_every_order
from course_lib.exercises.playing import Scene, play
from course_lib.seeing import span

ROUNDS = 25
MOST = 5  # blocks in memory
FALSY_BLOCK = "A block may be empty; only None is the end."
STILL_TOO_MANY = (
    "The reader does wait, but too late: the block in its own hand counts, too, and the one that is being written."
)


class Disk:
    """Blocks to be read and written, each in its time; what was done is noted.

    fails: whose call number, from 0, raises which failure: {"read": (3, OSError())}
    """

    def __init__(
        self,
        blocks: Sequence[Any],
        reading: float = 1,
        writing: float = 1,
        fails: tuple[str, int, Exception] | None = None,
        clean_up: float = 0,
    ) -> None:
        self.blocks, self.reading, self.writing, self.clean_up = list(blocks), reading, writing, clean_up
        self.fails = fails
        self.calls = {"read": 0, "write": 0}
        self.busy = {"read": 0, "write": 0}
        self.read_blocks = 0
        self.written: list[Any] = []
        self.most = 0
        self.failed_at: float | None = None
        self.failed_beside = False  # whether the other side was at work then
        self.after = ""

    async def read(self) -> Any:
        """Return the next block, None when there is none."""
        await self._work("read", self.reading)
        number = self.read_blocks
        if number >= len(self.blocks):
            return None
        self.read_blocks += 1
        self.most = max(self.most, self.read_blocks - len(self.written))
        return self.blocks[number]

    async def write(self, block: Any) -> None:
        """Store a block."""
        await self._work("write", self.writing)
        self.written.append(block)

    async def _work(self, what: str, seconds: float) -> None:
        if self.busy[what]:
            raise Wrong(f"{what} was called while another {what} was under way: one at a time, in their order.")
        if self.failed_at is not None and not self.after:
            self.after = what
        number = self.calls[what]
        self.calls[what] += 1
        self.busy[what] += 1
        try:
            with span(f"{what} {number + 1}"):
                try:
                    await asyncio.sleep(seconds)
                except asyncio.CancelledError:
                    await asyncio.sleep(self.clean_up)
                    raise
            if self.fails and self.fails[:2] == (what, number):
                self.failed_at = asyncio.get_running_loop().time()
                self.failed_beside = bool(self.busy["write" if what == "read" else "read"])
                raise self.fails[2]
        finally:
            self.busy[what] -= 1


def _played(pump: Answer, disk: Disk, cancel_at: float | None = None) -> Scene:
    try:
        scene = play(pump, disk.read, disk.write, cancel_at=cancel_at)
    except Wrong as wrong:
        if disk.failed_at is not None and disk.fails and "had not ended" in str(wrong):
            what, other = disk.fails[0], "writer" if disk.fails[0] == "read" else "reader"
            raise Wrong(
                f"A {what} failed at {disk.failed_at:g} s, and after 60 s your function still waits: the {other} waits "
                "for somebody who is dead. Who owns both?",
                wrong.timeline,
            ) from None
        if disk.failed_at is not None and disk.fails and wrong.timeline and wrong.timeline.leaked:
            raise Wrong(f"A {disk.fails[0]} failed. {wrong}", wrong.timeline) from None
        if "had not ended" in str(wrong):
            raise Wrong(f"{wrong} {_so_far(disk)}", wrong.timeline) from None
        raise
    for each in leaves(scene.raised):
        if isinstance(each, Wrong):
            raise scene.wrong(str(each))
    if disk.most > MOST:
        waits = disk.most < len(disk.blocks)
        raise scene.wrong(
            f"At one time {disk.most} blocks were in memory, read and not yet written; {MOST} at most should be. "
            + (STILL_TOO_MANY if waits else "What makes the reader wait for the writer?")
        )
    return scene


def _so_far(disk: Disk) -> str:
    """Say how far one came that does not end."""
    read, written, many = disk.read_blocks, len(disk.written), len(disk.blocks)
    if written == many:
        return f"All {many} blocks were written: how does each side learn that no more will come?"
    falsy = f" {FALSY_BLOCK}" if written < read and not disk.blocks[written] else ""
    return f"Of {many} blocks {read} had been read, and {written} written.{falsy}"


def _check_copied(pump: Answer, disk: Disk) -> None:
    scene = _played(pump, disk)
    count, many = scene.result(), len(disk.blocks)
    if len(disk.written) < many:
        falsy = f" {FALSY_BLOCK}" if any(not block for block in disk.blocks) else ""
        raise scene.wrong(f"There were {many} blocks, and {len(disk.written)} were written when you returned.{falsy}")
    if any(found is not block for found, block in zip(disk.written, disk.blocks, strict=False)):
        raise scene.wrong("The blocks were not written in their order.")
    if len(disk.written) > many:
        raise scene.wrong(
            f"There were {many} blocks, and you wrote {len(disk.written)}: None is the end, and no block."
        )
    if count != many or isinstance(count, bool):
        raise scene.wrong(f"{many} blocks were copied; you returned {count!r:.60}.")
    end = disk.reading + many * max(disk.reading, disk.writing)
    if scene.ended > end:
        raise scene.wrong(
            f"{many} blocks, {disk.reading:g} s to read one and {disk.writing:g} s to write one: you took "
            f"{scene.ended:g} s for what {end:g} s can do. While one block is written, read the next."
        )


def _check_failed(pump: Answer, disk: Disk) -> None:
    scene = _played(pump, disk)
    assert disk.fails
    what, _, failure = disk.fails
    kind = type(failure).__name__
    if disk.failed_at is None:
        raise scene.wrong(describe_raised(scene.raised) if scene.raised else f"You stopped at {scene.ended:g} s: why?")
    if not scene.raised:
        raise scene.wrong(f"A {what} raised {kind}, and your function {scene.answered()}: the failure must come out.")
    if list(leaves(scene.raised)) != [failure]:
        raise scene.wrong(f"A {what} raised {kind}, and out came something else: {describe_raised(scene.raised)}")
    if disk.after:
        raise scene.wrong(
            f"A {what} failed at {disk.failed_at:g} s, and a {disk.after} was begun after that: stop then."
        )
    end = disk.failed_at + (disk.clean_up if disk.failed_beside else 0)
    if scene.ended > end:
        raise scene.wrong(
            f"A {what} failed at {disk.failed_at:g} s, and your function ended at {scene.ended:g} s instead of {end:g} "
            "s: cancel what is under way."
        )


def _check_cancelled(pump: Answer, disk: Disk, cancel_at: float) -> None:
    scene = _played(pump, disk, cancel_at)
    if not scene.cancelled:
        raise scene.wrong(
            f"Cancelled at {cancel_at:g} s, your function {scene.answered()}: let CancelledError through."
        )
    if scene.ended > cancel_at + 2 * disk.clean_up:  # who cancels one side after the other has ended, stops, too
        raise scene.wrong(f"Cancelled at {cancel_at:g} s, your function ended at {scene.ended:g} s: stop at once.")


def _grade_pump(pump: Answer) -> str:
    names = [f"block {number}" for number in range(1, 13)]
    _check_copied(pump, Disk(names[:3]))
    _check_copied(pump, Disk(names[:8], reading=0.25, writing=2))  # all are read before one is written
    _check_copied(pump, Disk(names, reading=0.125, writing=2))
    _check_copied(pump, Disk(names, reading=2, writing=0.25))
    _check_copied(pump, Disk([]))
    _check_copied(pump, Disk(FALSY[:4] + FALSY[5:]))
    down = OSError("the disk is full")
    _check_failed(pump, Disk(names, reading=0.5, writing=2, fails=("write", 1, down), clean_up=0.25))
    _check_failed(pump, Disk(names, reading=2, writing=0.5, fails=("write", 1, down), clean_up=0.25))
    _check_failed(pump, Disk(names, reading=1, writing=2.5, fails=("read", 2, down), clean_up=0.25))
    _check_failed(pump, Disk(names, reading=2, writing=0.5, fails=("read", 2, down), clean_up=0.25))
    for at in (0.5, 3.25, 4.25, 30.25):
        _check_cancelled(pump, Disk(names * 2, reading=1, writing=3, clean_up=0.25), at)
    _check_cancelled(pump, Disk(names, reading=3, writing=1, clean_up=0.25), 7.5)
    chance = Chance("pump")
    for kind in (*KINDS, *KINDS):
        blocks = [chance.one_of(FALSY) if chance.likely(0.3) else name for name in names[: chance.number(1, 12)]]
        blocks = ["" if block is None else block for block in blocks]
        times = chance.number(1, 8) / 4, chance.number(1, 8) / 4
        _check_copied(pump, Disk(blocks, *times))
        what, number = chance.one_of(("read", "write")), chance.number(0, len(blocks) - 1)
        # Nothing of the reader's happens at the same moment as a thing of the writer's.
        uneven = times[0] + 1 / 64, times[1] + 1 / 512
        _check_failed(pump, Disk(blocks, *uneven, fails=(what, number, kind("no")), clean_up=chance.number(0, 2) / 4))
        _check_cancelled(pump, Disk(blocks, *uneven, clean_up=0.25), chance.number(0, 4) / 4 * times[0] + 1 / 1024)
    _check_orders(pump)
    return "The slow side slows the fast one, five blocks are enough, and when one side fails, the other hears of it."


def _check_orders(pump: Answer) -> None:
    def make() -> tuple[Disk, list[Any]]:
        disk = Disk([f"block {number}" for number in range(1, 8)])
        return disk, [disk.read, disk.write]

    def check(scene: Scene, disk: Disk) -> None:
        if scene.cancelled:
            return
        scene.result()
        if disk.most > MOST:
            raise scene.wrong(f"{disk.most} blocks are in memory at one time; {MOST} at most should be.")
        if disk.written != disk.blocks:
            raise scene.wrong(f"{len(disk.blocks)} blocks are read, and written are {disk.written!r:.60}.")

    in_every_order(pump, make, check)
    in_every_order(pump, make, check, cancel_at=1)


pump = Exercise(
    lesson="lesson_07b",
    task=f"""\
**Exercise 3: memory grows.** Mend `pump(read, write)`, which copies blocks.

```python
{inspect.getsource(as_found.pump).strip()}
```

- `await read()` gives the next block, and None when there are no more; a block may be empty. `await write(block)`
  stores one. Copy all, in their order, and return how many.
- Call one `read` at a time and one `write` at a time. While a block is written, the next one is read.
- Never more than {MOST} blocks are in memory, that is, read and not yet written.
- If a read or a write fails, stop at once: the other side is cancelled, and when it has ended, the failure comes out,
  alone or in a group.
- Cancelled, you stop at once. However you end, nothing is left running.""",
    reference=solutions.pump,
    grade=_grade_pump,
    hints=[
        "Check it as it is. It has three defects: one of memory, and one for each side that may fail.",
        "A queue with a `maxsize` makes `await queue.put(block)` wait for room. Beside what is in the queue, each side "
        "holds a block.",
        "`asyncio.Queue(maxsize=3)`, and both sides in a `TaskGroup`: the reader as its task, the writer as its body.",
    ],
)
