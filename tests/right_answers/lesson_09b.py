"""Right answers to the exercises of lesson 9b, in other styles than the solutions."""

import asyncio
from contextlib import suppress

from course_lib.exercises import lesson_09b as ex
from right_answers import right

# consume


@right(ex.consume)
async def with_an_else(stream, handle):
    while True:
        job = await stream.take_over(30)
        if not job:
            job = await stream.take()
        if job:
            try:
                await handle(job)
            except Exception as error:
                print(job.id, error)
            else:
                await stream.ack(job.id)


@right(ex.consume)
async def suppresses_what_failed(stream, handle):
    while True:
        for look in (lambda: stream.take_over(30), stream.take):
            if job := await look():
                with suppress(Exception):
                    await handle(job)
                    await stream.ack(job.id)
                break


@right(ex.consume)
async def in_two_functions(stream, handle):
    async def jobs():
        while True:
            if (old := await stream.take_over(30)) is not None:
                yield old
            elif (new := await stream.take()) is not None:
                yield new

    async for job in jobs():
        try:
            await handle(job)
        except asyncio.CancelledError:
            raise
        except Exception:
            failed = True
        else:
            failed = False
        if not failed:
            await stream.ack(job.id)


@right(ex.consume)
async def takes_over_all_of_the_dead_first(stream, handle):
    async def work(job):
        try:
            await handle(job)
        except Exception:
            return
        await stream.ack(job.id)

    while True:
        while old := await stream.take_over(30):
            await work(old)
        if new := await stream.take():
            await work(new)


@right(ex.consume)
async def with_a_limit_below_the_lease(stream, handle):
    while True:
        job = await stream.take_over(30) or await stream.take()
        if job is not None:
            try:
                async with asyncio.timeout(25), asyncio.TaskGroup() as group:
                    group.create_task(handle(job))
            except Exception:
                continue
            await stream.ack(job.id)


@right(ex.consume)
async def two_loops_with_a_lock(stream, handle):
    lock = asyncio.Lock()

    async def look(ask):
        while True:
            async with lock:
                if job := await ask():
                    with suppress(Exception):
                        await handle(job)
                        await stream.ack(job.id)
            await asyncio.sleep(0.5)

    await asyncio.gather(look(lambda: stream.take_over(30)), look(stream.take))


# pay_order


class Paid(Exception):
    pass


@right(ex.pay_order)
async def rolls_back_what_was_paid(db, job):
    try:
        async with db.transaction() as tx:
            await tx.add(job.body["account"], job.body["amount"])
            if not await tx.remember(job.key):
                raise Paid
    except Paid:
        pass


@right(ex.pay_order)
async def returns_early(db, job):
    async with db.transaction() as tx:
        if not await tx.remember(job.key):
            return
        await tx.add(job.body["account"], job.body["amount"])


@right(ex.pay_order)
async def looks_before_it_asks(db, job):
    async with db.transaction() as tx:
        if await tx.knows(job.key):
            return "paid before"
        if await tx.remember(job.key):
            await tx.add(**job.body)
            return "paid"
        return "paid by another"


@right(ex.pay_order)
async def looks_in_a_transaction_of_its_own(db, job):
    async with db.transaction() as tx:
        known = await tx.knows(job.key)
    if not known:
        async with db.transaction() as tx:
            new = await tx.remember(job.key)
            amount = job.body["amount"] if new else 0
            await tx.add(job.body["account"], amount)


# work_on


@right(ex.work_on)
async def returns_early_three_times(store, job, handle):
    start = await store.count_start(job.id)
    if start > 3:
        await store.add_letter(job, "it kills its consumers")
        return await store.ack(job.id)
    try:
        await handle(job)
    except Exception as error:
        if start == 3:
            await store.add_letter(job, f"{type(error).__name__}: {error}")
            await store.ack(job.id)
        return None
    return await store.ack(job.id)


@right(ex.work_on)
async def keeps_a_reason(store, job, handle):
    start, reason = await store.count_start(job.id), "died with each of its consumers"
    if start <= 3:
        try:
            reason = await handle(job)
        except Exception as error:
            if start < 3:
                return
            reason = f"{type(error).__name__}: {error}"
    if reason is not None:
        await store.add_letter(job, reason)
    await store.ack(job.id)


@right(ex.work_on)
async def with_a_function_that_gives_up(store, job, handle):
    async def give_up(reason):
        await store.add_letter(job, reason)
        await store.ack(job.id)

    match await store.count_start(job.id):
        case 1 | 2 | 3 as start:
            try:
                await handle(job)
            except Exception as error:
                if start == 3:
                    await give_up(f"on start {start}, {error!r}")
            else:
                await store.ack(job.id)
        case start:
            await give_up(f"start {start}")
