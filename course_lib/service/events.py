"""A crawl's progress, live: server-sent events, one for each page and each change of how it stands.

Each event of a page has its number as id. A browser that loses the connection comes again by itself, and says which id
it had last, so it gets the rest, from whichever process answers then.

Source: HTML Living Standard, "Server-sent events".
"""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from course_lib.service.breaker import CircuitOpen
from course_lib.service.bulkhead import BulkheadFull
from course_lib.service.crawls import AWAY

EVERY = 0.5  # seconds between two looks
ENDED = ("done", "failed")
HEADERS = {"Content-Type": "text/event-stream", "Cache-Control": "no-store", "X-Accel-Buffering": "no"}

Look = Callable[[int], Awaitable[tuple[dict[str, Any], list[dict[str, Any]]]]]


async def send_events(request: web.Request, look: Look, going: Callable[[], bool]) -> web.StreamResponse:
    """Answer with a crawl's events until it has ended, the client has gone, or this process is ending.

    Args:
        request: what is answered; its Last-Event-ID is the number of the last page that the client has.
        look: returns how the crawl stands, and its pages after a number.
        going: whether this process goes on.

    Raises what the first look raises; a later one that fails is made again.
    """
    last = request.headers.get("Last-Event-ID", "")
    after = int(last) if last.isascii() and last.isdecimal() and len(last) < 19 else 0
    state, pages = await look(after)
    response = web.StreamResponse(headers=HEADERS)
    await response.prepare(request)
    told: dict[str, Any] | None = None
    try:
        while True:
            # The state first: where a worker has begun the crawl anew, the pages told so far count no more.
            if state["state"] not in ENDED and state != told:
                await response.write(_event("state", state))
                told = state
            for page in pages:
                after = page["number"]
                await response.write(_event("page", page, after))
            if state["state"] in ENDED and not pages:
                await response.write(_event("state", state))
                break
            if not going():
                break
            if not pages:
                await asyncio.sleep(EVERY)
                await response.write(b":\n\n")  # a comment: only so can it be seen that the client has gone
            try:
                state, pages = await look(after)
            except (*AWAY, CircuitOpen, BulkheadFull):
                pages = []  # the client waits: the next look may succeed
        await response.write_eof()
    except ConnectionResetError:
        pass  # the client has gone
    return response


def _event(name: str, data: dict[str, Any], number: int | None = None) -> bytes:
    head = "" if number is None else f"id: {number}\n"
    return f"{head}event: {name}\ndata: {json.dumps(data)}\n\n".encode()
