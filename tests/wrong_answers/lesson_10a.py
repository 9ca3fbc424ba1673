"""Wrong answers to lesson 10a's exercises, and what each must be told."""

import asyncio
import queue as plain_queue
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing

from course_lib.exercises import lesson_10a as ex
from course_lib.interop import iterate_in_thread, run_sync
from wrong_answers import told

END = object()


@told(ex.first_found, "was called on the loop's own thread, and nothing else can run meanwhile: use a thread")
async def calls_it_itself(search, places, threads):
    for place in places:
        found = search(place, threading.Event())
        if found is not None:
            return found


@told(ex.first_found, "this can be over at 2.25 s. Your function ended at 5 s: at most one search was under way")
async def one_after_another(search, places, threads):
    stop = threading.Event()
    working = None
    try:
        for place in places:
            working = asyncio.ensure_future(asyncio.to_thread(search, place, stop))
            if (found := await asyncio.shield(working)) is not None:
                return found
    finally:
        stop.set()
        if working:
            await asyncio.wait([working])


@told(ex.first_found, "searches were under way at one time: a pool of your own, `ThreadPoolExecutor(2)`, has so many")
async def no_limit(search, places, threads):
    return await ex.solutions.first_found(search, places, len(places) or 1)


@told(ex.first_found, "The pool of `to_thread` has 32 threads here, and on most machines fewer")
async def the_shared_pool(search, places, threads):
    stop, slots = threading.Event(), asyncio.Semaphore(threads)

    async def one(place):
        async with slots:
            if not stop.is_set():
                return await asyncio.to_thread(search, place, stop)

    tasks = [asyncio.create_task(one(place)) for place in places]
    try:
        for task in asyncio.as_completed(tasks):
            if (found := await task) is not None:
                return found
    finally:
        stop.set()
        await asyncio.wait(tasks) if tasks else None


@told(ex.first_found, "and when your function ended, a search was still under way in its thread: ask it to stop")
async def sets_the_flag_and_leaves(search, places, threads):
    loop, stop = asyncio.get_running_loop(), threading.Event()
    pool = ThreadPoolExecutor(threads)
    jobs = [loop.run_in_executor(pool, search, place, stop) for place in places]
    try:
        for job in asyncio.as_completed(jobs):
            if (found := await job) is not None:
                return found
    finally:
        stop.set()
        pool.shutdown(wait=False, cancel_futures=True)


@told(ex.first_found, "wait for the threads, on the loop's own thread: `await asyncio.to_thread(pool.shutdown)` waits")
async def a_with_block(search, places, threads):
    loop, stop = asyncio.get_running_loop(), threading.Event()
    with ThreadPoolExecutor(threads) as pool:
        jobs = [loop.run_in_executor(pool, search, place, stop) for place in places]
        try:
            for job in asyncio.as_completed(jobs):
                if (found := await job) is not None:
                    return found
        finally:
            stop.set()


@told(ex.first_found, "at 2 s something was found, and whoever still searches looks at `stop` soon after")
async def never_sets_the_flag(search, places, threads):
    loop, stop = asyncio.get_running_loop(), threading.Event()
    pool = ThreadPoolExecutor(threads)
    jobs = [loop.run_in_executor(pool, search, place, stop) for place in places]
    try:
        for job in asyncio.as_completed(jobs):
            if (found := await job) is not None:
                return found
    finally:
        await asyncio.to_thread(pool.shutdown, cancel_futures=True)


@told(ex.first_found, "what has not begun is to be taken out of the pool")
async def leaves_them_in_the_pool(search, places, threads):
    loop, stop = asyncio.get_running_loop(), threading.Event()
    pool = ThreadPoolExecutor(threads)
    jobs = [loop.run_in_executor(pool, search, place, stop) for place in places]
    try:
        for job in asyncio.as_completed(jobs):
            if (found := await job) is not None:
                return found
    finally:
        stop.set()
        await asyncio.to_thread(pool.shutdown)


@told(ex.first_found, "The first search that did not give None gave 0, which is falsy, and not None; you returned")
async def takes_falsy_for_nothing(search, places, threads):
    loop, stop = asyncio.get_running_loop(), threading.Event()
    pool = ThreadPoolExecutor(threads)
    jobs = [loop.run_in_executor(pool, search, place, stop) for place in places]
    try:
        for job in asyncio.as_completed(jobs):
            if found := await job:
                return found
    finally:
        stop.set()
        await asyncio.to_thread(pool.shutdown, cancel_futures=True)


