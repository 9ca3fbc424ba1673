"""Wrong answers to the exercises of lesson 6, as learners write them: each must get its own sentence."""

import asyncio
import functools
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor, as_completed, wait
from math import ceil

from course_lib.exercises import lesson_06 as ex
from course_lib.exercises.lesson_06 import as_found
from wrong_answers import told

# choose_model


@told(ex.choose_model, "driver: you chose asyncio, and threads is right: asyncio 10 s and thr")
async def always_asyncio(work):
    return "asyncio"


@told(ex.choose_model, "10 threads wait for 10 calls at a time, tasks on a loop for all at once")
async def always_threads(work):
    return "threads"


@told(ex.choose_model, "no coroutine function for it, so each call blocks the loop")
async def async_or_processes(work):
    return "processes" if work.computes > work.waits else "asyncio"


@told(ex.choose_model, "4 calls wait at a time, for which no core is needed")
async def any_computing_to_processes(work):
    if work.computes:
        return "processes"
    return "asyncio" if work.coroutines else "threads"


@told(ex.choose_model, "60 thumbnails: you chose threads, and processes is right: threads 30 s")
async def threads_compute(work):
    if work.waits > work.computes and work.coroutines:
        return "asyncio"
    return "threads"


@told(ex.choose_model, "one long report: you chose processes")
async def never_counts_the_calls(work):
    if work.waits > work.computes:
        return "asyncio" if work.coroutines else "threads"
    return "processes" if work.cores > 1 else "sequential"


@told(ex.choose_model, "Starting the pool takes 0.5 s, all the calls together only 0.1")
async def never_counts_the_start(work):
    if work.calls == 1:
        return "sequential"
    if work.waits > work.computes:
        return "asyncio" if work.coroutines else "threads"
    return "processes" if work.cores > 1 else "sequential"


@told(ex.choose_model, "On one core processes take turns, too")
async def never_looks_at_the_cores(work):
    if work.waits > work.computes:
        return "asyncio" if work.coroutines else "threads"
    return "processes" if work.calls > 1 and work.calls * work.computes > 2 else "sequential"


@told(ex.choose_model, "While one call waits, nothing else happens")
async def always_sequential(work):
    return "sequential"


@told(ex.choose_model, "threads 10.05 s and asyncio 0.7 s")
async def threads_for_every_wait(work):
    if work.waits > work.computes:
        return "threads"
    return "processes" if work.computes > 0.1 else "sequential"


@told(ex.choose_model, "you returned 'process pool'; return one of 'sequential', 'threads'")
async def misspells(work):
    return "process pool"


@told(ex.choose_model, "Is a `return` missing?")
async def forgets_return(work):
    if work.waits > work.computes:
        "asyncio"


# crunch_all


told(ex.crunch_all, "stood still for 4 s: crunch ran on the event loop")(as_found.crunch_all)


@told(ex.crunch_all, "crunch ran on the event loop")
async def gives_way_in_between(jobs, crunch, pool):
    results = []
    for job in jobs:
        results.append(crunch(job))
        await asyncio.sleep(0)
    return results


@told(ex.crunch_all, "crunch ran on the event loop")
async def wraps_it_in_coroutines(jobs, crunch, pool):
    async def one(job):
        return crunch(job)

    return await asyncio.gather(*(one(job) for job in jobs))


@told(ex.crunch_all, "crunch ran in a thread of this process")
async def to_threads(jobs, crunch, pool):
    return await asyncio.gather(*(asyncio.to_thread(crunch, job) for job in jobs))


@told(ex.crunch_all, "crunch ran in a thread of this process")
async def forgets_the_pool(jobs, crunch, pool):
    loop = asyncio.get_running_loop()
    return await asyncio.gather(*(loop.run_in_executor(None, crunch, job) for job in jobs))


@told(ex.crunch_all, "crunch ran in a thread of this process")
async def threads_of_my_own(jobs, crunch, pool):
    with ThreadPoolExecutor(2) as mine:
        return list(mine.map(crunch, jobs))


@told(ex.crunch_all, "You made a pool of your own. Use `pool`")
async def a_pool_of_my_own(jobs, crunch, pool):
    loop = asyncio.get_running_loop()
    with ProcessPoolExecutor(2) as mine:
        return await asyncio.gather(*(loop.run_in_executor(mine, crunch, job) for job in jobs))


@told(ex.crunch_all, "take 2 s, yours took 4 s: give all jobs to the pool before")
async def one_after_another(jobs, crunch, pool):
    loop = asyncio.get_running_loop()
    return [await loop.run_in_executor(pool, crunch, job) for job in jobs]


