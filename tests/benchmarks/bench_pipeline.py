"""What a pipeline costs for each item and stage, beside a hand-written loop: python tests/benchmarks/bench_pipeline.py

The stages do nothing, so all that is measured is the way from the source to the consumer: processor time for an item,
in rounds in which the ways take turns, with queues of one size. Beside it stand plain asyncio.Queue loops, and
aiostream where it is installed (pip install aiostream; the course does not need it). Then the peak of the memory for a
source of 1,000,000 items, which is to be flat: beside it that of a source of 10,000.
"""

import asyncio
import importlib
import importlib.util
import time
import tracemalloc
from collections.abc import AsyncIterator, Awaitable, Callable
from statistics import median
from typing import Any

from course_lib.pipeline import pipeline, stage

ITEMS = 20_000
SIZE = 100  # places in each queue
ROUNDS = 7
STAGES = (1, 2, 3)
END = object()

Way = Callable[[int, int], Awaitable[int]]  # with so many items and stages; returns how many came out


async def same(item: int) -> int:
    return item


async def numbers(items: int) -> AsyncIterator[int]:
    for number in range(items):
        yield number


async def ours(items: int, stages: int) -> int:
    came = 0
    async with pipeline(*(stage(same, waiting=SIZE) for _ in range(stages)))(numbers(items)) as results:
        async for _ in results:
            came += 1
    return came


async def by_hand(items: int, stages: int) -> int:
    queues = [asyncio.Queue[Any](SIZE) for _ in range(stages + 1)]

    async def read() -> None:
        async for number in numbers(items):
            await queues[0].put(number)
        await queues[0].put(END)

    async def work(place: int) -> None:
        while (item := await queues[place].get()) is not END:
            await queues[place + 1].put(await same(item))
        await queues[place + 1].put(END)

    came = 0
    async with asyncio.TaskGroup() as group:
        group.create_task(read())
        for place in range(stages):
            group.create_task(work(place))
        while await queues[-1].get() is not END:
            came += 1
    return came


async def with_aiostream(items: int, stages: int) -> int:
    from aiostream import pipe, stream  # type: ignore[import-not-found,unused-ignore]

    xs: Any = stream.iterate(numbers(items))
    for _ in range(stages):
        xs |= pipe.map(same, task_limit=1)
    came = 0
    async with xs.stream() as items_of:
        async for _ in items_of:
            came += 1
    return came


def microseconds(way: Way, stages: int, items: int) -> float:
    """Return the processor time for an item; what is lost on the way raises."""

    async def main() -> int:
        return await way(items, stages)

    begun = time.process_time()
    came = asyncio.run(main())
    took = time.process_time() - begun
    if came != items:
        raise RuntimeError(f"{came} of {items} items came out")
    return took / items * 1e6


def peak(items: int) -> float:
    """Return the most memory that a pipeline of two stages held, in kilobytes."""

    async def main() -> int:
        return await ours(items, 2)

    tracemalloc.start()
    asyncio.run(main())
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return most / 1000


def main() -> None:
    ways: dict[str, Way] = {"pipeline": ours, "by hand": by_hand}
    if importlib.util.find_spec("aiostream"):
        importlib.import_module("aiostream")  # so that no round pays for it
        ways["aiostream"] = with_aiostream
    else:
        print("aiostream is not installed (pip install aiostream): without it\n")
    print(
        f"processor time for an item, {ITEMS:,} items, queues of {SIZE}, median of {ROUNDS} rounds (lowest to highest)"
    )
    for stages in STAGES:
        found: dict[str, list[float]] = {name: [] for name in ways}
        for number in range(ROUNDS):
            names = list(ways)
            for name in names[number % len(names) :] + names[: number % len(names)]:
                found[name].append(microseconds(ways[name], stages, ITEMS // 10 if name == "aiostream" else ITEMS))
        for name, row in found.items():
            ratio = median(one / hand for one, hand in zip(row, found["by hand"], strict=True))
            print(
                f"{stages} stage{'s' if stages > 1 else ' '}  {name:<10} {median(row):6.2f} us "
                f"({min(row):.2f} to {max(row):.2f}), {ratio:5.2f} times by hand"
            )
    few, many = peak(10_000), peak(1_000_000)
    print(f"\npeak memory of two stages: {few:.0f} KB for 10,000 items, {many:.0f} KB for 1,000,000")


if __name__ == "__main__":
    main()