@told(ex.first_found, "4 places, 4 threads: this can be over at 2.25 s. Your function ended at 9 s")
async def waits_for_all(search, places, threads):
    loop, stop = asyncio.get_running_loop(), threading.Event()
    pool = ThreadPoolExecutor(threads)
    try:
        found = await asyncio.gather(*(loop.run_in_executor(pool, search, place, stop) for place in places))
        return next((each for each in found if each is not None), None)
    finally:
        stop.set()
        await asyncio.to_thread(pool.shutdown, cancel_futures=True)


@told(ex.first_found, "`stop` is an asyncio.Event, which belongs to its loop: pass a threading.Event")
async def an_event_of_the_loops(search, places, threads):
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    pool = ThreadPoolExecutor(threads)
    jobs = [loop.run_in_executor(pool, search, place, stop) for place in places]
    try:
        for job in asyncio.as_completed(jobs):
            if (found := await job) is not None:
                return found
    finally:
        stop.set()
        await asyncio.to_thread(pool.shutdown, cancel_futures=True)


@told(ex.first_found, "two different events: one flag stops all")
async def a_flag_for_each(search, places, threads):
    loop, pool = asyncio.get_running_loop(), ThreadPoolExecutor(threads)
    stops = [threading.Event() for _ in places]
    jobs = [loop.run_in_executor(pool, search, *each) for each in zip(places, stops, strict=True)]
    try:
        for job in asyncio.as_completed(jobs):
            if (found := await job) is not None:
                return found
    finally:
        for stop in stops:
            stop.set()
        await asyncio.to_thread(pool.shutdown, cancel_futures=True)


@told(ex.first_found, "`search` raised OSError, and your function returned None: let it through")
async def hides_failures(search, places, threads):
    loop, stop = asyncio.get_running_loop(), threading.Event()
    pool = ThreadPoolExecutor(threads)
    jobs = [loop.run_in_executor(pool, search, place, stop) for place in places]
    try:
        for job in asyncio.as_completed(jobs):
            try:
                found = await job
            except OSError:
                return None
            if found is not None:
                return found
    finally:
        stop.set()
        await asyncio.to_thread(pool.shutdown, cancel_futures=True)


@told(
    ex.first_found, "Your function was cancelled at 0.5 s, and when your function ended, a search was still under way"
)
async def cleans_up_in_else(search, places, threads):
    loop, stop = asyncio.get_running_loop(), threading.Event()
    pool = ThreadPoolExecutor(threads)
    jobs = [loop.run_in_executor(pool, search, place, stop) for place in places]
    answer = None
    try:
        for job in asyncio.as_completed(jobs):
            if (answer := await job) is not None:
                break
    except Exception:
        stop.set()
        await asyncio.to_thread(pool.shutdown, cancel_futures=True)
        raise
    stop.set()
    await asyncio.to_thread(pool.shutdown, cancel_futures=True)
    return answer


# save_all.


@told(ex.save_all, "`next(readings)` was called on the loop's own thread, and nothing else can run meanwhile")
async def reads_on_the_loop(readings, save, size):
    for item in readings:
        await save(item)


@told(ex.save_all, "With size=2 this can be done at 22 s; your function ended at 27 s")
async def never_reads_ahead(readings, save, size):
    while (item := await asyncio.to_thread(next, readings, END)) is not END:
        await save(item)


def _reading(put_item):
    """Return an answer whose thread puts by `put_item(loop, queue, item)`, and forgets every other end than its own."""

    async def save_all(readings, save, size):
        loop, queue = asyncio.get_running_loop(), asyncio.Queue(size)

        def read():
            for item in readings:
                put_item(loop, queue, item)
            put_item(loop, queue, END)

        reading = asyncio.ensure_future(asyncio.to_thread(read))
        while (item := await queue.get()) is not END:
            await save(item)
        await reading

    return save_all


puts_itself = told(ex.save_all, "in a thread wakes nobody: go by `run_coroutine_threadsafe`")(
    _reading(lambda loop, queue, item: queue.put_nowait(item))
)
puts_soon = told(ex.save_all, "`put_nowait` raised QueueFull on the loop, where nobody looks, and the reading is lost")(
    _reading(lambda loop, queue, item: loop.call_soon_threadsafe(queue.put_nowait, item))
)
does_not_wait = told(ex.save_all, "readings were there whose saving had not begun: 2 may wait in the queue")(
    _reading(lambda loop, queue, item: asyncio.run_coroutine_threadsafe(queue.put(item), loop))
)
hears_of_no_failure = told(ex.save_all, "this was still running: ")(
    _reading(lambda loop, queue, item: asyncio.run_coroutine_threadsafe(queue.put(item), loop).result())
)


