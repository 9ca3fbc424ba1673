"""A pool that lends connections to the database of lesson 5, and notes from when to when each was out."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from math import inf
from typing import Any

from course_lib.exercises.framework import Wrong
from course_lib.exercises.lesson_05a.database import Connection, Database


class Pool:
    """Lends connections to a database, `size` at a time, and notes from when to when each was out."""

    def __init__(self, database: Database, size: int) -> None:
        self.database, self.size = database, size
        self.lent: list[list[float]] = []  # [from, to]
        self._slots = asyncio.Semaphore(size)

    def acquire(self) -> "_Loan":
        """Lend a connection for the length of an `async with` block; wait for one as long as it takes."""
        return _Loan(self._lend())

    @asynccontextmanager
    async def _lend(self) -> AsyncIterator[Connection]:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        async with self._slots:
            connection = Connection(self.database, task.get_name() if task else "")
            times = [loop.time(), inf]
            self.lent.append(times)
            try:
                yield connection
            finally:
                connection.returned, times[1] = True, loop.time()

    @property
    def out(self) -> int:
        """How many connections are out."""
        return sum(to == inf for _, to in self.lent)


class _Loan:
    """What `acquire()` gives: to be entered, and not to be awaited, which would leave the giving back to luck."""

    def __init__(self, lend: AbstractAsyncContextManager[Connection]) -> None:
        self._lend = lend

    async def __aenter__(self) -> Connection:
        return await self._lend.__aenter__()

    async def __aexit__(self, *error: Any) -> bool | None:
        return await self._lend.__aexit__(*error)

    def __await__(self) -> Any:
        raise Wrong("Borrow by `async with pool.acquire() as connection:`, which gives it back however the block ends.")
