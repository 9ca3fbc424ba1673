"""Wrong answers to the exercises of lesson 7b, as learners write them: each must get its own sentence."""

import asyncio
from contextlib import suppress

from course_lib.exercises import lesson_07b as ex
from course_lib.exercises.lesson_07b import as_found
from wrong_answers import told

told(ex.sell, "Ann and Ben both pay for 'seat 1'")(as_found.sell)
told(ex.work_off, "a worker died of it, and nobody noticed. (A `queue.join()` waits for ever")(as_found.work_off)
told(ex.pump, "5 at most should be. What makes the reader wait for the writer?")(as_found.pump)
told(ex.move, "each holds a lock and waits for one that another holds")(as_found.move)
told(ex.ask_within, "Right would be an end at 2.5 s; it returned 'too late' at 4.5 s")(as_found.ask_within)

# sell


@told(ex.sell, "a payment had failed, or was cancelled, before. Whatever ends the payment")
async def keeps_what_was_not_paid(free, pay):
    if not free:
        return None
    seat = free.pop()
    await pay(seat)
    return seat


@told(ex.sell, "Ann was cancelled before, and CancelledError is no Exception")
async def gives_back_after_failures_only(free, pay):
    if not free:
        return None
    seat = free.pop()
    try:
        await pay(seat)
    except Exception:
        free.append(seat)
        raise
    return seat


@told(ex.sell, "sold is not free")
async def always_gives_back(free, pay):
    if not free:
        return None
    seat = free.pop()
    try:
        await pay(seat)
        return seat
    finally:
        free.append(seat)


@told(ex.sell, "your function returned None: pass it on")
async def hides_the_failure(free, pay):
    if not free:
        return None
    seat = free.pop()
    try:
        await pay(seat)
    except BaseException:
        free.append(seat)
        return None
    return seat


locks = {}


@told(ex.sell, "buyers do not wait for one another")
async def one_buyer_at_a_time(free, pay):
    async with locks.setdefault(asyncio.get_running_loop(), asyncio.Lock()):
        if not free:
            return None
        await pay(free[0])
        return free.pop(0)


@told(ex.sell, "sold is not free")
async def forgets_to_take(free, pay):
    if not free:
        return None
    await pay(free[0])
    return free[0]


@told(ex.sell, "You called pay(['seat 1']), which is no seat")
async def pays_for_all(free, pay):
    await pay(free)
    return free.pop()


@told(ex.sell, "Ann was cancelled, and Ben paid for 'seat 1' while Ann's payment still went on")
async def shields_the_payment(free, pay):
    if not free:
        return None
    seat = free.pop()
    payment = asyncio.ensure_future(pay(seat))
    try:
        await asyncio.shield(payment)
    except BaseException:
        free.append(seat)
        raise
    return seat


@told(ex.sell, "Ben came at 0.5 s, when a seat was free, and got None: while one seat is paid, the others stay free")
async def keeps_the_others_out(free, pay):
    if not free:
        return None
    seat, *others = free
    free.clear()
    try:
        await pay(seat)
    except BaseException:
        free.append(seat)
        raise
    finally:
        free.extend(others)
    return seat


@told(ex.sell, "Ann called pay 2 times: when a payment fails, do not pay again, but pass the failure on")
async def pays_again(free, pay):
    if not free:
        return None
    seat = free.pop()
    try:
        try:
            await pay(seat)
        except Exception:
            await pay(seat)
    except BaseException:
        free.append(seat)
        raise
    return seat


@told(ex.sell, "times: when a payment fails, do not pay again, but pass the failure on")
async def pays_until_it_succeeds(free, pay):
    while free:
        seat = free.pop()
        try:
            await pay(seat)
            return seat
        except Exception:
            free.append(seat)


@told(ex.sell, "Ben, who came at 0 s, was done at 1 s instead of 0 s: if no seat is free, return None at once, and")
async def waits_for_a_seat(free, pay):
    for _ in range(20):
        if free:
            break
        await asyncio.sleep(0.05)
    else:
        return None
    seat = free.pop()
    try:
        await pay(seat)
    except BaseException:
        free.append(seat)
        raise
    return seat


