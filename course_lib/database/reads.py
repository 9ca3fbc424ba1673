"""A read: from the cache if it may be, from another task's query if one is in progress, else from PostgreSQL."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from course_lib.database.cache import Cache
from course_lib.database.codec import Row, fingerprint
from course_lib.database.errors import UncacheableError
from course_lib.database.flights import Flights
from course_lib.database.sessions import Sessions
from course_lib.database.sql import Statement
from course_lib.database.statistics import Statistics


class Reads:
    """Executes statements that only read.

    Args:
        session: what tells our results from those of other users and settings.
    """

    def __init__(self, sessions: Sessions, cache: Cache, statistics: Statistics, session: str) -> None:
        self._sessions = sessions
        self._cache = cache
        self._counts = statistics.counts
        self._session = session
        self.flights = Flights[list[Row]]()

    async def read(
        self, query: str, params: Sequence[Any], statement: Statement, *, use_cache: bool
    ) -> tuple[str, list[Row]]:
        """Return "hit", "miss" or "uncached", and the rows."""

        async def ask_postgres() -> list[Row]:
            async with self._sessions.borrow(query, spotless=statement.spotless) as connection:
                return [dict(record) for record in await connection.fetch(query, *params)]

        if not use_cache:
            self._counts["cache_bypassed"] += 1
            return "uncached", await ask_postgres()
        try:
            if statement.obstacle:
                raise UncacheableError(statement.obstacle)
            identity = f"{self._session}\0{query}\0{fingerprint(params)}"
        except UncacheableError:
            self._counts["not_cacheable"] += 1
            return "uncached", await ask_postgres()
        look = await self._cache.look(identity, statement.tables)
        if look.rows is not None:
            return "hit", look.rows
        if look.seal is None:  # without Redis, nobody could tell whether a query in progress is older than a write
            return "uncached", await ask_postgres()
        rows, joined = await self.flights.share((look.key, look.seal), ask_postgres, partial(self._cache.store, look))
        self._counts["cache_shared"] += joined
        return "miss", rows
