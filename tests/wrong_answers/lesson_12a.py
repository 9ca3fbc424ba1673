"""Wrong answers to the exercises of lesson 12a, as learners write them: each must get its own sentence."""

import asyncio
import time
from statistics import mean, median
from time import perf_counter

from course_lib.exercises import lesson_12a as ex
from wrong_answers import told

# compare_fairly


async def timed(version):
    began = time.perf_counter()
    await version()
    return time.perf_counter() - began


@told(ex.compare_fairly, "not in turn. A machine that changes meanwhile is then another one for the new version")
async def one_after_the_other(old, new, runs):
    before = [await timed(old) for _ in range(runs)]
    after = [await timed(new) for _ in range(runs)]
    return median(before) / median(after)


@told(ex.compare_fairly, "That is new by old: divide the seconds of old by those of new")
async def the_wrong_way_round(old, new, runs):
    return median([await timed(new) / await timed(old) for _ in range(runs)])


@told(ex.compare_fairly, "Take the median of the ratios: a mean, a sum, the shortest or the longest run follow")
async def the_mean(old, new, runs):
    return mean([await timed(old) / await timed(new) for _ in range(runs)])


@told(ex.compare_fairly, "Take the median of the ratios: a mean, a sum, the shortest or the longest run follow")
async def the_whole_time(old, new, runs):
    pairs = [(await timed(old), await timed(new)) for _ in range(runs)]
    return sum(one for one, _ in pairs) / sum(other for _, other in pairs)


@told(ex.compare_fairly, "Take the median of the ratios: a mean, a sum, the shortest or the longest run follow")
async def the_best_of_each(old, new, runs):
    pairs = [(await timed(old), await timed(new)) for _ in range(runs)]
    return min(one for one, _ in pairs) / min(other for _, other in pairs)


@told(ex.compare_fairly, "Two runs overlapped: they take the machine from each other")
async def both_at_once(old, new, runs):
    pairs = [await asyncio.gather(timed(old), timed(new)) for _ in range(runs)]
    return median(one / other for one, other in pairs)


@told(ex.compare_fairly, "With runs=3 each version runs 3 times; old ran once")
async def a_single_run(old, new, runs):
    return await timed(old) / await timed(new)


@told(ex.compare_fairly, "With runs=1 each version runs once; old ran 2 times")
async def a_run_to_warm_up(old, new, runs):
    await old()
    await new()
    return median([await timed(old) / await timed(new) for _ in range(runs)])


@told(ex.compare_fairly, "Return one number, the ratio; you returned [3.0]")
async def all_ratios(old, new, runs):
    return [await timed(old) / await timed(new) for _ in range(runs)]


@told(ex.compare_fairly, "You divided two medians")
async def medians_of_both(old, new, runs):
    pairs = [(await timed(old), await timed(new)) for _ in range(runs)]
    return median(one for one, _ in pairs) / median(other for _, other in pairs)


@told(ex.compare_fairly, "you returned 1.2. That is rounded")
async def rounds(old, new, runs):
    return round(median([await timed(old) / await timed(new) for _ in range(runs)]), 1)


@told(ex.compare_fairly, "`time.process_time()` does not count while a version waits")
async def the_processors_clock(old, new, runs):
    async def timed(version):
        began = time.process_time()
        await version()
        return time.process_time() - began + 1e-9  # a coarse clock may have stood still

    return median([await timed(old) / await timed(new) for _ in range(runs)])


@told(ex.compare_fairly, "Write `time.perf_counter()`, with `time.` before it: imported by its name alone, it is")
async def a_clock_imported_by_name(old, new, runs):
    async def timed(version):
        began = perf_counter()
        await version()
        return perf_counter() - began

    return median([await timed(old) / await timed(new) for _ in range(runs)])


@told(ex.compare_fairly, "(new is 3 times as fast), you returned 2. Divide the seconds of old by those of new")
async def the_difference(old, new, runs):
    return median([await timed(old) - await timed(new) for _ in range(runs)])


