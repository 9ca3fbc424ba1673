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


@told(ex.consume, "`handle` raised for 'a', and 'a' was acknowledged nevertheless: leave it pending")
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


@told(ex.consume, "you asked `take_over` last at 0 s, when its 30 s were not over: ask before each new job")
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


@told(ex.consume, "'a' was handled again, and nobody had handed it out again. What failed stays pending for 30 s")
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


@told(ex.consume, "'a' was handled again, and nobody had handed it out again. What failed stays pending for 30 s")
async def keeps_what_failed_in_a_list(stream, handle):
    failed = []
    while True:
        job = await stream.take_over(30) or await stream.take()
        if job is None and failed:
            job = failed.pop()
        if job is not None:
            try:
                await handle(job)
            except Exception:
                failed.append(job)
            else:
                await stream.ack(job.id)


@told(ex.consume, "`handle` raised for 'a', and 'a' was acknowledged nevertheless: leave it pending")
async def gives_up_after_three_deliveries(stream, handle):
    while True:
        job = await stream.take_over(30) or await stream.take()
        if job is not None:
            if job.deliveries < 4:
                try:
                    await handle(job)
                except Exception:
                    continue
            await stream.ack(job.id)


@told(ex.consume, "`handle` raised for 'a', and 'a' was acknowledged nevertheless: leave it pending")
async def gives_up_after_eight_failures(stream, handle):
    failed = {}
    while True:
        job = await stream.take_over(30) or await stream.take()
        if job is not None:
            try:
                await handle(job)
            except Exception:
                failed[job.id] = failed.get(job.id, 0) + 1
                if failed[job.id] < 8:
                    continue
            await stream.ack(job.id)


@told(ex.consume, "and its lease of 30 s would have been over before it was done. Take one job, do it, and ask then")
async def takes_over_everything_first(stream, handle):
    waiting = []
    while True:
        while job := await stream.take_over(30):
            waiting.append(job)
        if job := await stream.take():
            waiting.append(job)
        for job in waiting:
            try:
                await handle(job)
            except Exception:
                continue
            await stream.ack(job.id)
        waiting.clear()


@told(ex.consume, "Your consumer was cancelled while it handled 'new 21', and 'new 21' was acknowledged nevertheless")
async def acknowledges_when_cancelled(stream, handle):
    while True:
        job = await stream.take_over(30) or await stream.take()
        if job is None:
            continue
        try:
            await handle(job)
        except asyncio.CancelledError:
            await stream.ack(job.id)
            raise
        except Exception:
            continue
        await stream.ack(job.id)


@told(ex.consume, "`take_over` gave you 'a' at 421.2 s, and it was not handled")
async def drops_what_it_has_seen(stream, handle):
    seen = set()
    while True:
        job = await stream.take_over(30) or await stream.take()
        if job is not None and job.id not in seen:
            seen.add(job.id)
            try:
                await handle(job)
            except Exception:
                continue
            await stream.ack(job.id)


@told(ex.consume, "and it was not handled: `await handle(job)` for each job that you are given")
async def overwrites_what_it_took_over(stream, handle):
    while True:
        job = await stream.take_over(30)
        job = await stream.take()
        if job is not None:
            try:
                await handle(job)
            except Exception:
                continue
            await stream.ack(job.id)


@told(
    ex.consume,
    "and nothing was in hand from 0 s to 5.2 s: `take` waits for a second by itself, so wait for nothing else",
)
async def sleeps_before_each_look(stream, handle):
    while True:
        await asyncio.sleep(5)
        job = await stream.take_over(30) or await stream.take()
        if job is not None:
            try:
                await handle(job)
            except Exception:
                continue
            await stream.ack(job.id)


@told(ex.consume, "job 'a' was done once, and is still pending")
async def never_waits_for_its_acknowledgement(stream, handle):
    while True:
        job = await stream.take_over(30) or await stream.take()
        if job is not None:
            await handle(job)
            stream.ack(job.id)


