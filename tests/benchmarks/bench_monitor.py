"""What watching a loop costs, and how exactly it sees: python tests/benchmarks/bench_monitor.py

The ways take turns, so that a busy moment of the machine does not fall on one of them alone. Who finds which blocks,
with other tools beside the monitor: bench_blocks.py.
"""

import asyncio
import gc
import importlib.util
import logging
import math
import sys
import time
import tracemalloc
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import median
from typing import Any

from course_lib.monitor import Block, EventLoopMonitor

TASKS, GATHERED, RUNS = 100_000, 1_000, 5
SLOW_TASKS = 10_000  # for the ways that take 25 times as long
BLOCKS = [0.010, 0.030, 0.050, 0.100, 0.300]
IDLE = 5.0

Loop = asyncio.AbstractEventLoop


async def trivial() -> None:
    """Nothing: whatever is measured beside it is overhead."""


async def one_wait() -> None:
    await asyncio.sleep(0)


@contextmanager
def bare(loop: Loop) -> Any:
    yield


@contextmanager
def ours(loop: Loop, **options: Any) -> Any:
    monitor = EventLoopMonitor(**options)
    monitor.start_monitoring(loop)
    yield
    monitor.stop_monitoring()


@contextmanager
def ours_with_steps(loop: Loop) -> Any:
    with ours(loop, steps=True):
        yield


@dataclass
class Entry:
    state: str
    start: float
    end: float = 0.0
    error: Any = None
    result: Any = None


@contextmanager
def like_the_article(loop: Loop) -> Any:
    """A task factory and a done callback, with a record for each task, kept for ever."""
    entries: dict[str, Entry] = {}

    def note(key: str, task: "asyncio.Task[Any]") -> None:
        entry = entries[key]
        entry.end = time.time()
        if task.cancelled():
            entry.state = "cancelled"
        elif error := task.exception():
            entry.state, entry.error = "failed", error
        else:
            entry.state, entry.result = "completed", task.result()

    def factory(loop: Loop, coro: Any, **kwargs: Any) -> Any:
        task = asyncio.Task(coro, loop=loop, **kwargs)
        key = f"task-{id(task)}"
        entries[key] = Entry("pending", time.time())
        task.add_done_callback(lambda task: note(key, task))
        return task

    loop.set_task_factory(factory)
    yield
    loop.set_task_factory(None)


@contextmanager
def debug_mode(loop: Loop) -> Any:
    loop.set_debug(True)
    yield
    loop.set_debug(False)


@contextmanager
def aiomonitor_hook(loop: Loop) -> Any:
    import aiomonitor

    with aiomonitor.start_monitor(loop, console_enabled=False, hook_task_factory=True, webui_port=0, port=0):
        yield


