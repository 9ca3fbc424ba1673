"""Cancel everywhere: whichever step of a method is cancelled, the connection comes back clean and the cache stays true.

Each scenario is run again and again on real servers, cancelled at its first suspension point, at its second, and so on,
until it comes to its end before it is cancelled.
"""

import asyncio
import inspect

import asyncpg
import pytest
from database_lab import asynchronous, fresh_table, make_pool
from test_database_pool import STATE

from course_lib.database import AsyncDatabasePool
from course_lib.lab.servers import postgres
from course_lib.testing import Stepped

READ = "SELECT word FROM things WHERE id = $1"
WRITE = "UPDATE things SET word = word || '!' WHERE id = 1"


async def read(pool):
    await pool.invalidate_cache_pattern("*")  # so that it is a miss, of a statement that is not known either
    await pool.execute_query(READ, 1)


async def read_again(pool):
    await pool.execute_query(READ, 1)


async def read_uncached(pool):
    await pool.execute_query(READ, 1, use_cache=False)


async def read_what_must_be_reset(pool):
    await pool.execute_query("SELECT set_config('app.user', 'mallory', false), pg_advisory_lock(1)")


async def write(pool):
    await pool.execute_query(WRITE + " RETURNING id")


async def transaction(pool):
    await pool.execute_transaction([(WRITE, ()), (WRITE, ())], isolation="repeatable_read")


async def insert_many(pool):
    await pool.execute_query("DELETE FROM things WHERE id > 1")
    await pool.bulk_insert("things", [{"id": number, "word": "x"} for number in range(2, 200)])


async def insert_many_and_skip(pool):
    await pool.bulk_insert("things", [{"id": number, "word": "x"} for number in range(200)], skip_conflicts=True)


async def lend(pool):
    async with pool.acquire_pg_connection() as connection:
        await connection.execute("SET TimeZone = 'Asia/Tokyo'")
        async with connection.transaction():
            await connection.fetch("SELECT 1")


async def lend_for_writing(pool):
    async with pool.acquire_pg_connection(writes=["things"]) as connection:
        await connection.execute("BEGIN")
        await connection.execute(WRITE)
        await connection.execute("COMMIT")


async def invalidate(pool):
    await pool.invalidate("things")


SCENARIOS = {
    read: AsyncDatabasePool.execute_query,
    read_again: AsyncDatabasePool.execute_query,
    read_uncached: AsyncDatabasePool.execute_query,
    read_what_must_be_reset: AsyncDatabasePool.execute_query,
    write: AsyncDatabasePool.execute_query,
    transaction: AsyncDatabasePool.execute_transaction,
    insert_many: AsyncDatabasePool.bulk_insert,
    insert_many_and_skip: AsyncDatabasePool.bulk_insert,
    lend: AsyncDatabasePool.acquire_pg_connection,
    lend_for_writing: AsyncDatabasePool.acquire_pg_connection,
    invalidate: AsyncDatabasePool.invalidate,
}
ELSEWHERE = {"initialize", "close", "invalidate_cache_pattern"}


async def settled(pool):
    """Wait for what asyncpg does in the background, such as a release that was cancelled."""
    while pool._pool.get_idle_size() < pool._pool.get_size() or pool._reads.flights._tasks or pool._questions._tasks:
        await asyncio.sleep(0.001)


@pytest.mark.parametrize("on_arrival", [False, True], ids=["as it suspends", "as the result arrives"])
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.__name__)
@asynchronous
async def test_cancelled_anywhere(scenario, on_arrival):
    """The task ends cancelled; connections come back, unchanged and outside any transaction; no read is stale."""
    async with make_pool(1) as pool:
        await fresh_table(pool)
        await pool.execute_query("INSERT INTO things VALUES (1, 'x')")

        async def state():
            async with pool.acquire_pg_connection() as connection:
                return dict(await connection.fetchrow(STATE)), connection.is_in_transaction()

        clean = await state()
        for point in range(200):
            stepped = Stepped(scenario(pool), {point}, on_arrival=on_arrival)
            task = asyncio.get_running_loop().create_task(stepped)
            if point == 0:
                task.cancel()
            await asyncio.wait([task])
            if stepped.count < point or (on_arrival and stepped.count == point and not task.cancelled()):
                # It came to its end; or its last wait did, at the very moment of the cancellation.
                assert task.exception() is None and point > 1
                break
            assert task.cancelled(), f"the cancellation at point {point} was swallowed: {task}"
            await settled(pool)
            assert pool._sessions.holders == []
            assert await state() == clean, point
            assert await pool.execute_query(READ, 1) == await pool.execute_query(READ, 1, use_cache=False), point
        else:
            raise AssertionError("it never came to its end")


@asynchronous
async def test_a_pool_that_is_cancelled_while_it_opens_or_closes_leaves_no_connection():
    """Cancelled at any point of initialize or close, a pool leaves no connection at the server."""
    others = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
    watcher = await asyncpg.connect(postgres())
    before = await watcher.fetchval(others)

    async def open_and_close():
        pool = make_pool(2)
        pool.pg_min_size = 2
        try:
            await pool.initialize()
        finally:
            await pool.close()

    for point in range(1, 200):
        stepped = Stepped(open_and_close(), {point})
        task = asyncio.get_running_loop().create_task(stepped)
        await asyncio.wait([task])
        if stepped.count < point:
            break
        assert task.cancelled(), point
        while await watcher.fetchval(others) > before:
            await asyncio.sleep(0.005)
    assert task.exception() is None and point > 5
    await watcher.close()


def test_every_public_coroutine_method_is_cancelled():
    """No public method that waits is missing from these scenarios."""
    covered = {method.__name__ for method in SCENARIOS.values()} | ELSEWHERE
    waiting = {"acquire_pg_connection"} | {
        name for name, member in vars(AsyncDatabasePool).items() if inspect.iscoroutinefunction(member)
    }
    assert {name for name in waiting if not name.startswith("_")} <= covered
