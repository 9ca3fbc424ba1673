"""The reference solutions of lesson 12a, as a learner would write them."""

import asyncio
import time
from statistics import median


async def compare_fairly(old, new, runs):
    async def timed(version):
        began = time.perf_counter()
        await version()
        return time.perf_counter() - began

    ratios = []
    for _ in range(runs):
        ratios.append(await timed(old) / await timed(new))
    return median(ratios)


async def total_size(load, numbers, workers):
    todo, total = iter(numbers), 0

    async def worker():
        nonlocal total
        for number in todo:
            size = len(await load(number))
            total += size

    async with asyncio.TaskGroup() as group:
        for _ in range(workers):
            group.create_task(worker())
    return total


async def sample_while(program, look, every):
    async def sampler():
        while True:
            await asyncio.sleep(every)
            look()

    sampling = asyncio.create_task(sampler())
    try:
        return await program()
    finally:
        sampling.cancel()
        await asyncio.wait([sampling])