async def measure(way: Callable[[Loop], Any], work: Callable[[], Any], tasks: int) -> float:
    """Return the microseconds of processor time that one task takes: what else the machine does is left out."""
    with way(asyncio.get_running_loop()):
        begun = time.process_time()
        for _ in range(tasks // GATHERED):
            await asyncio.gather(*[work() for _ in range(GATHERED)])
        return (time.process_time() - begun) / tasks * 1e6


def cost() -> None:
    """Print what each way of watching makes of the time that a task takes."""
    ways: dict[str, Callable[[Loop], Any]] = {
        "no task factory": bare,
        "EventLoopMonitor()": ours,
        "EventLoopMonitor(steps=True)": ours_with_steps,
        "the article's way": like_the_article,
        "asyncio's debug mode": debug_mode,
    }
    if importlib.util.find_spec("aiomonitor"):
        ways["aiomonitor's hooked factory"] = aiomonitor_hook
    else:
        print("aiomonitor is not installed, and not measured.")
    print(f"{TASKS:,} tasks, gathered {GATHERED:,} at a time; processor time, medians of {RUNS} runs.")
    print(f"Debug mode and aiomonitor's hook: {SLOW_TASKS:,} tasks, 1 run.\n")
    for work, name in ((trivial, "tasks that do nothing"), (one_wait, "tasks that wait once")):
        taken: dict[str, list[float]] = {way: [] for way in ways}
        for run in range(RUNS):
            for way_name, way in ways.items():
                slow = way in (debug_mode, aiomonitor_hook)
                if slow and run:
                    continue
                gc.collect()
                taken[way_name].append(asyncio.run(measure(way, work, SLOW_TASKS if slow else TASKS)))
        base = median(taken["no task factory"])
        print(f"{name:<30}{'a task':>12}{'times bare':>12}")
        for way_name, figures in taken.items():
            print(f"{way_name:<30}{median(figures):>9.2f} us{median(figures) / base:>12.2f}")
        print()


async def memory() -> None:
    """Print the memory that a monitor holds after more and more tasks."""
    monitor, held = EventLoopMonitor(), []
    monitor.start_monitoring()
    tracemalloc.start()
    for number in (10_000, 100_000, 1_000_000):
        while monitor.created < number:
            await asyncio.gather(*[trivial() for _ in range(GATHERED)])
        gc.collect()
        held.append((number, tracemalloc.get_traced_memory()[0]))
    tracemalloc.stop()
    monitor.stop_monitoring()
    print("Memory held: " + ", ".join(f"{size / 1e6:.2f} MB after {number:,} tasks" for number, size in held))
    kept = len(monitor.get_metrics())
    print(f"Totals after {monitor.created:,} tasks: {monitor.completed:,} completed, {kept:,} kept.\n")


async def busy(monitor: EventLoopMonitor) -> list[tuple[float, Block | None]]:
    """Block a loop on which a hundred tasks run, for each length in turn; return what the monitor made of it."""
    stop = asyncio.Event()

    async def other() -> None:
        while not stop.is_set():
            await asyncio.sleep(0.005)

    async def culprit(seconds: float) -> None:
        await asyncio.sleep(0.02)
        begun = time.perf_counter()
        time.sleep(seconds)
        taken[seconds] = time.perf_counter() - begun

    taken: dict[float, float] = {}
    seen: list[tuple[float, Block | None]] = []
    others = [asyncio.create_task(other()) for _ in range(100)]
    for seconds in BLOCKS:
        before = monitor.block_count
        await asyncio.create_task(culprit(seconds), name=f"culprit {seconds * 1000:.0f}")
        await asyncio.sleep(0.03)
        # A busy machine adds blocks of its own; where there are several, the culprit's is the one that was planted.
        new = sorted(monitor.blocks[before:], key=lambda block: (block.function.endswith("culprit"), block.seconds))
        seen.append((taken[seconds], new[-1] if new else None))
    stop.set()
    await asyncio.wait(others)
    return seen


def blocks(loop_factory: Callable[[], Loop] | None, name: str) -> None:
    """Print how each block was measured, and whether it was named."""
    for steps in (False, True):

        async def main(steps: bool = steps) -> list[tuple[float, Block | None]]:
            async with EventLoopMonitor(steps=steps, slow=0.008) as fine:  # so that the short ones are measured, too
                return await busy(fine)

        async def main_named(steps: bool = steps) -> list[tuple[float, Block | None]]:
            async with EventLoopMonitor(steps=steps) as monitor:
                return await busy(monitor)

        with asyncio.Runner(loop_factory=loop_factory) as runner:
            measured, named = runner.run(main()), runner.run(main_named())
        errors = [abs(block.seconds - real) * 1000 if block else math.inf for real, block in measured]
        print(f"{name}, steps={steps}: off by " + ", ".join(f"{error:.2f}" for error in errors) + " ms")
        for seconds, (_, block) in zip(BLOCKS, named, strict=True):
            good = (
                block is not None
                and block.task == f"culprit {seconds * 1000:.0f}"
                and "time.sleep(seconds)" in block.line
            )
            what = block or "no block, below 50 ms"
            print(f"    {seconds * 1000:>4.0f} ms: {'named' if good else '-'}: {what}")
    print()


async def idle(way: Callable[[Loop], Any]) -> float:
    """Return the share of a core that a loop takes on which nothing happens."""
    with way(asyncio.get_running_loop()):
        begun = time.process_time()
        await asyncio.sleep(IDLE)
        return (time.process_time() - begun) / IDLE


if __name__ == "__main__":
    logging.disable()
    print(f"Python {sys.version.split()[0]}")
    cost()
    asyncio.run(memory())
    blocks(None, "asyncio's loop")
    print(f"Idle: {asyncio.run(idle(ours)):.2%} of a core, without a monitor {asyncio.run(idle(bare)):.2%}")
    if importlib.util.find_spec("uvloop"):
        import uvloop

        blocks(uvloop.new_event_loop, "uvloop")
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            shares = runner.run(idle(ours)), runner.run(idle(bare))
        print(f"Idle on uvloop: {shares[0]:.2%} of a core, without a monitor {shares[1]:.2%}")
    else:
        print("uvloop is not installed, and not measured.")
