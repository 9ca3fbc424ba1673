"""Servers that die, and what two processes see of each other."""

import asyncio
import sys
from collections import Counter

import asyncpg
import pytest
from consistency import run
from database_lab import asynchronous, fresh_table, make_pool

from course_lib.lab.servers import postgres, private_postgres, private_redis

# What a client sees of a server that was killed, or is not back yet.
GONE = (OSError, asyncpg.PostgresConnectionError, asyncpg.InterfaceError, asyncpg.OperatorInterventionError)


@asynchronous
async def test_postgresql_killed_in_a_transaction():
    """What was not committed is an error and is gone; what was committed is there; the pool recovers by itself."""
    with await asyncio.to_thread(private_postgres) as server:
        async with make_pool(3, dsn=server.url) as pool:
            await fresh_table(pool)
            await pool.execute_query("INSERT INTO things VALUES (1, 'committed')")
            wait = "SELECT pg_sleep(60)"
            attempts = [
                asyncio.create_task(
                    pool.execute_transaction([("INSERT INTO things VALUES (2, 'no')", ()), (wait, ())])
                ),
                asyncio.create_task(pool.execute_query(wait)),
            ]
            while await pool.execute_query(
                "SELECT count(*) AS n FROM pg_stat_activity WHERE wait_event = 'PgSleep'"
            ) != [{"n": 2}]:
                await asyncio.sleep(0.01)
            await asyncio.to_thread(server.kill)
            for attempt in attempts:
                with pytest.raises(GONE):
                    await attempt
            with pytest.raises(GONE):
                await pool.execute_query("SELECT 1", use_cache=False)
            await asyncio.to_thread(server.start)
            rows = None
            while rows is None:  # a server that recovers refuses connections at first
                try:
                    rows = await pool.execute_query("SELECT * FROM things")
                except GONE:
                    await asyncio.sleep(0.05)
            assert rows == [{"id": 1, "word": "committed"}]
            assert pool._sessions.holders == []
            assert await pool.bulk_insert("things", [{"id": 3, "word": "after"}]) == 1
            assert len(await pool.execute_query("SELECT * FROM things")) == 2


@asynchronous
async def test_redis_killed_while_it_is_read():
    """Of many readers at work when Redis dies and comes back, none fails and none sees another row than its own."""
    with await asyncio.to_thread(private_redis) as server:
        async with make_pool(redis_url=server.url) as pool:
            await fresh_table(pool)
            await pool.bulk_insert("things", [{"id": number, "word": str(number)} for number in range(20)])
            going = True

            async def keep_reading(number: int) -> int:
                reads = 0
                while going:
                    rows = await pool.execute_query("SELECT * FROM things WHERE id = $1", number)
                    assert rows == [{"id": number, "word": str(number)}]
                    reads += 1
                return reads

            readers = [asyncio.create_task(keep_reading(number)) for number in range(20)]
            while pool.stats["cache_hits"] < 100:
                await asyncio.sleep(0.005)
            await asyncio.to_thread(server.kill)
            while not pool.stats["cache_bypassed"]:
                await asyncio.sleep(0.005)
            await asyncio.to_thread(server.start)
            hits = pool.stats["cache_hits"]
            while pool.stats["cache_hits"] < hits + 100:
                await asyncio.sleep(0.005)
            going = False
            assert min(await asyncio.gather(*readers)) > 0


TIMES = 20
"""How often a workload is run, at most, until it has shown enough: a busy machine reads and writes seldom."""


def test_no_reader_of_two_processes_sees_what_is_no_longer_so():
    """With Redis killed and one process cut off from it, not one read is stale, and none sees what was rolled back."""
    seen = Counter()
    for _ in range(TIMES):
        report = asyncio.run(run(postgres(), "ours", seconds=4.0, lease=0.8))
        assert report.stale == [] and report.torn == 0
        seen.update(reads=report.reads, writes=report.writes, hits=report.stats["cache_hits"])
        if seen["reads"] > 100 and seen["writes"] > 10 and seen["hits"] > 10:
            return
    pytest.fail(f"too little was read from the cache: {seen}")


def test_the_same_readers_see_stale_rows_in_the_articles_scheme():
    """The test of consistency can see: with the article's cache it finds stale reads, without any fault."""
    stale = 0
    for _ in range(TIMES):
        stale += len(asyncio.run(run(postgres(), "article", seconds=1.0, lease=0.8, faults=False)).stale)
        if stale > 10:
            return
    pytest.fail(f"only {stale} stale reads were seen")


KILLED = """
import asyncio, os, sys
from course_lib.database import AsyncDatabasePool
from course_lib.database.cache import Cache

async def die(self, tables, *, patient=True):
    os._exit(9)

async def main():
    async with AsyncDatabasePool(sys.argv[1], sys.argv[2], 0, 2, redis_timeout=20) as pool:
        Cache.invalidate = die
        await pool.execute_query("UPDATE things SET word = 'new' WHERE id = 1")

asyncio.run(main())
"""


@asynchronous
async def test_a_process_that_dies_between_commit_and_invalidation(monkeypatch):
    """Its write is seen by all when the lease is over, without anybody's doing."""
    monkeypatch.setattr("course_lib.database.cache.LEASE", 0.5)
    async with make_pool(cache_ttl=0.5) as pool:
        await fresh_table(pool)
        await pool.execute_query("INSERT INTO things VALUES (1, 'old')")
        read = "SELECT word FROM things WHERE id = 1"
        going = True

        async def keep_warm():
            while going:
                await pool.execute_query(read)
                await asyncio.sleep(0.005)

        warm = asyncio.create_task(keep_warm())
        other = await asyncio.create_subprocess_exec(
            sys.executable, "-c", KILLED, pool.postgres_dsn, pool.redis_url, stderr=asyncio.subprocess.PIPE
        )
        error = (await other.communicate())[1]
        assert other.returncode == 9, error.decode()
        await asyncio.sleep(0.5)  # the lease itself
        assert await pool.execute_query(read) == [{"word": "new"}]
        going = False
        await warm
