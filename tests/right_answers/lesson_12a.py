"""Right answers to the exercises of lesson 12a, in other styles than the solutions."""

import asyncio
import statistics
import time
from contextlib import suppress
from fractions import Fraction

from course_lib.exercises import lesson_12a as ex
from right_answers import right

# compare_fairly


@right(ex.compare_fairly)
async def as_a_fraction(old, new, runs):
    ratios = []
    for _ in range(runs):
        marks = [time.perf_counter()]
        for version in (old, new):
            await version()
            marks.append(time.perf_counter())
        ratios.append(Fraction(marks[1] - marks[0]) / Fraction(marks[2] - marks[1]))
    return statistics.median(ratios)


@right(ex.compare_fairly)
async def there_and_back(old, new, runs):
    clock = asyncio.get_running_loop().time
    ratios = []
    for turn in range(runs):
        took = {}
        for version in (old, new) if turn % 2 == 0 else (new, old):
            began = clock()
            await version()
            took[version] = clock() - began
        ratios.append(took[old] / took[new])
    return statistics.median(ratios)


@right(ex.compare_fairly)
async def the_middle_one(old, new, runs):
    ratios = []
    while len(ratios) < runs:
        marks = [time.monotonic()]
        for version in (new, old):
            await version()
            marks.append(time.monotonic())
        ratios.append((marks[2] - marks[1]) / (marks[1] - marks[0]))
    return sorted(ratios)[runs // 2]


# total_size


@right(ex.total_size)
async def a_sum_for_each_worker(load, numbers, workers):
    async def worker():
        size = 0
        for number in numbers:
            page = await load(number)
            size += len(page)
        return size

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(worker()) for _ in range(workers)]
    return sum(task.result() for task in tasks)


@right(ex.total_size)
async def a_short_queue(load, numbers, workers):
    queue, sizes = asyncio.Queue(workers), []

    async def put():
        for number in numbers:
            await queue.put(number)
        for _ in range(workers):
            await queue.put(None)

    async def worker():
        while (number := await queue.get()) is not None:
            sizes.append(len(await load(number)))

    async with asyncio.TaskGroup() as group:
        group.create_task(put())
        for _ in range(workers):
            group.create_task(worker())
    return sum(sizes)


@right(ex.total_size)
async def a_window_of_tasks(load, numbers, workers):
    total, pending = 0, set()
    numbers = iter(numbers)

    async def size_of(number):
        return len(await load(number))

    try:
        while True:
            while len(pending) < workers:
                try:
                    pending.add(asyncio.create_task(size_of(next(numbers))))
                except StopIteration:
                    break
            if not pending:
                return total
            done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
            total += sum(task.result() for task in done)
    finally:
        for task in pending:
            task.cancel()
        if pending:
            await asyncio.wait(pending)


@right(ex.total_size)
async def a_slot_for_each_task(load, numbers, workers):
    slots, total = asyncio.Semaphore(workers), 0

    async def one(number):
        nonlocal total
        try:
            size = len(await load(number))
        finally:
            slots.release()
        total += size

    async with asyncio.TaskGroup() as group:
        for number in numbers:
            await slots.acquire()
            group.create_task(one(number))
    return total


# sample_while


@right(ex.sample_while)
async def waits_with_a_limit(program, look, every):
    running = asyncio.create_task(program())
    try:
        while True:
            done, _ = await asyncio.wait([running], timeout=every)
            if done:
                return running.result()
            look()
    finally:
        running.cancel()
        await asyncio.wait([running])


@right(ex.sample_while)
async def an_event_ends_it(program, look, every):
    ended = asyncio.Event()

    async def sampler():
        while not ended.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(ended.wait(), every)
            if not ended.is_set():
                look()

    sampling = asyncio.create_task(sampler())
    try:
        return await program()
    finally:
        ended.set()
        await sampling


@right(ex.sample_while)
async def timers(program, look, every):
    loop = asyncio.get_running_loop()

    def again():
        nonlocal timer
        look()
        timer = loop.call_later(every, again)

    timer = loop.call_later(every, again)
    try:
        return await program()
    finally:
        timer.cancel()
