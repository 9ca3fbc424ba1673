"""What the tests of the pool stand on: this process's servers, tests that are coroutine functions, a gate."""

import asyncio
import contextlib
import functools
from collections.abc import AsyncIterator, Callable
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest

from course_lib.database import AsyncDatabasePool
from course_lib.database.session import Session
from course_lib.lab.servers import postgres, redis

HANG = 300  # seconds: a guard, not a race


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


CANCEL = (80877102).to_bytes(4, "big")  # PostgreSQL's manual, "Message Formats", CancelRequest: after its length


class BadLine:
    """A way to PostgreSQL on which requests to cancel get lost, as if each had come before the statement it is for.

    deaf: how many are lost before one is heard
    asked: how many there were
    url: the server by this way
    """

    def __init__(self, deaf: float):
        self.deaf, self.asked = deaf, 0
        self._server = urlsplit(postgres())
        self._carriers = set()

    def _accept(self, reader, writer):
        carrier = asyncio.get_running_loop().create_task(self._carry(reader, writer))
        self._carriers.add(carrier)
        carrier.add_done_callback(self._carriers.discard)

    async def _carry(self, reader, writer):
        reader_of_server, writer_to_server = await asyncio.open_connection(self._server.hostname, self._server.port)
        ends = writer, writer_to_server
        both = asyncio.gather(
            self._pass_on(reader, writer_to_server, ends), self._pass_on(reader_of_server, writer, ends)
        )
        with contextlib.suppress(OSError):
            await both

    async def _pass_on(self, reader, writer, ends):
        try:
            while data := await reader.read(65_536):
                if data[4:8] == CANCEL:
                    self.asked += 1
                    if self.asked <= self.deaf:
                        break
                writer.write(data)
        finally:
            for end in ends:
                end.close()


@contextlib.asynccontextmanager
async def bad_line(deaf: float) -> AsyncIterator[BadLine]:
    """Open such a way."""
    line = BadLine(deaf)
    listener = await asyncio.start_server(line._accept, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    line.url = line._server._replace(netloc=f"{line._server.netloc.rpartition('@')[0]}@127.0.0.1:{port}").geturl()
    try:
        yield line
    finally:
        listener.close()
        for carrier in line._carriers:
            carrier.cancel()
        await asyncio.gather(*line._carriers, return_exceptions=True)
