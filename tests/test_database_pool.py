"""Lending connections, executing statements, and the figures."""

import asyncio
import datetime
from decimal import Decimal

import asyncpg
import pytest
from database_lab import asynchronous, fresh_table, make_pool

from course_lib.database import AsyncDatabasePool, NestedAcquireError, PoolClosedError, PoolExhaustedError
from course_lib.database.statistics import percentile
from course_lib.lifecycle import with_retry


@asynchronous
async def test_a_pool_that_is_not_open_says_so():
    """Before initialize and after close every method raises, and names the next step; both may be called twice."""
    pool = make_pool()
    uses = [
        lambda: pool.execute_query("SELECT 1"),
        lambda: pool.execute_transaction([]),
        lambda: pool.bulk_insert("things", [{"id": 1}]),
        lambda: pool.invalidate_cache_pattern("*"),
        lambda: pool.invalidate("*"),
        lambda: pool.acquire_pg_connection().__aenter__(),
    ]
    for _ in range(2):
        for use in uses:
            with pytest.raises(PoolClosedError, match="not open: await its initialize"):
                await use()
        await pool.initialize()
        await pool.initialize()
        assert await pool.execute_query("SELECT 1 AS one") == [{"one": 1}]
        await pool.close()
        await pool.close()


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"pg_min_size": 5, "pg_max_size": 2}, "pg_min_size=5, pg_max_size=2: pass 0 <= pg_min_size <= pg_max_size"),
        ({"pg_min_size": 0, "pg_max_size": 0}, "and 1 or more as pg_max_size"),
        ({"cache_ttl": 300}, "cache_ttl=300: pass 0.01 to 5 seconds; a write that cannot reach Redis waits"),
        ({"cache_ttl": 0}, "there is use_cache=False"),
        ({"acquire_timeout": 0}, "acquire_timeout=0: pass a number of seconds above 0"),
        ({"redis_timeout": -1}, "redis_timeout=-1: pass a number of seconds above 0"),
    ],
)
def test_arguments_out_of_range_are_refused(options, told):
    """A number that makes no sense is refused, with what would."""
    with pytest.raises(ValueError, match=told):
        AsyncDatabasePool("postgresql://x", "redis://x", **options)


@asynchronous
async def test_a_postgresql_that_is_not_there_is_an_error():
    """What cannot be reached is reported by initialize, and the pool stays closed."""
    pool = make_pool(dsn="postgresql://nobody:x@127.0.0.1:1/none")
    with pytest.raises(OSError, match="Connect"):
        await pool.initialize()
    with pytest.raises(PoolClosedError):
        await pool.execute_query("SELECT 1")


@asynchronous
async def test_an_exhausted_pool_says_who_holds_the_connections():
    """Who waits in vain learns which tasks hold the connections, for how long, and for what."""
    async with make_pool(2, acquire_timeout=0.2) as pool:
        waiting = asyncio.Event()

        async def hold():
            async with pool.acquire_pg_connection():
                await waiting.wait()

        holders = [asyncio.create_task(hold(), name=name) for name in ("report", "backup")]
        while len(pool._sessions.holders) < 2:
            await asyncio.sleep(0)
        with pytest.raises(PoolExhaustedError) as caught:
            await pool.execute_query("SELECT 1")
        for part in (
            "no connection became free in 0.2 s",
            "2 of pg_max_size=2 are held",
            "task 'report' for 0.",
            "task 'backup'",
            "acquire_pg_connection() in hold, line ",
            "raise pg_max_size or raise acquire_timeout",
        ):
            assert part in str(caught.value)
        waiting.set()
        await asyncio.gather(*holders)
        assert await pool.execute_query("SELECT 1 AS one") == [{"one": 1}]


@asynchronous
async def test_a_task_that_holds_a_connection_gets_no_second_one():
    """A nested acquire is refused at once, by whichever method, instead of waiting for itself."""
    async with make_pool(2) as pool:
        async with pool.acquire_pg_connection():
            for use in (
                pool.execute_query("SELECT 1"),
                pool.execute_transaction([]),
                pool.bulk_insert("things", []),
                pool.invalidate("*"),
                pool.acquire_pg_connection().__aenter__(),
            ):
                with pytest.raises(NestedAcquireError, match=r"already holds a connection, for .*use the one it has"):
                    await use
            async with asyncio.TaskGroup() as group:  # another task may
                other = group.create_task(pool.execute_query("SELECT 1 AS one"))
            assert other.result() == [{"one": 1}]
        assert await pool.execute_query("SELECT 1 AS one") == [{"one": 1}]


