"""A pool that lends connections to the database of lesson 5a, and notes from when to when each was out."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from math import inf

from course_lib.exercises.lesson_05a.blocks import Block
from course_lib.exercises.lesson_05a.database import Connection, Database


class Pool:
    """Lends connections to a database, `size` at a time, and notes from when to when each was out."""

    def __init__(self, database: Database, size: int) -> None:
        self.database, self.size = database, size
        self.lent: list[list[float]] = []  # [from, to]
        self._slots = asyncio.Semaphore(size)

    def acquire(self) -> Block[Connection]:
        """Lend a connection for the length of an `async with` block; wait for one as long as it takes."""
        return Block(
            self._lend(),
            "Borrow by `async with pool.acquire() as connection:`, which gives it back however the block ends.",
        )

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
                await connection.reset()
                connection.returned, times[1] = True, loop.time()

    @property
    def out(self) -> int:
        """How many connections are out."""
        return sum(to == inf for _, to in self.lent)
