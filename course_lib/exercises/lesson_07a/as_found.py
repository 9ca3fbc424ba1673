"""What the exercises of lesson 7a show: small programs as somebody found them, each with one bug, to be mended."""

import asyncio
from contextlib import suppress


async def live_hosts(hosts, is_up):
    return [host for host in hosts if is_up(host)]


async def notify(users, send, report):
    for user in users:
        asyncio.create_task(send(user))
    return len(users)


async def stop(task):
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    return "cancelled"


async def digest_all(files, read, digest):
    texts = await asyncio.gather(*(read(file) for file in files))
    return {file: digest(text) for file, text in zip(files, texts, strict=True)}


async def place_order(check, charge):
    _, receipt = await asyncio.gather(check(), charge())
    return receipt
