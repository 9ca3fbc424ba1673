"""A statement that is given up, cancelled or out of time, whose end the server does not hear of at once, or never.

A request to cancel goes by a connection of its own, and may reach the server before the statement it is for, which then
goes on. Here each is lost, once or always, while the statement waits for a lock.
"""

import asyncio
import contextlib
import inspect

import asyncpg
import pytest
from database_lab import asynchronous, bad_line, fresh_table, make_pool

from course_lib.database import session
from course_lib.lab.proxy import Proxy
from course_lib.lab.servers import postgres

BOUND = 20.0  # seconds: far above what it takes, and far below the minute of a statement's own limit
CHANGE = "UPDATE things SET word = 'no' WHERE id = 1"
READ = "SELECT word FROM things WHERE id = 1"


async def read(pool):
    await pool.execute_query(READ)


async def read_uncached(pool):
    await pool.execute_query(READ, use_cache=False)


async def read_what_is_not_known(pool):
    await pool.execute_query("SELECT count(word) FROM things")


async def read_what_is_watched(pool):
    await pool.execute_query(f"{READ} FOR UPDATE")


async def write(pool):
    await pool.execute_query(CHANGE)


async def alone(pool):
    await pool.execute_query("CREATE INDEX ON things (word)")


async def transaction(pool):
    await pool.execute_transaction([("UPDATE others SET word = 'no'", ()), (CHANGE, ())])


async def insert_many(pool):
    await pool.bulk_insert("things", [{"id": 2, "word": "no"}])


async def lend(pool):
    async with pool.acquire_pg_connection() as connection:
        await connection.fetch(READ)


async def lend_for_a_transaction(pool):
    async with pool.acquire_pg_connection(writes=["things", "others"]) as connection, connection.transaction():
        await connection.execute("UPDATE others SET word = 'no'")
        async with connection.transaction():
            await connection.execute(CHANGE)


async def lend_for_a_prepared_statement(pool):
    async with pool.acquire_pg_connection() as connection, connection.transaction():
        prepared = await connection.prepare("SELECT pg_advisory_xact_lock(1)")
        await prepared.fetch()


SCENARIOS = [read, read_uncached, read_what_is_not_known, read_what_is_watched, write, alone, transaction, insert_many]
SCENARIOS += [lend, lend_for_a_transaction, lend_for_a_prepared_statement]
scenarios = pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.__name__)


@contextlib.asynccontextmanager
async def at_a_lock(scenario, deaf):
    """Yield a pool of one connection and a task of it whose statement waits for a lock; then that lock is given up.

    At the end, nothing was changed, the pool works, and nobody holds a connection.
    """
    watcher = await asyncpg.connect(postgres())
    complaints = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))

    async def waiting():
        return await watcher.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted")

    async with bad_line(deaf) as line, make_pool(1, dsn=line.url) as pool:
        await fresh_table(pool)
        await fresh_table(pool, "others")
        for table in ("things", "others"):
            await pool.execute_query(f"INSERT INTO {table} VALUES (1, 'x')")
        await pool.execute_query(READ)
        await pool.invalidate("things")
        async with watcher.transaction():
            await watcher.execute("LOCK things; SELECT pg_advisory_xact_lock(1)")
            task = asyncio.create_task(scenario(pool))
            while not await waiting():
                await asyncio.sleep(0.005)
            yield pool, task, line, waiting
        while await waiting():
            await asyncio.sleep(0.005)
        for table in ("things", "others"):
            assert [tuple(row) for row in await watcher.fetch(f"SELECT * FROM {table}")] == [(1, "x")]
            assert await pool.execute_query(f"SELECT word FROM {table}") == [{"word": "x"}]
        assert pool._sessions.holders == []
        assert pool._pool.get_size() == pool._pool.get_idle_size()
    await watcher.close()
    assert complaints == []


@contextlib.contextmanager
def impatient(monkeypatch):
    """Have the session give up soon; not while a test is set up, since a busy machine needs its time for that."""
    with monkeypatch.context() as patch:
        patch.setattr(session, "PATIENCE", 0.2)
        yield