@told(ex.crunch_all, "you waited for them without `await`, which blocks the loop")
async def waits_for_the_pool(jobs, crunch, pool):
    futures = [pool.submit(crunch, job) for job in jobs]
    return [future.result() for future in futures]


@told(ex.crunch_all, "you waited for them without `await`, which blocks the loop")
async def maps(jobs, crunch, pool):
    return list(pool.map(crunch, jobs))


@told(ex.crunch_all, "you waited for them without `await`, which blocks the loop")
async def waits_for_the_errors(jobs, crunch, pool):
    futures = [pool.submit(crunch, job) for job in jobs]
    if any(future.exception() for future in futures):
        return []
    return [future.result() for future in futures]


@told(ex.crunch_all, "you waited for them without `await`, which blocks the loop")
async def takes_them_as_completed(jobs, crunch, pool):
    place = {pool.submit(crunch, job): number for number, job in enumerate(jobs)}
    results = [None] * len(jobs)
    for future in as_completed(place):
        results[place[future]] = future.result()
    return results


@told(ex.crunch_all, "you waited for them without `await`, which blocks the loop")
async def waits_by_the_pools_wait(jobs, crunch, pool):
    futures = [pool.submit(crunch, job) for job in jobs]
    wait(futures)
    return [future.result() for future in futures]


@told(ex.crunch_all, "A lambda, or a function inside a function, cannot be sent")
async def sends_a_lambda(jobs, crunch, pool):
    loop = asyncio.get_running_loop()
    return await asyncio.gather(*(loop.run_in_executor(pool, lambda job=job: crunch(job)) for job in jobs))


@told(ex.crunch_all, "A lambda, or a function inside a function, cannot be sent")
async def sends_a_partial_of_a_lambda(jobs, crunch, pool):
    loop = asyncio.get_running_loop()
    work = functools.partial(lambda job: crunch(job))
    return await asyncio.gather(*(loop.run_in_executor(pool, work, job) for job in jobs))


@told(ex.crunch_all, "Hand the pool `crunch` itself, and the job: `crunch, job`")
async def sends_an_inner_function(jobs, crunch, pool):
    def work(job):
        return crunch(job)

    loop = asyncio.get_running_loop()
    return await asyncio.gather(*(loop.run_in_executor(pool, work, job) for job in jobs))


@told(ex.crunch_all, "A lambda, or a function inside a function, cannot be sent")
async def submits_a_lambda(jobs, crunch, pool):
    futures = [pool.submit(lambda job=job: crunch(job)) for job in jobs]
    return await asyncio.gather(*map(asyncio.wrap_future, futures))


@told(ex.crunch_all, "a coroutine was expected, got <Future pending> (at line")
async def makes_tasks_of_futures(jobs, crunch, pool):
    loop = asyncio.get_running_loop()
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(loop.run_in_executor(pool, crunch, job)) for job in jobs]
    return [task.result() for task in tasks]


@told(ex.crunch_all, "all of the program shares: hand the jobs to `pool` itself.")
async def makes_it_the_loops_pool(jobs, crunch, pool):
    asyncio.get_running_loop().set_default_executor(pool)
    return await asyncio.gather(*(asyncio.to_thread(crunch, job) for job in jobs))


@told(ex.crunch_all, "You closed the pool")
async def closes_the_pool(jobs, crunch, pool):
    loop = asyncio.get_running_loop()
    with pool:
        return await asyncio.gather(*(loop.run_in_executor(pool, crunch, job) for job in jobs))


@told(ex.crunch_all, "Return the results in the order of the items")
async def as_they_end(jobs, crunch, pool):
    loop = asyncio.get_running_loop()
    futures = [loop.run_in_executor(pool, crunch, job) for job in jobs]
    return [await finished for finished in asyncio.as_completed(futures)]


@told(ex.crunch_all, "You called `crunch` yourself, so it ran on the event loop")
async def calls_it_first(jobs, crunch, pool):
    loop = asyncio.get_running_loop()
    return await asyncio.gather(*(loop.run_in_executor(pool, crunch(job)) for job in jobs))


@told(ex.crunch_all, "Your list holds futures, not results")
async def never_awaits(jobs, crunch, pool):
    loop = asyncio.get_running_loop()
    return [loop.run_in_executor(pool, crunch, job) for job in jobs]


@told(ex.crunch_all, "Your code raised ValueError: ")
async def waits_for_a_set(jobs, crunch, pool):
    loop = asyncio.get_running_loop()
    futures = [loop.run_in_executor(pool, crunch, job) for job in jobs]
    await asyncio.wait(futures)
    return [future.result() for future in futures]


