"""The sweep: what PostgreSQL has accepted and the queue has lost is put there again.

A crawl is accepted in one system, PostgreSQL, and worked on from another, Redis, and no transaction spans both. So it
is written down first and enqueued then, and now and then whatever is written down and unfinished is enqueued again,
under the same key, which adds nothing where the queue still has it (a transactional outbox: C. Richardson,
Microservices Patterns, section 3.3.7).
"""

import asyncio
import logging

from redis.exceptions import RedisError

from course_lib.jobs import JobQueue
from course_lib.service.crawls import AWAY, Crawls
from course_lib.service.settings import GRACE, REMEMBER

_log = logging.getLogger(__name__)
PATIENCE = 5.0  # seconds for all that a sweep asks of Redis: the next sweep does the rest
MOST = 1000  # crawls that one sweep enqueues again


async def sweep(crawls: Crawls, queue: JobQueue) -> None:
    """Let crawls fail whose time is over, enqueue the unfinished, and revive what the queue has given up.

    A job that is a dead letter has failed for the queue, but its crawl is unfinished: revived, it is begun once more,
    and where it has been begun too often the worker says so in its row. Raises one of AWAY, TimeoutError, RedisError.
    """
    await crawls.expire(GRACE)
    async with asyncio.timeout(PATIENCE):
        for row in await crawls.unfinished(MOST):
            if await queue.enqueue({"crawl": row["id"], "request": row["request"]}, key=row["id"]):
                _log.info("crawl %s was not in the queue, and is now", row["id"])
        for letter in await queue.dead_letters():
            await queue.revive(letter)
    await crawls.forget(REMEMBER)


async def keep_sweeping(crawls: Crawls, queue: JobQueue, every: float) -> None:
    """Sweep now and every so many seconds, for as long as nobody cancels it; while a server is away, go on trying."""
    while True:
        try:
            await sweep(crawls, queue)
        except (*AWAY, RedisError) as error:
            _log.warning("no sweep, the next in %g s: %r", every, error)
        await asyncio.sleep(every)