@scenarios
@asynchronous
async def test_a_request_that_was_too_early_is_made_again(scenario, monkeypatch):
    """If the server did not hear of a cancellation, it is asked again: the statement ends, and its locks with it."""
    monkeypatch.setattr(session, "PATIENCE", BOUND)
    async with at_a_lock(scenario, deaf=1) as (_, task, line, waiting):
        task.cancel()
        await asyncio.wait([task], timeout=BOUND)
        assert task.cancelled()
        assert line.asked >= 2
        assert await waiting() == 0


@scenarios
@asynchronous
async def test_a_statement_that_cannot_be_ended_is_left(scenario, monkeypatch):
    """If the server never hears of it, the caller is cancelled all the same, and the connection is not used again."""
    async with at_a_lock(scenario, deaf=float("inf")) as (pool, task, _, _):
        lost = pool._pool._holders[0]._con
        with impatient(monkeypatch):
            task.cancel()
            await asyncio.wait([task], timeout=BOUND)
        assert task.cancelled()
        assert lost.is_closed()


@scenarios
@asynchronous
async def test_a_statement_that_is_out_of_time_and_cannot_be_ended(scenario, monkeypatch):
    """The same for the statement's own limit, which is what the caller is told."""
    loop, limits = asyncio.get_running_loop(), []
    original = loop.call_later

    def call_later(delay, callback, *args, **kwargs):
        if getattr(callback, "__name__", "") == "_on_timeout":  # asyncpg's, of a statement
            limits.append((callback, args))
        return original(delay, callback, *args, **kwargs)

    monkeypatch.setattr(loop, "call_later", call_later)
    async with at_a_lock(scenario, deaf=float("inf")) as (_, task, _, _):
        with impatient(monkeypatch):
            for callback, args in limits:
                callback(*args)  # of those that are over, it does nothing
            await asyncio.wait([task], timeout=BOUND)
        assert type(task.exception()) is TimeoutError


@asynchronous
async def test_a_limit_around_a_call(monkeypatch):
    """A caller's own limit is what he is told, and not long after its time."""
    limit = asyncio.timeout(None)

    async def limited(pool):
        async with limit:
            await lend_for_a_transaction(pool)

    async with at_a_lock(limited, deaf=float("inf")) as (_, task, _, _):
        with impatient(monkeypatch):
            limit.reschedule(0)
            await asyncio.wait([task], timeout=BOUND)
        assert type(task.exception()) is TimeoutError


@pytest.mark.parametrize("in_statement", [False, True], ids=["between statements", "in a statement"])
@asynchronous
async def test_a_server_that_falls_silent(in_statement, monkeypatch):
    """A cancelled block ends with its cancellation, though nothing at all reaches the server any more."""
    reached = asyncio.Event()

    async def block(pool):
        async with pool.acquire_pg_connection(writes=["things"]) as connection, connection.transaction():
            await connection.execute(CHANGE)
            reached.set()
            await (connection.execute("SELECT pg_advisory_xact_lock(1)") if in_statement else asyncio.Event().wait())

    watcher = await asyncpg.connect(postgres())
    with Proxy(postgres()) as cable:
        async with make_pool(1, dsn=cable.url) as pool:
            await fresh_table(pool)
            await pool.execute_query("INSERT INTO things VALUES (1, 'x')")
            async with watcher.transaction():
                await watcher.execute("SELECT pg_advisory_xact_lock(1)")
                task = asyncio.create_task(block(pool))
                await reached.wait()
                cable.cut(silent=True)
                with impatient(monkeypatch):
                    task.cancel()
                    await asyncio.wait([task], timeout=BOUND)
                assert task.cancelled()
                cable.cut()
                cable.restore()
            assert await pool.execute_query(READ) == [{"word": "x"}]
    await watcher.close()


def test_asyncpg_ends_statements_where_the_session_does():
    """asyncpg calls what the session puts in the place of its own, with what it is called with here."""
    own, ours = asyncpg.Connection._cancel, session.Session._cancel
    assert list(inspect.signature(own).parameters) == ["self", "waiter", "cancel_waiter"]
    assert list(inspect.signature(ours).parameters)[1:] and inspect.iscoroutinefunction(ours)