@told(ex.sell, "Ben had not come to an end after 60 s, and never paid: if no seat is free, return None at once")
async def waits_until_a_seat_is_free(free, pay):
    while not free:
        await asyncio.sleep(1)
    seat = free.pop()
    try:
        await pay(seat)
    except BaseException:
        free.append(seat)
        raise
    return seat


@told(ex.sell, "Ann was done at 1.5 s instead of 1 s: wait for nothing else")
async def gives_back_late(free, pay):
    if not free:
        return None
    seat = free.pop()
    try:
        await pay(seat)
    except BaseException:
        await asyncio.sleep(0.5)
        free.append(seat)
        raise
    return seat


@told(ex.sell, "TimeoutError (at line")
async def cuts_a_long_payment_off(free, pay):
    if not free:
        return None
    seat = free.pop()
    try:
        async with asyncio.timeout(30):
            await pay(seat)
    except BaseException:
        free.append(seat)
        raise
    return seat


@told(ex.sell, "Ann paid for a seat, and got True: return the seat")
async def says_that_it_is_sold(free, pay):
    if not free:
        return False
    seat = free.pop()
    try:
        await pay(seat)
    except BaseException:
        free.append(seat)
        raise
    return True


@told(ex.sell, "when no seat was free, and got False: return None then")
async def says_that_none_is_left(free, pay):
    if not free:
        return False
    seat = free.pop()
    try:
        await pay(seat)
    except BaseException:
        free.append(seat)
        raise
    return seat


# work_off


@told(ex.work_off, "that failure must come out")
async def survives_bad_jobs(jobs, handle, workers):
    queue = asyncio.Queue()
    for job in jobs:
        queue.put_nowait(job)

    async def worker():
        while True:
            job = await queue.get()
            try:
                await handle(job)
            except Exception:
                pass
            finally:
                queue.task_done()

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(worker()) for _ in range(workers)]
        await queue.join()
        for task in tasks:
            task.cancel()
    return len(jobs)


@told(ex.work_off, "it is the caller's, leave it as it is")
async def empties_the_list(jobs, handle, workers):
    count = len(jobs)

    async def worker():
        while jobs:
            await handle(jobs.pop(0))

    async with asyncio.TaskGroup() as group:
        for _ in range(workers):
            group.create_task(worker())
    return count


@told(ex.work_off, "this was still running")
async def gathers(jobs, handle, workers):
    queue = asyncio.Queue()
    for job in jobs:
        queue.put_nowait(job)

    async def worker():
        while not queue.empty():
            await handle(queue.get_nowait())

    await asyncio.gather(*(worker() for _ in range(workers)))
    return len(jobs)


@told(ex.work_off, "All jobs were done, and after 60 s your function still waits: for whom?")
async def never_ends_its_workers(jobs, handle, workers):
    queue = asyncio.Queue()
    for job in jobs:
        queue.put_nowait(job)

    async def worker():
        while True:
            await handle(await queue.get())
            queue.task_done()

    async with asyncio.TaskGroup() as group:
        for _ in range(workers):
            group.create_task(worker())
        await queue.join()
    return len(jobs)


@told(ex.work_off, "5 jobs were handled at one time; at most 2 should be")
async def a_task_for_each(jobs, handle, workers):
    async with asyncio.TaskGroup() as group:
        for job in jobs:
            group.create_task(handle(job))
    return len(jobs)


@told(ex.work_off, "you took 5 s for what 3 s can do")
async def one_after_another(jobs, handle, workers):
    for job in jobs:
        await handle(job)
    return len(jobs)


@told(ex.work_off, "you took 7 s for what 5 s can do")
async def in_batches(jobs, handle, workers):
    for start in range(0, len(jobs), workers):
        async with asyncio.TaskGroup() as group:
            for job in jobs[start : start + workers]:
                group.create_task(handle(job))
    return len(jobs)


