"""EventLoopMonitor: how late the loop comes, and which task, function and line held it up."""

import asyncio
import importlib.util
import logging
import threading
import time

import pytest

from course_lib.monitor import EventLoopMonitor
from course_lib.monitor.records import Block
from course_lib.seeing import simulate

LOOPS = {"asyncio": None}
if importlib.util.find_spec("uvloop"):  # not a requirement of the course: tested where it is
    import uvloop

    LOOPS["uvloop"] = uvloop.new_event_loop

LONG = 0.25  # seconds of a block that must be found on a busy machine, too


@pytest.fixture(params=LOOPS)
def run(request):
    def run(main):
        with asyncio.Runner(loop_factory=LOOPS[request.param]) as runner:
            return runner.run(main())

    return run


async def crunch(seconds):
    await asyncio.sleep(0)
    time.sleep(seconds)
    await asyncio.sleep(0)


def named(monitor, task):
    """Return the longest block of that task; a busy machine may have added others."""
    return max((block for block in monitor.blocks if block.task == task), key=lambda block: block.seconds)


@pytest.mark.parametrize("steps", [False, True])
def test_a_blocking_task_is_named(run, steps, caplog):
    """A step that blocks is measured and named, in `blocks` and in a warning, with its task, function and line."""

    async def main():
        began = time.perf_counter()
        async with EventLoopMonitor(steps=steps) as monitor:
            await asyncio.create_task(crunch(LONG), name="culprit")
        return monitor, time.perf_counter() - began

    with caplog.at_level(logging.WARNING, "course_lib.monitor"):
        monitor, whole = run(main)
    block = named(monitor, "culprit")
    assert LONG <= block.seconds <= whole
    assert block.function == "crunch"
    assert block.line.endswith("of crunch: time.sleep(seconds)")
    assert str(block) in caplog.messages
    assert str(block).startswith("culprit (crunch) held the loop for ~")


def test_code_that_is_no_watched_task_is_named(run):
    """The task that opened the monitor blocks, too, though its own steps are not watched."""

    async def main():
        began = time.perf_counter()
        async with EventLoopMonitor() as monitor:
            await asyncio.sleep(0)
            time.sleep(LONG)
            await asyncio.sleep(0.06)
        return monitor, time.perf_counter() - began

    monitor, whole = run(main)
    block = named(monitor, "main")
    assert LONG / 2 < block.seconds <= whole
    assert block.line.endswith("of main: time.sleep(LONG)")


def test_a_blocking_callback_is_named(run):
    """A plain callback that blocks belongs to no task; its line is found."""

    def callback():
        time.sleep(LONG)

    async def main():
        async with EventLoopMonitor() as monitor:
            await asyncio.sleep(0.06)
            asyncio.get_running_loop().call_soon(callback)
            await asyncio.sleep(0.06)
        return monitor

    block = max(run(main).blocks, key=lambda block: block.seconds)
    assert block.task == ""
    assert block.line.endswith("of callback: time.sleep(LONG)")
    assert str(block).startswith("code outside any watched task held the loop")


def test_many_short_steps_blame_no_task():
    """A turn in which many tasks each had a short step names none of them as the one to blame."""

    async def short():
        time.sleep(0.02)

    async def main():
        async with EventLoopMonitor() as monitor:
            await asyncio.gather(*(short() for _ in range(10)))
        return monitor

    block = max(asyncio.run(main()).blocks, key=lambda block: block.seconds)
    assert (block.task, block.line) == ("several tasks in one round", "")


def test_step_timing_tells_blocks_of_one_turn_apart():
    """With step timing, two tasks that block in the same round are two blocks."""

    async def main():
        async with EventLoopMonitor(steps=True) as monitor:
            await asyncio.gather(*(asyncio.create_task(crunch(LONG / 2), name=name) for name in "ab"))
        return monitor

    monitor = asyncio.run(main())
    assert [block.task for block in monitor.blocks if block.task and block.seconds >= LONG / 2] == ["a", "b"]


def test_what_is_short_is_no_block():
    """Below `slow` seconds nothing is reported."""

    async def main():
        async with EventLoopMonitor(slow=10) as monitor:
            await asyncio.create_task(crunch(0.1))
        return monitor

    assert asyncio.run(main()).blocks == []


