"""The reference solutions of lesson 7a, as a learner would write them."""

import asyncio


async def live_hosts(hosts, is_up):
    answers = await asyncio.gather(*(is_up(host) for host in hosts), return_exceptions=True)
    return [host for host, up in zip(hosts, answers, strict=True) if up is True]


async def notify(users, send, report):
    async def one(user):
        try:
            await send(user)
        except Exception as error:
            report(user, error)
            return 0
        return 1

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(user)) for user in users]
    return sum(task.result() for task in tasks)


async def stop(task):
    task.cancel()
    await asyncio.wait([task])
    if task.cancelled():
        return "cancelled"
    return "failed" if task.exception() else "returned"


async def digest_all(files, read, digest):
    async def one(file):
        return await asyncio.to_thread(digest, await read(file))

    digests = await asyncio.gather(*(one(file) for file in files))
    return dict(zip(files, digests, strict=True))


async def place_order(check, charge):
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(check())
            charging = group.create_task(charge())
    except ExceptionGroup as failed:
        raise failed.exceptions[0] from None
    return charging.result()
