"""The promise: a read that begins after a write has returned sees it, and nothing cached outlives the lease."""

import asyncio
import random

import asyncpg
import pytest
from database_lab import Gate, asynchronous, fresh_table, make_pool, queries_seen
from redis.asyncio import Redis

import course_lib.database.cache as cache
from course_lib.database import AsyncDatabasePool
from course_lib.database.breaker import Breaker
from course_lib.database.connecting import Connection
from course_lib.lab.proxy import Proxy
from course_lib.lab.servers import private_redis, redis

READ = "SELECT word FROM things WHERE id = $1"
WRITE = "UPDATE things SET word = $2 WHERE id = $1"


async def word(pool: AsyncDatabasePool, number: int = 1) -> str:
    return (await pool.execute_query(READ, number))[0]["word"]


async def filled(pool: AsyncDatabasePool) -> AsyncDatabasePool:
    await fresh_table(pool)
    await pool.bulk_insert("things", [{"id": number, "word": "old"} for number in range(1, 101)])
    return pool


async def cached(pool: AsyncDatabasePool, number: int = 1) -> bool:
    """Read, and say whether it was a hit."""
    hits = pool.stats["cache_hits"]
    await word(pool, number)
    return pool.stats["cache_hits"] > hits


# Writes are seen


async def by_query(pool):
    await pool.execute_query(WRITE, 1, "new")


async def by_query_that_returns_rows(pool):
    assert await pool.execute_query(WRITE + " RETURNING id", 1, "new") == [{"id": 1}]


async def by_transaction(pool):
    assert await pool.execute_transaction([(WRITE, (1, "half")), (WRITE, (1, "new"))])


async def by_serializable_transaction(pool):
    assert await pool.execute_transaction([(WRITE, (1, "new"))], isolation="serializable")


async def by_connection(pool):
    async with pool.acquire_pg_connection(writes="things") as connection, connection.transaction():
        await connection.execute(WRITE, 1, "new")


async def by_copy(pool):
    await pool.execute_query("DELETE FROM things WHERE id = 1")
    assert await pool.bulk_insert("things", [{"id": 1, "word": "new"}]) == 1


async def by_a_block_in_sql(pool):
    await pool.execute_query("DO $$ BEGIN UPDATE things SET word = 'new' WHERE id = 1; END $$")


async def by_somebody_else_with_a_pattern(pool):
    connection = await asyncpg.connect(pool.postgres_dsn)
    await connection.execute(WRITE, 1, "new")
    await connection.close()
    assert await pool.invalidate_cache_pattern("query:*things*") == 1


async def by_somebody_else_and_said_so(pool):
    connection = await asyncpg.connect(pool.postgres_dsn)
    await connection.execute(WRITE, 1, "new")
    await connection.close()
    await pool.invalidate("things")


async def by_an_update_of_the_key(pool):
    await pool.execute_query("CREATE TABLE parents (id int PRIMARY KEY)")
    await pool.execute_query("INSERT INTO parents VALUES (1), (2)")
    await pool.execute_query("ALTER TABLE things ADD parent int DEFAULT 1 REFERENCES parents ON UPDATE CASCADE")
    await pool.execute_query(WRITE, 1, "new")


WRITES = [value for name, value in list(globals().items()) if name.startswith("by_")]


@pytest.mark.parametrize("write", WRITES, ids=lambda write: write.__name__)
@asynchronous
async def test_a_write_is_seen_by_every_pool_when_it_has_returned(write):
    """Whatever the way to write, the next read through any pool on the same Redis sees it."""
    async with make_pool() as one, make_pool() as other:
        await one.execute_query("DROP TABLE IF EXISTS parents CASCADE")
        await filled(one)
        assert await word(one) == await word(other) == "old"
        await write(one)
        assert await word(other) == await word(one) == "new"
        assert await cached(other)


@asynchronous
async def test_a_rollback_changes_nothing_that_is_cached():
    """What was rolled back is never seen, neither before nor after."""
    async with make_pool() as pool:
        await filled(pool)
        with pytest.raises(asyncpg.DivisionByZeroError):
            await pool.execute_transaction([(WRITE, (1, "never")), ("SELECT 1 / 0", ())])
        assert await word(pool) == await word(pool) == "old"


