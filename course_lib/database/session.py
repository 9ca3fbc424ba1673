"""A connection that gives up in time: what it must end, undo or clean up never takes longer than `PATIENCE`.

A statement that is cancelled, or runs into its time limit, goes on at the server until this is asked, by a connection
of its own, to end it. That request may be there first, and then it has no effect: so it is made again. A connection on
which a statement cannot be ended, or a transaction cannot be rolled back, is closed: then the server does it.

Source: the manual of PostgreSQL, "Canceling Requests in Progress".
"""

import asyncio
import contextlib
from typing import Any

import asyncpg  # type: ignore[import-untyped]
from asyncpg.transaction import Transaction  # type: ignore[import-untyped]

PATIENCE = 2.0
"""Seconds that the server has to end a statement that is given up, to roll back, or to reset a session."""

LOST = (asyncpg.PostgresError, asyncpg.InterfaceError, OSError)
"""What a connection raises that is closed, or silent, or on which even ROLLBACK fails; TimeoutError is an OSError."""

_AGAIN = 0.05  # seconds between the first two requests to end a statement; then twice as many, and so on


async def roll_back(connection: Any, statement: str = "ROLLBACK") -> None:
    """Roll back after an error, which is the one to be told: if that fails or takes too long, close the connection."""
    try:
        async with asyncio.timeout(PATIENCE):
            await connection.execute(statement)
    except LOST:
        with contextlib.suppress(asyncpg.InterfaceError):  # it is closed, and nobody's, already
            connection.terminate()


class BoundedTransaction(Transaction):  # type: ignore[misc]
    """A transaction whose block ends with the error it was left with, also when it cannot be rolled back."""

    async def __aexit__(self, kind: Any, error: Any, traceback: Any) -> None:
        if kind is None:
            await super().__aexit__(kind, error, traceback)
            return
        try:
            async with asyncio.timeout(PATIENCE):
                await super().__aexit__(kind, error, traceback)
        except LOST:
            self._connection.terminate()


class Session(asyncpg.Connection):  # type: ignore[misc]
    """A connection that is asked to reset itself only after a use that may have left something behind.

    asyncpg resets a connection whenever it comes back to the pool, and the reset is a round trip, as long as a point
    read itself. A single statement that only reads tables and calls no volatile function has no way to change its
    session: no setting, no lock, no listener, no open transaction. After such a use the reset is left out; and `commit`
    makes one round trip of COMMIT and reset.
    """

    spotless = False

    def use(self, *, spotless: bool) -> None:
        """Note what the use that now begins may do."""
        self.spotless = spotless

    async def commit(self) -> None:
        """Commit the transaction, and undo what it has left in the session."""
        await self.execute(f"COMMIT; {self._undo()}")
        self.spotless = True

    def get_reset_query(self) -> str:
        """Return what undoes all that a user may do to a session; empty after a spotless use."""
        return "" if self.spotless else self._undo()

    def transaction(
        self, *, isolation: str | None = None, readonly: bool = False, deferrable: bool = False
    ) -> BoundedTransaction:
        """Return what asyncpg's does, with an end that is told as above."""
        self._check_open()
        return BoundedTransaction(self, isolation, readonly, deferrable)

    def _undo(self) -> str:
        # RESET ALL leaves the role as it is, and nothing of asyncpg's drops temporary tables.
        return f"{super().get_reset_query()}; SET SESSION AUTHORIZATION DEFAULT; DISCARD TEMP"

    async def _cancel(self, asked: asyncio.Future[None], ended: asyncio.Future[None]) -> None:
        # asyncpg starts this, whoever gives a statement up, and lets nothing else begin on this connection before
        # `asked` is done. Its own makes one request, and waits for `ended` as long as any statement may take.
        clock = asyncio.get_running_loop().time
        deadline, pause = clock() + PATIENCE, _AGAIN
        try:
            while not ended.done() and clock() < deadline:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout_at(deadline):
                        await super()._cancel(asyncio.get_running_loop().create_future())
                await asyncio.wait({ended}, timeout=pause)
                pause *= 2
            if not ended.done():
                self.terminate()
        finally:
            if not asked.done():
                asked.set_result(None)
