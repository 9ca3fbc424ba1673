"""Right answers to the exercises of lesson 7b, in other styles than the solutions."""

import asyncio
import heapq
from contextlib import AsyncExitStack, asynccontextmanager, suppress

from course_lib.exercises import lesson_07b as ex
from right_answers import right

# sell


@right(ex.sell)
async def takes_the_first(free, pay):
    try:
        seat = free.pop(0)
    except IndexError:
        return None
    paid = False
    try:
        await pay(seat)
        paid = True
        return seat
    finally:
        if not paid:
            free.insert(0, seat)


@asynccontextmanager
async def reserved(free):
    seat = free.pop()
    try:
        yield seat
    except BaseException:
        free.append(seat)
        raise


@right(ex.sell)
async def with_a_context_manager(free, pay):
    if free:
        async with reserved(free) as seat:
            await pay(seat)
            return seat


@right(ex.sell)
async def looks_again_at_what_others_pay(free, pay):
    if len(free) == 0:
        return None
    seat = free[-1]
    del free[-1]
    payment = asyncio.create_task(pay(seat))
    try:
        await asyncio.wait([payment])
    except asyncio.CancelledError:
        payment.cancel()
        await asyncio.wait([payment])
        free.append(seat)
        raise
    if payment.exception():
        free.append(seat)
    payment.result()
    return seat


# work_off


@right(ex.work_off)
async def until_it_is_empty(jobs, handle, workers):
    waiting = iter(jobs)

    async def worker():
        for job in waiting:
            await handle(job)

    async with asyncio.TaskGroup() as group:
        for _ in range(workers):
            group.create_task(worker())
    return len(jobs)


@right(ex.work_off)
async def waits_for_the_first_failure(jobs, handle, workers):
    waiting, tasks = list(jobs), set()
    try:
        while waiting or tasks:
            while waiting and len(tasks) < workers:
                tasks.add(asyncio.create_task(handle(waiting.pop(0))))
            done, tasks = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
    finally:
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
    return len(jobs)


@right(ex.work_off)
async def joins_beside_its_workers(jobs, handle, workers):
    queue = asyncio.Queue()
    for job in jobs:
        queue.put_nowait(job)

    async def worker():
        while True:
            await handle(await queue.get())
            queue.task_done()

    tasks = [asyncio.create_task(worker()) for _ in range(workers)]
    all_done = asyncio.create_task(queue.join())
    try:
        done, _ = await asyncio.wait([all_done, *tasks], return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in [all_done, *tasks]:
            task.cancel()
        await asyncio.wait([all_done, *tasks])
    return len(jobs)


@right(ex.work_off)
async def with_a_semaphore_and_a_group(jobs, handle, workers):
    slots = asyncio.Semaphore(workers)

    async def one(job):
        async with slots:
            await handle(job)

    async with asyncio.TaskGroup() as group:
        for job in jobs:
            group.create_task(one(job))
    return len(jobs)


# pump


@right(ex.pump)
async def two_at_a_time(read, write):
    count, block = 0, await read()
    while block is not None:
        async with asyncio.TaskGroup() as group:
            group.create_task(write(block))
            reading = group.create_task(read())
        block = reading.result()
        count += 1
    return count


@right(ex.pump)
async def with_a_semaphore(read, write):
    room, queue, count = asyncio.Semaphore(5), asyncio.Queue(), 0

    async def reader():
        while True:
            await room.acquire()
            block = await read()
            queue.put_nowait(block)
            if block is None:
                return

    async def writer():
        nonlocal count
        while (block := await queue.get()) is not None:
            await write(block)
            count += 1
            room.release()

    async with asyncio.TaskGroup() as group:
        group.create_task(reader())
        group.create_task(writer())
    return count


@right(ex.pump)
async def hands_over_one_by_one(read, write):
    queue, end, copied = asyncio.Queue(maxsize=1), object(), []

    async def reader():
        while True:
            block = await read()
            await queue.put(end if block is None else block)
            if block is None:
                break

    async def writer():
        while (block := await queue.get()) is not end:
            await write(block)
            copied.append(None)

    tasks = [asyncio.create_task(reader()), asyncio.create_task(writer())]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
    return len(copied)


# move


@right(ex.move)
async def nested_blocks(source, target, amount, approve):
    low, high = (source, target) if source.name < target.name else (target, source)
    async with low.lock, high.lock:
        moves = source.balance >= amount and await approve(source, target, amount)
        if moves:
            source.balance, target.balance = source.balance - amount, target.balance + amount
        return moves


@right(ex.move)
async def with_an_exit_stack(source, target, amount, approve):
    async with AsyncExitStack() as stack:
        for name in sorted({source.name, target.name}):
            await stack.enter_async_context(source.lock if name == source.name else target.lock)
        if source.balance < amount:
            return False
        if await approve(source, target, amount):
            source.balance -= amount
            target.balance += amount
            return True
        return False


@right(ex.move)
async def by_hand(source, target, amount, approve):
    named = [(account.name, account) for account in (source, target)]
    heapq.heapify(named)
    _, first = heapq.heappop(named)
    _, second = heapq.heappop(named)
    await first.lock.acquire()
    try:
        await second.lock.acquire()
        try:
            if amount > source.balance:
                return False
            approved = await approve(source, target, amount)
            for account, sign in ((source, -1), (target, 1)) if approved else ():
                account.balance += sign * amount
            return approved
        finally:
            second.lock.release()
    finally:
        first.lock.release()


# ask_within


@right(ex.ask_within)
async def with_wait_for(slots, ask, patience, seconds):
    try:
        async with asyncio.timeout(patience):
            await slots.acquire()
    except TimeoutError:
        return "busy"
    try:
        return await asyncio.wait_for(ask(), seconds)
    except TimeoutError:
        return "too late"
    finally:
        slots.release()


@right(ex.ask_within)
async def with_a_moved_deadline(slots, ask, patience, seconds):
    begun = False
    try:
        async with asyncio.timeout(patience) as limit:
            async with slots:
                begun = True
                limit.reschedule(asyncio.get_running_loop().time() + seconds)
                return await ask()
    except TimeoutError:
        return "too late" if begun else "busy"


@right(ex.ask_within)
async def asks_in_a_task(slots, ask, patience, seconds):
    try:
        async with asyncio.timeout(patience):
            await slots.acquire()
    except TimeoutError:
        return "busy"
    task = asyncio.create_task(ask())
    try:
        await asyncio.wait([task], timeout=seconds)
        if task.done():
            return await task
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        return "too late"
    finally:
        if not task.done():
            task.cancel()
            await asyncio.wait([task])
        slots.release()


@right(ex.ask_within)
async def waits_for_the_slot(slots, ask, patience, seconds):
    try:
        await asyncio.wait_for(slots.acquire(), patience)
    except TimeoutError:
        return "busy"
    try:
        return await asyncio.wait_for(ask(), seconds)
    except TimeoutError:
        return "too late"
    finally:
        slots.release()
