"""What the tests of the pool stand on: this process's servers, tests that are coroutine functions, and a gate."""

import asyncio
import functools
from collections.abc import Callable
from contextlib import contextmanager

import pytest

from course_lib.database import AsyncDatabasePool
from course_lib.database.sessions import Session
from course_lib.lab.servers import postgres, redis

HANG = 60  # seconds: a guard, not a race


def asynchronous(test: Callable) -> Callable:
    """Run a test that is a coroutine function on a loop of its own."""

    @functools.wraps(test)
    def run(*args, **kwargs):
        async def guarded():
            async with asyncio.timeout(HANG):
                await test(*args, **kwargs)

        asyncio.run(guarded())

    return run


def make_pool(size: int = 4, **options) -> AsyncDatabasePool:
    """Return a pool on this process's servers, patient enough for a busy machine."""
    options = {"redis_timeout": 20.0, "acquire_timeout": 20.0, **options}
    dsn, url = options.pop("dsn", None) or postgres(), options.pop("redis_url", None) or redis()
    return AsyncDatabasePool(dsn, url, 0, size, **options)


async def fresh_table(pool: AsyncDatabasePool, name: str = "things", columns: str = "id int PRIMARY KEY, word text"):
    """Make an empty table, and nothing cached of it."""
    await pool.execute_query(f"DROP TABLE IF EXISTS {name} CASCADE")
    await pool.execute_query(f"CREATE TABLE {name} ({columns})")


class Gate:
    """Holds up what arrives until it is opened."""

    def __init__(self):
        self.reached, self.opened = asyncio.Event(), asyncio.Event()

    async def pass_through(self):
        self.reached.set()
        await self.opened.wait()


@contextmanager
def queries_seen(monkeypatch: pytest.MonkeyPatch, gates: dict[str, Gate] | None = None):
    """Count the statements that reach PostgreSQL by `fetch`; hold up the answers to those in `gates`."""
    seen: list[str] = []
    original = Session.fetch

    async def fetch(self, query, *args, **kwargs):
        rows = await original(self, query, *args, **kwargs)
        seen.append(query)
        if gates and query in gates:
            await gates[query].pass_through()
        return rows

    with monkeypatch.context() as patch:
        patch.setattr(Session, "fetch", fetch)
        yield seen
