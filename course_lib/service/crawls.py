"""The crawls that were accepted, and their pages, in PostgreSQL: what is promised stands here and nowhere else.

A crawl is *accepted*, *running*, then *done* or *failed*. Each time a worker begins it, it gets a number, `starts`; all
that this worker writes is written only while the crawl still has that number. So a worker that was taken for dead, and
was not, can do no harm when it wakes: its writes find nothing to write to (a fencing token: M. Kleppmann, Designing
Data-Intensive Applications, chapter 8).
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import asyncpg  # type: ignore[import-untyped]

from course_lib.crawler import CrawlResult
from course_lib.database import AsyncDatabasePool

T = TypeVar("T")

STARTS = 3  # how often a crawl is begun before it is given up
AWAY = (  # what a PostgreSQL that is away, ends or starts is told by; OSError takes in TimeoutError, PoolExhaustedError
    OSError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.InternalClientError,  # of a connection that broke off at a moment that asyncpg did not foresee
)
FIRST, LAST = 0.05, 1.0  # seconds between two attempts, doubled each time

LOCK = "SELECT pg_advisory_xact_lock(7261904412)"  # two processes that make a table at once can both fail
TABLES = [
    """CREATE TABLE IF NOT EXISTS service_crawls (
        id text PRIMARY KEY,
        request text NOT NULL,
        question text NOT NULL,
        url text NOT NULL,
        max_depth int NOT NULL,
        max_pages int NOT NULL,
        state text NOT NULL DEFAULT 'accepted',
        error text,
        starts int NOT NULL DEFAULT 0,
        given_back int NOT NULL DEFAULT 0,
        worker text,
        accepted timestamptz NOT NULL DEFAULT now(),
        until timestamptz NOT NULL,
        ended timestamptz
    )""",
    "CREATE INDEX IF NOT EXISTS service_unfinished ON service_crawls (accepted) WHERE ended IS NULL",
    """CREATE TABLE IF NOT EXISTS service_pages (
        crawl text NOT NULL REFERENCES service_crawls ON DELETE CASCADE,
        start int NOT NULL,
        number bigint GENERATED ALWAYS AS IDENTITY,
        url text NOT NULL,
        status int NOT NULL,
        title text NOT NULL,
        bytes bigint NOT NULL,
        depth int NOT NULL,
        error text,
        PRIMARY KEY (crawl, start, url)
    )""",
]
# Asked again by the same worker, because the answer was lost, it is the same start.
CLAIM = """
    UPDATE service_crawls
    SET state = 'running', starts = starts + (worker IS DISTINCT FROM $2)::int, worker = $2
    WHERE id = $1 AND ended IS NULL
    RETURNING starts, starts - given_back AS attempt, url, max_depth, max_pages, request,
              extract(epoch FROM until - clock_timestamp())::float8 AS seconds
"""
# The row is locked against a claim, or a page of the start before could still come after it.
KEEP = """
    INSERT INTO service_pages (crawl, start, url, status, title, bytes, depth, error)
    SELECT id, starts, $3, $4, $5, $6, $7, $8 FROM service_crawls
    WHERE id = $1 AND starts = $2 AND ended IS NULL FOR SHARE
    ON CONFLICT (crawl, start, url) DO UPDATE SET status = excluded.status RETURNING number
"""
GIVE_BACK = """
    UPDATE service_crawls SET state = 'accepted', given_back = given_back + 1, worker = NULL
    WHERE id = $1 AND starts = $2 AND ended IS NULL AND worker IS NOT NULL
"""
END = "UPDATE service_crawls SET state = $3, error = $4, ended = now() WHERE id = $1 AND starts = $2 AND ended IS NULL"
TIDY = "DELETE FROM service_pages WHERE crawl = $1 AND start < $2"
EXPIRE = """
    UPDATE service_crawls SET state = 'failed', ended = now(), error = 'its time was over before it ended'
    WHERE ended IS NULL AND until < now() - make_interval(secs => $1)
"""
FORGET = "DELETE FROM service_crawls WHERE ended < now() - make_interval(secs => $1)"
UNFINISHED = "SELECT id, request FROM service_crawls WHERE ended IS NULL ORDER BY accepted LIMIT $1"
VIEW = """
    SELECT id, request, url, state, error, starts, max_depth, max_pages, count(p.number) AS pages,
           count(p.error) AS failures
    FROM service_crawls c LEFT JOIN service_pages p ON p.crawl = c.id AND p.start = c.starts
    WHERE id = $1 GROUP BY id
