"""Right answers to the exercises of lesson 6, in other styles than the solutions."""

import asyncio
import concurrent.futures
import functools
import math
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from course_lib.exercises import lesson_06 as ex
from right_answers import right

# choose_model


@right(ex.choose_model)
async def goes_through_the_models(work):
    def seconds(model):
        one = work.waits + work.computes
        if model == "threads":
            return max(math.ceil(work.calls / 10) * one, work.calls * work.computes)
        if model == "asyncio" and work.coroutines:
            return work.waits + work.calls * work.computes
        if model == "processes":
            return math.ceil(work.calls / work.cores) * one + 0.5
        return work.calls * one

    best = "sequential"
    for model in ("asyncio", "threads", "processes"):
        if seconds(model) < seconds(best):
            best = model
    return best if seconds("sequential") / seconds(best) >= 1.5 else "sequential"


@right(ex.choose_model)
async def sorts_pairs(work):
    calls, waits, computes = work.calls, work.waits, work.computes
    alone = (waits + computes) * calls
    rounds = {workers: len(range(0, calls, workers)) for workers in (10, work.cores)}
    pairs = [
        (0.5 + (waits + computes) * rounds[work.cores], "processes"),
        (max((waits + computes) * rounds[10], computes * calls), "threads"),
    ]
    if work.coroutines:
        pairs.append((waits + computes * calls, "asyncio"))
    least, model = sorted(pairs)[0]
    return model if least <= alone / 1.5 else "sequential"


@right(ex.choose_model)
async def asks_first(work):
    if work.calls == 1:
        return "sequential"
    all_of_it = work.calls * (work.waits + work.computes)
    one = work.waits + work.computes
    times = {"processes": 0.5 + -(-work.calls // work.cores) * one}
    if work.coroutines:
        times["asyncio"] = work.calls * work.computes + work.waits
    times["threads"] = max((work.calls + 9) // 10 * one, work.calls * work.computes)
    times = {model: each for model, each in times.items() if each * 1.5 <= all_of_it}
    return min(times, key=lambda model: times[model], default="sequential")


# crunch_all


@right(ex.crunch_all)
async def sends_partials(jobs, crunch, pool):
    loop = asyncio.get_running_loop()
    return await asyncio.gather(*(loop.run_in_executor(pool, functools.partial(crunch, job)) for job in jobs))


@right(ex.crunch_all)
async def wraps_the_pools_futures(jobs, crunch, pool):
    return await asyncio.gather(*(asyncio.wrap_future(pool.submit(crunch, job)) for job in jobs))


@right(ex.crunch_all)
async def looks_now_and_then(jobs, crunch, pool):
    futures = [pool.submit(crunch, job) for job in jobs]
    while concurrent.futures.wait(futures, timeout=0).not_done:
        await asyncio.sleep(0.1)
    return [future.result() for future in futures]


@right(ex.crunch_all)
async def awaits_them_in_turn(jobs, crunch, pool):
    loop = asyncio.get_running_loop()
    futures = [loop.run_in_executor(pool, crunch, job) for job in jobs]
    return [await future for future in futures]


@right(ex.crunch_all)
async def maps_in_a_thread(jobs, crunch, pool):
    return await asyncio.to_thread(lambda: list(pool.map(crunch, jobs)))


@right(ex.crunch_all)
async def waits_in_a_thread(jobs, crunch, pool):
    futures = [pool.submit(crunch, job) for job in jobs]
    return [await asyncio.to_thread(future.result) for future in futures]


# fetch_in_threads


def _page(fetch, url):
    try:
        return fetch(url)
    except OSError:
        return None


@right(ex.fetch_in_threads)
async def wraps_its_own_pools_futures(fetch, urls, limit):
    pool = ThreadPoolExecutor(max_workers=limit)
    try:
        return await asyncio.gather(*(asyncio.wrap_future(pool.submit(_page, fetch, url)) for url in urls))
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


async def _ended(tasks):
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@right(ex.fetch_in_threads)
async def with_a_coroutine_for_each(fetch, urls, limit):
    loop = asyncio.get_running_loop()

    async def one(url):
        try:
            return await loop.run_in_executor(pool, fetch, url)
        except OSError:
            return None

    pool = ThreadPoolExecutor(limit)
    tasks = [asyncio.create_task(one(url)) for url in urls]
    try:
        return await asyncio.gather(*tasks)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
        await _ended(tasks)


@contextmanager
def _pool(size):
    pool = ThreadPoolExecutor(size)
    try:
        yield pool
    finally:
        pool.shutdown(False, cancel_futures=True)


@right(ex.fetch_in_threads)
async def with_a_group_and_turns(fetch, urls, limit):
    loop, turns = asyncio.get_running_loop(), asyncio.Semaphore(limit)

    async def one(url):
        async with turns:
            try:
                return await loop.run_in_executor(pool, functools.partial(fetch, url))
            except OSError:
                return None

    with _pool(limit) as pool:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one(url)) for url in urls]
    return [task.result() for task in tasks]
