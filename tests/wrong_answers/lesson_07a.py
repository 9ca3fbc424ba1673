"""Wrong answers to the exercises of lesson 7a, as learners write them: each must get its own sentence."""

import asyncio
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import suppress

from course_lib.exercises import lesson_07a as ex
from course_lib.exercises.lesson_07a import as_found
from course_lib.tasks import TaskManager
from wrong_answers import told

# live_hosts

told(ex.live_hosts, "never awaited what it gave")(as_found.live_hosts)


@told(ex.live_hosts, "An exception came out while others were still at work: catch it")
async def one_failure_is_the_answer(hosts, is_up):
    answers = await asyncio.gather(*map(is_up, hosts))
    return [host for host, up in zip(hosts, answers, strict=True) if up]


@told(ex.live_hosts, "`answers` has to be awaited first: `await answers` gives the results")
async def goes_through_what_gather_gave(hosts, is_up):
    answers = asyncio.gather(*map(is_up, hosts), return_exceptions=True)
    return [host for host, up in zip(hosts, answers, strict=True) if up is True]


@told(ex.live_hosts, "start all of them before you await one")
async def one_after_another(hosts, is_up):
    found = []
    for host in hosts:
        try:
            if await is_up(host):
                found.append(host)
        except Exception:
            pass
    return found


@told(ex.live_hosts, "OSError: no route (at line")
async def a_failure_ends_it(hosts, is_up):
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(is_up(host)) for host in hosts]
    return [host for host, task in zip(hosts, tasks, strict=True) if task.result()]


@told(ex.live_hosts, "an exception object is true")
async def an_exception_is_a_yes(hosts, is_up):
    answers = await asyncio.gather(*map(is_up, hosts), return_exceptions=True)
    return [host for host, up in zip(hosts, answers, strict=True) if up]


@told(ex.live_hosts, "in the order of `hosts`")
async def as_they_answer(hosts, is_up):
    found = []

    async def ask(host):
        with suppress(Exception):
            if await is_up(host):
                found.append(host)

    async with asyncio.TaskGroup() as group:
        for host in hosts:
            group.create_task(ask(host))
    return found


@told(ex.live_hosts, "Is a `return` missing")
async def forgets_the_return(hosts, is_up):
    await asyncio.gather(*map(is_up, hosts), return_exceptions=True)


@told(ex.live_hosts, "return a list of the hosts that are up")
async def returns_answers(hosts, is_up):
    answers = await asyncio.gather(*map(is_up, hosts), return_exceptions=True)
    return dict(zip(hosts, answers, strict=True))


@told(ex.live_hosts, "instead of ending cancelled")
async def a_cancellation_is_a_no(hosts, is_up):
    try:
        answers = await asyncio.gather(*map(is_up, hosts), return_exceptions=True)
    except BaseException:
        return []
    return [host for host, up in zip(hosts, answers, strict=True) if up is True]


@told(ex.live_hosts, "this was still running: ask")
async def gather_does_not_wait(hosts, is_up):
    async def ask(host):
        with suppress(Exception):
            return await is_up(host)

    answers = await asyncio.gather(*map(ask, hosts))
    return [host for host, up in zip(hosts, answers, strict=True) if up]


@told(ex.live_hosts, "InvalidStateError")
async def asks_inside_the_block(hosts, is_up):
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(is_up(host)) for host in hosts]
        return [host for host, task in zip(hosts, tasks, strict=True) if task.result()]


@told(ex.live_hosts, "Your code raised RuntimeError")
async def runs_a_loop_in_the_loop(hosts, is_up):
    return [host for host in hosts if asyncio.run(is_up(host))]


@told(ex.live_hosts, "You called `is_up(['a', 'b', 'c'])`: pass one of 'a', 'b', 'c'.")
async def asks_for_all_at_once(hosts, is_up):
    async def ask():
        return await is_up(hosts)

    answers = await asyncio.gather(*(ask() for _ in hosts), return_exceptions=True)
    return [host for host, up in zip(hosts, answers, strict=True) if up is True]


@told(ex.live_hosts, "You called `is_up()`: pass one of 'a', 'b', 'c'.")
async def asks_for_nobody(hosts, is_up):
    answers = await asyncio.gather(*(is_up() for _ in hosts), return_exceptions=True)
    return [host for host, up in zip(hosts, answers, strict=True) if up is True]


@told(ex.live_hosts, "You called `is_up('a', 'b', 'c')`: pass one of 'a', 'b', 'c'.")
async def unpacks_the_hosts(hosts, is_up):
    return await is_up(*hosts)