@asynchronous
async def test_a_cascade_and_a_trigger_reach_further():
    """A delete that cascades, or a table with a trigger, invalidates what it changes elsewhere."""
    async with make_pool() as pool:
        await fresh_table(pool, "parents", "id int PRIMARY KEY")
        await fresh_table(pool, "children", "id int, parent int REFERENCES parents ON DELETE CASCADE")
        await pool.execute_query("INSERT INTO parents VALUES (1)")
        await pool.execute_query("INSERT INTO children VALUES (1, 1)")
        count = "SELECT count(*) AS n FROM children"
        assert await pool.execute_query(count) == [{"n": 1}]
        await pool.execute_query("DELETE FROM parents")
        assert await pool.execute_query(count) == [{"n": 0}]
        await pool.execute_query(
            "CREATE OR REPLACE FUNCTION copy_down() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN INSERT INTO children VALUES (NEW.id, NEW.id); RETURN NULL; END $$"
        )
        await pool.execute_query(
            "CREATE TRIGGER copy AFTER INSERT ON parents FOR EACH ROW EXECUTE FUNCTION copy_down()"
        )
        assert await pool.execute_query(count) == [{"n": 0}]
        await pool.execute_query("INSERT INTO parents VALUES (1)")
        assert await pool.execute_query(count) == [{"n": 1}]
        assert await pool.bulk_insert("parents", [{"id": 2}, {"id": 3}]) == 2
        assert await pool.execute_query(count) == [{"n": 3}]
        async with pool.acquire_pg_connection(writes="parents") as connection:
            await connection.execute("INSERT INTO parents VALUES (4)")
        assert await pool.execute_query(count) == [{"n": 4}]


@asynchronous
async def test_a_reader_that_queried_before_a_write_stores_nothing_valid(monkeypatch):
    """An old row that is stored after the invalidation is never served."""
    async with make_pool() as reader, make_pool() as writer:
        await filled(reader)
        gate, store = Gate(), cache.Cache.store

        async def late(self, look, rows):
            await gate.pass_through()
            await store(self, look, rows)

        monkeypatch.setattr(cache.Cache, "store", late)
        assert await word(reader) == "old"
        await gate.reached.wait()
        await writer.execute_query(WRITE, 1, "new")
        gate.opened.set()
        await reader._reads.flights.land()  # the old row is in Redis now
        assert await word(writer) == "new" and await word(reader) == "new"


@asynchronous
async def test_a_reader_joins_no_query_that_is_older_than_a_write(monkeypatch):
    """Who begins after a write has returned does not share the query of one who began before."""
    async with make_pool() as pool:
        await filled(pool)
        await word(pool, 2)  # so that the statement is known
        gate = Gate()
        with queries_seen(monkeypatch, {READ: gate}):
            early = asyncio.create_task(word(pool))
            await gate.reached.wait()
            await pool.execute_query(WRITE, 1, "new")
            gate.reached.clear()
            late = asyncio.create_task(word(pool))
            await gate.reached.wait()
            gate.opened.set()
            assert await early == "old" and await late == "new"


@asynchronous
async def test_two_databases_and_two_users_share_no_value():
    """The same statement on another database, or under another search path, is another key."""
    async with make_pool() as pool:
        await filled(pool)
        await pool.execute_query("DROP SCHEMA IF EXISTS elsewhere CASCADE")
        await pool.execute_query("CREATE SCHEMA elsewhere")
        await pool.execute_query("CREATE TABLE elsewhere.things AS SELECT 1 AS id, 'another' AS word")
        assert await word(pool) == "old"
        joint = "&" if "?" in pool.postgres_dsn else "?"
        async with make_pool(dsn=f"{pool.postgres_dsn}{joint}search_path=elsewhere") as other:
            assert await word(other) == "another"
        await pool.execute_query("DROP DATABASE IF EXISTS second_database")
        await pool.execute_query("CREATE DATABASE second_database")
        dsn = pool.postgres_dsn.partition("?")[0].rpartition("/")[0] + "/second_database"
        async with make_pool(dsn=dsn) as second:
            await fresh_table(second)
            assert await second.execute_query(READ, 1) == []
        await pool.execute_query("DROP DATABASE second_database")