@told(
    ex.save_all, "readings were there whose saving had not begun: 2 may wait in the queue, and one in the thread's hand"
)
async def a_queue_without_a_limit(readings, save, size):
    await ex.solutions.save_all(readings, save, 0)


@told(ex.save_all, "was never saved, and your function returned: a reading may be anything, also None")
async def none_for_the_end(readings, save, size):
    loop, queue, stop = asyncio.get_running_loop(), asyncio.Queue(size), threading.Event()

    def put(item):
        asyncio.run_coroutine_threadsafe(queue.put(item), loop).result()

    def read():
        try:
            while not stop.is_set() and (item := next(readings, None)) is not None:
                put(item)
        finally:
            put(None)

    reading = asyncio.create_task(asyncio.to_thread(read))
    try:
        while (item := await queue.get()) is not None:
            await save(item)
    except BaseException:
        stop.set()
        while await queue.get() is not None:
            pass
        raise
    finally:
        await asyncio.wait([reading])
    await reading


@told(ex.save_all, "the thread began another reading: look at your flag before each")
async def looks_after_the_reading(readings, save, size):
    loop, queue, stop = asyncio.get_running_loop(), asyncio.Queue(size), threading.Event()

    def put(item):
        asyncio.run_coroutine_threadsafe(queue.put(item), loop).result()

    def read():
        try:
            for item in readings:
                if stop.is_set():
                    return
                put(item)
        finally:
            put(END)

    reading = asyncio.create_task(asyncio.to_thread(read))
    try:
        while (item := await queue.get()) is not END:
            await save(item)
    except BaseException:
        stop.set()
        while await queue.get() is not END:
            pass
        raise
    finally:
        await asyncio.wait([reading])
    await reading


@told(ex.save_all, "Does the thread wait for room in a queue from which nobody takes any more?")
async def makes_no_room(readings, save, size):
    loop, queue, stop = asyncio.get_running_loop(), asyncio.Queue(size), threading.Event()

    def put(item):
        asyncio.run_coroutine_threadsafe(queue.put(item), loop).result()

    def read():
        try:
            while not stop.is_set() and (item := next(readings, END)) is not END:
                put(item)
        finally:
            put(END)

    reading = asyncio.create_task(asyncio.to_thread(read))
    try:
        while (item := await queue.get()) is not END:
            await save(item)
    finally:
        stop.set()
        await asyncio.wait([reading])
    await reading


@told(ex.save_all, "its thread still waited for room that nobody makes any more: let it go on, and tell it, by a flag")
async def leaves_a_thread_that_waits(readings, save, size):
    loop, queue, room = asyncio.get_running_loop(), asyncio.Queue(), threading.Semaphore(size)

    def read():
        try:
            while room.acquire() and (item := next(readings, END)) is not END:
                loop.call_soon_threadsafe(queue.put_nowait, item)
        finally:
            loop.call_soon_threadsafe(queue.put_nowait, END)

    reading = loop.run_in_executor(None, read)
    while (item := await queue.get()) is not END:
        room.release()
        await save(item)
    await reading


@told(ex.save_all, "its thread was still reading. Nothing can stop that reading, so wait for it")
async def does_not_wait_for_the_reading(readings, save, size):
    loop, queue, stop = asyncio.get_running_loop(), asyncio.Queue(), threading.Event()
    room = threading.Semaphore(size)

    def read():
        try:
            while room.acquire() and not stop.is_set() and (item := next(readings, END)) is not END:
                loop.call_soon_threadsafe(queue.put_nowait, item)
        finally:
            loop.call_soon_threadsafe(queue.put_nowait, END)

    reading = loop.run_in_executor(None, read)
    try:
        while (item := await queue.get()) is not END:
            room.release()
            await save(item)
    finally:
        stop.set()
        room.release()
    await reading


@told(ex.save_all, "`readings` raised OSError, and your function returned None: let it through")
async def hears_of_no_failed_reading(readings, save, size):
    loop, queue, stop = asyncio.get_running_loop(), asyncio.Queue(), threading.Event()
    room = threading.Semaphore(size)

    def read():
        try:
            while room.acquire() and not stop.is_set() and (item := next(readings, END)) is not END:
                loop.call_soon_threadsafe(queue.put_nowait, item)
        finally:
            loop.call_soon_threadsafe(queue.put_nowait, END)

    reading = loop.run_in_executor(None, read)
    try:
        while (item := await queue.get()) is not END:
            room.release()
            await save(item)
    finally:
        stop.set()
        room.release()
        await asyncio.wait([reading])