@told(ex.live_hosts, "square brackets make a list")
async def gives_a_generator(hosts, is_up):
    return (host for host in hosts if await is_up(host))


# notify

told(ex.notify, "this was still running: send")(as_found.notify)


@told(ex.notify, "and nobody was told: report it")
async def failures_are_kept(users, send, report):
    results = await asyncio.gather(*map(send, users), return_exceptions=True)
    return sum(not isinstance(result, Exception) for result in results)


@told(ex.notify, "report each failure as soon as it happens")
async def reports_at_the_end(users, send, report):
    results = await asyncio.gather(*map(send, users), return_exceptions=True)
    for user, result in zip(users, results, strict=True):
        if isinstance(result, Exception):
            report(user, result)
    return sum(not isinstance(result, Exception) for result in results)


@told(ex.notify, "because a sending failed: report it, and go on")
async def a_group_of_sendings(users, send, report):
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(send(user)) for user in users]
    return len(tasks)


@told(ex.notify, "because a sending failed: report it, and go on")
async def reports_and_raises(users, send, report):
    async def one(user):
        try:
            await send(user)
        except Exception as error:
            report(user, error)
            raise

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(user)) for user in users]
    return len(tasks)


@told(ex.notify, "start all of them before you await one")
async def in_a_row(users, send, report):
    sent = 0
    for user in users:
        try:
            await send(user)
            sent += 1
        except Exception as error:
            report(user, error)
    return sent


@told(ex.notify, "sendings succeeded, and you returned")
async def counts_the_failures_too(users, send, report):
    async def one(user):
        try:
            await send(user)
        except Exception as error:
            report(user, error)

    await asyncio.gather(*map(one, users))
    return len(users)


@told(ex.notify, "was reported as CancelledError()")
async def a_cancellation_is_a_failure(users, send, report):
    async def one(user):
        try:
            await send(user)
            return 1
        except BaseException as error:
            report(user, error)
            return 0

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(user)) for user in users]
    return sum(task.result() for task in tasks)


@told(ex.notify, "with the exception itself")
async def reports_the_text(users, send, report):
    async def one(user):
        try:
            await send(user)
        except Exception as error:
            report(user, str(error))
            return 0
        return 1

    return sum(await asyncio.gather(*map(one, users)))


@told(ex.notify, "looks the loop's variable up when it is called")
async def late_binding(users, send, report):
    tasks = []
    for user in users:
        task = asyncio.create_task(send(user))
        task.add_done_callback(
            lambda task: not task.cancelled() and task.exception() and report(user, task.exception())  # noqa: B023
        )
        tasks.append(task)
    results = await asyncio.gather(*tasks, return_exceptions=True)
    return sum(not isinstance(result, Exception) for result in results)


@told(ex.notify, "gave `report` the exception first")
async def the_error_first(users, send, report):
    async def one(user):
        try:
            await send(user)
        except Exception as error:
            report(error, user)
            return 0
        return 1

    return sum(await asyncio.gather(*map(one, users), return_exceptions=True))


@told(ex.notify, "you gave `report` a task where the user belongs")
async def on_failure_tells_of_tasks(users, send, report):
    async with TaskManager(on_failure=report) as manager:
        tasks = [manager.add_task(send(user)) for user in users]
    return sum(task.exception() is None for task in tasks)


@told(ex.notify, "where the user belongs")
async def reports_the_name_of_the_task(users, send, report):
    async with TaskManager(on_failure=lambda task, error: report(task.get_name(), error)) as manager:
        tasks = [manager.add_task(send(user)) for user in users]
    return sum(task.exception() is None for task in tasks)


@told(ex.notify, "you gave `report` ['Ann', 'Ben', 'Cy'] where the user belongs")
async def reports_all_of_them(users, send, report):
    async def one(user):
        try:
            await send(user)
        except Exception as error:
            report(users, error)
            return 0
        return 1

    return sum(await asyncio.gather(*map(one, users), return_exceptions=True))


@told(ex.notify, "UnboundLocalError")
async def counts_what_is_not_its_own(users, send, report):
    failed = 0

    async def one(user):
        try:
            await send(user)
        except Exception as error:
            failed += 1  # noqa: F823, F841  # the mistake
            report(user, error)

    async with asyncio.TaskGroup() as group:
        for user in users:
            group.create_task(one(user))
    return len(users) - failed


@told(ex.notify, "TypeError")
async def awaits_the_report(users, send, report):
    async def one(user):
        try:
            await send(user)
        except Exception as error:
            await report(user, error)
            return 0
        return 1

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(user)) for user in users]
    return sum(task.result() for task in tasks)