@told(ex.work_off, "of 3 jobs were done when you returned")
async def stops_at_an_empty_job(jobs, handle, workers):
    waiting = list(jobs)

    async def worker():
        while waiting and (job := waiting.pop(0)) is not None:
            await handle(job)

    async with asyncio.TaskGroup() as group:
        for _ in range(workers):
            group.create_task(worker())
    return len(jobs)


@told(ex.work_off, "was handled twice")
async def takes_the_same(jobs, handle, workers):
    async def worker():
        for job in jobs:
            await handle(job)

    async with asyncio.TaskGroup() as group:
        for _ in range(workers):
            group.create_task(worker())
    return len(jobs)


@told(ex.work_off, "TimeoutError (at line")
async def gives_up_when_it_takes_long(jobs, handle, workers):
    waiting = iter(jobs)

    async def worker():
        for job in waiting:
            await handle(job)

    async with asyncio.timeout(30), asyncio.TaskGroup() as group:
        for _ in range(workers):
            group.create_task(worker())
    return len(jobs)


@told(ex.work_off, "the jobs under way are to be cancelled then.")
async def lets_the_others_finish(jobs, handle, workers):
    waiting, failures = iter(jobs), []

    async def worker():
        for job in waiting:
            if failures:
                break
            try:
                await handle(job)
            except Exception as error:
                failures.append(error)

    async with asyncio.TaskGroup() as group:
        for _ in range(workers):
            group.create_task(worker())
    if failures:
        raise failures[0]
    return len(jobs)


# pump


@told(ex.pump, "the writer waits for somebody who is dead")
async def nobody_owns_the_reader(read, write):
    queue, count = asyncio.Queue(maxsize=3), 0

    async def reader():
        while (block := await read()) is not None:
            await queue.put(block)
        await queue.put(None)

    task = asyncio.create_task(reader())
    try:
        while (block := await queue.get()) is not None:
            await write(block)
            count += 1
    finally:
        task.cancel()
        await asyncio.wait([task])
    return count


@told(ex.pump, "A write failed. When it raised OSError, this was still running: reader")
async def leaves_the_reader(read, write):
    queue, count = asyncio.Queue(maxsize=3), 0

    async def reader():
        try:
            while (block := await read()) is not None:
                await queue.put(block)
        finally:
            await queue.put(None)

    task = asyncio.create_task(reader())
    while (block := await queue.get()) is not None:
        await write(block)
        count += 1
    await task
    return count


@told(ex.pump, "While one block is written, read the next")
async def one_thing_at_a_time(read, write):
    count = 0
    while (block := await read()) is not None:
        await write(block)
        count += 1
    return count


@told(ex.pump, "A block may be empty; only None is the end")
async def an_empty_block_is_the_end(read, write):
    queue, count = asyncio.Queue(maxsize=3), 0

    async def reader():
        while block := await read():
            await queue.put(block)
        await queue.put(None)

    async with asyncio.TaskGroup() as group:
        group.create_task(reader())
        while (block := await queue.get()) is not None:
            await write(block)
            count += 1
    return count


@told(
    ex.pump, "At one time 7 blocks were in memory, read and not yet written; 5 at most should be. The reader does wait"
)
async def counts_the_queue_only(read, write):
    queue, count = asyncio.Queue(maxsize=5), 0

    async def reader():
        while (block := await read()) is not None:
            await queue.put(block)
        await queue.put(None)

    async with asyncio.TaskGroup() as group:
        group.create_task(reader())
        while (block := await queue.get()) is not None:
            await write(block)
            count += 1
    return count


@told(ex.pump, "write was called while another write was under way")
async def writes_together(read, write):
    count = 0
    async with asyncio.TaskGroup() as group:
        while (block := await read()) is not None:
            group.create_task(write(block))
            count += 1
    return count


