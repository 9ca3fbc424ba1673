"""The service's face: HTTP.

POST /crawls              accepts a crawl: {"url": "http://...", "depth": 1, "pages": 20, "seconds": 60}
GET  /crawls/ID           how it stands
GET  /crawls/ID/pages     its pages, from ?after=NUMBER on
GET  /healthz  /readyz    whether this process is alive; whether requests are to be sent to it
GET  /monitor             what its event loop does
"""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiohttp import web
from redis.exceptions import RedisError

from course_lib.crawler.urls import normalise
from course_lib.jobs import JobQueue
from course_lib.monitor import EventLoopMonitor
from course_lib.monitor.view import summary
from course_lib.service import tracing
from course_lib.service.accepting import Submissions
from course_lib.service.answers import UNLIMITED, BadRequest, surround
from course_lib.service.breaker import CircuitBreaker, CircuitOpen
from course_lib.service.bulkhead import Bulkhead
from course_lib.service.crawls import AWAY, Crawls
from course_lib.service.deadline import DeadlineExceeded, time_left, within
from course_lib.service.events import send_events
from course_lib.service.idempotency import check_same, fingerprint, id_for
from course_lib.service.settings import MAX_BODY, MAX_DEPTH, MAX_PAGES, MAX_SECONDS, Settings

KEY = "Idempotency-Key"
ENQUEUE = 0.5  # seconds for Redis: what takes longer, the sweep does
LIMITS = {"depth": (1, 0, MAX_DEPTH), "pages": (20, 1, MAX_PAGES), "seconds": (60, 1, MAX_SECONDS)}

FOLDER = Path(__file__).parent / "page"
POLICY = {"Content-Security-Policy": "default-src 'self'; img-src data:; frame-ancestors 'none'"}

_log = logging.getLogger(__name__)