@told(ex.save_all, "Does who waits for the next item hear that the thread has ended?")
async def puts_no_end_when_it_fails(readings, save, size):
    loop, queue = asyncio.get_running_loop(), asyncio.Queue(size)
    stop = threading.Event()

    def put(item):
        asyncio.run_coroutine_threadsafe(queue.put(item), loop).result()

    def read():
        while not stop.is_set():
            item = next(readings, END)
            put(item)
            if item is END:
                return
        put(END)

    reading = asyncio.create_task(asyncio.to_thread(read))
    try:
        while (item := await queue.get()) is not END:
            await save(item)
    except BaseException:
        stop.set()
        while await queue.get() is not END:
            pass
        raise
    finally:
        await asyncio.wait([reading])
    await reading


# cheapest_first.


@told(ex.cheapest_first, "Your code raised RuntimeError")
async def as_it_was_found(offers, price, rate):
    return await ex.as_found.cheapest_first(offers, price, rate)


@told(ex.cheapest_first, "ran on a loop of its own, while yours stood still: `await` it on yours, before you sort")
async def another_loop(offers, price, rate):
    def in_euros(offer):
        amount, currency = run_sync(price, offer)
        return amount * run_sync(rate, currency)

    return sorted(offers, key=in_euros)


@told(ex.cheapest_first, "Your function used a thread, and nothing here blocks: await what waits on your loop")
async def there_and_back(offers, price, rate):
    loop = asyncio.get_running_loop()

    def wait_for(work):
        return asyncio.run_coroutine_threadsafe(work, loop).result()

    def in_euros(offer):
        amount, currency = wait_for(price(offer))
        return amount * wait_for(rate(currency))

    return await asyncio.to_thread(sorted, offers, key=in_euros)


@told(ex.cheapest_first, "`rate` was called twice with 'EUR': once is enough")
async def a_rate_for_each_offer(offers, price, rate):
    async def in_euros(offer):
        amount, currency = await price(offer)
        return amount * await rate(currency)

    euros = await asyncio.gather(*(in_euros(offer) for offer in offers))
    return sorted(offers, key=dict(zip(offers, euros, strict=True)).get)


@told(ex.cheapest_first, "with at most 1 calls of `price` and 1 of `rate` under way at one time")
async def one_price_after_another(offers, price, rate):
    euros, rates = {}, {}
    for offer in offers:
        amount, currency = await price(offer)
        if currency not in rates:
            rates[currency] = await rate(currency)
        euros[offer] = amount * rates[currency]
    return sorted(offers, key=euros.get)


@told(ex.cheapest_first, "this was still running")
async def gathers_and_leaves(offers, price, rate):
    prices = await asyncio.gather(*map(price, offers))
    currencies = {currency for _, currency in prices}
    rates = dict(zip(currencies, await asyncio.gather(*map(rate, currencies)), strict=True))
    euros = {offer: amount * rates[currency] for offer, (amount, currency) in zip(offers, prices, strict=True)}
    return sorted(offers, key=euros.get)


@told(ex.cheapest_first, "Those that cost the same stay in the order of `offers`")
async def sorts_by_name_too(offers, price, rate):
    async with asyncio.TaskGroup() as group:
        prices = {offer: group.create_task(price(offer)) for offer in offers}
    async with asyncio.TaskGroup() as group:
        rates = {each: group.create_task(rate(each)) for each in {task.result()[1] for task in prices.values()}}

    def in_euros(offer):
        amount, currency = prices[offer].result()
        return amount * rates[currency].result(), offer

    return sorted(offers, key=in_euros)


@told(ex.cheapest_first, "The list `offers` is your caller's, and after your call it was another: sort a copy")
async def sorts_in_place(offers, price, rate):
    found = await ex.solutions.cheapest_first(offers, price, rate)
    offers[:] = found
    return offers


@told(ex.cheapest_first, "Return ['corn', 'salt', 'rice', 'tea']; your function returned")
async def forgets_the_rates(offers, price, rate):
    async with asyncio.TaskGroup() as group:
        prices = {offer: group.create_task(price(offer)) for offer in offers}
    return sorted(offers, key=lambda offer: -prices[offer].result()[0])


