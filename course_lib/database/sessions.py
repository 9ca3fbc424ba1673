"""Lending connections: for a bounded wait, to one borrower a task, and clean when they come back."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any, NamedTuple

from course_lib.database import session
from course_lib.database.errors import NestedAcquireError, PoolExhaustedError


class Holder(NamedTuple):
    """Who holds a connection: the task's name, since when (the loop's clock), and for what."""

    task: str
    since: float
    purpose: str


class Sessions:
    """Lends the connections of an asyncpg pool.

    Args:
        pool: whose connections are of class Session, and begin every transaction read-only.
        timeout: seconds to wait for a connection.
    """

    def __init__(self, pool: Any, timeout: float) -> None:
        self._pool = pool
        self._timeout = timeout
        self._held: dict[asyncio.Task[Any] | None, Holder] = {}

    @property
    def holders(self) -> list[Holder]:
        """Who holds a connection now, the longest first."""
        return list(self._held.values())

    def refuse_nested(self) -> None:
        """Raise NestedAcquireError if this task holds a connection already."""
        if self._held and (held := self._held.get(asyncio.current_task())):  # cached reads hold nothing
            raise NestedAcquireError(
                f"task {held.task!r} already holds a connection, for {held.purpose}, and asks for another: if as many "
                "tasks as there are connections did so, all would wait for ever; use the one it has, or leave its "
                "block first"
            )

    @contextlib.asynccontextmanager
    async def borrow(self, purpose: str, *, writes: bool = False, spotless: bool = False) -> AsyncIterator[Any]:
        """Lend a connection for the length of the block.

        Args:
            purpose: for what, as the error of one who waits in vain will say.
            writes: whether it may write; PostgreSQL refuses every write of one that may not.
            spotless: whether the use cannot leave anything behind.

        Raises PoolExhaustedError when none becomes free in time, NestedAcquireError when this task holds one already.
        """
        self.refuse_nested()
        loop = asyncio.get_running_loop()
        # asyncio.timeout, not asyncpg's parameter: one limit for waiting and connecting that no cancellation races.
        limit, connection = asyncio.timeout(self._timeout), None
        try:
            async with limit:
                connection = await self._pool.acquire()
        except TimeoutError:
            if not limit.expired():
                raise
        finally:
            del limit  # it holds the task, and that its error, whose traceback leads to this frame
        if connection is None:
            raise PoolExhaustedError(self._exhausted(loop.time()))  # out here, where no other error is its context
        task = asyncio.current_task()
        self._held[task] = Holder(task.get_name() if task else "", loop.time(), f"{purpose:.60}")
        try:
            connection.use(spotless=spotless and not writes)
            if writes:
                await connection.execute("SET default_transaction_read_only = off")
            yield connection
        finally:
            del self._held[task]
            # One that cannot be reset in time is closed; what the block has done, or raised, stays as it is.
            with contextlib.suppress(*session.LOST):
                await self._pool.release(connection, timeout=session.PATIENCE)

    def _exhausted(self, now: float) -> str:
        held = sorted(self._held.values(), key=lambda holder: holder.since)
        who = "; ".join(f"task {each.task!r} for {now - each.since:.1f} s, for {each.purpose}" for each in held[:10])
        more = f"; and {len(held) - 10} more" if len(held) > 10 else ""
        return (
            f"no connection became free in {self._timeout:g} s: {len(held)} of pg_max_size={self._pool.get_max_size()} "
            f"are held ({who}{more}). Hold connections for less time, raise pg_max_size or raise acquire_timeout"
        )