@told(ex.compare_fairly, "(new is 3 times as fast), you returned 0.667. Divide the seconds of old by those of new")
async def the_share_that_is_saved(old, new, runs):
    return median([1 - await timed(new) / await timed(old) for _ in range(runs)])


@told(ex.compare_fairly, "you returned 0. That is rounded")
async def divides_whole_numbers(old, new, runs):
    return median([await timed(old) // await timed(new) for _ in range(runs)])


@told(ex.compare_fairly, "let it through as it is. Not in an exception group")
async def in_a_group_of_exceptions(old, new, runs):
    async def timed(version):
        began = time.perf_counter()
        async with asyncio.TaskGroup() as group:
            group.create_task(version())
        return time.perf_counter() - began

    return median([await timed(old) / await timed(new) for _ in range(runs)])


@told(ex.compare_fairly, "let it through")
async def swallows(old, new, runs):
    ratios = [1.0]
    for _ in range(runs):
        try:
            ratios.append(await timed(old) / await timed(new))
        except Exception:
            continue
    return median(ratios[1:] or ratios)


# total_size


@told(ex.total_size, "numbers had been taken whose loading had not begun")
async def a_list_of_numbers(load, numbers, workers):
    todo, sizes = list(numbers), []

    async def worker():
        while todo:
            sizes.append(len(await load(todo.pop(0))))

    await asyncio.gather(*(worker() for _ in range(workers)))
    return sum(sizes)


@told(ex.total_size, "numbers had been taken whose loading had not begun")
async def a_task_each(load, numbers, workers):
    slots = asyncio.Semaphore(workers)

    async def one(number):
        async with slots:
            return len(await load(number))

    return sum(await asyncio.gather(*map(one, numbers)))


@told(ex.total_size, "who waits to put the next one in has one more in hand")
async def a_long_queue(load, numbers, workers):
    queue, sizes = asyncio.Queue(2 * workers), []

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


@told(ex.total_size, "tasks were held at once, most of them finished")
async def keeps_the_tasks(load, numbers, workers):
    slots = asyncio.Semaphore(workers)

    async def one(number):
        try:
            return len(await load(number))
        finally:
            slots.release()

    tasks = []
    async with asyncio.TaskGroup() as group:
        for number in numbers:
            await slots.acquire()
            tasks.append(group.create_task(one(number)))
    return sum(task.result() for task in tasks)


@told(ex.total_size, "pages were held at once. Keep a page's size, and let the page go")
async def keeps_the_pages(load, numbers, workers):
    pages = []

    async def worker():
        for number in numbers:
            pages.append(await load(number))

    await asyncio.gather(*(worker() for _ in range(workers)))
    return sum(map(len, pages))


@told(ex.total_size, "40 pages were being loaded at once")
async def all_at_once(load, numbers, workers):
    return sum(len(page) for page in await asyncio.gather(*map(load, numbers)))


@told(ex.total_size, "reads `total` before it waits, and others add meanwhile (lesson 7b)")
async def a_lost_update(load, numbers, workers):
    total = 0

    async def worker():
        nonlocal total
        for number in numbers:
            total += len(await load(number))

    async with asyncio.TaskGroup() as group:
        for _ in range(workers):
            group.create_task(worker())
    return total


@told(ex.total_size, "the sizes add up to 4000; you returned 40. It is wrong with workers=1, too")
async def counts_the_pages(load, numbers, workers):
    total = 0

    async def worker():
        nonlocal total
        for number in numbers:
            await load(number)
            total += 1

    async with asyncio.TaskGroup() as group:
        for _ in range(workers):
            group.create_task(worker())
    return total


@told(ex.total_size, "the sizes add up to 4000; you returned 0. It is wrong with workers=1, too")
async def returns_before_they_end(load, numbers, workers):
    total = 0

    async def worker():
        nonlocal total
        for number in numbers:
            size = len(await load(number))
            total += size

    async with asyncio.TaskGroup() as group:
        for _ in range(workers):
            group.create_task(worker())
        return total


@told(ex.total_size, "With workers=1 your sum is right, so with more of them sizes get lost")
async def only_one_workers_sum(load, numbers, workers):
    async def worker():
        return sum([len(await load(number)) for number in numbers])

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(worker()) for _ in range(workers)]
    return tasks[0].result()


@told(ex.total_size, "With 3 numbers and workers=1 your function loaded 1 page.")
async def ends_at_an_empty_page(load, numbers, workers):
    sizes = []

    async def worker():
        for number in numbers:
            if not (size := len(await load(number))):
                break
            sizes.append(size)

    async with asyncio.TaskGroup() as group:
        for _ in range(workers):
            group.create_task(worker())
    return sum(sizes)


@told(ex.total_size, "it took 40 s for what 10 s can do")
async def one_by_one(load, numbers, workers):
    return sum([len(await load(number)) for number in numbers])


@told(ex.total_size, "and the next one as soon as any has come")
async def in_batches(load, numbers, workers):
    total, batch = 0, []
    for number in numbers:
        batch.append(number)
        if len(batch) == workers:
            total += sum(map(len, await asyncio.gather(*map(load, batch))))
            batch = []
    return total + sum(map(len, await asyncio.gather(*map(load, batch))))


@told(ex.total_size, "this was still running")
async def gather_leaves_the_others(load, numbers, workers):
    sizes = []

    async def worker():
        for number in numbers:
            sizes.append(len(await load(number)))

    await asyncio.gather(*(worker() for _ in range(workers)))
    return sum(sizes)


@told(ex.total_size, "your function returned")
async def skips_what_fails(load, numbers, workers):
    sizes = []

    async def worker():
        for number in numbers:
            try:
                sizes.append(len(await load(number)))
            except Exception:
                continue

    async with asyncio.TaskGroup() as group:
        for _ in range(workers):
            group.create_task(worker())
    return sum(sizes)


# sample_while


@told(ex.sample_while, "this was still running: ")
async def never_ends_the_sampler(program, look, every):
    async def sampler():
        while True:
            await asyncio.sleep(every)
            look()

    sampling = asyncio.create_task(sampler())
    result = await program()
    assert not sampling.done()
    return result


@told(ex.sample_while, "this was still running: ")
async def not_if_it_fails(program, look, every):
    async def sampler():
        while True:
            await asyncio.sleep(every)
            look()

    sampling = asyncio.create_task(sampler())
    result = await program()
    sampling.cancel()
    await asyncio.wait([sampling])
    return result


@told(ex.sample_while, "look at 1, 2, 3 s; you looked at 0, 1, 2, 3. Wait first, then look")
async def looks_first(program, look, every):
    async def sampler():
        while True:
            look()
            await asyncio.sleep(every)

    sampling = asyncio.create_task(sampler())
    try:
        return await program()
    finally:
        sampling.cancel()
        await asyncio.wait([sampling])


@told(ex.sample_while, "a task of yours had not ended: `cancel()` only asks a task to end. Then wait until it has")
async def asks_and_does_not_wait(program, look, every):
    async def sampler():
        while True:
            await asyncio.sleep(every)
            look()

    sampling = asyncio.create_task(sampler())
    try:
        return await program()
    finally:
        sampling.cancel()


@told(ex.sample_while, "It raised TimeoutError: tell that from a time limit of your own")
async def takes_its_error_for_a_limit(program, look, every):
    running = asyncio.create_task(program())
    try:
        while True:
            try:
                return await asyncio.wait_for(asyncio.shield(running), every)
            except TimeoutError:
                look()
                await asyncio.sleep(0)
    finally:
        running.cancel()
        await asyncio.wait([running])


@told(ex.sample_while, "you looked at 1, 2, 3, 4. It had ended by then")
async def looks_once_too_late(program, look, every):
    running = asyncio.create_task(program())
    try:
        while not running.done():
            await asyncio.sleep(every)
            look()
        return running.result()
    finally:
        running.cancel()
        await asyncio.wait([running])


@told(ex.sample_while, "look at 1, 2, 3 s; you looked at 3.5")
async def looks_when_it_has_ended(program, look, every):
    result = await program()
    look()
    return result


@told(ex.sample_while, "Not in an exception group")
async def in_a_group(program, look, every):
    async def sampler():
        while True:
            await asyncio.sleep(every)
            look()

    async with asyncio.TaskGroup() as group:
        sampling = group.create_task(sampler())
        result = await program()
        sampling.cancel()
    return result


@told(ex.sample_while, "The program is to run once, and was run again")
async def runs_it_again(program, look, every):
    while True:
        try:
            async with asyncio.timeout(every):
                return await program()
        except TimeoutError:
            look()
            if every > 100:
                raise


@told(ex.sample_while, "Who is cancelled must cancel the tasks that it made")
async def shields_it(program, look, every):
    running = asyncio.create_task(program())
    while not running.done():
        await asyncio.wait([running], timeout=every)
        if not running.done():
            look()
    return running.result()


@told(ex.sample_while, "Return what the program returns")
async def returns_the_count(program, look, every):
    running, count = asyncio.create_task(program()), 0
    while not (await asyncio.wait([running], timeout=every))[0]:
        look()
        count += 1
    running.result()
    return count


@told(ex.sample_while, "Your function had ended, and it looked again, at 3 s: end a timer with its `cancel()`")
async def a_timer_without_end(program, look, every):
    loop = asyncio.get_running_loop()

    def again():
        look()
        loop.call_later(every, again)

    loop.call_later(every, again)
    return await program()


@told(ex.sample_while, "Your function had ended, and it looked again, at 2 s: end a timer with its `cancel()`")
async def a_timer_without_end_if_cancelled(program, look, every):
    loop = asyncio.get_running_loop()

    def again():
        nonlocal timer
        look()
        timer = loop.call_later(every, again)

    timer = loop.call_later(every, again)
    try:
        result = await program()
    except Exception:
        timer.cancel()
        raise
    timer.cancel()
    return result


@told(ex.sample_while, "you looked at 1. Look first at sampler, which had failed: TypeError")
async def awaits_the_look(program, look, every):
    async def sampler():
        while True:
            await asyncio.sleep(every)
            await look()

    sampling = asyncio.create_task(sampler())
    try:
        return await program()
    finally:
        sampling.cancel()
        await asyncio.wait([sampling])


@told(ex.sample_while, "you looked at 1. Then no more: look again and again")
async def looks_a_single_time(program, look, every):
    async def sampler():
        await asyncio.sleep(every)
        look()

    sampling = asyncio.create_task(sampler())
    try:
        return await program()
    finally:
        sampling.cancel()
        await asyncio.wait([sampling])


@told(ex.sample_while, "You looked 30 times at 0 s. Between two looks, `await asyncio.sleep(every)`")
async def does_not_await_the_pause(program, look, every):
    async def sampler():
        while True:
            asyncio.sleep(every)
            look()

    sampling = asyncio.create_task(sampler())
    try:
        return await program()
    finally:
        sampling.cancel()
        await asyncio.wait([sampling])


@told(ex.sample_while, "`look` ran in another thread")
async def looks_in_a_thread(program, look, every):
    async def sampler():
        while True:
            await asyncio.sleep(every)
            await asyncio.to_thread(look)

    sampling = asyncio.create_task(sampler())
    try:
        return await program()
    finally:
        sampling.cancel()
        await asyncio.wait([sampling])


@told(ex.sample_while, "The program had ended, and you went on looking, again and again")
async def gathers_both(program, look, every):
    async def sampler():
        while True:
            await asyncio.sleep(every)
            look()

    return (await asyncio.gather(program(), sampler()))[0]


@told(ex.sample_while, "You looked 30 times, and the program had not begun: looking is a task of its own")
async def awaits_the_sampler(program, look, every):
    async def sampler():
        while True:
            await asyncio.sleep(every)
            look()

    await sampler()
    return await program()
