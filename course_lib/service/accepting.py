"""Accepting a crawl: one statement, on connections that nothing else uses, and without Redis.

Not through the pool, whose writes wait, while Redis is away, until no older value can be in its cache: that would make
the one thing that must always work wait for the other. What the cache may know is that there was no such crawl, and
that is not believed (`Crawls.view`). Connections of its own are the bulkhead's other half: whatever holds up those of
the pool, crawls can be accepted.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg  # type: ignore[import-untyped]

# The count is of what others have committed: as many more may be accepted as are asked for at the same moment.
ACCEPT = """
    INSERT INTO service_crawls (id, request, question, url, max_depth, max_pages, until)
    SELECT $1, $2, $3, $4, $5, $6, now() + make_interval(secs => $7)
    WHERE (SELECT count(*) FROM service_crawls WHERE ended IS NULL) < $8
    ON CONFLICT (id) DO NOTHING RETURNING question
"""
KNOWN = "SELECT question FROM service_crawls WHERE id = $1"


class TooMany(Exception):
    """As many crawls as may be are unfinished."""


class Submissions:
    """What was accepted; `open_submissions` makes it."""

    def __init__(self, connections: Any) -> None:
        self._connections = connections

    async def accept(
        self, crawl: str, request: str, question: str, *, url: str, depth: int, pages: int, seconds: float, most: int
    ) -> str:
        """Accept a crawl, or find it accepted already, and return the fingerprint of the question it was asked by.

        Args:
            crawl, request, question: the id of the crawl, of the request, and the fingerprint of what is asked.
            url, depth, pages: what to crawl.
            seconds: after which the crawl has ended, one way or the other.
            most: how many crawls may be unfinished.

        Raises TooMany; a crawl that was accepted before is none too many. Raises one of AWAY (`crawls.py`).
        """
        words = (crawl, request, question, url, depth, pages, seconds, most)
        async with self._connections.acquire() as connection:
            stored = await connection.fetchval(ACCEPT, *words)
            if stored is None:
                stored = await connection.fetchval(KNOWN, crawl)
        if stored is None:
            raise TooMany(f"{most} crawls are unfinished, and that is all there is room for: ask again later")
        return str(stored)


@asynccontextmanager
async def open_submissions(database_url: str, size: int) -> AsyncIterator[Submissions]:
    """Open connections, so many at most, of which none is made before it is needed."""
    connections = asyncpg.create_pool(database_url, min_size=0, max_size=size, command_timeout=10.0)
    async with connections:
        yield Submissions(connections)