class Api:
    """What one process answers with. `ready` is whether it wants requests: set it to False before it ends."""

    def __init__(
        self, settings: Settings, accepted: Submissions, crawls: Crawls, queue: JobQueue, monitor: EventLoopMonitor
    ) -> None:
        self.ready = True
        self._settings, self._accepted, self._crawls = settings, accepted, crawls
        self._queue, self._monitor = queue, monitor
        self._submissions = Bulkhead("submissions", settings.submissions, settings.waiting)
        self._reads = Bulkhead("reads", settings.reads, settings.waiting)
        self._streams = Bulkhead("event streams", settings.streams)
        self._postgres = CircuitBreaker("PostgreSQL", failures=5, counts=AWAY)
        self._redis = CircuitBreaker("Redis", failures=3, counts=(OSError, RedisError))

    def application(self) -> web.Application:
        """Return what aiohttp serves."""
        app = web.Application(middlewares=[surround(self._settings.request_timeout)], client_max_size=MAX_BODY)
        app.add_routes(
            [
                web.post("/crawls", self.submit),
                web.get("/crawls/{id}", self.show),
                web.get("/crawls/{id}/pages", self.pages),
                web.get("/crawls/{id}/events", self.events, name=UNLIMITED),
                web.get("/healthz", self.health),
                web.get("/readyz", self.readiness),
                web.get("/monitor", self.monitor),
                *(web.get(f"/{name}", _file(FOLDER / (name or "index.html"))) for name in ("", "page.js", "page.css")),
            ]
        )
        return app

    async def submit(self, request: web.Request) -> web.Response:
        """Accept a crawl. The answer 202 means: it is written down, and will end as done or as failed."""
        if request.content_type != "application/json":  # a form of a strange web page cannot send that
            raise BadRequest("Content-Type is not application/json: send the question as JSON, and say so")
        question = _question(await request.read())
        key = request.headers.get(KEY)
        try:
            crawl = id_for(key)
        except ValueError as error:
            raise BadRequest(str(error)) from None
        asked, words = fingerprint(question), {name: question[name] for name in ("url", *LIMITS)}
        async with self._submissions.place(), self._asking_postgres():
            stored = await self._accepted.accept(
                crawl, tracing.CURRENT.get(), asked, most=self._settings.backlog, **words
            )
        check_same(key, stored, asked)
        await self._enqueue(crawl)
        _log.info("crawl %s accepted", crawl)
        return web.json_response({"id": crawl}, status=202, headers={"Location": f"/crawls/{crawl}"})

    @asynccontextmanager
    async def _asking_postgres(self) -> AsyncIterator[None]:
        # The limit inside the guard, which is to learn of it. The caller's own deadline, around it, comes as a
        # cancellation, and says nothing of PostgreSQL: a caller in a hurry must not open the breaker for all.
        async with self._postgres.guard(), within(self._settings.postgres_timeout):
            yield

    async def _enqueue(self, crawl: str) -> None:
        """Put a crawl on the queue, if that can be done soon: it is accepted already, and the sweep will do it."""
        try:
            # Less than the request has: the answer must still get through, or its caller would ask again.
            async with self._redis.guard(), within(min(ENQUEUE, time_left(ENQUEUE) / 2)):
                await self._queue.enqueue({"crawl": crawl, "request": tracing.CURRENT.get()}, key=crawl)
        except (CircuitOpen, DeadlineExceeded, RedisError) as error:
            _log.warning("crawl %s is accepted, and not in the queue yet: %r", crawl, error)

    async def show(self, request: web.Request) -> web.Response:
        """Tell how a crawl stands."""
        return web.json_response(await self.view(request.match_info["id"]))

    async def pages(self, request: web.Request) -> web.Response:
        """Tell the pages of a crawl, a hundred at most, from a number on."""
        after = request.query.get("after", "0")
        if not (after.isascii() and after.isdecimal() and len(after) < 19):
            raise BadRequest(f"after={after!r:.40}: send the number of the last page that you have, or 0")
        await self.view(request.match_info["id"])
        async with self._reads.place(), self._asking_postgres():
            return web.json_response(await self._crawls.pages(request.match_info["id"], int(after)))

    async def view(self, crawl: str) -> dict[str, Any]:
        """Return how a crawl stands. Raises HTTPNotFound for an unknown one."""
        async with self._reads.place(), self._asking_postgres():
            found = await self._crawls.view(crawl)
        if found is None:
            raise web.HTTPNotFound(reason=f"no crawl {crawl:.40}: they are forgotten a day after their end")
        return found

    async def events(self, request: web.Request) -> web.StreamResponse:
        """Tell how a crawl stands, and its pages, as they come."""
        crawl = request.match_info["id"]

        async def look(after: int) -> tuple[dict[str, Any], list[dict[str, Any]]]:
            async with within(self._settings.request_timeout):
                # In this order: pages that were kept before the crawl ended must not be missed.
                state = await self.view(crawl)
                async with self._reads.place(), self._asking_postgres():
                    return state, await self._crawls.pages(crawl, after)

        async with self._streams.place():
            return await send_events(request, look, lambda: self.ready)

    async def health(self, request: web.Request) -> web.Response:
        """Say that this process is alive. It asks nobody else: a restart of this process mends no other one."""
        return web.json_response({"alive": True})

    async def readiness(self, request: web.Request) -> web.Response:
        """Say whether requests are to be sent here: 503 from the moment it is about to end, and without PostgreSQL.

        Without Redis it is ready: crawls are accepted, and enqueued when it is back.
        """
        postgres, redis = await asyncio.gather(self._answers(self._ask_postgres()), self._answers(self._ask_redis()))
        state = {"ready": self.ready and postgres, "ending": not self.ready, "postgres": postgres, "redis": redis}
        return web.json_response(state, status=200 if state["ready"] else 503)

    async def monitor(self, request: web.Request) -> web.Response:
        """Tell what the monitor has seen."""
        return web.Response(text=summary(self._monitor) + "\n")

    async def _ask_postgres(self) -> object:
        return await self._crawls.unfinished(1)

    async def _ask_redis(self) -> object:
        return await self._queue.size()

    async def _answers(self, question: Any) -> bool:
        try:
            async with within(1.0):
                await question
        except (*AWAY, RedisError):
            return False
        return True


def _file(path: Path) -> Callable[[web.Request], Awaitable[web.Response]]:
    kind = {".html": "text/html", ".js": "text/javascript", ".css": "text/css"}[path.suffix]
    text = path.read_text("utf-8")

    async def send(request: web.Request) -> web.Response:
        return web.Response(text=text, content_type=kind, headers=POLICY)

    return send


def _question(body: bytes) -> dict[str, Any]:
    """Return what is asked for, with what was left out. Raises BadRequest."""
    try:
        question = json.loads(body)
    except (ValueError, RecursionError):
        question = None
    if not isinstance(question, dict) or not isinstance(question.get("url"), str):
        raise BadRequest('send JSON such as {"url": "http://127.0.0.1:8000/", "depth": 1, "pages": 20, "seconds": 60}')
    if unknown := question.keys() - {"url", *LIMITS}:
        raise BadRequest(f"there is no {min(unknown)!r:.40} in a crawl: send url, depth, pages, seconds")
    url = normalise(question["url"])
    if url is None or len(url) > 2000:
        raise BadRequest(f"url={question['url']!r:.200} is no http or https URL of 2,000 characters or less: send one")
    complete: dict[str, Any] = {"url": url}
    for name, (default, least, most) in LIMITS.items():
        value = question.get(name, default)
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise BadRequest(f"{name}={value!r:.40}: send a whole number from {least} to {most:g}")
        complete[name] = value
    return complete