@told(ex.consume, "you asked `take_over` last at 331 s, when its 30 s were not over: ask before each new job")
async def hardly_ever_looks_for_the_dead(stream, handle):
    looks = 0
    while True:
        looks += 1
        job = (await stream.take_over(30) if looks % 100 == 1 else None) or await stream.take()
        if job is not None:
            try:
                await handle(job)
            except Exception:
                continue
            await stream.ack(job.id)


@told(ex.consume, "2 jobs were worked on at once; this consumer does one after the other")
async def looks_for_old_and_for_new_at_once(stream, handle):
    async def work(job):
        try:
            await handle(job)
        except Exception:
            return
        await stream.ack(job.id)

    async def old():
        while True:
            if job := await stream.take_over(30):
                await work(job)
            else:
                await asyncio.sleep(1)

    async def new():
        while True:
            if job := await stream.take():
                await work(job)

    await asyncio.gather(old(), new())


@told(ex.consume, "Its `handle` was cancelled after 10 s, and it takes 20 s: let it end")
async def gives_each_job_ten_seconds(stream, handle):
    while True:
        job = await stream.take_over(30) or await stream.take()
        if job is not None:
            try:
                async with asyncio.timeout(10):
                    await handle(job)
            except Exception:
                continue
            await stream.ack(job.id)


@told(ex.consume, "`handle` raised Unreadable for one job, and the consumer ended with it: catch it, whatever it is")
async def catches_what_it_has_seen(stream, handle):
    while True:
        job = await stream.take_over(30) or await stream.take()
        if job is not None:
            try:
                await handle(job)
            except (OSError, ValueError):
                continue
            await stream.ack(job.id)


@told(ex.consume, "Acknowledge a job by its id: `await stream.ack(job.id)`; you passed '', which is none")
async def acknowledges_the_key(stream, handle):
    while True:
        job = await stream.take_over(30) or await stream.take()
        if job is not None:
            try:
                await handle(job)
            except Exception:
                continue
            await stream.ack(job.key)


# pay_order


@told(ex.pay_order, "`tx` has to be entered first: `async with tx as it:`, and in its block `it.remember`")
async def never_enters_its_transaction(db, job):
    tx = db.transaction()
    if await tx.remember(job.key):
        await tx.add(job.body["account"], job.body["amount"])


@told(ex.pay_order, "What `db.transaction(...)` gives is entered, and not awaited: `async with db.transaction(...)`")
async def awaits_its_transaction(db, job):
    async with await db.transaction() as tx:
        if await tx.remember(job.key):
            await tx.add(job.body["account"], job.body["amount"])


@told(ex.pay_order, "you added 5 to 'Ann', and the job says {'account': 'Ben', 'amount': 7}")
async def pays_always_the_same(db, job):
    async with db.transaction() as tx:
        if await tx.remember(job.key):
            await tx.add("Ann", 5)


@told(ex.pay_order, "`remember` said that the key was new, and nothing was added: add where it says True")
async def takes_true_for_known(db, job):
    async with db.transaction() as tx:
        if await tx.remember(job.key):
            return
        await tx.add(job.body["account"], job.body["amount"])


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


@told(ex.pay_order, "`remember` said that the key was there, and 5 was added nevertheless: ask it first, and add only")
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


@told(
    ex.pay_order, "It was paid, and the database remembers 'order 1 delivered', which is not the job's key, 'order 1'"
)
async def goes_by_the_id(db, job):
    async with db.transaction() as tx:
        if await tx.remember(job.id):
            await tx.add(job.body["account"], job.body["amount"])


@told(ex.pay_order, "It was paid, and the database remembers 'Ann', which is not the job's key, 'order 1'")
async def goes_by_the_account(db, job):
    async with db.transaction() as tx:
        if await tx.remember(job.body["account"]):
            await tx.add(job.body["account"], job.body["amount"])


@told(ex.pay_order, "`remember` said that the key was there, and 5 was added nevertheless: ask it first, and add only")
async def adds_and_then_looks(db, job):
    async with db.transaction() as tx:
        await tx.add(job.body["account"], job.body["amount"])
        if not await tx.remember(job.key):
            return


lock = asyncio.Lock()