def test_the_lag_is_as_long_as_the_block(run):
    """What was due while the loop was blocked was late: the worst lag is nearly the block, and the samples say so."""

    async def main():
        began = time.perf_counter()
        async with EventLoopMonitor() as monitor:
            await asyncio.sleep(0.06)
            await asyncio.create_task(crunch(LONG))
            await asyncio.sleep(0.06)
        return monitor, time.perf_counter() - began

    monitor, whole = run(main)
    lag = monitor.lag()
    assert LONG <= lag.max <= whole
    assert 0 <= lag.median <= lag.p99 <= lag.max
    assert lag.samples >= 4  # those that a timer every 50 ms would have taken meanwhile


def test_time_between_two_runs_of_a_loop_is_no_block():
    """While the loop does not run nothing is late: a program may pause between two runs."""
    monitor = EventLoopMonitor()
    with asyncio.Runner() as runner:
        monitor.start_monitoring(runner.get_loop())
        runner.run(asyncio.sleep(0.06))
        time.sleep(LONG)
        runner.run(asyncio.sleep(0.06))
        monitor.stop_monitoring()
    assert not any(block.seconds >= LONG for block in monitor.blocks)
    assert monitor.lag().max < LONG


def test_in_a_simulation_blocks_are_exact_and_named():
    """On a virtual clock every block has its exact length, time, task and line, without any waiting."""

    async def main():
        async with EventLoopMonitor() as monitor:
            task = asyncio.create_task(crunch(3600), name="culprit")
            await asyncio.sleep(1)
            time.sleep(0.5)
            await task
            await asyncio.sleep(10**6)
        return monitor

    monitor = simulate(main).result
    culprit, itself = monitor.blocks
    assert (culprit.at, culprit.seconds, culprit.task) == (0, 3600, "culprit")
    assert culprit.line.endswith("of crunch: time.sleep(seconds)")
    assert str(culprit).startswith("culprit (crunch) held the loop for 3600 s at line")
    assert (itself.at, itself.seconds, itself.task) == (3600, 0.5, "main")
    assert (monitor.lag().median, monitor.lag().max) == (0, 3600)


def test_in_a_simulation_a_loop_that_does_not_block_has_no_lag():
    """On a virtual clock nothing is late unless something blocks, and a monitor keeps no simulation from ending."""

    async def main():
        async with EventLoopMonitor() as monitor:
            await asyncio.gather(*(asyncio.sleep(n) for n in range(10)))
        return monitor

    lag = simulate(main).result.lag()
    assert (lag.median, lag.p99, lag.max, lag.samples) == (0, 0, 0, 180)


def test_a_deadlock_in_a_simulation_is_still_found():
    """A monitor's own timers do not hide a deadlock from the virtual clock."""
    from course_lib.seeing import DeadlockError

    async def main():
        async with EventLoopMonitor():
            await asyncio.get_running_loop().create_future()

    with pytest.raises(DeadlockError):
        simulate(main)


def test_the_thread_ends_with_the_monitoring(run):
    """Stopping ends the watchdog's thread; so does closing a loop that was never stopped being watched."""

    def watchdogs():
        return [thread for thread in threading.enumerate() if thread.name == "loop watchdog"]

    async def stopped():
        async with EventLoopMonitor():
            assert len(watchdogs()) == 1
        assert watchdogs() == []

    async def forgotten():
        EventLoopMonitor().start_monitoring()

    run(stopped)
    run(forgotten)
    for thread in watchdogs():
        thread.join(5)
    assert watchdogs() == []


def test_tasks_are_counted_on_every_loop(run):
    """On any loop, names, states and the parts of the time are those of asyncio's own loop."""

    async def fails():
        raise ValueError

    async def main():
        async with EventLoopMonitor(steps=True) as monitor:
            cancelled = asyncio.create_task(asyncio.sleep(5), name="cancelled")
            await asyncio.wait([asyncio.create_task(fails(), name="failed")])
            async with asyncio.TaskGroup() as group:
                group.create_task(crunch(0), name="grouped")
            cancelled.cancel()
            await asyncio.wait([cancelled])
        return {metrics.name: metrics.state.value for metrics in monitor.get_metrics()}

    assert run(main) == {"cancelled": "cancelled", "failed": "failed", "grouped": "completed"}


@pytest.mark.parametrize(
    ("block", "text"),
    [
        (Block(0, 1.5, "load", "load", "line 3 of load: f()"), "load held the loop for ~1.50 s at line 3 of load: f()"),
        (Block(0, 0.05, "load 1", "load", ""), "load 1 (load) held the loop for ~50.0 ms"),
        (Block(0, 0.05, "", "", "", virtual=True), "code outside any watched task held the loop for 0.05 s"),
    ],
)
def test_a_block_reads_as_a_sentence(block, text):
    """A block says who held the loop, for how long (with a tilde where measured) and where."""
    assert str(block) == text
