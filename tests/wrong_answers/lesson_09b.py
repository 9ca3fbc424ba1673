"""Wrong answers to the exercises of lesson 9b, as learners write them: each must get its own sentence."""

import asyncio

from course_lib.exercises import lesson_09b as ex
from course_lib.exercises.lesson_09b import as_found
from wrong_answers import told

# consume


@told(ex.consume, "Job 'a' was acknowledged before `handle` had returned for it: a consumer that is killed in between")
async def acknowledges_first(stream, handle):
    while True:
        job = await stream.take_over(30) or await stream.take()
        if job is not None:
            await stream.ack(job.id)
            await handle(job)


@told(ex.consume, "Job 'a' was acknowledged before `handle` had returned for it")
async def acknowledges_what_failed(stream, handle):
    while True:
        job = await stream.take_over(30) or await stream.take()
        if job is not None:
            try:
                await handle(job)
            except Exception as error:
                print(error)
            finally:
                await stream.ack(job.id)


@told(ex.consume, "is still pending: acknowledge it after the work, or it is done again and again")
async def never_acknowledges(stream, handle):
    while True:
        job = await stream.take_over(30) or await stream.take()
        if job is not None:
            try:
                await handle(job)
            except Exception as error:
                print(error)


@told(ex.consume, "It lies pending, in the name of its consumer: take over what has been pending for 30 s")
async def takes_only_what_is_new(stream, handle):
    while True:
        job = await stream.take()
        if job is not None:
            try:
                await handle(job)
            except Exception as error:
                print(error)
            else:
                await stream.ack(job.id)


@told(ex.consume, "`handle` raised for 'a' twice; job 'a' was never done. It lies pending")
async def looks_for_the_dead_at_the_start_only(stream, handle):
    job = await stream.take_over(30)
    while True:
        if job is not None:
            try:
                await handle(job)
            except Exception as error:
                print(error)
            else:
                await stream.ack(job.id)
        job = await stream.take()


@told(ex.consume, "look for it before each new job, not only when there is none")
async def looks_for_the_dead_when_idle(stream, handle):
    while True:
        job = await stream.take() or await stream.take_over(30)
        if job is not None:
            try:
                await handle(job)
            except Exception as error:
                print(error)
            else:
                await stream.ack(job.id)


@told(ex.consume, "take over what has been pending for 30 s, `stream.take_over(30)`; you passed 0")
async def takes_from_the_living(stream, handle):
    while True:
        job = await stream.take_over(0) or await stream.take()
        if job is not None:
            await handle(job)
            await stream.ack(job.id)


@told(ex.consume, "`handle` raised ValueError for one job, and the consumer ended with it: catch it")
async def ends_with_what_failed(stream, handle):
    while True:
        job = await stream.take_over(30) or await stream.take()
        if job is not None:
            await handle(job)
            await stream.ack(job.id)


@told(ex.consume, "it still ran: let CancelledError through")
async def cannot_be_stopped(stream, handle):
    while True:
        try:
            job = await stream.take_over(30) or await stream.take()
            if job is not None:
                await handle(job)
                await stream.ack(job.id)
        except BaseException as error:
            print(error)


@told(ex.consume, "A consumer works until it is cancelled; yours returned None")
async def ends_when_nothing_is_new(stream, handle):
    while job := await stream.take_over(30) or await stream.take():
        try:
            await handle(job)
        except Exception:
            continue
        await stream.ack(job.id)


@told(ex.consume, "handle was called with None: pass it the job")
async def works_on_nothing(stream, handle):
    while True:
        job = await stream.take_over(30) or await stream.take()
        try:
            await handle(job)
        except Exception:
            continue
        await stream.ack(job.id)


@told(ex.consume, "Acknowledge a job by its id: `await stream.ack(job.id)`; you passed Job(")
async def acknowledges_the_job(stream, handle):
    while True:
        job = await stream.take_over(30) or await stream.take()
        if job is not None:
            await handle(job)
            await stream.ack(job)


@told(ex.consume, "jobs were worked on at once; this consumer does one after the other")
async def works_on_all_at_once(stream, handle):
    async def work(job):
        await handle(job)
        await stream.ack(job.id)

    async with asyncio.TaskGroup() as group:
        while True:
            if job := await stream.take_over(30) or await stream.take():
                group.create_task(work(job))