# fetch_in_threads


@told(ex.fetch_in_threads, "stood still for 8 s: fetch is a plain function, and ran on the event loop")
async def on_the_loop(fetch, urls, limit):
    return [fetch(url) for url in urls]


@told(ex.fetch_in_threads, "You called `fetch` yourself, so it ran on the event loop")
async def awaits_a_plain_function(fetch, urls, limit):
    return await asyncio.gather(*(fetch(url) for url in urls))


@told(ex.fetch_in_threads, "6 fetches were under way at the same time; the limit was 2")
async def no_limit(fetch, urls, limit):
    return await asyncio.gather(*(asyncio.to_thread(fetch, url) for url in urls))


@told(ex.fetch_in_threads, "6 fetches were under way at the same time; the limit was 2")
async def a_thread_for_each(fetch, urls, limit):
    loop = asyncio.get_running_loop()
    with ThreadPoolExecutor(len(urls)) as pool:
        return await asyncio.gather(*(loop.run_in_executor(pool, fetch, url) for url in urls))


@told(ex.fetch_in_threads, "yours took 8 s: as soon as one has ended, the next should begin")
async def one_at_a_time(fetch, urls, limit):
    return [await asyncio.to_thread(fetch, url) for url in urls]


@told(ex.fetch_in_threads, "yours took 5 s: as soon as one has ended, the next should begin")
async def in_batches(fetch, urls, limit):
    results = []
    for first in range(0, len(urls), limit):
        batch = urls[first : first + limit]
        results += await asyncio.gather(*(asyncio.to_thread(fetch, url) for url in batch))
    return results


@told(ex.fetch_in_threads, "with 32 at a time. asyncio.to_thread uses the loop's own pool")
async def the_loops_own_pool(fetch, urls, limit):
    turns = asyncio.Semaphore(limit)

    async def one(url):
        async with turns:
            try:
                return await asyncio.to_thread(fetch, url)
            except OSError:
                return None

    return await asyncio.gather(*(one(url) for url in urls))


@told(ex.fetch_in_threads, "that all of the program shares: make one of your own.")
async def replaces_the_loops_pool(fetch, urls, limit):
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(limit))

    async def one(url):
        try:
            return await asyncio.to_thread(fetch, url)
        except OSError:
            return None

    return await asyncio.gather(*(one(url) for url in urls))


@told(ex.fetch_in_threads, "One fetch raised OSError, and the pages of the others were lost")
async def a_failure_loses_all(fetch, urls, limit):
    loop = asyncio.get_running_loop()
    with ThreadPoolExecutor(limit) as pool:
        return await asyncio.gather(*(loop.run_in_executor(pool, fetch, url) for url in urls))


@told(ex.fetch_in_threads, "/b could not be fetched: return None in its place")
async def returns_the_exceptions(fetch, urls, limit):
    loop = asyncio.get_running_loop()
    with ThreadPoolExecutor(limit) as pool:
        calls = (loop.run_in_executor(pool, fetch, url) for url in urls)
        return await asyncio.gather(*calls, return_exceptions=True)


@told(ex.fetch_in_threads, "which is a bug and no missing page, and you hid it")
async def hides_bugs(fetch, urls, limit):
    loop = asyncio.get_running_loop()

    async def one(url):
        try:
            return await loop.run_in_executor(pool, fetch, url)
        except Exception:
            return None

    with ThreadPoolExecutor(limit) as pool:
        return await asyncio.gather(*(one(url) for url in urls))


@told(ex.fetch_in_threads, "Return the results in the order of the items")
async def in_order_of_arrival(fetch, urls, limit):
    loop = asyncio.get_running_loop()
    with ThreadPoolExecutor(limit) as pool:
        calls = [loop.run_in_executor(pool, fetch, url) for url in urls]
        return [await finished for finished in asyncio.as_completed(calls)]


@told(ex.fetch_in_threads, "by `map`, by `result()` or by the end")
async def waits_for_the_threads(fetch, urls, limit):
    with ThreadPoolExecutor(limit) as pool:
        return list(pool.map(fetch, urls))


@told(ex.fetch_in_threads, "await the results inside the block")
async def leaves_the_block_early(fetch, urls, limit):
    loop = asyncio.get_running_loop()
    with ThreadPoolExecutor(limit) as pool:
        calls = [loop.run_in_executor(pool, fetch, url) for url in urls]
    return await asyncio.gather(*calls)