@told(ex.pump, "QueueFull (at line")
async def does_not_wait_for_room(read, write):
    queue, count = asyncio.Queue(maxsize=3), 0

    async def reader():
        while (block := await read()) is not None:
            queue.put_nowait(block)
        queue.put_nowait(None)

    async with asyncio.TaskGroup() as group:
        group.create_task(reader())
        while (block := await queue.get()) is not None:
            await write(block)
            count += 1
    return count


@told(ex.pump, "The reader does wait, but too late: the block in its own hand counts, too")
async def waits_with_a_block_in_hand(read, write):
    room, queue, count = asyncio.Semaphore(5), asyncio.Queue(), 0

    async def reader():
        while (block := await read()) is not None:
            await room.acquire()
            queue.put_nowait(block)
        queue.put_nowait(None)

    async with asyncio.TaskGroup() as group:
        group.create_task(reader())
        while (block := await queue.get()) is not None:
            await write(block)
            count += 1
            room.release()
    return count


@told(ex.pump, "All 3 blocks were written: how does each side learn that no more will come?")
async def says_nothing_of_the_end(read, write):
    queue, count = asyncio.Queue(maxsize=3), 0

    async def reader():
        while (block := await read()) is not None:
            await queue.put(block)

    async with asyncio.TaskGroup() as group:
        group.create_task(reader())
        while (block := await queue.get()) is not None:
            await write(block)
            count += 1
    return count


@told(ex.pump, "and 0 written. A block may be empty; only None is the end")
async def an_empty_block_ends_the_writer(read, write):
    queue, count = asyncio.Queue(maxsize=3), 0

    async def reader():
        while (block := await read()) is not None:
            await queue.put(block)
        await queue.put(None)

    async with asyncio.TaskGroup() as group:
        group.create_task(reader())
        while block := await queue.get():
            await write(block)
            count += 1
    return count


@told(ex.pump, "It had not ended after 60 s. Of 8 blocks 5 had been read, and 5 written.")
async def never_makes_room(read, write):
    room, queue, count = asyncio.Semaphore(5), asyncio.Queue(), 0

    async def reader():
        while True:
            await room.acquire()
            block = await read()
            queue.put_nowait(block)
            if block is None:
                return

    async with asyncio.TaskGroup() as group:
        group.create_task(reader())
        while (block := await queue.get()) is not None:
            await write(block)
            count += 1
    return count


# move


@told(ex.move, "the lock of account A was free")
async def without_locks(source, target, amount, approve):
    if source.balance < amount or not await approve(source, target, amount):
        return False
    source.balance -= amount
    target.balance += amount
    return True


@told(ex.move, "the lock of account B was free")
async def one_lock_after_the_other(source, target, amount, approve):
    async with source.lock:
        if source.balance < amount or not await approve(source, target, amount):
            return False
        source.balance -= amount
    async with target.lock:
        target.balance += amount
    return True


@told(ex.move, "Another program of the bank takes the locks in the order of their names")
async def in_another_order(source, target, amount, approve):
    first, second = sorted([source, target], key=lambda account: account.name, reverse=True)
    async with first.lock, second.lock:
        if source.balance < amount or not await approve(source, target, amount):
            return False
        source.balance -= amount
        target.balance += amount
        return True


@told(ex.move, "Another program of the bank takes the locks in the order of their names")
async def by_where_they_lie(source, target, amount, approve):
    first, second = sorted([source, target], key=id)
    async with first.lock, second.lock:
        if source.balance < amount or not await approve(source, target, amount):
            return False
        source.balance -= amount
        target.balance += amount
        return True


@told(ex.move, "Another program of the bank takes the locks in the order of their names")
async def by_where_they_lie_backwards(source, target, amount, approve):
    first, second = sorted([source, target], key=lambda account: -id(account))
    async with first.lock, second.lock:
        if source.balance < amount or not await approve(source, target, amount):
            return False
        source.balance -= amount
        target.balance += amount
        return True


@told(ex.move, "Another program of the bank takes the locks in the order of their names")
async def by_where_the_locks_lie(source, target, amount, approve):
    first, second = sorted([source, target], key=lambda account: id(account.lock))
    async with first.lock, second.lock:
        if source.balance < amount or not await approve(source, target, amount):
            return False
        source.balance -= amount
        target.balance += amount
        return True