@told(ex.consume, "your consumer was cancelled, and it returned None: let CancelledError through")
async def returns_when_cancelled(stream, handle):
    while True:
        job = await stream.take_over(30) or await stream.take()
        if job is None:
            continue
        try:
            await handle(job)
        except asyncio.CancelledError:
            return
        except Exception:
            continue
        await stream.ack(job.id)


@told(ex.consume, "when there was nothing else to do, and was begun at")
async def sleeps_between_looks(stream, handle):
    while True:
        job = await stream.take_over(30) or await stream.take()
        if job is None:
            await asyncio.sleep(10)
            continue
        try:
            await handle(job)
        except Exception:
            continue
        await stream.ack(job.id)


@told(ex.consume, "you began 'a', 'a', 'a'. What failed stays pending for 30 s; go on with the next")
async def tries_again_at_once(stream, handle):
    while True:
        job = await stream.take_over(30) or await stream.take()
        while job is not None:
            try:
                await handle(job)
                await stream.ack(job.id)
                job = None
            except Exception as error:
                print(error)


# pay_order


told(ex.pay_order, "The key and the sum belong into one transaction: then both have happened, or neither")(
    as_found.pay_order
)


@told(ex.pay_order, "Between `knows` and `remember` another delivery can do the same.")
async def asks_and_then_remembers(db, job):
    async with db.transaction() as tx:
        if not await tx.knows(job.key):
            await tx.remember(job.key)
            await tx.add(job.body["account"], job.body["amount"])


@told(ex.pay_order, "5 was to be paid, and 0 was. The key and the sum belong into one transaction")
async def remembers_first(db, job):
    async with db.transaction() as tx:
        new = await tx.remember(job.key)
    if new:
        async with db.transaction() as tx:
            await tx.add(job.body["account"], job.body["amount"])


@told(ex.pay_order, "A job is delivered twice, 10 s apart: 5 was to be paid, and 10 was.")
async def does_not_look(db, job):
    async with db.transaction() as tx:
        await tx.remember(job.key)
        await tx.add(job.body["account"], job.body["amount"])


@told(ex.pay_order, "different keys: each is to be paid, 10 together; 5 was paid. What names a job is its key")
async def goes_by_what_the_job_says(db, job):
    async with db.transaction() as tx:
        if await tx.remember(str(job.body)):
            await tx.remember(job.key)
            await tx.add(job.body["account"], job.body["amount"])


@told(ex.pay_order, "It was paid, and the database does not know the job's key")
async def goes_by_the_id(db, job):
    async with db.transaction() as tx:
        if await tx.remember(job.id):
            await tx.add(job.body["account"], job.body["amount"])


paid = set()


@told(ex.pay_order, "what only your process remembers is gone with it. `await tx.remember(job.key)`")
async def remembers_in_memory(db, job):
    if (id(job), job.key) not in paid:
        async with db.transaction() as tx:
            await tx.add(job.body["account"], job.body["amount"])
        paid.add((id(job), job.key))


@told(ex.pay_order, "`add` raised LookupError, and your handler returned None: let it through")
async def hides_what_failed(db, job):
    try:
        async with db.transaction() as tx:
            if await tx.remember(job.key):
                await tx.add(job.body["account"], job.body["amount"])
    except Exception as error:
        print(error)


@told(ex.pay_order, "`add` raised LookupError, and your handler returned None: let it through")
async def commits_what_failed(db, job):
    async with db.transaction() as tx:
        if await tx.remember(job.key):
            try:
                await tx.add(job.body["account"], job.body["amount"])
            except LookupError as error:
                print(error)


@told(ex.pay_order, "You used a transaction after its block had ended")
async def adds_behind_the_block(db, job):
    async with db.transaction() as tx:
        new = await tx.remember(job.key)
    if new:
        await tx.add(job.body["account"], job.body["amount"])


@told(ex.pay_order, "A key is a text, job.key; you passed Job(")
async def remembers_the_job(db, job):
    async with db.transaction() as tx:
        if await tx.remember(job):
            await tx.add(job.body["account"], job.body["amount"])


# work_on


@told(ex.work_on, "`handle` was called before the start was counted: a job that kills its process")
async def counts_afterwards(store, job, handle):
    try:
        await handle(job)
    except Exception as error:
        if await store.count_start(job.id) < 3:
            return
        await store.add_letter(job, f"{type(error).__name__}: {error}")
    await store.ack(job.id)


