"""A worker: takes crawls off the queue, crawls, and keeps each page as it comes."""

import asyncio
import logging
import uuid
from contextlib import aclosing
from functools import partial

from course_lib.crawler import AsyncWebCrawler
from course_lib.jobs import Job, Worker
from course_lib.lifecycle import finish
from course_lib.monitor import EventLoopMonitor
from course_lib.service import tracing
from course_lib.service.connecting import connected
from course_lib.service.crawls import AWAY, STARTS, Claim, Crawls, steadily
from course_lib.service.deadline import DeadlineExceeded, within
from course_lib.service.settings import SWEEP, Settings
from course_lib.service.sweeping import keep_sweeping
from course_lib.tasks import TaskManager

_log = logging.getLogger(__name__)

GIVING_BACK = 8.0  # seconds; a write takes up to five where Redis is away
GIVEN_UP = f"given up: it was begun {STARTS} times, and each time its worker died or stood still"


async def work(settings: Settings, stopping: asyncio.Event, *, grace: float = 10.0) -> None:
    """Be a worker, and sweep, until `stopping` is set.

    Args:
        settings: what it needs of them are the two URLs.
        stopping: when it is set, crawls in hand have so long to end; the rest is given back, and begun by another one.
        grace: seconds.

    Raises what asyncpg and redis-py raise against a wrong password.
    """
    async with (
        connected(settings, settings.crawls + 1) as (crawls, queue),
        EventLoopMonitor(),  # which logs what blocks the loop
        TaskManager(at_end="cancel") as tasks,
    ):
        worker = Worker(queue, partial(do, crawls), at_once=settings.crawls)
        tasks.add_task(keep_sweeping(crawls, queue, SWEEP), name="sweep")
        running = asyncio.create_task(worker.run(grace=grace), name="worker")
        stopped = tasks.add_task(stopping.wait(), name="until stopped")
        try:
            await asyncio.wait([running, stopped], return_when=asyncio.FIRST_COMPLETED)
            worker.stop()
            await running
        finally:
            running.cancel()
            await asyncio.wait([running])


async def do(crawls: Crawls, job: Job) -> None:
    """Do one job: begin the crawl, keep its pages, and say how it ended; the whole again, if it comes again.

    While PostgreSQL is away it waits for it, with the crawl's own time limit. Raises what is wrong with the crawler;
    then the queue lets it be tried again.
    """
    tracing.CURRENT.set(str(job.body["request"]))  # of this job's task alone
    claim = await steadily(partial(crawls.claim, job.body["crawl"], uuid.uuid4().hex))
    if claim is None:
        return  # it has ended: this is a repetition
    _log.info("crawl %s begun, start %d of %d", claim.id, claim.attempt, STARTS)
    try:
        error = await _crawl(crawls, claim)
        await steadily(partial(crawls.end, claim, error))
    except asyncio.CancelledError as cancellation:  # this worker is stopped, or has lost the crawl to another one
        try:
            await finish(_give_back(crawls, claim), GIVING_BACK, cancellation)
        finally:
            del cancellation  # its traceback leads to this frame
    _log.info("crawl %s ended: %s", claim.id, error or "done")


async def _give_back(crawls: Crawls, claim: Claim) -> None:
    try:
        await crawls.give_back(claim)
    except AWAY as error:
        _log.warning("crawl %s could not be given back, so that this start of it counts: %r", claim.id, error)


async def _crawl(crawls: Crawls, claim: Claim) -> str | None:
    """Crawl, and return why it failed, None when it did not."""
    if claim.attempt > STARTS:
        return GIVEN_UP
    if claim.seconds <= 0:
        return "its time was over before it began"
    crawler = AsyncWebCrawler(timeout=min(10.0, claim.seconds), max_retries=1)
    try:
        async with within(claim.seconds):
            if not await _keep_pages(crawls, claim, crawler):
                return None  # another worker has it; what `end` says then, nobody hears
    except DeadlineExceeded:
        return f"its time was over after {crawler.stats.get('successful_requests', 0)} pages"
    except Exception as error:
        if claim.attempt < STARTS:
            raise
        _log.exception("crawl %s is given up", claim.id)
        return f"given up after {STARTS} starts: {type(error).__name__}: {error}"
    start_error: str | None = crawler.stats.get("start_error")
    return start_error


async def _keep_pages(crawls: Crawls, claim: Claim, crawler: AsyncWebCrawler) -> bool:
    async with aclosing(crawler.stream(claim.url, claim.max_depth, claim.max_pages)) as pages:  # type: ignore[type-var]
        async for page in pages:
            if not await steadily(partial(crawls.keep, claim, page)):
                return False
    return True
