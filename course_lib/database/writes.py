"""A write: in a transaction that is asked what it has done, or alone; then the tables are invalidated."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Any

from course_lib.database import bulk
from course_lib.database.cache import Cache
from course_lib.database.codec import Row
from course_lib.database.naming import EVERYTHING, matching, reached, resolve
from course_lib.database.sessions import Sessions
from course_lib.database.sql import Analyst
from course_lib.database.witness import Deeds, Isolation, watched
from course_lib.lifecycle import finish

# Commands that leave the transaction open and the schema as it is. That of a function that they call, the witness sees.
_PLAIN = {"SELECT", "INSERT", "UPDATE", "DELETE", "MERGE", "COPY", "SET", "SHOW", "LOCK", "SAVEPOINT", "RELEASE"}


class Writes:
    """Executes what may write, and invalidates what it has written before it returns."""

    def __init__(self, sessions: Sessions, cache: Cache, analyst: Analyst) -> None:
        self._sessions = sessions
        self._cache = cache
        self._analyst = analyst

    @contextlib.asynccontextmanager
    async def lend(self, purpose: str, tables: Sequence[str]) -> AsyncIterator[Any]:
        """Lend a connection that may write, for a block that writes the named tables."""
        async with self._invalidating() as changed, self._sessions.borrow(purpose, writes=True) as connection:
            changed |= await reached(connection, tables)
            yield connection

    async def watch(
        self, query: str, params: Sequence[Any], tables: Sequence[str], *, use_tables: bool
    ) -> tuple[list[Row], Deeds]:
        """Execute one statement in a transaction; return its rows, and what it has done.

        Args:
            tables: as the caller has named them.
            use_tables: whether they are invalidated, too.
        """
        async with self._invalidating() as changed, self._sessions.borrow(query) as connection:
            named = await resolve(connection, tables) if use_tables else frozenset()
            async with watched(connection, changed) as deeds:
                rows = [dict(record) for record in await connection.fetch(query, *params)]
            if deeds.written:
                changed |= named
        return rows, deeds

    async def alone(self, query: str, params: Sequence[Any]) -> list[Row]:
        """Execute one statement outside any transaction: nobody can say what it has done."""
        async with self._invalidating() as changed, self._sessions.borrow(query, writes=True) as connection:
            changed.add(EVERYTHING)
            return [dict(record) for record in await connection.fetch(query, *params)]

    async def transaction(
        self, operations: Sequence[tuple[str, Sequence[Any]]], isolation: Isolation | None, tables: Sequence[str]
    ) -> None:
        """Execute statements in one transaction."""
        async with (
            self._invalidating() as changed,
            self._sessions.borrow("execute_transaction()") as connection,
        ):
            named = await resolve(connection, tables)
            async with watched(connection, changed, isolation):
                try:
                    for query, params in operations:
                        if not params and ";" in query.rstrip("; \n"):
                            changed.add(EVERYTHING)  # several statements, COMMIT among them perhaps
                        status = await connection.execute(query, *params)
                        if status.partition(" ")[0] not in _PLAIN:
                            changed.add(EVERYTHING)  # CREATE, or COMMIT: the transaction's last word is not all of it
                except Exception:
                    if connection.is_closed():  # perhaps by a COMMIT that was carried out
                        changed.add(EVERYTHING)
                    raise
            changed |= named

    async def insert(self, table: str, records: Iterable[bulk.Record], **options: Any) -> int:
        """Insert records by COPY; see `AsyncDatabasePool.bulk_insert`."""
        async with (
            self._invalidating() as changed,
            self._sessions.borrow(f"bulk_insert({table!r})") as connection,
            watched(connection, changed),
        ):
            return await bulk.copy(connection, table, records, **options)

    async def invalidate(self, tables: Sequence[str]) -> None:
        """Make invalid what is cached of the named tables, and of those that a write to them may change."""
        async with self._sessions.borrow("invalidate()") as connection:
            found = await reached(connection, tables)
        await self._invalidate(found)

    async def invalidate_matching(self, pattern: str) -> int:
        """Do so for all tables that a pattern matches, and return how many match."""
        async with self._sessions.borrow("invalidate_cache_pattern()") as connection:
            found = await matching(connection, pattern)
            changed = await reached(connection, found)
        await self._invalidate({EVERYTHING} if pattern == EVERYTHING else changed)
        return len(found)

    @contextlib.asynccontextmanager
    async def _invalidating(self) -> AsyncIterator[set[str]]:
        """Give a set for the tables that may have been changed; they are invalidated when the block has ended."""
        self._sessions.refuse_nested()
        changed = set[str]()
        try:
            yield changed
        except asyncio.CancelledError as cancellation:
            # Whether it was committed, nobody knows; for that, the lease is good enough, and one try is worth it.
            await finish(self._invalidate(changed, patient=False), cancellation=cancellation)
        except Exception:
            await self._invalidate(changed)  # a connection that is lost during COMMIT may have committed
            raise
        else:
            await self._invalidate(changed)

    async def _invalidate(self, tables: Iterable[str], *, patient: bool = True) -> None:
        changed = frozenset(tables)
        if EVERYTHING in changed:
            self._analyst.forget()  # before anybody sees new tokens: with these, only what is found out anew is good
        await self._cache.invalidate(changed, patient=patient)