# Few queries, few round trips


@asynchronous
async def test_a_stampede_makes_one_query(monkeypatch):
    """100 readers who miss the same value at the same time make one query, and each gets a result of its own."""
    async with make_pool() as pool:
        await filled(pool)
        with queries_seen(monkeypatch) as seen:
            results = await asyncio.gather(*(pool.execute_query(READ, 7) for _ in range(100)))
        assert seen.count(READ) == 1
        assert all(result == [{"word": "old"}] for result in results)
        assert len({id(result[0]) for result in results}) == 100
        assert (pool.stats["cache_misses"], pool.stats["cache_shared"]) == (100, 99)


@asynchronous
async def test_a_stampede_that_fails_fails_for_all(monkeypatch):
    """An error of the shared query is raised in each reader, and the next one tries again."""
    async with make_pool() as pool:
        query = "SELECT 1 / $1::int AS n"
        await pool.execute_query(query, 1)
        with queries_seen(monkeypatch):
            results = await asyncio.gather(*(pool.execute_query(query, 0) for _ in range(10)), return_exceptions=True)
        assert {type(result) for result in results} == {asyncpg.DivisionByZeroError}
        with pytest.raises(asyncpg.DivisionByZeroError):
            await pool.execute_query(query, 0)


@asynchronous
async def test_the_others_get_their_result_when_the_first_is_cancelled(monkeypatch):
    """A reader that is cancelled takes nobody with it; when all are, the query is cancelled, too."""
    async with make_pool(1) as pool:
        await filled(pool)
        await word(pool, 2)
        for survivors in (1, 0):
            await pool.invalidate("things")
            gate = Gate()
            with queries_seen(monkeypatch, {READ: gate}):
                readers = [asyncio.create_task(word(pool)) for _ in range(3)]
                await gate.reached.wait()
                for reader in readers[survivors:]:
                    reader.cancel()
                await asyncio.wait(readers[survivors:])
                assert bool(pool._reads.flights._tasks) == bool(survivors)
                gate.opened.set()
                for reader in readers[:survivors]:
                    assert await reader == "old"
            assert await pool.execute_query("SELECT 1 AS one", use_cache=False) == [{"one": 1}]


@asynchronous
async def test_an_empty_result_is_cached():
    """That there is no such row is worth keeping, too, and is forgotten when it is inserted."""
    async with make_pool() as pool:
        await fresh_table(pool)
        assert await pool.execute_query(READ, 5) == await pool.execute_query(READ, 5) == []
        assert pool.stats["cache_hits"] == 1
        await pool.execute_query("INSERT INTO things VALUES (5, 'five')")
        assert await word(pool, 5) == "five"


@asynchronous
async def test_concurrent_reads_travel_together(monkeypatch):
    """100 reads of 100 rows at once take two round trips to Redis, and one read takes one."""
    for module in ("cache", "pool"):  # what was read first has to live until all hundred were, on a busy machine, too
        monkeypatch.setattr(f"course_lib.database.{module}.LEASE", 120.0)
    async with make_pool(cache_ttl=120) as pool:
        await filled(pool)
        for number in range(1, 101):
            await word(pool, number)
        sent = []
        exchange = Connection.exchange

        def counted(self, commands, done):
            sent.append(commands)
            exchange(self, commands, done)

        monkeypatch.setattr(Connection, "exchange", counted)
        hits = pool.stats["cache_hits"]
        results = await asyncio.gather(*(word(pool, number) for number in range(1, 101)))
        assert results == ["old"] * 100 and pool.stats["cache_hits"] == hits + 100
        assert len(sent) <= 2
        del sent[:]
        await word(pool)
        assert [[command[0] for command in commands] for commands in sent] == [["MGET"]]


