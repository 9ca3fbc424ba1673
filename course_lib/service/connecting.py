"""Connections to the two servers, which every process of the service needs."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from course_lib.database import AsyncDatabasePool
from course_lib.jobs import JobQueue
from course_lib.service.crawls import Crawls, steadily
from course_lib.service.settings import LEASE, Settings


@asynccontextmanager
async def connected(settings: Settings, size: int) -> AsyncIterator[tuple[Crawls, JobQueue]]:
    """Connect to both servers, and make the tables; close both at the end.

    Args:
        settings: where the servers are.
        size: connections to PostgreSQL, at most.

    Waits for PostgreSQL while it is away; Redis may be away. Raises what asyncpg raises against a wrong password.
    """
    pool = AsyncDatabasePool(
        settings.database_url, settings.redis_url, 0, size, key_prefix=f"{settings.name}:", command_timeout=10.0
    )
    async with AsyncExitStack() as stack:
        await steadily(pool.initialize)
        stack.push_async_callback(pool.close)
        crawls = Crawls(pool)
        await steadily(crawls.make_tables)
        # More than may be accepted: `enqueue` waits at its backlog, and here whoever is one too many is told.
        queue = JobQueue(settings.redis_url, settings.name, lease=LEASE, backlog=1_000_000)
        yield crawls, await stack.enter_async_context(queue)