@told(ex.cheapest_first, "`price` raised OSError, and your function returned")
async def leaves_out_what_fails(offers, price, rate):
    asked = [asyncio.create_task(price(offer)) for offer in offers]
    try:
        prices = await asyncio.gather(*asked, return_exceptions=True)
    finally:
        for task in asked:
            task.cancel()
        await asyncio.gather(*asked, return_exceptions=True)
    there = {offer: found for offer, found in zip(offers, prices, strict=True) if not isinstance(found, BaseException)}
    async with asyncio.TaskGroup() as group:
        rates = {each: group.create_task(rate(each)) for each in {currency for _, currency in there.values()}}
    return sorted(there, key=lambda offer: there[offer][0] * rates[there[offer][1]].result())


async def _fetched(offers, price, rate):
    """Return each offer's amount, and the rate of its currency."""
    async with asyncio.TaskGroup() as group:
        prices = [group.create_task(price(offer)) for offer in offers]
    async with asyncio.TaskGroup() as group:
        rates = {each: group.create_task(rate(each)) for each in {task.result()[1] for task in prices}}
    return {
        offer: (amount, rates[currency].result())
        for offer, (amount, currency) in zip(offers, [task.result() for task in prices], strict=True)
    }


@told(ex.cheapest_first, "Compare the prices as they are, with what comes after the point")
async def loses_the_cents(offers, price, rate):
    known = await _fetched(offers, price, rate)
    return sorted(offers, key=lambda offer: int(known[offer][0] * known[offer][1]))


@told(ex.cheapest_first, "A rate is what one of a currency is in euros: multiply")
async def divides(offers, price, rate):
    known = await _fetched(offers, price, rate)
    return sorted(offers, key=lambda offer: known[offer][0] / known[offer][1])


@told(ex.cheapest_first, "Your function used a thread, and nothing here blocks: await what waits on your loop")
async def sorts_in_a_thread(offers, price, rate):
    known = await _fetched(offers, price, rate)
    return await asyncio.to_thread(sorted, offers, key=lambda offer: known[offer][0] * known[offer][1])


@told(
    ex.cheapest_first, "`price` raised OSError at 2 s, and it left your function at 3 s: it must leave at once, at 2 s"
)
async def waits_for_all_prices(offers, price, rate):
    asked = [asyncio.create_task(price(offer)) for offer in offers]
    try:
        if asked:
            await asyncio.wait(asked)
    finally:
        for task in asked:
            task.cancel()
        await asyncio.gather(*asked, return_exceptions=True)
    found = {offer: task.result() for offer, task in zip(offers, asked, strict=True)}

    async def again(offer):
        return found[offer]

    known = await _fetched(offers, again, rate)
    return sorted(offers, key=lambda offer: known[offer][0] * known[offer][1])


@told(ex.first_found, "`places` was empty")
async def waits_for_nothing(search, places, threads):
    loop, stop = asyncio.get_running_loop(), threading.Event()
    pool = ThreadPoolExecutor(threads)
    waiting = {loop.run_in_executor(pool, search, place, stop) for place in places}
    try:
        while True:
            done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            for job in done:
                if job.result() is not None:
                    return job.result()
            if not waiting:
                return None
    finally:
        stop.set()
        await asyncio.to_thread(pool.shutdown, cancel_futures=True)


@told(ex.first_found, "Take the answers as they come, `asyncio.as_completed(jobs)`, and set `stop` at the first")
async def awaits_in_their_order(search, places, threads):
    loop, stop = asyncio.get_running_loop(), threading.Event()
    pool = ThreadPoolExecutor(threads)
    jobs = [loop.run_in_executor(pool, search, place, stop) for place in places]
    try:
        for job in jobs:
            if (found := await job) is not None:
                return found
    finally:
        stop.set()
        await asyncio.to_thread(pool.shutdown, cancel_futures=True)


def _as_in_section_5(put, end=END):
    """Return the lesson's own code as an answer, with a way to put, and an end mark."""

    async def save_all(readings, save, size):
        loop, queue = asyncio.get_running_loop(), asyncio.Queue(size)

        def read():
            for item in readings:
                put(loop, queue, item)

        async def feed():
            await asyncio.to_thread(read)
            await queue.put(end)

        async with asyncio.TaskGroup() as group:
            group.create_task(feed())
            while (item := await queue.get()) is not end:
                await save(item)

    return save_all


def _put_and_wait(loop, queue, item):
    asyncio.run_coroutine_threadsafe(queue.put(item), loop).result()


