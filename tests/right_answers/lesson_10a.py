"""Right answers to lesson 10a's exercises, in other styles than the reference's."""

import asyncio
import queue as plain_queue
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing

from course_lib.exercises import lesson_10a as ex
from course_lib.interop import iterate_in_thread
from course_lib.streams import buffer
from right_answers import right

END = object()


@right(ex.first_found)
async def waits_for_the_first(search, places, threads):
    loop, stop = asyncio.get_running_loop(), threading.Event()
    pool = ThreadPoolExecutor(max_workers=threads)
    waiting = {loop.run_in_executor(pool, search, place, stop) for place in places}
    try:
        while waiting:
            done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            for job in done:
                if job.result() is not None:
                    return job.result()
    finally:
        stop.set()
        for job in waiting:
            job.cancel()
        await loop.run_in_executor(None, pool.shutdown)


@right(ex.first_found)
async def threads_of_ones_own(search, places, threads):
    """Workers that take the places from a plain queue, and tell the loop of each answer."""
    loop, stop, left = asyncio.get_running_loop(), threading.Event(), plain_queue.SimpleQueue()
    found = loop.create_future()
    for place in places:
        left.put(place)

    def tell(answer, error):
        if found.done():
            return
        if error:
            found.set_exception(error)
        else:
            found.set_result(answer)

    def work():
        while not stop.is_set():
            try:
                place = left.get_nowait()
            except plain_queue.Empty:
                return
            try:
                answer = search(place, stop)
            except Exception as error:
                loop.call_soon_threadsafe(tell, None, error)
                return
            if answer is not None:
                loop.call_soon_threadsafe(tell, answer, None)
                return

    def all_of_them():
        workers = [threading.Thread(target=work) for _ in range(min(threads, len(places)))]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        loop.call_soon_threadsafe(tell, None, None)

    over = asyncio.create_task(asyncio.to_thread(all_of_them))
    try:
        return await found
    finally:
        stop.set()
        await asyncio.wait([over])


@right(ex.first_found)
async def a_task_for_each_place(search, places, threads):
    loop, stop, pool = asyncio.get_running_loop(), threading.Event(), ThreadPoolExecutor(threads)

    class Found(Exception):
        pass

    async def one(place):
        found = await loop.run_in_executor(pool, search, place, stop)
        if found is not None:
            raise Found(found)

    try:
        async with asyncio.TaskGroup() as group:
            for place in places:
                group.create_task(one(place))
    except* Found as found:
        answer = found.exceptions[0].args[0]
    else:
        answer = None
    finally:
        stop.set()
        await asyncio.to_thread(pool.shutdown, wait=True, cancel_futures=True)
    return answer


@right(ex.save_all)
async def a_semaphore_for_the_room(readings, save, size):
    loop, queue, stop = asyncio.get_running_loop(), asyncio.Queue(), threading.Event()
    room = threading.Semaphore(size)

    def read():
        try:
            while room.acquire() and not stop.is_set():
                try:
                    item = next(readings)
                except StopIteration:
                    return
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
    await reading


@right(ex.save_all)
async def by_the_library(readings, save, size):
    async with aclosing(iterate_in_thread(readings)) as items, buffer(items, size) as ahead:
        async for item in ahead:
            await save(item)


@right(ex.save_all)
async def a_task_that_fetches(readings, save, size):
    """One thread, asked by a task for one item after another; the task puts them into the queue."""
    loop, queue, pool = asyncio.get_running_loop(), asyncio.Queue(size), ThreadPoolExecutor(1)

    async def fetch():
        while (item := await loop.run_in_executor(pool, next, readings, END)) is not END:
            await queue.put(item)
        await queue.put(END)

    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(fetch())
            while (item := await queue.get()) is not END:
                await save(item)
    finally:
        await asyncio.to_thread(pool.shutdown)


@right(ex.save_all)
async def takes_until_the_thread_has_ended(readings, save, size):
    loop, queue, wanted = asyncio.get_running_loop(), asyncio.Queue(size), True

    def read():
        while wanted:
            item = next(readings, END)
            asyncio.run_coroutine_threadsafe(queue.put(item), loop).result()
            if item is END:
                return

    reading = asyncio.ensure_future(asyncio.to_thread(read))
    try:
        while True:
            getting = asyncio.ensure_future(queue.get())
            try:
                await asyncio.wait([getting, reading], return_when=asyncio.FIRST_COMPLETED)
            finally:
                if not getting.done():
                    getting.cancel()
                    await asyncio.wait([getting])
            if getting.cancelled():
                await reading
                return
            if getting.result() is END:
                return
            await save(getting.result())
    finally:
        wanted = False
        while not reading.done():
            while not queue.empty():
                queue.get_nowait()
            await asyncio.wait([reading], timeout=0)
            if not reading.done() and queue.empty():
                await asyncio.wait([reading])


@right(ex.cheapest_first)
async def gathers(offers, price, rate):
    try:
        asked = [asyncio.ensure_future(price(offer)) for offer in offers]
        prices = await asyncio.gather(*asked)
        currencies = list(dict.fromkeys(currency for _, currency in prices))
        asked = [asyncio.ensure_future(rate(currency)) for currency in currencies]
        rates = dict(zip(currencies, await asyncio.gather(*asked), strict=True))
    except BaseException:
        for task in asked:
            task.cancel()
        await asyncio.gather(*asked, return_exceptions=True)
        raise
    euros = [amount * rates[currency] for amount, currency in prices]
    return [offers[place] for place in sorted(range(len(offers)), key=lambda place: euros[place])]


@right(ex.cheapest_first)
async def a_rate_as_soon_as_its_currency_is_known(offers, price, rate):
    rates = {}

    async def in_euros(offer, group):
        amount, currency = await price(offer)
        if currency not in rates:
            rates[currency] = group.create_task(rate(currency))
        return amount * await rates[currency]

    async with asyncio.TaskGroup() as group:
        tasks = {offer: group.create_task(in_euros(offer, group)) for offer in offers}
    return sorted(offers, key=lambda offer: tasks[offer].result())


@right(ex.cheapest_first)
async def fetches_then_calls_a_plain_function(offers, price, rate):
    async def all_of(function, items):
        async with asyncio.TaskGroup() as group:
            tasks = {item: group.create_task(function(item)) for item in items}
        return {item: task.result() for item, task in tasks.items()}

    def cheapest(prices, rates):
        def in_euros(offer):
            amount, currency = prices[offer]
            return amount * rates[currency]

        return sorted(prices, key=in_euros)

    prices = await all_of(price, offers)
    rates = await all_of(rate, {currency for _, currency in prices.values()})
    return cheapest(prices, rates)
