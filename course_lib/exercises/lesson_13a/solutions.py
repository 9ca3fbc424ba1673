"""The reference solutions of lesson 13a, as a learner would write them."""

import asyncio
import json
from contextlib import aclosing

from aiohttp import web


async def load_with(request, rate, seconds, connections):
    now = asyncio.get_running_loop().time
    start, free = now(), asyncio.Semaphore(connections)
    took = [None] * (rate * seconds)

    async def one(number, due):
        async with free:
            try:
                await request()
            except Exception:
                return
        took[number] = now() - due

    async with asyncio.TaskGroup() as group:
        for number in range(rate * seconds):
            due = start + number / rate
            await asyncio.sleep(due - now())
            group.create_task(one(number, due))
    return took


async def guard(request, handler, places, patience, seconds):
    def refuse(status, why, headers=None):
        return web.json_response({"error": why}, status=status, headers=headers)

    try:
        async with asyncio.timeout(patience):
            await places.acquire()
    except TimeoutError:
        return refuse(503, "no place", {"Retry-After": "1"})
    try:
        async with asyncio.timeout(seconds) as limit:
            return await handler(request)
    except web.HTTPError as error:
        return refuse(error.status, error.text)
    except web.HTTPException:
        raise
    except Exception:
        if limit.expired():
            return refuse(504, "no answer in time")
        return refuse(500, "our mistake")
    finally:
        places.release()


async def stream_rows(request, rows):
    response = web.StreamResponse()
    response.content_type = "application/x-ndjson"
    async with aclosing(rows):
        async for row in rows:
            if not response.prepared:
                await response.prepare(request)
            await response.write(json.dumps(row).encode() + b"\n")
    return response