@told(ex.fetch_in_threads, "yours took 8 s")
async def sleeps_instead(fetch, urls, limit):
    results = []
    for url in urls:
        time.sleep(0)
        results.append(await asyncio.to_thread(fetch, url))
    return results


@told(ex.fetch_in_threads, "the end of a `with ThreadPoolExecutor` block waits for all that has been handed in")
async def leaves_by_the_block(fetch, urls, limit):
    loop = asyncio.get_running_loop()

    async def one(url):
        try:
            return await loop.run_in_executor(pool, fetch, url)
        except OSError:
            return None

    with ThreadPoolExecutor(limit) as pool:
        return await asyncio.gather(*(one(url) for url in urls))


def _page(fetch, url):
    try:
        return fetch(url)
    except OSError:
        return None


@told(ex.fetch_in_threads, "You made a pool and left it open")
async def never_leaves_it(fetch, urls, limit):
    loop, pool = asyncio.get_running_loop(), ThreadPoolExecutor(limit)
    return await asyncio.gather(*(loop.run_in_executor(pool, _page, fetch, url) for url in urls))


@told(ex.fetch_in_threads, "more fetches began after that, for nobody")
async def cancels_no_future(fetch, urls, limit):
    loop, pool = asyncio.get_running_loop(), ThreadPoolExecutor(limit)
    futures = [pool.submit(_page, fetch, url) for url in urls]
    shielded = [asyncio.shield(asyncio.wrap_future(future, loop=loop)) for future in futures]
    try:
        return await asyncio.gather(*shielded)
    finally:
        pool.shutdown(wait=False)


@told(ex.fetch_in_threads, "A fetch raised TypeError at 1 s, and this was left running")
async def leaves_its_tasks(fetch, urls, limit):
    loop, pool = asyncio.get_running_loop(), ThreadPoolExecutor(limit)

    async def one(url):
        try:
            return await loop.run_in_executor(pool, fetch, url)
        except OSError:
            return None

    try:
        return await asyncio.gather(*(one(url) for url in urls))
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


@told(ex.fetch_in_threads, "and your function ended at 3 s. Nothing can stop a thread: do not wait")
async def awaits_in_turn(fetch, urls, limit):
    loop, pool = asyncio.get_running_loop(), ThreadPoolExecutor(limit)
    try:
        futures = [loop.run_in_executor(pool, _page, fetch, url) for url in urls]
        return [await future for future in futures]
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


@told(ex.fetch_in_threads, "One fetch raised OSError, and the pages of the others were lost")
async def knows_one_kind_of_failure(fetch, urls, limit):
    def one(url):
        try:
            return fetch(url)
        except ConnectionError:
            return None

    loop, pool = asyncio.get_running_loop(), ThreadPoolExecutor(limit)
    try:
        return await asyncio.gather(*(loop.run_in_executor(pool, one, url) for url in urls))
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


@told(ex.fetch_in_threads, "Return the results in the order of the items")
async def nothing_for_an_empty_page(fetch, urls, limit):
    loop, pool = asyncio.get_running_loop(), ThreadPoolExecutor(limit)
    try:
        pages = await asyncio.gather(*(loop.run_in_executor(pool, _page, fetch, url) for url in urls))
        return [page or None for page in pages]
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


@told(ex.fetch_in_threads, "Cancelled at 0.5 s, your function returned a result: let CancelledError through")
async def hides_a_cancellation(fetch, urls, limit):
    loop, pool = asyncio.get_running_loop(), ThreadPoolExecutor(limit)
    try:
        return await asyncio.gather(*(loop.run_in_executor(pool, _page, fetch, url) for url in urls))
    except asyncio.CancelledError:
        return []
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


@told(ex.crunch_all, "a process had nothing to do while a job had yet to begin")
async def in_pairs(jobs, crunch, pool):
    loop, results = asyncio.get_running_loop(), []
    for first in range(0, len(jobs), 2):
        pair = (loop.run_in_executor(pool, crunch, job) for job in jobs[first : first + 2])
        results += await asyncio.gather(*pair)
    return results


@told(ex.crunch_all, "A pool's own future becomes one by `asyncio.wrap_future(...)`")
async def awaits_the_pools_futures(jobs, crunch, pool):
    futures = [pool.submit(crunch, job) for job in jobs]
    return [await future for future in futures]


@told(ex.crunch_all, "`pool.submit(...)` was called, and gave nothing that can be awaited")
async def awaits_submit(jobs, crunch, pool):
    return [await pool.submit(crunch, job) for job in jobs]


