"""A read: from the cache if it may be, from another task's query if one is in progress, else from PostgreSQL."""

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any

from course_lib.database.cache import Cache, Look
from course_lib.database.codec import Row, fingerprint
from course_lib.database.errors import OutdatedError, UncacheableError
from course_lib.database.flights import Flights
from course_lib.database.sessions import Sessions
from course_lib.database.sql import Statement
from course_lib.database.statistics import Statistics
from course_lib.database.witness import Deeds

Result = tuple[str, list[Row]]
"""The kind of execution, "hit", "miss", "uncached" or "write", and the rows."""


class Reads:
    """Executes statements whose result may come from the cache.

    Args:
        session: what tells our results from those of other users and settings.
    """

    def __init__(self, sessions: Sessions, cache: Cache, statistics: Statistics, session: str) -> None:
        self._sessions = sessions
        self._cache = cache
        self._counts = statistics.counts
        self._session = session
        self.flights = Flights[list[Row]]()

    async def read(self, query: str, params: Sequence[Any], statement: Statement, *, use_cache: bool) -> Result:
        """Execute a statement that cannot write. Raises OutdatedError when it may mean something else by now."""

        async def ask_postgres() -> list[Row]:
            async with self._sessions.borrow(query, spotless=True) as connection:
                return [dict(record) for record in await connection.fetch(query, *params)]

        look = await self._look(query, params, statement, use_cache=use_cache)
        if look.rows is not None:
            return "hit", look.rows
        if look.seal is None:  # without Redis, nobody could tell whether a query in progress is older than a write
            return "uncached", await ask_postgres()
        rows, joined = await self.flights.share((look.key, look.seal), ask_postgres, partial(self._cache.store, look))
        self._counts["cache_shared"] += joined
        return "miss", rows

    async def read_watched(
        self,
        query: str,
        params: Sequence[Any],
        statement: Statement,
        watch: Callable[[], Awaitable[tuple[list[Row], Deeds]]],
        *,
        use_cache: bool,
    ) -> tuple[Result, Deeds]:
        """Execute a statement by `watch`, which tells what it has done. Raises OutdatedError, too.

        Only a result that was made of tables whose tokens were seen before is stored. Nobody shares the query: which
        tables it reads, and so whether it is older than a write to them, is known when it has ended.
        """
        # Only what it has done will show whether this was a read at all.
        look = Look() if statement.obstacle else await self._look(query, params, statement, use_cache=use_cache)
        if look.rows is not None:
            return ("hit", look.rows), Deeds(read=statement.tables)
        rows, deeds = await watch()
        if deeds.written:
            return ("write", rows), deeds
        if statement.obstacle:
            self._counts["not_cacheable" if use_cache else "cache_bypassed"] += 1
        if look.seal is None:
            return ("uncached", rows), deeds
        if deeds.read <= statement.tables:
            await self._cache.store(look, rows)
        return ("miss", rows), deeds

    async def _look(self, query: str, params: Sequence[Any], statement: Statement, *, use_cache: bool) -> Look:
        """Look for a result, and count what came of it; without rows and seal if it must not be cached."""
        if not use_cache:
            self._counts["cache_bypassed"] += 1
            return Look()
        try:
            if statement.obstacle:
                raise UncacheableError(statement.obstacle)
            identity = f"{self._session}\0{query}\0{fingerprint(params)}"
        except UncacheableError:
            self._counts["not_cacheable"] += 1
            return Look()
        look = await self._cache.look(identity, statement.tables)
        if look.seal is None:
            return look
        if look.schema != statement.schema:
            raise OutdatedError
        self._counts["cache_misses" if look.rows is None else "cache_hits"] += 1
        return look