@asynchronous
async def test_a_borrowed_connection_only_reads_unless_it_is_said():
    """PostgreSQL refuses a write on a connection lent for reading, and the error says how to ask for one."""
    async with make_pool() as pool:
        await fresh_table(pool)
        with pytest.raises(asyncpg.ReadOnlySQLTransactionError) as caught:
            async with pool.acquire_pg_connection() as connection:
                await connection.execute("INSERT INTO things VALUES (1, 'x')")
        assert "acquire_pg_connection(writes=['users'])" in caught.value.__notes__[0]
        with pytest.raises(ValueError, match="there is no table 'thinks'"):
            async with pool.acquire_pg_connection(writes="thinks"):
                pass
        async with pool.acquire_pg_connection(writes=["things"]) as connection:
            await connection.execute("INSERT INTO things VALUES (1, 'x')")
        assert await pool.execute_query("SELECT * FROM things") == [{"id": 1, "word": "x"}]


DIRT = [
    "SET TimeZone = 'Asia/Tokyo'",
    "SELECT set_config('app.user', 'mallory', false)",
    "SELECT pg_advisory_lock(42)",
    "LISTEN gossip",
    "CREATE TEMPORARY TABLE mine (id int)",
    "SET search_path = pg_catalog",
    "SET ROLE pg_monitor",
    "SET default_transaction_read_only = off",
    "BEGIN",
]
STATE = """
SELECT current_setting('TimeZone') AS zone, coalesce(current_setting('app.user', true), '') AS app_user,
    (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()) AS locks,
    (SELECT count(*) FROM pg_listening_channels()) AS channels,
    to_regclass('pg_temp.mine')::text AS temporary, current_setting('search_path') AS path, current_user::text AS who,
    current_setting('default_transaction_read_only') AS read_only, current_setting('plan_cache_mode') AS plans
"""


@asynchronous
async def test_nothing_of_a_session_leaks_to_the_next_user():
    """Settings, locks, listeners, temporary tables, roles and open transactions end with the loan.

    That holds through every method, and whichever use follows: the reset is left out only after plain reads.
    """
    async with make_pool(1) as pool:
        await fresh_table(pool)
        read, write = "SELECT * FROM things", "INSERT INTO things VALUES (1, 'x') ON CONFLICT DO NOTHING"

        async def state():
            async with pool.acquire_pg_connection() as connection:
                assert not connection.is_in_transaction()
                return dict(await connection.fetchrow(STATE))

        clean = await state()
        assert clean["read_only"] == "on"
        ended = []
        for dirt in DIRT:
            async with pool.acquire_pg_connection(writes="things") as connection:
                await connection.execute(dirt)
            assert await state() == clean, dirt
            await pool.execute_query(read, use_cache=False)
            assert await state() == clean, dirt
            if dirt.startswith("SELECT"):
                await pool.execute_query(dirt)
            elif dirt != "BEGIN":
                await pool.execute_transaction([(dirt, ()), ("SELECT 1", ())])
            await pool.execute_query(read, use_cache=False)
            assert await state() == clean, dirt
            ended.append(dirt)
        for _ in range(2):
            await pool.execute_query(write)
            assert await state() == clean
        assert ended == DIRT


@asynchronous
async def test_a_plain_read_is_one_round_trip(monkeypatch):
    """A read of tables leaves its connection as it was, so no reset follows; any other use is reset."""
    async with make_pool(1) as pool:
        await fresh_table(pool)
        executed = []
        original = asyncpg.Connection.execute

        async def execute(self, query, *args, **kwargs):
            executed.append(query)
            return await original(self, query, *args, **kwargs)

        await pool.execute_query("SELECT * FROM things", use_cache=False)
        monkeypatch.setattr(asyncpg.Connection, "execute", execute)
        await pool.execute_query("SELECT * FROM things", use_cache=False)
        assert executed == []
        async with pool.acquire_pg_connection():
            pass
        assert len(executed) == 1 and "RESET ALL" in executed[0]


@asynchronous
async def test_a_transaction_is_all_or_nothing():
    """When one statement fails, none has happened, and the error is PostgreSQL's."""
    async with make_pool() as pool:
        await fresh_table(pool)
        insert = "INSERT INTO things VALUES ($1, $2)"
        with pytest.raises(asyncpg.UniqueViolationError):
            await pool.execute_transaction([(insert, (1, "x")), (insert, (1, "y"))])
        assert await pool.execute_query("SELECT * FROM things") == []
        assert await pool.execute_transaction([(insert, (1, "x")), (insert, (2, "y"))]) is True
        assert len(await pool.execute_query("SELECT * FROM things")) == 2
        assert await pool.execute_transaction(
            [("CREATE TABLE made_here (n int)", ()), ("INSERT INTO made_here VALUES (1)", ())]
        )
        assert await pool.execute_query("SELECT * FROM made_here") == [{"n": 1}]
        await pool.execute_query("DROP TABLE made_here")