none_as_in_section_5 = told(ex.save_all, "An item may be None: it cannot say that no more come")(
    _as_in_section_5(_put_and_wait, None)
)
as_in_section_5 = told(ex.save_all, "Does the thread wait for room in a queue from which nobody takes any more?")(
    _as_in_section_5(_put_and_wait)
)
puts_itself_in_a_group = told(ex.save_all, "From a thread, go by `run_coroutine_threadsafe(queue.put(item), loop)")(
    _as_in_section_5(lambda loop, queue, item: queue.put_nowait(item))
)


@told(ex.save_all, "close it in time, `async with aclosing(iterate_in_thread(readings)) as items`")
async def does_not_close_the_iteration(readings, save, size):
    queue = asyncio.Queue(size)

    async def feed():
        async for item in iterate_in_thread(readings):
            await queue.put(item)
        await queue.put(END)

    async with asyncio.TaskGroup() as group:
        group.create_task(feed())
        while (item := await queue.get()) is not END:
            await save(item)


# save_all: what is told of other loops, of StopIteration, of a loop that waits for itself, of an end that nobody hears.


def _in_one_thread(save_item):
    """Return an answer whose thread saves each reading itself, by `save_item(save, item)`."""

    async def save_all(readings, save, size):
        def read():
            for item in readings:
                save_item(save, item)

        await asyncio.to_thread(read)

    return save_all


saves_on_another_loop = told(ex.save_all, "`save` ran on a loop of its own, in the thread, and it belongs to yours")(
    _in_one_thread(lambda save, item: asyncio.run(save(item)))
)
saves_by_run_sync = told(ex.save_all, "put each reading into a queue, and `await save(item)` in your function")(
    _in_one_thread(run_sync)
)


@told(ex.save_all, "`save` was called twice with 'reading 1'")
async def saves_twice(readings, save, size):
    async def both(item):
        await save(item)
        await save(item)

    await ex.solutions.save_all(readings, both, size)


@told(ex.save_all, "StopIteration cannot pass through a future: `next(readings, END)` gives an object of your own")
async def catches_what_cannot_come(readings, save, size):
    queue = asyncio.Queue(size)

    async def feed():
        try:
            while True:
                await queue.put(await asyncio.to_thread(next, readings))
        except StopIteration:
            await queue.put(END)

    async with asyncio.TaskGroup() as group:
        group.create_task(feed())
        while (item := await queue.get()) is not END:
            await save(item)


@told(ex.save_all, "What waits on the loop's own thread lets nothing else run")
async def takes_from_a_plain_queue(readings, save, size):
    queue = plain_queue.Queue(size)

    def read():
        for item in readings:
            queue.put(item)
        queue.put(END)

    reading = asyncio.create_task(asyncio.to_thread(read))
    while (item := queue.get()) is not END:
        await save(item)
    await reading


@told(ex.save_all, "Nothing is left to save, and who waits for the next item has to hear it: when no more come, put")
async def puts_no_end(readings, save, size):
    queue = asyncio.Queue(size)

    async def feed():
        async with aclosing(iterate_in_thread(readings)) as items:
            async for item in items:
                await queue.put(item)

    async with asyncio.TaskGroup() as group:
        group.create_task(feed())
        while True:
            await save(await queue.get())


@told(ex.save_all, "`save` never ran: `await save(item)`, for each reading")
async def forgets_to_await_save(readings, save, size):
    async with aclosing(iterate_in_thread(readings)) as items:
        async for item in items:
            save(item)


# first_found: what went wrong first, and what is late for another reason than the flag.


@told(ex.first_found, "Your code raised TypeError")
async def awaits_what_submit_gives(search, places, threads):
    stop, pool = threading.Event(), ThreadPoolExecutor(threads)
    jobs = [pool.submit(search, place, stop) for place in places]
    try:
        for job in jobs:
            if (found := await job) is not None:
                return found
    finally:
        stop.set()
        await asyncio.to_thread(pool.shutdown, cancel_futures=True)


@told(ex.first_found, "By 9 s no search was under way any more, and who waits has to hear it. What a thread")
async def sets_the_loops_event_in_a_thread(search, places, threads):
    stop, over, answers = threading.Event(), asyncio.Event(), []
    slots = threading.Semaphore(threads)

    def work(place):
        with slots:
            if (found := search(place, stop)) is not None:
                answers.append(found)
                over.set()

    workers = [threading.Thread(target=work, args=(place,)) for place in places]
    for worker in workers:
        worker.start()
    await over.wait()
    stop.set()
    for worker in workers:
        await asyncio.to_thread(worker.join)
    return answers[0]


