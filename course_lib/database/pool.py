"""The pool: the article's class, on top of the parts beside this file."""

import contextlib
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Self

import asyncpg  # type: ignore[import-untyped]

from course_lib.database import bulk
from course_lib.database.breaker import Breaker
from course_lib.database.cache import LEASE, Cache
from course_lib.database.codec import Row
from course_lib.database.errors import OutdatedError, PoolClosedError
from course_lib.database.flights import Flights
from course_lib.database.naming import EVERYTHING
from course_lib.database.opening import open_postgres, open_redis
from course_lib.database.reads import Reads, Result
from course_lib.database.sessions import Sessions
from course_lib.database.sql import UNKNOWN, Analyst, Statement
from course_lib.database.statistics import Statistics
from course_lib.database.witness import Isolation
from course_lib.database.writes import Writes
from course_lib.lifecycle import finish

Tables = str | Iterable[str]

_TRIES = 5  # to execute a statement while others keep changing the schema


class AsyncDatabasePool:
    """PostgreSQL connections, and Redis in front of them; what is promised about it stands in the package's docstring.

    Args:
        postgres_dsn: postgresql://user:password@host:port/database
        redis_url: redis://:password@host:port/0; the same, and the same key_prefix, for all pools on one database.
        pg_min_size: connections opened at once.
        pg_max_size: connections at most.
        cache_ttl: seconds a cached value lives at most, LEASE (5) or less. The article's 300 would be the time that a
            write waits when it cannot reach Redis.
        acquire_timeout: seconds to wait for a free connection.
        redis_timeout: seconds a read waits for Redis before it does without.
        command_timeout: seconds a statement may take.
        key_prefix: what all keys in Redis begin with.

    Raises ValueError when a number is out of range.
    """

    def __init__(
        self,
        postgres_dsn: str,
        redis_url: str,
        pg_min_size: int = 10,
        pg_max_size: int = 20,
        cache_ttl: float = LEASE,
        *,
        acquire_timeout: float = 5.0,
        redis_timeout: float = 0.25,
        command_timeout: float = 60.0,
        key_prefix: str = "course:",
    ) -> None:
        if not 0 <= pg_min_size <= pg_max_size or pg_max_size < 1:
            raise ValueError(
                f"pg_min_size={pg_min_size}, pg_max_size={pg_max_size}: pass 0 <= pg_min_size <= pg_max_size, and 1 or "
                "more as pg_max_size"
            )
        if not 0.01 <= cache_ttl <= LEASE:
            raise ValueError(
                f"cache_ttl={cache_ttl!r}: pass 0.01 to {LEASE:g} seconds; a write that cannot reach Redis waits until "
                "all values have expired, and for an uncached read there is use_cache=False"
            )
        for name, value in [("acquire_timeout", acquire_timeout), ("redis_timeout", redis_timeout)]:
            if not value > 0:
                raise ValueError(f"{name}={value!r}: pass a number of seconds above 0")
        self.postgres_dsn = postgres_dsn
        self.redis_url = redis_url
        self.pg_min_size = pg_min_size
        self.pg_max_size = pg_max_size
        self.cache_ttl = cache_ttl
        self._acquire_timeout = acquire_timeout
        self._redis_timeout = redis_timeout
        self._command_timeout = command_timeout
        self._key_prefix = key_prefix
        self._statistics = Statistics()
        self._breaker = Breaker()
        self._analyst = Analyst()
        self._questions = Flights[Statement]()
        self._pool: Any = None

    # Open and close

    async def initialize(self) -> None:
        """Open the connections; without Redis, go on without a cache.

        Raises what asyncpg raises when PostgreSQL cannot be reached, ValueError when Redis refuses the password.
        """
        if self._pool is not None:
            return
        pool, database, session = await open_postgres(
            self.postgres_dsn, self.pg_min_size, self.pg_max_size, self._command_timeout
        )
        try:
            prefix = f"{self._key_prefix}{database}:"
            self._line = await open_redis(self.redis_url, prefix, self._redis_timeout, self._breaker)
        except BaseException:
            pool.terminate()
            raise
        self._pool = pool
        self._sessions = Sessions(pool, self._acquire_timeout)
        self._cache = Cache(self._line, self._breaker, self.cache_ttl, self._statistics)
        self._reads = Reads(self._sessions, self._cache, self._statistics, session)
        self._writes = Writes(self._sessions, self._cache, self._analyst)

    async def close(self) -> None:
        """Wait until all connections are back, and close them."""
        pool, self._pool = self._pool, None
        if pool is None:
            return
        try:
            await self._questions.land()
            await self._reads.flights.land()
            await pool.close()
        except BaseException:
            pool.terminate()
            raise
        finally:
            await finish(self._line.close())

    async def __aenter__(self) -> Self:
        await self.initialize()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    # Connections

    def acquire_pg_connection(self, *, writes: Tables = ()) -> contextlib.AbstractAsyncContextManager[Any]:
        """Lend an asyncpg connection for a block: `async with pool.acquire_pg_connection() as connection:`.

        Args:
            writes: the tables that the block will write; they, and those that a write to them may change, are
                invalidated when it has ended. "*" if you cannot say. Without, PostgreSQL refuses every write on this
                connection.

        Raises PoolExhaustedError when none becomes free in time, NestedAcquireError when this task holds one already,
        ValueError when there is no such table.
        """
        caller = sys._getframe(1)
        purpose = f"acquire_pg_connection() in {caller.f_code.co_name}, line {caller.f_lineno}"
        return self._lend(purpose, _names(writes))

    @contextlib.asynccontextmanager
    async def _lend(self, purpose: str, writes: Sequence[str]) -> AsyncIterator[Any]:
        sessions = self._opened()
        if writes:
            async with self._writes.lend(purpose, writes) as connection:
                yield connection
            return
        async with sessions.borrow(purpose) as connection:
            try:
                yield connection
            except asyncpg.ReadOnlySQLTransactionError as error:
                error.add_note("Say which tables the block writes: acquire_pg_connection(writes=['users'])")
                raise

    def _opened(self) -> Sessions:
        if self._pool is None:
            raise PoolClosedError("the pool is not open: await its initialize(), or use `async with`")
        return self._sessions

    # Statements

    async def execute_query(self, query: str, *params: Any, use_cache: bool = True, tables: Tables = ()) -> list[Row]:
        """Execute one statement, and return its rows as dicts; of a read, perhaps from the cache.

        Args:
            query: the statement, with $1, $2 ... for the parameters.
            use_cache: whether a cached result will do.
            tables: added to those that PostgreSQL says it reads or writes. For a STABLE function of your own, naming
                one says that its result depends on tables alone, and may be cached: see `sql.py`.

        What may write runs in a transaction of its own. Raises what asyncpg raises, PoolExhaustedError,
        NestedAcquireError, ValueError when there is no such table. A write that Redis cannot be told of returns (or
        raises) up to LEASE seconds late, when no cached value from before it can be left.
        """
        self._opened().refuse_nested()
        begun = time.perf_counter()
        self._statistics.counts["queries"] += 1
        names = _names(tables)
        for _ in range(_TRIES):
            statement = self._analyst.known(query, names) or await self._ask(query, names)
            try:
                kind, rows = await self._execute(query, params, statement, names, use_cache)
                break
            except (OutdatedError, asyncpg.InvalidCachedStatementError):
                # The schema has changed. In a transaction, asyncpg raises that instead of trying again.
                self._analyst.forget_one(query, names)
            except asyncpg.ReadOnlySQLTransactionError:
                if statement.way != "read":
                    raise
                self._analyst.remember(query, names, UNKNOWN)  # somebody has put a function that writes into a view
        else:
            kind, rows = await self._execute(query, params, UNKNOWN, names, use_cache)
        self._statistics.counts["writes"] += kind == "write"
        self._statistics.timed(kind, time.perf_counter() - begun)
        return rows

    async def _ask(self, query: str, tables: tuple[str, ...]) -> Statement:
        # The token comes first: what is found out afterwards holds for as long as it is there.
        schema, changes = await self._cache.schema(), self._analyst.changes

        async def ask() -> Statement:
            async with self._sessions.borrow(query) as connection:
                return await self._analyst.ask(connection, query, tables, schema)

        return (await self._questions.share((query, tables, schema, changes), ask))[0]

    async def _execute(
        self, query: str, params: Sequence[Any], statement: Statement, tables: tuple[str, ...], use_cache: bool
    ) -> Result:
        if statement.way == "alone":
            return "write", await self._writes.alone(query, params)
        if statement.way == "read":
            return await self._reads.read(query, params, statement, use_cache=use_cache)
        watch = partial(self._writes.watch, query, params, tables, use_tables=bool(statement.obstacle))
        result, deeds = await self._reads.read_watched(query, params, statement, watch, use_cache=use_cache)
        if deeds.written:
            self._analyst.remember(query, tables, UNKNOWN)
        elif not deeds.read <= statement.tables and not statement.obstacle and EVERYTHING not in deeds.read:
            # It was not stored; the next time, the tokens of these tables will have been seen, too.
            self._analyst.remember(query, tables, replace(statement, tables=statement.tables | deeds.read))
        return result

    async def execute_transaction(
        self,
        operations: Sequence[tuple[str, Sequence[Any]]],
        *,
        isolation: Isolation | None = None,
        tables: Tables = (),
    ) -> bool:
        """Execute statements, each given as (query, parameters), all or none; return True.

        Args:
            isolation: PostgreSQL's default if None. The stricter two can fail with SerializationError: try again then.
            tables: added to those that PostgreSQL says they have written.

        Raises ValueError for another isolation or an unknown table, what asyncpg raises, and then nothing was changed,
        unless the connection was lost while it committed.
        """
        begun = time.perf_counter()
        self._opened()
        await self._writes.transaction(operations, isolation, _names(tables))
        self._statistics.counts["writes"] += 1
        self._statistics.timed("write", time.perf_counter() - begun)
        return True

    async def bulk_insert(
        self,
        table: str,
        records: Iterable[bulk.Record],
        *,
        skip_conflicts: bool = False,
        progress: Callable[[int], None] | None = None,
    ) -> int:
        """Insert many records by COPY, all or none, and return how many rows were inserted.

        Args:
            table: named as in SQL.
            records: dicts from column to value, all with the columns of the first.
            skip_conflicts: leave out the rows that a unique index refuses, instead of failing for all.
            progress: called after each chunk with the number of records sent so far.

        Raises ValueError for an unknown table or column, or a record (named by its index) whose columns differ from the
        first's; what asyncpg raises, such as UniqueViolationError; and then nothing was inserted.
        """
        self._opened()
        inserted = await self._writes.insert(table, records, skip_conflicts=skip_conflicts, progress=progress)
        self._statistics.counts["writes"] += 1
        return inserted

    # The cache, and the figures

    async def invalidate(self, *tables: str) -> None:
        """Make what is cached of these tables invalid, after a write that went past the pool; "*" stands for all.

        So is what such a write may have changed elsewhere, by a cascade, a trigger or a view.

        Raises ValueError when there is no such table.
        """
        self._opened()
        await self._writes.invalidate(tables)

    async def invalidate_cache_pattern(self, pattern: str) -> int:
        """Make what is cached of the tables that `pattern` matches invalid; return how many tables these are.

        Args:
            pattern: of a table's name, with or without its schema, such as "users", "shop.*" or the article's
                "query:*users*", of which the "query:" is ignored. "*" stands for everything.

        Raises ValueError when no table matches: in the article's pool no pattern ever did, and nobody noticed.
        """
        self._opened()
        return await self._writes.invalidate_matching(pattern.removeprefix("query:"))

    @property
    def stats(self) -> dict[str, Any]:
        """The counters, as they stand."""
        return dict(self._statistics.counts)

    def get_statistics(self) -> dict[str, Any]:
        """Return the counters (see `statistics.py`), cache_hit_rate, avg_query_time, and "percentiles".

        The percentiles, in seconds, are those of the last 2000 hits, misses, uncached reads and writes.
        """
        return self._statistics.summary()


def _names(tables: Tables) -> tuple[str, ...]:
    return (tables,) if isinstance(tables, str) else tuple(tables)