@told(ex.move, "approve may take any time, so do not cut it off and ask again")
async def tries_again(source, target, amount, approve):
    while True:
        try:
            async with asyncio.timeout(0.5), source.lock, target.lock:
                if source.balance < amount or not await approve(source, target, amount):
                    return False
                source.balance -= amount
                target.balance += amount
                return True
        except TimeoutError:
            await asyncio.sleep(0.25)


@told(ex.move, "wait for these two locks and for approve, and for nothing else")
async def one_move_at_a_time(source, target, amount, approve):
    async with locks.setdefault(asyncio.get_running_loop(), asyncio.Lock()):
        first, second = sorted([source, target], key=lambda account: account.name)
        async with first.lock, second.lock:
            if source.balance < amount or not await approve(source, target, amount):
                return False
            source.balance -= amount
            target.balance += amount
            return True


@told(ex.move, "An account has -60: look at the balance with both locks in your hand")
async def looks_before_it_locks(source, target, amount, approve):
    if source.balance < amount:
        return False
    first, second = sorted([source, target], key=lambda account: account.name)
    async with first.lock, second.lock:
        if not await approve(source, target, amount):
            return False
        source.balance -= amount
        target.balance += amount
        return True


@told(ex.move, "is still held")
async def forgets_to_unlock(source, target, amount, approve):
    first, second = sorted([source, target], key=lambda account: account.name)
    await first.lock.acquire()
    await second.lock.acquire()
    if source.balance < amount or not await approve(source, target, amount):
        return False
    source.balance -= amount
    target.balance += amount
    first.lock.release()
    second.lock.release()
    return True


@told(ex.move, "The source had too little, and you asked approve all the same")
async def asks_always(source, target, amount, approve):
    first, second = sorted([source, target], key=lambda account: account.name)
    async with first.lock, second.lock:
        if not await approve(source, target, amount) or source.balance < amount:
            return False
        source.balance -= amount
        target.balance += amount
        return True


@told(ex.move, "Another program of the bank takes the locks in the order of their names")
async def the_poorer_first(source, target, amount, approve):
    first, second = sorted([source, target], key=lambda account: (account.balance, account.name))
    async with first.lock, second.lock:
        if source.balance < amount or not await approve(source, target, amount):
            return False
        source.balance -= amount
        target.balance += amount
        return True


@told(ex.move, "A to B was cancelled at 0.5 s, and returned False at 0.5 s: let CancelledError through")
async def keeps_the_cancellation(source, target, amount, approve):
    first, second = sorted([source, target], key=lambda account: account.name)
    async with first.lock, second.lock:
        try:
            if source.balance < amount or not await approve(source, target, amount):
                return False
        except asyncio.CancelledError:
            return False
        source.balance -= amount
        target.balance += amount
        return True


@told(ex.move, "All have ended, and the lock of account A is still held")
async def unlocks_only_when_it_had_both(source, target, amount, approve):
    first, second = sorted([source, target], key=lambda account: account.name)
    await first.lock.acquire()
    await second.lock.acquire()
    try:
        if source.balance < amount or not await approve(source, target, amount):
            return False
        source.balance -= amount
        target.balance += amount
        return True
    finally:
        first.lock.release()
        second.lock.release()


# ask_within


@told(ex.ask_within, "Right would be 'busy' at 2.25 s; it returned 'answer' at 6 s")
async def waits_for_ever(slots, ask, patience, seconds):
    async with slots:
        try:
            async with asyncio.timeout(seconds):
                return await ask()
        except TimeoutError:
            return "too late"


@told(ex.ask_within, "it returned 'busy' at 2.25 s. Its patience ran on while it asked")
async def one_limit_inside_the_other(slots, ask, patience, seconds):
    try:
        async with asyncio.timeout(patience), slots, asyncio.timeout(seconds):
            return await ask()
    except TimeoutError:
        return "busy"


