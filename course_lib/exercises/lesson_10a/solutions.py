"""The reference solutions of lesson 10a, as a learner would write them."""
# mypy: disable-error-code="var-annotated, arg-type"
# (a learner writes asyncio.Queue(), and not asyncio.Queue[str](); and a key may be a dict's get)

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

END = object()


async def first_found(search, places, threads):
    loop, stop = asyncio.get_running_loop(), threading.Event()
    pool = ThreadPoolExecutor(threads)
    jobs = [loop.run_in_executor(pool, search, place, stop) for place in places]
    try:
        for job in asyncio.as_completed(jobs):
            if (found := await job) is not None:
                return found
        return None
    finally:
        stop.set()
        await asyncio.to_thread(pool.shutdown, cancel_futures=True)


async def save_all(readings, save, size):
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
    except BaseException:
        stop.set()
        while await queue.get() is not END:
            pass
        raise
    finally:
        await asyncio.wait([reading])
    await reading


async def cheapest_first(offers, price, rate):
    async with asyncio.TaskGroup() as group:
        asked = [group.create_task(price(offer)) for offer in offers]
    prices = [task.result() for task in asked]
    async with asyncio.TaskGroup() as group:
        rates = {currency: group.create_task(rate(currency)) for currency in {currency for _, currency in prices}}
    euros = {offer: amount * rates[currency].result() for offer, (amount, currency) in zip(offers, prices, strict=True)}
    return sorted(offers, key=euros.get)