@asynchronous
async def test_values_do_not_all_expire_together():
    """The tokens of a table, each for a part of its values, have lives of different lengths, all within the lease."""
    async with make_pool(key_prefix="jitter:") as pool:
        await filled(pool)
        await asyncio.gather(*(word(pool, number) for number in range(1, 101)))
        async with Redis.from_url(pool.redis_url) as client:
            lives = [await client.pttl(key) for key in await client.keys("jitter:*token:public.things:*")]
        assert len(lives) > 10
        assert max(lives) <= 1000 * cache.LEASE
        assert max(lives) - min(lives) > 1000 * cache.LEASE * 0.05


@asynchronous
async def test_nothing_outlives_its_time(monkeypatch):
    """What was written past every pool is seen as soon as the lease is over."""
    monkeypatch.setattr(cache, "LEASE", 0.3)
    async with make_pool(cache_ttl=0.3) as pool:
        await filled(pool)
        assert await word(pool) == "old"
        connection = await asyncpg.connect(pool.postgres_dsn)
        await connection.execute(WRITE, 1, "new")
        await connection.close()
        await asyncio.sleep(0.3)  # the lease itself, not a wait for luck
        assert await word(pool) == "new"


@asynchronous
async def test_use_cache_false_asks_postgresql():
    """Who does not want a cached result gets none, and is counted."""
    async with make_pool() as pool:
        await filled(pool)
        await word(pool)
        assert await pool.execute_query(READ, 1, use_cache=False) == [{"word": "old"}]
        assert (pool.stats["cache_hits"], pool.stats["cache_bypassed"]) == (0, 1)


@asynchronous
async def test_the_pattern_call_says_when_it_matches_nothing():
    """A pattern matches names of tables, with the article's prefix or without; one that matches none is an error."""
    async with make_pool() as pool:
        await filled(pool)
        for pattern in ("things", "query:*thing*", "public.things", "query:*SELECT*things*", "*"):
            await word(pool)
            if "SELECT" in pattern:
                with pytest.raises(
                    ValueError, match=r"matches no table: there are .*public\.things.*; '\*' matches all"
                ):
                    await pool.invalidate_cache_pattern(pattern)
            else:
                assert await pool.invalidate_cache_pattern(pattern) >= 1
                assert not await cached(pool), pattern


# Redis in trouble


@asynchronous
async def test_a_restarted_redis_brings_back_nothing():
    """Values and tokens that a Redis has saved, and reads again when it starts, are not served: its run id is new."""
    with await asyncio.to_thread(private_redis, persistent=True) as server:
        async with make_pool(redis_url=server.url) as pool:
            await filled(pool)
            await word(pool)
            assert await cached(pool)
            async with Redis.from_url(server.url) as client:
                await client.config_set("appendonly", "no")  # what comes now is lost in the crash
            await pool.execute_query(WRITE, 1, "new")
            await asyncio.to_thread(server.kill)
            await asyncio.to_thread(server.start)
            async with Redis.from_url(server.url) as client:
                assert await client.keys("*value:*"), "the old value is there again"
            assert await word(pool) == await word(pool) == "new"


@asynchronous
async def test_a_full_redis_refuses_values_and_still_invalidates():
    """With its memory full, Redis caches nothing more; a write is confirmed at once, and what was cached is dropped."""
    with await asyncio.to_thread(private_redis) as server:
        async with make_pool(redis_url=server.url) as pool:
            await filled(pool)
            await word(pool)
            assert await cached(pool)
            async with Redis.from_url(server.url) as client:
                await client.config_set("maxmemory", 1)
                await pool.execute_query(WRITE, 1, "new")
                assert pool.stats["lease_waits"] == 0
                assert await word(pool) == await word(pool) == "new"
                assert not await cached(pool)
                await client.config_set("maxmemory", 0)
            await word(pool)
            assert await cached(pool)