@told(
    ex.ask_within, "it returned 'too late' at 2.75 s. The time for asking ran while it waited: it begins with the slot"
)
async def counts_the_wait(slots, ask, patience, seconds):
    try:
        async with asyncio.timeout(seconds):
            try:
                async with asyncio.timeout(patience):
                    await slots.acquire()
            except TimeoutError:
                return "busy"
            try:
                return await ask()
            finally:
                slots.release()
    except TimeoutError:
        return "too late"


@told(ex.ask_within, "release() belongs to an acquire that succeeded")
async def always_gives_back_a_slot(slots, ask, patience, seconds):
    begun = False
    try:
        async with asyncio.timeout(patience):
            await slots.acquire()
        begun = True
        async with asyncio.timeout(seconds):
            return await ask()
    except TimeoutError:
        return "too late" if begun else "busy"
    finally:
        slots.release()


@told(ex.ask_within, "a slot was never given back")
async def gives_back_after_an_answer_only(slots, ask, patience, seconds):
    try:
        async with asyncio.timeout(patience):
            await slots.acquire()
    except TimeoutError:
        return "busy"
    try:
        async with asyncio.timeout(seconds):
            answer = await ask()
    except TimeoutError:
        return "too late"
    slots.release()
    return answer


@told(ex.ask_within, "All have ended, and a slot was never given back")
async def keeps_the_slot_when_asking_fails(slots, ask, patience, seconds):
    try:
        await asyncio.wait_for(slots.acquire(), patience)
    except TimeoutError:
        return "busy"
    try:
        answer = await asyncio.wait_for(ask(), seconds)
    except TimeoutError:
        answer = "too late"
    slots.release()
    return answer


@told(ex.ask_within, "Right would be 'busy'")
async def a_busy_place_is_full(slots, ask, patience, seconds):
    try:
        async with asyncio.timeout(patience):
            await slots.acquire()
    except TimeoutError:
        return "too late"
    try:
        async with asyncio.timeout(seconds):
            return await ask()
    except TimeoutError:
        return "too late"
    finally:
        slots.release()


@told(ex.ask_within, "pass it on")
async def any_failure_is_late(slots, ask, patience, seconds):
    try:
        async with asyncio.timeout(patience):
            await slots.acquire()
    except TimeoutError:
        return "busy"
    try:
        async with asyncio.timeout(seconds):
            return await ask()
    except Exception:
        return "too late"
    finally:
        slots.release()


@told(ex.ask_within, "Right would be 'busy' at 1.5 s; it returned 'answer' at 3 s")
async def takes_gives_and_takes_again(slots, ask, patience, seconds):
    try:
        async with asyncio.timeout(patience), slots:
            pass
    except TimeoutError:
        return "busy"
    async with slots:
        try:
            async with asyncio.timeout(seconds):
                return await ask()
        except TimeoutError:
            return "too late"


@told(
    ex.ask_within,
    "Ann came at 0 s, with 2 s of patience and 2 s for asking. Right would be '' at 1 s; it returned 'too late'",
)
async def an_empty_answer_is_late(slots, ask, patience, seconds):
    answer = None
    try:
        async with asyncio.timeout(patience):
            await slots.acquire()
    except TimeoutError:
        return "busy"
    with suppress(TimeoutError):
        try:
            async with asyncio.timeout(seconds):
                answer = await ask()
        finally:
            slots.release()
    return answer or "too late"


@told(ex.ask_within, "2 asked at one time, with 1 slot: who asks has one, and keeps it until ask has ended")
async def gives_back_before_the_clean_up(slots, ask, patience, seconds):
    try:
        async with asyncio.timeout(patience):
            await slots.acquire()
    except TimeoutError:
        return "busy"
    task = asyncio.create_task(ask())
    try:
        await asyncio.wait([task], timeout=seconds)
    finally:
        slots.release()
        task.cancel()
        await asyncio.wait([task])
    return "too late" if task.cancelled() else task.result()