@told(ex.work_on, "it was given up after 0 starts of its work. Give up after 3 *starts*")
async def counts_deliveries(store, job, handle):
    if job.deliveries > 3:
        await store.add_letter(job, "delivered too often")
    else:
        start = await store.count_start(job.id)
        try:
            await handle(job)
        except Exception as error:
            if start < 3:
                return
            await store.add_letter(job, f"{type(error).__name__}: {error}")
    await store.ack(job.id)


@told(ex.work_on, "its work was begun 4 times; give it up after 3")
async def begins_once_too_often(store, job, handle):
    start = await store.count_start(job.id)
    if start > 4:
        await store.add_letter(job, "its consumers died")
    else:
        try:
            await handle(job)
        except Exception as error:
            if start < 4:
                return
            await store.add_letter(job, f"{type(error).__name__}: {error}")
    await store.ack(job.id)


@told(ex.work_on, "A job kills its process, each time: its work was begun 9 times; give it up after 3")
async def knows_errors_only(store, job, handle):
    start = await store.count_start(job.id)
    try:
        await handle(job)
    except Exception as error:
        if start < 3:
            return
        await store.add_letter(job, f"{type(error).__name__}: {error}")
    await store.ack(job.id)


@told(ex.work_on, "and it was neither done nor among the dead letters: a process that is killed now loses it")
async def acknowledges_before_the_letter(store, job, handle):
    start = await store.count_start(job.id)
    if start > 3:
        await store.ack(job.id)
        await store.add_letter(job, "its consumers died")
        return
    try:
        await handle(job)
    except Exception as error:
        if start == 3:
            await store.ack(job.id)
            await store.add_letter(job, f"{type(error).__name__}: {error}")
    else:
        await store.ack(job.id)


@told(ex.work_on, "and it was neither done nor among the dead letters")
async def drops_what_fails(store, job, handle):
    await store.count_start(job.id)
    try:
        await handle(job)
    except Exception as error:
        print(error)
    await store.ack(job.id)


@told(ex.work_on, "it was begun 1 times, and may be begun 3 times")
async def gives_up_at_once(store, job, handle):
    start = await store.count_start(job.id)
    if start > 3:
        await store.add_letter(job, "its consumers died")
    else:
        try:
            await handle(job)
        except ValueError as error:
            await store.add_letter(job, f"{type(error).__name__}: {error}")
        except Exception:
            return
    await store.ack(job.id)


@told(ex.work_on, "its letter says 'it failed'. Who reads it wants to know which error it was")
async def keeps_the_reason_to_itself(store, job, handle):
    start = await store.count_start(job.id)
    if start > 3:
        await store.add_letter(job, "its consumers died")
    else:
        try:
            await handle(job)
        except Exception:
            if start < 3:
                return
            await store.add_letter(job, "it failed")
    await store.ack(job.id)


@told(ex.work_on, "it lies among the dead letters, and was never acknowledged: it comes again")
async def leaves_the_letter_pending(store, job, handle):
    start = await store.count_start(job.id)
    if start > 3:
        return
    try:
        await handle(job)
    except Exception as error:
        if start == 3:
            await store.add_letter(job, f"{type(error).__name__}: {error}")
    else:
        await store.ack(job.id)


@told(ex.work_on, "it was done, and never acknowledged, so it is done again and again")
async def never_acknowledges_what_is_done(store, job, handle):
    start = await store.count_start(job.id)
    if start > 3:
        await store.add_letter(job, "its consumers died")
        await store.ack(job.id)
        return
    try:
        await handle(job)
    except Exception as error:
        if start == 3:
            await store.add_letter(job, f"{type(error).__name__}: {error}")
            await store.ack(job.id)


@told(ex.work_on, "Your function was cancelled while the job was worked on, as a worker is that is stopped")
async def gives_up_what_is_stopped(store, job, handle):
    start = await store.count_start(job.id)
    if start > 3:
        await store.add_letter(job, "its consumers died")
    else:
        try:
            await handle(job)
        except BaseException as error:
            if start < 3:
                return
            await store.add_letter(job, f"{type(error).__name__}: {error}")
    await store.ack(job.id)


@told(ex.work_on, "Your code raised OSError: not now")
async def lets_errors_out(store, job, handle):
    if await store.count_start(job.id) > 3:
        await store.add_letter(job, "its consumers died")
    else:
        await handle(job)
    await store.ack(job.id)
