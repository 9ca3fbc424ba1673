"""What it costs to watch: python tests/benchmarks/bench_recording.py

100,000 trivial tasks, gathered a thousand at a time: without anything, with a task factory that adds nothing (the least
that any way of seeing tasks costs), inside record(), and inside simulate(). What record() does after its block, when it
draws up the lanes, is a figure of its own. The kinds take turns, so that a machine that is busy for a while does not
favour one of them. Trivial tasks are the worst case: the cost is one of each task and each step, whatever a step does.
"""

import asyncio
import time
from collections.abc import Callable
from statistics import median

from course_lib.seeing import record, simulate

TASKS, TOGETHER, RUNS = 100_000, 1000, 5


async def nothing() -> None:
    pass


async def many_tasks() -> float:
    """Return the seconds it took by the loop's clock."""
    start = time.perf_counter()
    for _ in range(TASKS // TOGETHER):
        await asyncio.gather(*[asyncio.create_task(nothing()) for _ in range(TOGETHER)])
    return time.perf_counter() - start


async def with_a_factory() -> float:
    loop = asyncio.get_running_loop()
    loop.set_task_factory(lambda loop, coro, **kwargs: asyncio.Task(coro, loop=loop, **kwargs))
    return await many_tasks()


async def recorded() -> float:
    async with record():
        return await many_tasks()


async def five_fetches() -> None:
    await asyncio.gather(*(asyncio.sleep(delay) for delay in (1, 2, 1, 3, 1)))


def seconds(run: Callable[[], object]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def main() -> None:
    kinds: dict[str, Callable[[], float]] = {
        "bare": lambda: asyncio.run(many_tasks()),
        "no-op task factory": lambda: asyncio.run(with_a_factory()),
        "record()": lambda: asyncio.run(recorded()),
        "simulate(), in all": lambda: seconds(lambda: simulate(many_tasks, limit=600)),
    }
    times: dict[str, list[float]] = {kind: [] for kind in kinds}
    lanes = []
    for _ in range(RUNS):
        for kind, run in kinds.items():
            whole = seconds(lambda kind=kind, run=run: times[kind].append(run()))
            if kind == "record()":
                lanes.append(whole - times[kind][-1])
    bare = median(times["bare"])
    print(f"{TASKS:,} tasks, {TOGETHER:,} at a time, medians of {RUNS}")
    for kind, taken in times.items():
        print(f"{kind:20} {TASKS / median(taken):9,.0f} tasks/s  {median(taken) / bare:.2f} times bare")
    print(f"drawing up the lanes after record(): {median(lanes) / TASKS * 1e6:.1f} microseconds a task")
    five = median(seconds(lambda: simulate(five_fetches)) for _ in range(200))
    print(f"simulate() of the article's five fetches, 3 s of virtual time: {five * 1e3:.1f} ms")


if __name__ == "__main__":
    main()