@told(ex.notify, "InvalidStateError")
async def counts_inside_the_block(users, send, report):
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(send(user)) for user in users]
        return sum(task.exception() is None for task in tasks)


@told(ex.notify, "ask `task.cancelled()` first")
async def asks_what_was_cancelled(users, send, report):
    tasks = []
    for user in users:
        task = asyncio.create_task(send(user))
        task.add_done_callback(lambda task, user=user: task.exception() and report(user, task.exception()))
        tasks.append(task)
    results = await asyncio.gather(*tasks, return_exceptions=True)
    return sum(not isinstance(result, Exception) for result in results)


# stop

told(ex.stop, "and that came out of your function")(as_found.stop)


@told(ex.stop, "Your function ended cancelled: awaiting a cancelled task")
async def awaits_it(task):
    task.cancel()
    await task
    return "returned"


@told(ex.stop, "was still cleaning up: wait until it has ended")
async def asks_and_goes(task):
    task.cancel()
    return "cancelled"


@told(ex.stop, "nobody had cancelled it")
async def only_waits(task):
    await asyncio.wait([task])
    return "cancelled" if task.cancelled() else "returned"


@told(ex.stop, "that cut the task's clean-up short: an `await task`")
async def eats_its_own(task):
    task.cancel()
    try:
        await task
    except asyncio.CancelledError:
        return "cancelled"
    except Exception:
        return "failed"
    return "returned"


@told(ex.stop, "instead of ending cancelled. That CancelledError was your own")
async def eats_its_own_at_the_wait(task):
    task.cancel()
    with suppress(asyncio.CancelledError):
        await asyncio.wait([task])
    if not task.done() or task.cancelled():
        return "cancelled"
    return "failed" if task.exception() else "returned"


@told(ex.stop, "The task ended failed, and you returned 'returned'")
async def does_not_ask_for_the_exception(task):
    task.cancel()
    await asyncio.wait([task])
    return "cancelled" if task.cancelled() else "returned"


@told(ex.stop, "cancelled the task a second time")
async def insists(task):
    while not task.done():
        task.cancel()
        await asyncio.wait([task], timeout=0.5)
    if task.cancelled():
        return "cancelled"
    return "failed" if task.exception() else "returned"


@told(ex.stop, "Your function returned None")
async def forgets_one_end(task):
    task.cancel()
    await asyncio.wait([task])
    if task.cancelled():
        return "cancelled"
    if task.exception():
        return "failed"


@told(ex.stop, "Somebody cancelled your function at 2 s, and it ended at 4 s")
async def waits_for_the_end_all_the_same(task):
    task.cancel()
    try:
        await asyncio.wait([task])
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise
    if task.cancelled():
        return "cancelled"
    return "failed" if task.exception() else "returned"


@told(ex.stop, "That the task has ended does not say whose CancelledError it was")
async def asks_whether_the_task_has_ended(task):
    task.cancel()
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        if not task.done():
            raise
    except Exception:
        return "failed"
    return "cancelled" if task.cancelled() else "returned"


@told(ex.stop, "`cancelling()` counts the older request, too")
async def takes_an_older_request_for_a_new_one(task):
    task.cancel()
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        if asyncio.current_task().cancelling():
            raise
    except Exception:
        return "failed"
    return "cancelled" if task.cancelled() else "returned"


@told(ex.stop, "and so do its `result()` and `exception()`: ask `task.cancelled()` first")
async def asks_for_the_exception_first(task):
    task.cancel()
    await asyncio.wait([task])
    if task.exception():
        return "failed"
    return "cancelled" if task.cancelled() else "returned"


@told(ex.stop, "The task is not done yet")
async def loses_patience(task):
    task.cancel()
    with suppress(TimeoutError):
        async with asyncio.timeout(5):
            await asyncio.wait([task])
    if task.cancelled():
        return "cancelled"
    return "failed" if task.exception() else "returned"


# digest_all

told(ex.digest_all, "The event loop was blocked for 4 s")(as_found.digest_all)


@told(ex.digest_all, "4 s are enough: digest each text as soon as it is read")
async def in_two_rounds(files, read, digest):
    texts = await asyncio.gather(*map(read, files))
    digests = await asyncio.gather(*(asyncio.to_thread(digest, text) for text in texts))
    return dict(zip(files, digests, strict=True))


@told(ex.digest_all, "start all of them before you await one")
async def file_by_file(files, read, digest):
    return {file: await asyncio.to_thread(digest, await read(file)) for file in files}


