"""Right answers to the exercises of lesson 7a, in other styles than the solutions."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

from course_lib.exercises import lesson_07a as ex
from course_lib.tasks import TaskManager
from right_answers import right

# live_hosts


@right(ex.live_hosts)
async def asks_carefully(hosts, is_up):
    async def ask(host):
        try:
            return await is_up(host)
        except Exception:
            return False

    async with asyncio.TaskGroup() as group:
        tasks = {host: group.create_task(ask(host)) for host in hosts}
    return [host for host, task in tasks.items() if task.result()]


@right(ex.live_hosts)
async def waits_for_tasks(hosts, is_up):
    tasks = [asyncio.create_task(is_up(host)) for host in hosts]
    try:
        if tasks:
            await asyncio.wait(tasks)
    except asyncio.CancelledError:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        raise
    return [host for host, task in zip(hosts, tasks, strict=True) if not task.exception() and task.result()]


@right(ex.live_hosts)
async def collects_a_set(hosts, is_up):
    up = set()

    async def ask(host):
        if await is_up(host):
            up.add(host)

    await asyncio.gather(*map(ask, hosts), return_exceptions=True)
    return [host for host in hosts if host in up]


# notify


@right(ex.notify)
async def with_a_task_manager(users, send, report):
    names = {}
    async with TaskManager(on_failure=lambda task, error: report(names[task], error)) as tasks:
        for user in users:
            names[tasks.add_task(send(user))] = user
    return sum(task.exception() is None for task in names)


@right(ex.notify)
async def counts_as_it_goes(users, send, report):
    sent = 0

    async def one(user):
        nonlocal sent
        try:
            await send(user)
            sent += 1
        except Exception as error:
            report(user, error)

    async with asyncio.TaskGroup() as group:
        for user in users:
            group.create_task(one(user))
    return sent


@right(ex.notify)
async def as_they_are_done(users, send, report):
    names = {asyncio.create_task(send(user)): user for user in users}
    left, sent = set(names), 0
    try:
        while left:
            done, left = await asyncio.wait(left, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                if error := task.exception():
                    report(names[task], error)
                else:
                    sent += 1
    except asyncio.CancelledError:
        for task in left:
            task.cancel()
        await asyncio.wait(left)
        raise
    return sent


# stop


@right(ex.stop)
async def waits_shielded(task):
    task.cancel()
    while not task.done():
        await asyncio.wait({task})
    try:
        task.result()
    except asyncio.CancelledError:
        return "cancelled"
    except Exception:
        return "failed"
    return "returned"


@right(ex.stop)
async def with_an_event(task):
    ended = asyncio.Event()
    task.add_done_callback(lambda _: ended.set())
    task.cancel()
    await ended.wait()
    if task.cancelled():
        return "cancelled"
    return "returned" if task.exception() is None else "failed"


@right(ex.stop)
async def asks_who_was_meant(task):
    before = asyncio.current_task().cancelling()
    task.cancel()
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        if asyncio.current_task().cancelling() > before:
            raise
    except Exception:
        return "failed"
    return "cancelled" if task.cancelled() else "returned"


# digest_all


@right(ex.digest_all)
async def with_a_pool_of_its_own(files, read, digest):
    async def one(file):
        text = await read(file)
        return await asyncio.get_running_loop().run_in_executor(pool, digest, text)

    with ThreadPoolExecutor(4) as pool:
        return dict(zip(files, await asyncio.gather(*map(one, files)), strict=True))


@right(ex.digest_all)
async def with_a_group(files, read, digest):
    async def one(file):
        found[file] = await asyncio.to_thread(digest, await read(file))

    found = dict.fromkeys(files)
    async with asyncio.TaskGroup() as group:
        for file in files:
            group.create_task(one(file))
    return found


@right(ex.digest_all)
async def tasks_by_file(files, read, digest):
    async def one(file):
        return await asyncio.to_thread(digest, await read(file))

    tasks = {file: asyncio.create_task(one(file)) for file in files}
    return {file: await task for file, task in tasks.items()}


# place_order


@right(ex.place_order)
async def gathers_and_cleans_up(check, charge):
    tasks = [asyncio.create_task(check()), asyncio.create_task(charge())]
    try:
        return (await asyncio.gather(*tasks))[1]
    except Exception:
        for task in tasks:
            task.cancel()
        raise
    finally:
        await asyncio.wait(tasks)


@right(ex.place_order)
async def waits_for_the_first_exception(check, charge):
    tasks = [asyncio.create_task(check()), asyncio.create_task(charge())]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
    for task in done:
        if not task.cancelled() and (error := task.exception()):
            raise error
    return tasks[1].result()


@right(ex.place_order)
async def notes_the_first(check, charge):
    failed = []

    async def noting(part):
        try:
            return await part()
        except Exception as error:
            failed.append(error)
            raise

    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(noting(check))
            charging = group.create_task(noting(charge))
    except* Exception:
        pass
    if failed:
        raise failed[0]
    return charging.result()