@asynchronous
async def test_isolation_is_the_callers_choice():
    """Two tasks that read, think and write lose an update by default; serializable, one fails and tries again."""
    read = "SELECT balance FROM accounts WHERE id = 1"
    write = "UPDATE accounts SET balance = $1 WHERE id = 1"

    async with make_pool() as pool:

        async def both(isolation):
            await fresh_table(pool, "accounts", "id int PRIMARY KEY, balance int")
            await pool.execute_query("INSERT INTO accounts VALUES (1, 100)")
            both_have_read = asyncio.Barrier(2)
            attempts = 0

            async def deposit(amount):
                first = True

                async def once():
                    nonlocal first, attempts
                    attempts += 1
                    async with (
                        pool.acquire_pg_connection(writes="accounts") as connection,
                        connection.transaction(isolation=isolation),
                    ):
                        balance = await connection.fetchval(read)
                        if first:
                            first = False
                            await both_have_read.wait()
                        await connection.execute(write, balance + amount)

                await with_retry(once, exceptions=asyncpg.SerializationError, delay=0.01)

            await asyncio.gather(deposit(10), deposit(20))
            return (await pool.execute_query(read))[0]["balance"], attempts

        assert (await both(None))[0] in (110, 120)
        assert await both("serializable") == (130, 3)


@asynchronous
async def test_a_listener_hears_what_others_notify():
    """A connection of the pool can listen, and hears no more when it is given back."""
    async with make_pool(2) as pool:
        heard = asyncio.Queue()

        def hear(*message):
            heard.put_nowait(message[-1])

        async with pool.acquire_pg_connection() as connection:
            await connection.add_listener("news", hear)
            async with asyncio.TaskGroup() as group:
                group.create_task(pool.execute_query("SELECT pg_notify('news', 'hello')"))
            assert await heard.get() == "hello"
            await connection.remove_listener("news", hear)
        await pool.execute_query("SELECT pg_notify('news', 'too late')")
        assert heard.empty()


def test_percentiles_are_values_that_occurred():
    """The nearest-rank percentile is the smallest value that enough others do not exceed."""
    values = [5, 1, 4, 2, 3, 6, 7, 8, 9, 10]
    assert [percentile(values, rank) for rank in (1, 10, 50, 90, 99, 100)] == [1, 1, 5, 9, 10, 10]
    assert percentile([7], 50) == 7
    for values, rank in (([], 50), ([1], 0), ([1], 101)):
        with pytest.raises(
            ValueError, match=r"percentile .* of .* values: pass 1 value or more, and a rank of 1 to 100"
        ):
            percentile(values, rank)


@asynchronous
async def test_the_statistics_count_and_time_hits_too():
    """Every call is counted once and timed, hits included; ratios are of what they say."""
    async with make_pool() as pool:
        await fresh_table(pool)
        before = pool.get_statistics()
        assert before["cache_hit_rate"] == 0.0
        read = "SELECT * FROM things"
        for _ in range(4):
            await pool.execute_query(read)
        await pool.execute_query(read, use_cache=False)
        await pool.execute_query("SELECT now()")
        await pool.execute_query("INSERT INTO things VALUES (1, 'x')")
        after = pool.get_statistics()
        counted = {name: after[name] - before[name] for name in pool.stats if name != "total_query_time"}
        assert counted == {
            "queries": 7,
            "cache_hits": 3,
            "cache_misses": 1,
            "cache_shared": 0,
            "cache_bypassed": 1,
            "cache_errors": 0,
            "not_cacheable": 1,
            "writes": 1,
            "invalidations": 1,
            "lease_waits": 0,
        }
        assert after["cache_hit_rate"] == 0.75
        assert after["avg_query_time"] == after["total_query_time"] / after["queries"] > 0
        assert set(after["percentiles"]) == {"hit", "miss", "uncached", "write"}
        assert all(times["p50"] <= times["p90"] <= times["p99"] for times in after["percentiles"].values())


@asynchronous
async def test_rows_are_dicts_with_the_types_of_asyncpg():
    """A row is a dict from column to value; parameters are never pasted into the text."""
    async with make_pool() as pool:
        await fresh_table(pool, "prices", "day date, price numeric, note text")
        odd = "'); DROP TABLE prices; --"
        row = {"day": datetime.date(2026, 1, 31), "price": Decimal("1.20"), "note": odd}
        await pool.execute_query("INSERT INTO prices VALUES ($1, $2, $3)", *row.values())
        for _ in range(2):
            assert await pool.execute_query("SELECT * FROM prices WHERE note = $1", odd) == [row]