@told(
    ex.pay_order, "had not ended after 100 s. Perhaps it waits for a lock: one of asyncio guards its own process only"
)
async def locks(db, job):
    async with lock, db.transaction() as tx:
        if not await tx.knows(job.key):
            await tx.add(job.body["account"], job.body["amount"])
            await tx.remember(job.key)


@told(
    ex.pay_order, "The job had been paid, and delivery 2 raised ValueError: that asks for yet another delivery. Return"
)
async def raises_for_what_is_paid(db, job):
    async with db.transaction() as tx:
        if not await tx.remember(job.key):
            raise ValueError("paid already")
        await tx.add(job.body["account"], job.body["amount"])


@told(ex.pay_order, "and your handler tried again by itself: let it through, and the job is delivered again, later")
async def tries_until_it_is_paid(db, job):
    while True:
        try:
            async with db.transaction() as tx:
                if await tx.remember(job.key):
                    await tx.add(job.body["account"], job.body["amount"])
            return
        except Exception:
            await asyncio.sleep(1)


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


@told(
    ex.work_on, "One delivery counted two starts: each call of `count_start` counts one. Keep what the first returned"
)
async def counts_again_to_compare(store, job, handle):
    await store.count_start(job.id)
    if await store.count_start(job.id) > 3:
        await store.add_letter(job, "its consumers died three times")
    else:
        try:
            await handle(job)
        except Exception:
            return
    await store.ack(job.id)


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


@told(ex.work_on, "A job kills its process, each time: its work was begun 16 times; give it up after 3")
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


@told(ex.work_on, "`handle` raised OSError, and your function passed it on: leave the job pending, `return`")
async def lets_errors_out(store, job, handle):
    if await store.count_start(job.id) > 3:
        await store.add_letter(job, "its consumers died")
    else:
        await handle(job)
    await store.ack(job.id)


@told(ex.work_on, "`handle` raised OSError, and your function passed it on: leave the job pending, `return`")
async def raises_at_the_first_starts(store, job, handle):
    start = await store.count_start(job.id)
    if start > 3:
        await store.add_letter(job, "its consumers died")
    else:
        try:
            await handle(job)
        except Exception as error:
            if start < 3:
                raise
            await store.add_letter(job, f"{type(error).__name__}: {error}")
    await store.ack(job.id)


@told(ex.work_on, "each time; killed at 0.075 s of delivery 4: its work was begun 15 times; give it up after 3")
async def gives_up_at_the_fourth_start_only(store, job, handle):
    start = await store.count_start(job.id)
    if start == 4:
        await store.add_letter(job, "its consumers died")
    else:
        try:
            await handle(job)
        except Exception as error:
            if start < 3:
                return
            await store.add_letter(job, f"{type(error).__name__}: {error}")
    await store.ack(job.id)


@told(ex.work_on, "killed at 0.075 s of delivery 4, 5, 6, 7, 8, 9: its work was begun")
async def gives_up_at_the_fourth_and_fifth_start(store, job, handle):
    start = await store.count_start(job.id)
    if start in (4, 5):
        await store.add_letter(job, "its consumers died")
    else:
        try:
            await handle(job)
        except Exception as error:
            if start < 3:
                return
            await store.add_letter(job, f"{type(error).__name__}: {error}")
    await store.ack(job.id)


@told(ex.work_on, "One delivery began the work twice. What fails is left pending: `return`; it is delivered again")
async def starts_three_times_in_a_row(store, job, handle):
    reason = "its consumers died"
    while await store.count_start(job.id) <= 3:
        try:
            await handle(job)
        except Exception as error:
            reason = f"{type(error).__name__}: {error}"
        else:
            break
    else:
        await store.add_letter(job, reason)
    await store.ack(job.id)


@told(ex.work_on, "`job.deliveries` is how often it was handed out, begun or not, and counts no starts")
async def goes_by_deliveries_alone(store, job, handle):
    if job.deliveries > 3:
        await store.add_letter(job, "its consumers died")
    else:
        try:
            await handle(job)
        except Exception as error:
            if job.deliveries < 3:
                return
            await store.add_letter(job, f"{type(error).__name__}: {error}")
    await store.ack(job.id)