""".replace(" error,", " c.error,").replace(" url,", " c.url,")
PAGES = """
    SELECT p.number, p.url, p.status, p.title, p.bytes, p.depth, p.error
    FROM service_crawls c JOIN service_pages p ON p.crawl = c.id AND p.start = c.starts
    WHERE c.id = $1 AND p.number > $2 ORDER BY p.number LIMIT $3
"""


@dataclass(frozen=True)
class Claim:
    """A crawl that a worker has begun: which start it is, what to do, and in how many seconds.

    Attributes:
        start: the number under which this worker writes.
        attempt: the same without the starts that were given back.
    """

    id: str
    start: int
    attempt: int
    url: str
    max_depth: int
    max_pages: int
    request: str
    seconds: float


class Crawls:
    """The two tables, through a pool; each method raises one of AWAY where PostgreSQL is away."""

    def __init__(self, pool: AsyncDatabasePool) -> None:
        self._pool = pool

    async def make_tables(self) -> None:
        """Make what is not there yet."""
        await self._pool.execute_transaction([(LOCK, ()), *((table, ()) for table in TABLES)])

    async def claim(self, crawl: str, worker: str) -> Claim | None:
        """Begin a crawl, and take it from whoever has begun it before; None when it has ended, or was forgotten.

        Args:
            crawl: its id.
            worker: what nobody else is called; asked again under this name, it is the same start.
        """
        rows = await self._pool.execute_query(CLAIM, crawl, worker)
        if not rows:
            return None
        row = rows[0]
        return Claim(crawl, start=row.pop("starts"), **row)

    async def keep(self, claim: Claim, page: CrawlResult) -> bool:
        """Keep a page; again, it changes nothing. False when the crawl has ended, or another worker has it."""
        words = (page.url, page.status_code, _text(page.title), page.content_length, page.depth, _text(page.error))
        return bool(await self._pool.execute_query(KEEP, claim.id, claim.start, *words))

    async def give_back(self, claim: Claim) -> None:
        """Let a start not count, because its worker was stopped; the next has another number all the same."""
        await self._pool.execute_query(GIVE_BACK, claim.id, claim.start)

    async def end(self, claim: Claim, error: str | None) -> None:
        """Let a crawl be done, or failed for a reason, unless it has ended, or another worker has it."""
        state = "done" if error is None else "failed"
        words = (claim.id, claim.start, state, _text(error))
        await self._pool.execute_transaction([(END, words), (TIDY, (claim.id, claim.start))])

    async def expire(self, grace: float) -> None:
        """Let those have failed whose time has been over for so many seconds."""
        await self._pool.execute_query(EXPIRE, grace)

    async def forget(self, seconds: float) -> None:
        """Delete those that ended so many seconds ago, with their pages and their idempotency keys."""
        await self._pool.execute_query(FORGET, seconds)

    async def unfinished(self, most: int) -> list[dict[str, Any]]:
        """Return id and request of those that have not ended, the oldest first."""
        return await self._pool.execute_query(UNFINISHED, most, use_cache=False)

    async def view(self, crawl: str) -> dict[str, Any] | None:
        """Return how a crawl stands, perhaps out of the cache, which tells the truth; None for an unknown one."""
        rows = await self._pool.execute_query(VIEW, crawl)
        if not rows:  # that may be old news from the cache: crawls are accepted past the pool (`accepting.py`)
            rows = await self._pool.execute_query(VIEW, crawl, use_cache=False)
        return rows[0] if rows else None

    async def pages(self, crawl: str, after: int = 0, most: int = 100) -> list[dict[str, Any]]:
        """Return pages of a crawl, in the order in which they were kept, from the first with a higher number on."""
        return await self._pool.execute_query(PAGES, crawl, after, most)


async def steadily(ask: Callable[[], Awaitable[T]]) -> T:
    """Ask PostgreSQL, again and again while it is away; for what does no harm when it is done twice."""
    pause = FIRST
    while True:
        try:
            return await ask()
        except AWAY:
            await asyncio.sleep(pause)
            pause = min(2 * pause, LAST)


def _text(text: str | None) -> str | None:
    """Return what PostgreSQL can hold of a stranger's text: it has no character 0, and no half of a pair."""
    return None if text is None else text.replace("\0", "").encode("utf-8", "replace").decode()
