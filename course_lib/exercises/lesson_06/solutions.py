"""The reference solutions of lesson 6, as a learner would write them."""
# mypy: disable-error-code="arg-type"
# (dict.get as a key, which may give None for another dictionary)

import asyncio
from concurrent.futures import ThreadPoolExecutor
from math import ceil


async def choose_model(work):
    one = work.waits + work.computes
    computing = work.calls * work.computes
    seconds = {
        "sequential": work.calls * one,
        "threads": max(computing, ceil(work.calls / 10) * one),
        "asyncio": computing + work.waits if work.coroutines else work.calls * one,
        "processes": 0.5 + ceil(work.calls / work.cores) * one,
    }
    fastest = min(seconds, key=seconds.get)
    return fastest if 1.5 * seconds[fastest] <= seconds["sequential"] else "sequential"


async def crunch_all(jobs, crunch, pool):
    loop = asyncio.get_running_loop()
    return await asyncio.gather(*(loop.run_in_executor(pool, crunch, job) for job in jobs))


async def fetch_in_threads(fetch, urls, limit):
    def one(url):
        try:
            return fetch(url)
        except OSError:
            return None

    loop = asyncio.get_running_loop()
    pool = ThreadPoolExecutor(limit)
    try:
        return await asyncio.gather(*(loop.run_in_executor(pool, one, url) for url in urls))
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
