"""What the tests of the service stand on: one in this process, on real servers, and pages to crawl."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import aiohttp
from aiohttp import web

from course_lib.lab.servers import postgres, redis
from course_lib.lab.web import LabServer
from course_lib.monitor import EventLoopMonitor
from course_lib.service.accepting import open_submissions
from course_lib.service.api import Api
from course_lib.service.connecting import connected
from course_lib.service.settings import Settings
from course_lib.service.working import work

NAMES = itertools.count()


def settings(**options: Any) -> Settings:
    """Return settings with a queue that nobody else has, and more time than a busy machine needs."""
    servers = {"database_url": options.pop("database_url", None) or postgres()}
    servers["redis_url"] = options.pop("redis_url", None) or redis()
    return Settings(
        **servers, name=f"test service {next(NAMES)}", **{"request_timeout": 30.0, "postgres_timeout": 20.0, **options}
    )


@asynccontextmanager
async def serving(given: Settings) -> AsyncIterator[tuple[aiohttp.ClientSession, Api]]:
    """Serve the API, and give a client for it, and what answers."""
    async with AsyncExitStack() as stack:
        crawls, queue = await stack.enter_async_context(connected(given, given.reads))
        accepted = await stack.enter_async_context(open_submissions(given.database_url, given.submissions))
        monitor = await stack.enter_async_context(EventLoopMonitor())
        api = Api(given, accepted, crawls, queue, monitor)
        runner = web.AppRunner(api.application(), access_log=None)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = runner.addresses[0][1]
        yield await stack.enter_async_context(aiohttp.ClientSession(f"http://127.0.0.1:{port}")), api


@asynccontextmanager
async def working(given: Settings) -> AsyncIterator[None]:
    """Let a worker work, and stop it in order."""
    stopping = asyncio.Event()
    task = asyncio.create_task(work(given, stopping))
    try:
        yield
    finally:
        stopping.set()
        await task


async def ended(client: aiohttp.ClientSession, crawl: str) -> dict[str, Any]:
    """Wait until a crawl has ended, and return how it stands."""
    while True:
        async with client.get(f"/crawls/{crawl}") as answer:
            state = await answer.json()
        if state["state"] in ("done", "failed"):
            return state
        await asyncio.sleep(0.02)


class Site:
    """Five pages that link in a chain, behind a gate where one is wanted."""

    def __init__(self) -> None:
        self.server = LabServer()
        self.url = self.server.mount("/chain", self.page)
        self.closed: set[str] = set()

    async def page(self, request: web.BaseRequest, tail: str) -> web.Response:
        """a chain of five pages"""
        number = int(tail or 0)
        while tail in self.closed:
            await asyncio.sleep(0.01)
        following = f'<a href="{number + 1}">next</a>' if number < 4 else ""
        return web.Response(text=f"<title>Page {number}</title>{following}", content_type="text/html")
