"""The reference solutions of lesson 6, as a learner would write them."""

import asyncio
from concurrent.futures import ThreadPoolExecutor


async def choose_model(work):
    if work.calls == 1:
        return "sequential"
    if work.waits > work.computes:
        return "asyncio" if work.coroutines else "threads"
    if work.cores > 1 and work.calls * work.computes > 2:
        return "processes"
    return "sequential"


async def crunch_all(jobs, crunch, pool):
    loop = asyncio.get_running_loop()
    return await asyncio.gather(*(loop.run_in_executor(pool, crunch, job) for job in jobs))


async def fetch_in_threads(fetch, urls, limit):
    loop = asyncio.get_running_loop()

    async def one(url):
        try:
            return await loop.run_in_executor(pool, fetch, url)
        except OSError:
            return None

    with ThreadPoolExecutor(limit) as pool:
        return await asyncio.gather(*(one(url) for url in urls))