@asynchronous
async def test_a_writer_cut_off_from_redis_waits_until_nobody_can_see_what_was(monkeypatch):
    """Its write returns only when the lease is over: then the others, who still reach Redis, see it."""
    monkeypatch.setattr(cache, "LEASE", 0.5)
    with Proxy(redis()) as cable:
        async with (
            make_pool(cache_ttl=0.5) as reader,
            make_pool(redis_url=cable.url, cache_ttl=0.5, redis_timeout=0.2) as writer,
        ):
            await filled(reader)
            await word(writer)
            while not await cached(reader):
                pass
            cable.cut()
            written = asyncio.create_task(writer.execute_query(WRITE, 1, "new"))
            seen = []
            while not written.done():
                seen.append(await word(reader))
                await asyncio.sleep(0.005)
            assert await word(reader) == "new"
            assert "old" in seen and writer.stats["lease_waits"] == 1
            assert await word(writer) == "new"  # from PostgreSQL
            cable.restore()


@asynchronous
async def test_a_write_that_reaches_redis_again_in_time_returns_at_once():
    """A writer whose connection comes back within the lease does not wait for its end."""
    with Proxy(redis()) as cable:
        async with make_pool(redis_url=cable.url) as pool:
            await filled(pool)
            cable.cut()
            written = asyncio.create_task(pool.execute_query(WRITE, 1, "new"))
            while not pool._breaker.open:
                await asyncio.sleep(0.01)
            cable.restore()
            await written
            assert pool.stats["lease_waits"] == 0
            assert await word(pool) == "new"


@asynchronous
async def test_without_redis_reads_go_on_and_it_is_tried_again():
    """With Redis dead, reads come from PostgreSQL and are counted; when it is back, they are cached again."""
    with await asyncio.to_thread(private_redis) as server:
        async with make_pool(redis_url=server.url) as pool:
            await filled(pool)
            await asyncio.to_thread(server.kill)
            assert [await word(pool) for _ in range(20)] == ["old"] * 20
            assert pool.stats["cache_errors"] >= 1 and pool.stats["cache_bypassed"] >= 1
            await asyncio.to_thread(server.start)
            while not await cached(pool):
                await asyncio.sleep(0.02)


@asynchronous
async def test_a_silent_redis_delays_a_read_by_its_timeout_and_no_more():
    """Of 50 concurrent reads none waits for a Redis that does not answer much longer than redis_timeout."""
    with Proxy(redis()) as cable:
        async with make_pool(redis_url=cable.url, redis_timeout=0.2) as pool:
            await filled(pool)
            await word(pool)
            cable.cut(silent=True)
            async with asyncio.timeout(10):
                assert await asyncio.gather(*(word(pool) for _ in range(50))) == ["old"] * 50
            cable.restore()
            while not await cached(pool):
                await asyncio.sleep(0.02)


@asynchronous
async def test_a_pool_starts_without_redis_and_refuses_a_wrong_password(caplog):
    """A Redis that is down is a warning, one that knows other passwords an error that says so."""
    async with make_pool(redis_url="redis://127.0.0.1:1/0") as pool:
        assert await pool.execute_query("SELECT 1 AS one") == [{"one": 1}]
    assert "Redis cannot be reached" in caplog.text
    wrong = redis().replace("redis://:", "redis://:not")
    with pytest.raises(ValueError, match="redis_url: Redis refuses its user or password"):
        await make_pool(redis_url=wrong).initialize()


def test_the_breaker_lets_one_through_now_and_then():
    """Open, it lets one caller try after each pause, and closes when that one succeeds."""
    now = 0.0
    breaker = Breaker(pause=1.0, clock=lambda: now)
    assert breaker.lets_through() and not breaker.open
    breaker.failed()
    assert breaker.open and not breaker.lets_through()
    now = 1.0
    assert [breaker.lets_through() for _ in range(3)] == [True, False, False]
    breaker.failed()
    now = 1.5
    assert not breaker.lets_through()
    now = 2.0
    assert breaker.lets_through()
    breaker.succeeded()
    assert [breaker.lets_through() for _ in range(3)] == [True] * 3


@asynchronous
async def test_what_is_stored_is_found_by_the_very_next_read():
    """A task that reads twice hits the second time, though nobody waited for the storing."""
    async with make_pool() as pool:
        await filled(pool)
        order = random.Random(1).sample(range(1, 101), 50)
        for number in order:
            await word(pool, number)
            assert await cached(pool, number)
