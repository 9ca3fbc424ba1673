"""Whom a monitor blames for a block: what was seen for most of it, and nobody else."""

import asyncio
import time

import pytest

from course_lib.monitor import EventLoopMonitor
from course_lib.monitor.blame import SEVERAL, UNSEEN, Sighting, blame
from course_lib.monitor.lag import LagWatch
from course_lib.seeing import simulate

START, END = "the beginning of the turn", "the end of the turn"
GAP = 0.02


def looks(*seen):
    """Return sightings at (seconds, task, line), or at (from, to, task, line)."""
    found = []
    for *times, task, line in seen:
        ident = sum(map(ord, task))
        found.append(Sighting(0.0, ident, task, task and f"{task}()", line, times[0], times[-1]))
    return found


def blamed(ended, *seen):
    task, _, line = blame(looks(*seen), 0.0, ended, GAP, START, END)
    return task, line


def test_what_was_seen_for_most_of_a_block_is_blamed():
    """A task and a line that were there at nearly every look are named, with the function of the task."""
    seen = looks((0.01, 0.29, "culprit", "line 3"))
    assert blame(seen, 0.0, 0.3, GAP, START, END) == ("culprit", "culprit()", "line 3")


def test_the_longest_of_many_steps_is_not_blamed_for_all():
    """Sixty steps of 5 ms and one of 40 ms make a turn in which several tasks ran, whoever was seen most often."""
    short = [(0.01 * number, f"short {number}", "line 1") for number in range(1, 31)]
    longer = [(0.31, 0.34, "innocent", "line 2")]
    assert blamed(0.34, *short, *longer) == (SEVERAL, "")
    assert blamed(0.34, *longer) == (UNSEEN, f"between {START} and line 2")


def test_what_comes_after_code_that_lets_nobody_look_is_not_blamed():
    """After a long time without a look, what is seen next is only where the block ends."""
    assert blamed(0.3, (0.299, "innocent", "line 9")) == (UNSEEN, f"between {START} and line 9")
    assert blamed(0.3, (0.01, "a", "line 3"), (0.299, "b", "line 9")) == (UNSEEN, "between line 3 and line 9")
    assert blamed(0.3, (0.01, "a", "line 3")) == (UNSEEN, f"between line 3 and {END}")


def test_a_task_is_named_where_only_its_line_was_not_seen():
    """A task has one step in a turn: what lies between two looks at one task was that task."""
    assert blamed(0.3, (0.01, "a", "line 3"), (0.299, "a", "line 9")) == ("a", "between line 3 and line 9")


def test_lines_that_took_the_block_together_are_named_together():
    """Where no line of a task took most of a block, the first and the last of those that did are named."""
    seen = [(0.01 * number, "loop", f"line {3 + number % 3}") for number in range(1, 31)]
    assert blamed(0.3, *seen) == ("loop", "between line 4 and line 5")


def test_a_callback_is_not_blamed_for_another():
    """Of two callbacks, seen with a long time between them, neither is blamed for it."""
    assert blamed(0.3, (0.01, "", "line 3"), (0.299, "", "line 9"))[0] == UNSEEN
    assert blamed(0.3, (0.01, 0.2, "", "line 3"), (0.299, "", "line 9")) == ("", "line 3")


def test_nothing_seen_is_nobody_to_blame():
    """A block at which nobody looked is said to be unseen, not to be code outside any task."""
    assert blamed(0.3) == (UNSEEN, "")


# The same on real loops.

LONG = 0.25


@pytest.fixture(scope="module")
def big():
    """Return what to look for and a list, so that `in` takes at least LONG seconds, in C code that lets nobody look."""
    here, there = "x" * 1_000_000 + "a", "x" * 1_000_000 + "b"
    times = 1000
    while True:
        begun = time.perf_counter()
        assert here not in [there] * times
        if time.perf_counter() - begun > LONG:
            return here, [there] * times
        times *= 2


def said(monitor):
    """Return the longest block, and what is said of it."""
    block = max(monitor.blocks, key=lambda block: block.seconds)
    return block.task, block.line


def innocent():
    return sum(number for number in range(10))


async def guilty(here, there):
    await asyncio.sleep(0)
    found = here in there
    innocent()
    await asyncio.sleep(0)
    return found


async def watched(steps, make):
    async with EventLoopMonitor(steps=steps) as monitor:
        await asyncio.sleep(0)
        await asyncio.gather(*make())
    return monitor


def test_code_that_lets_nobody_look_is_not_put_on_the_next_function(big):
    """C code without lines is never put on the function called next: the block lies between two lines, or unseen."""
    task, line = said(asyncio.run(watched(False, lambda: [guilty(*big)])))
    assert task in ("guilty", UNSEEN)
    # On a busy machine the watchdog may get no look at all before the block has ended: then it names nothing.
    assert line.startswith("between ") or (task, line) == (UNSEEN, "")


def test_with_step_timing_such_code_has_its_task_and_the_lines_around_it(big):
    """With step timing, the task is certain, and the block lies between where the step began and what came next."""
    task, line = said(asyncio.run(watched(True, lambda: [guilty(*big)])))
    assert task == "guilty"
    assert line.startswith("between line")
    assert "await asyncio.sleep(0)" in line


def test_the_longest_of_many_tasks_is_not_blamed_for_their_turn():
    """A task of 40 ms among sixty of 5 ms is not said to have held the loop for all of it."""
    took = {}

    async def short(seconds):
        await asyncio.sleep(0)
        begun = time.perf_counter()
        time.sleep(seconds)
        took[asyncio.current_task().get_name()] = time.perf_counter() - begun

    def tasks():
        return [
            asyncio.create_task(short(0.04 if number == 30 else 0.005), name=f"short {number}") for number in range(61)
        ]

    for block in asyncio.run(watched(False, tasks)).blocks:
        assert took.get(block.task, block.seconds) >= block.seconds / 4  # more than half, with a margin of 2


def test_on_a_virtual_clock_most_is_exact():
    """In a simulation the line that took most of a block is named, and of two alike both."""

    async def unlike():
        time.sleep(1)
        time.sleep(3)
        time.sleep(0.5)

    async def alike():
        time.sleep(1)
        time.sleep(1)

    async def main():
        async with EventLoopMonitor() as monitor:
            await asyncio.create_task(unlike())
            await asyncio.create_task(alike())
        return monitor

    first, second = simulate(main).result.blocks
    assert (first.task, first.seconds) == ("unlike", 4.5)
    assert first.line.endswith("of unlike: time.sleep(3)")
    assert (second.task, second.seconds) == ("alike", 2)
    assert second.line.startswith("between line")
    assert " of alike: time.sleep(1) and line " in second.line


def test_a_step_at_which_nobody_looked_lies_between_its_ends(monkeypatch):
    """With step timing, where a step began and ended is known, also when no look was made while it ran."""
    monkeypatch.setattr(LagWatch, "look", lambda self, innermost: None)

    async def long_step():
        await asyncio.sleep(0)
        time.sleep(0.1)
        await asyncio.sleep(0)

    task, line = said(asyncio.run(watched(True, lambda: [long_step()])))
    assert task == "long_step"
    assert line.startswith("between line") and line.count("await asyncio.sleep(0)") == 2