@told(ex.crunch_all, "Return a list of")
async def keyed_by_job(jobs, crunch, pool):
    loop = asyncio.get_running_loop()
    futures = {job: loop.run_in_executor(pool, crunch, job) for job in jobs}
    await asyncio.gather(*futures.values())
    return [future.result() for future in futures.values()]


@told(ex.crunch_all, "crunch raised ValueError, and your function returned a result")
async def returns_what_was_raised(jobs, crunch, pool):
    loop = asyncio.get_running_loop()
    futures = [loop.run_in_executor(pool, crunch, job) for job in jobs]
    return await asyncio.gather(*futures, return_exceptions=True)


@told(ex.crunch_all, "Cancelled at 0.5 s, your function returned a result at 0.5 s")
async def hides_being_cancelled(jobs, crunch, pool):
    loop = asyncio.get_running_loop()
    try:
        return await asyncio.gather(*(loop.run_in_executor(pool, crunch, job) for job in jobs))
    except asyncio.CancelledError:
        return []


@told(ex.choose_model, "12 calls on 10 threads count 2 rounds")
async def by_rules_of_thumb(work):
    if work.calls == 1:
        return "sequential"
    if work.waits > work.computes:
        return "asyncio" if work.coroutines else "threads"
    if work.cores > 1 and (work.calls * work.computes > 2 or work.cores == 2):
        return "processes"
    return "sequential"


def _seconds(work, *, start=0.5, rounds=lambda calls, workers: ceil(calls / workers)):
    one, computing = work.waits + work.computes, work.calls * work.computes
    return {
        "threads": max(computing, one * rounds(work.calls, 10)),
        "asyncio": computing + work.waits if work.coroutines else work.calls * one,
        "processes": start + one * rounds(work.calls, work.cores),
        "sequential": work.calls * one,
    }


def _best(seconds, gain=1.5):
    best = min(seconds, key=seconds.get)
    return best if seconds[best] * gain <= seconds["sequential"] else "sequential"


@told(ex.choose_model, "Count all four by the rules, and compare")
async def takes_any_gain_at_all(work):
    return _best(_seconds(work), 1.4)


@told(ex.choose_model, "one long report: you chose processes")
async def splits_one_call(work):
    return _best(_seconds(work, rounds=lambda calls, workers: calls / workers))


@told(ex.choose_model, "12 calls on 10 threads count 2 rounds, and the last takes as long")
async def shares_evenly(work):
    return _best(_seconds(work, rounds=lambda calls, workers: calls / min(calls, workers)))


@told(ex.choose_model, "2,000 short sums: you chose processes")
async def starts_for_nothing(work):
    return _best(_seconds(work, start=0))


@told(ex.choose_model, "there is nothing to wait for")
async def thinks_it_over(work):
    await asyncio.sleep(1)
    return _best(_seconds(work))


@told(ex.choose_model, "1.5 times as fast is worth it")
async def asks_for_twice_as_fast(work):
    return _best(_seconds(work), 2)


@told(ex.crunch_all, "You gave `crunch` ['a', 'b', 'c', 'd']: it takes one item")
async def hands_over_the_whole_list(jobs, crunch, pool):
    return await asyncio.get_running_loop().run_in_executor(pool, crunch, jobs)


@told(ex.crunch_all, "What `submit` gives is a pool's own future")
async def gathers_what_submit_gives(jobs, crunch, pool):
    return await asyncio.gather(*(pool.submit(crunch, job) for job in jobs))


@told(ex.crunch_all, "`crunch` stands where the pool belongs")
async def swaps_function_and_pool(jobs, crunch, pool):
    loop = asyncio.get_running_loop()
    return await asyncio.gather(*(loop.run_in_executor(crunch, pool, job) for job in jobs))


@told(ex.fetch_in_threads, "what runs in a pool is a plain `def`")
async def hands_over_a_coroutine_function(fetch, urls, limit):
    async def one(url):
        try:
            return fetch(url)
        except OSError:
            return None

    loop, pool = asyncio.get_running_loop(), ThreadPoolExecutor(limit)
    try:
        return await asyncio.gather(*(loop.run_in_executor(pool, one, url) for url in urls))
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


@told(ex.fetch_in_threads, "The list of URLs may be empty")
async def makes_no_thread_for_no_url(fetch, urls, limit):
    def one(url):
        try:
            return fetch(url)
        except OSError:
            return None

    loop, pool = asyncio.get_running_loop(), ThreadPoolExecutor(min(limit, len(urls)))
    try:
        return await asyncio.gather(*(loop.run_in_executor(pool, one, url) for url in urls))
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