@told(ex.digest_all, "threads are enough")
async def in_processes(files, read, digest):
    async def one(file):
        return await asyncio.get_running_loop().run_in_executor(pool, digest, await read(file))

    with ProcessPoolExecutor(1) as pool:
        return dict(zip(files, await asyncio.gather(*map(one, files)), strict=True))


@told(ex.digest_all, "The event loop was blocked")
async def calls_it_first(files, read, digest):
    async def one(file):
        return await asyncio.to_thread(lambda: found) if (found := digest(await read(file))) else None

    digests = await asyncio.gather(*map(one, files))
    return dict(zip(files, digests, strict=True))


@told(ex.digest_all, "`digest` ran on the loop: whoever writes `digest(...)` calls it")
async def hands_over_what_it_gave(files, read, digest):
    async def one(file):
        return await asyncio.to_thread(digest(await read(file)))

    return dict(zip(files, await asyncio.gather(*map(one, files)), strict=True))


@told(ex.digest_all, "`digest` ran in a thread, and the loop stood still until it had ended")
async def waits_without_await(files, read, digest):
    async def one(file):
        text = await read(file)
        with ThreadPoolExecutor() as pool:
            return pool.submit(digest, text).result()

    return dict(zip(files, await asyncio.gather(*map(one, files)), strict=True))


@told(ex.digest_all, "an `await` is missing")
async def never_awaits_the_thread(files, read, digest):
    async def one(file):
        return asyncio.to_thread(digest, await read(file))

    return dict(zip(files, await asyncio.gather(*map(one, files)), strict=True))


@told(ex.digest_all, "You gave `digest` 'a.txt'")
async def digests_the_name(files, read, digest):
    async def one(file):
        return await asyncio.to_thread(digest, file)

    async with asyncio.TaskGroup() as group:
        tasks = {file: group.create_task(one(file)) for file in files}
    return {file: task.result() for file, task in tasks.items()}


@told(ex.digest_all, "You gave `digest` a coroutine")
async def digests_before_it_has_read(files, read, digest):
    async def one(file):
        return await asyncio.to_thread(digest, read(file))

    return dict(zip(files, await asyncio.gather(*map(one, files)), strict=True))


@told(ex.digest_all, "in the order of `files`")
async def in_the_order_of_the_ends(files, read, digest):
    found = {}

    async def one(file):
        found[file] = await asyncio.to_thread(digest, await read(file))

    await asyncio.gather(*map(one, files))
    return found


@told(ex.digest_all, "Return a dict")
async def only_the_digests(files, read, digest):
    async def one(file):
        return await asyncio.to_thread(digest, await read(file))

    return await asyncio.gather(*map(one, files))


# place_order

told(ex.place_order, "cancel them and wait for their end before you pass it on")(as_found.place_order)


@told(ex.place_order, "`charge` began")
async def check_first(check, charge):
    await check()
    return await charge()


@told(ex.place_order, "and you raised it in a group: raise it itself")
async def a_group_comes_out(check, charge):
    async with asyncio.TaskGroup() as group:
        group.create_task(check())
        charging = group.create_task(charge())
    return charging.result()


@told(ex.place_order, "this was still running: charge")
async def cancels_and_does_not_wait(check, charge):
    tasks = [asyncio.create_task(check()), asyncio.create_task(charge())]
    try:
        return (await asyncio.gather(*tasks))[1]
    finally:
        for task in tasks:
            task.cancel()


@told(ex.place_order, "cancelled a second time, its clean-up is cut short")
async def cancels_twice(check, charge):
    tasks = [asyncio.create_task(check()), asyncio.create_task(charge())]
    try:
        return (await asyncio.gather(*tasks))[1]
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@told(ex.place_order, "and you returned [None, 'a receipt']")
async def returns_both(check, charge):
    return await asyncio.gather(check(), charge())


@told(ex.place_order, "your function returned None: raise it")
async def hides_it(check, charge):
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(check())
            charging = group.create_task(charge())
        return charging.result()
    except* Exception:
        pass


@told(ex.place_order, "raise the first failure")
async def raises_the_last(check, charge):
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(check())
            charging = group.create_task(charge())
    except ExceptionGroup as failed:
        raise failed.exceptions[-1] from None
    return charging.result()


@told(ex.place_order, "Your function ended at")
async def lets_the_other_finish(check, charge):
    results = await asyncio.gather(check(), charge(), return_exceptions=True)
    for result in results:
        if isinstance(result, Exception):
            raise result
    return results[1]


@told(ex.place_order, "InvalidStateError")
async def takes_the_receipt_too_early(check, charge):
    async with asyncio.TaskGroup() as group:
        group.create_task(check())
        charging = group.create_task(charge())
        return charging.result()