@told(ex.first_found, "by 2.25 s no search was under way any more. What a thread sets itself does not wake the loop")
async def looks_at_times(search, places, threads):
    loop, stop = asyncio.get_running_loop(), threading.Event()
    pool, answers = ThreadPoolExecutor(threads), []

    def work(place):
        if (found := search(place, stop)) is not None:
            answers.append(found)
            stop.set()

    jobs = [loop.run_in_executor(pool, work, place) for place in places]
    try:
        while not answers and not all(job.done() for job in jobs):
            await asyncio.sleep(3)
        return answers[0] if answers else None
    finally:
        stop.set()
        await asyncio.to_thread(pool.shutdown, cancel_futures=True)


@told(ex.first_found, "search(6, stop) began before search(4, stop): search the places in their order")
async def from_the_last_one(search, places, threads):
    return await ex.solutions.first_found(search, places[::-1], threads)


@told(ex.first_found, "A `lambda` takes `place` as it is when it runs: hand `place` over as an argument")
async def a_lambda_that_looks_late(search, places, threads):
    loop, stop = asyncio.get_running_loop(), threading.Event()
    pool, jobs = ThreadPoolExecutor(threads), []
    for place in places:
        jobs.append(loop.run_in_executor(pool, lambda: search(place, stop)))  # noqa: B023  # the mistake
    try:
        for job in asyncio.as_completed(jobs):
            if (found := await job) is not None:
                return found
    finally:
        stop.set()
        await asyncio.to_thread(pool.shutdown, cancel_futures=True)


# cheapest_first: the next step, where a loop is to run inside a loop, and where no rate was asked for.


def _sorting_by(wait_for):
    """Return an answer whose key waits, by `wait_for(loop, coroutine)`."""

    async def cheapest_first(offers, price, rate):
        loop = asyncio.get_running_loop()

        def in_euros(offer):
            amount, currency = wait_for(loop, price(offer))
            return amount * wait_for(loop, rate(currency))

        return sorted(offers, key=in_euros)

    return cheapest_first


def _on_a_new_loop(_, coro):
    loop = asyncio.new_event_loop()
    try:
        return loop.run_until_complete(coro)
    finally:
        loop.close()


FIRST = "A key is plain code, and cannot wait: `await` all prices and rates first, and then sort by what came"
runs_the_loop_again = told(ex.cheapest_first, FIRST)(_sorting_by(lambda loop, coro: loop.run_until_complete(coro)))
runs_another = told(ex.cheapest_first, FIRST)(_sorting_by(lambda _, coro: asyncio.run(coro)))
runs_a_new_one = told(ex.cheapest_first, FIRST)(_sorting_by(_on_a_new_loop))
waits_for_itself = told(ex.cheapest_first, FIRST)(
    _sorting_by(lambda loop, coro: asyncio.run_coroutine_threadsafe(coro, loop).result())
)


@told(ex.cheapest_first, "No rate was asked for: multiply each amount by what its currency is in euros")
async def compares_the_amounts(offers, price, rate):
    async with asyncio.TaskGroup() as group:
        prices = {offer: group.create_task(price(offer)) for offer in offers}
    return sorted(offers, key=lambda offer: prices[offer].result()[0])


# cheapest_first: a thread is a thread, also one that belongs to no loop's pool.


@told(ex.cheapest_first, "Your function used a thread, and nothing here blocks: await what waits on your loop")
async def sorts_in_a_pool_of_its_own(offers, price, rate):
    known = await _fetched(offers, price, rate)
    with ThreadPoolExecutor(1) as pool:
        return await asyncio.get_running_loop().run_in_executor(
            pool, lambda: sorted(offers, key=lambda offer: known[offer][0] * known[offer][1])
        )


@told(ex.cheapest_first, "Your function used a thread, and nothing here blocks: await what waits on your loop")
async def sorts_in_a_plain_thread(offers, price, rate):
    known, found = await _fetched(offers, price, rate), []
    thread = threading.Thread(
        target=lambda: found.extend(sorted(offers, key=lambda offer: known[offer][0] * known[offer][1]))
    )
    thread.start()
    thread.join()
    return found


@told(ex.cheapest_first, "Your function used a thread, and nothing here blocks: await what waits on your loop")
async def there_and_back_by_a_pool(offers, price, rate):
    loop = asyncio.get_running_loop()

    def in_euros(offer):
        amount, currency = asyncio.run_coroutine_threadsafe(price(offer), loop).result()
        return amount * asyncio.run_coroutine_threadsafe(rate(currency), loop).result()

    with ThreadPoolExecutor(1) as pool:
        return await loop.run_in_executor(pool, lambda: sorted(offers, key=in_euros))


# A clean-up that fails itself is told with its line.


@told(ex.first_found, "let it through, alone or in a group. Your code raised AttributeError")
async def fails_as_it_stops(search, places, threads):
    loop, stop = asyncio.get_running_loop(), threading.Event()
    pool = ThreadPoolExecutor(threads)
    jobs = [loop.run_in_executor(pool, search, place, stop) for place in places]
    try:
        for job in asyncio.as_completed(jobs):
            if (found := await job) is not None:
                return found
    except OSError:
        jobs.cancel()
        raise
    finally:
        stop.set()
        await asyncio.to_thread(pool.shutdown, cancel_futures=True)


@told(ex.first_found, "let CancelledError through. Your code raised AttributeError")
async def fails_as_it_is_cancelled(search, places, threads):
    loop, stop = asyncio.get_running_loop(), threading.Event()
    pool = ThreadPoolExecutor(threads)
    jobs = [loop.run_in_executor(pool, search, place, stop) for place in places]
    try:
        for job in asyncio.as_completed(jobs):
            if (found := await job) is not None:
                return found
    except asyncio.CancelledError:
        jobs.cancel()
        raise
    finally:
        stop.set()
        await asyncio.to_thread(pool.shutdown, cancel_futures=True)


def _cleans_up_wrongly(kind):
    """Return an answer whose clean-up after an exception of this kind fails."""

    async def save_all(readings, save, size):
        try:
            await ex.solutions.save_all(readings, save, size)
        except kind:
            [].cancel()
            raise

    return save_all


fails_after_save = told(ex.save_all, "let it through, alone or in a group. Your code raised AttributeError")(
    _cleans_up_wrongly(OSError)
)
fails_after_a_cancellation = told(ex.save_all, "let CancelledError through. Your code raised AttributeError")(
    _cleans_up_wrongly(asyncio.CancelledError)
)


@told(ex.cheapest_first, "let it through, alone or in a group. Your code raised AttributeError")
async def cancels_a_list(offers, price, rate):
    asked = [asyncio.ensure_future(price(offer)) for offer in offers]
    try:
        prices = await asyncio.gather(*asked)
        currencies = list({currency for _, currency in prices})
        asked = [asyncio.ensure_future(rate(currency)) for currency in currencies]
        rates = dict(zip(currencies, await asyncio.gather(*asked), strict=True))
    except BaseException:
        for task in asked:
            task.cancel()
        await asyncio.gather(*asked, return_exceptions=True)
        asked.cancel()
        raise
    euros = {offer: amount * rates[currency] for offer, (amount, currency) in zip(offers, prices, strict=True)}
    return sorted(offers, key=euros.get)


@told(ex.cheapest_first, "let CancelledError through. Your code raised AttributeError")
async def fails_when_it_is_cancelled(offers, price, rate):
    try:
        return await ex.solutions.cheapest_first(offers, price, rate)
    except asyncio.CancelledError:
        offers.cancel()
        raise


# save_all: a thread that failed is no matter of doors, and a task that puts is no thread.


@told(ex.save_all, "Does who waits for the next item hear that the thread has ended?")
async def fails_in_the_thread(readings, save, size):
    queue = asyncio.Queue(size)

    def read():
        for item in readings:
            asyncio.run_coroutine_threadsafe(queue.put(item), lop).result()  # noqa: F821  # the mistake
        asyncio.run_coroutine_threadsafe(queue.put(END), lop).result()  # noqa: F821

    reading = asyncio.create_task(asyncio.to_thread(read))
    while (item := await queue.get()) is not END:
        await save(item)
    await reading


@told(ex.save_all, "`put_nowait` raised QueueFull: it does not wait for room, and `await queue.put(item)` does")
async def a_task_that_does_not_wait(readings, save, size):
    queue = asyncio.Queue(size)

    async def feed():
        async with aclosing(iterate_in_thread(readings)) as items:
            async for item in items:
                queue.put_nowait(item)
        queue.put_nowait(END)

    async with asyncio.TaskGroup() as group:
        group.create_task(feed())
        while (item := await queue.get()) is not END:
            await save(item)
