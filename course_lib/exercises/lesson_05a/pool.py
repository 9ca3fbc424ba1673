"""Connections that take a second to open and a second for a query, and what was seen of their use."""

import asyncio
from collections.abc import Coroutine
from typing import Any

from course_lib.exercises.framework import Wrong
from course_lib.seeing import span

CONNECT = 1.0  # seconds
QUERY = 1.0


class Connection:
    """One connection to a database; `broken` says that nobody should use it again."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.broken = self.closed = False
        self._asking = ""
        self._unread = ""

    def __repr__(self) -> str:
        return f"<connection {self.number}>"

    async def fetch(self, query: str, seconds: float = QUERY) -> str:
        """Return the answer to `query`; "bad ..." raises ValueError, "lost ..." breaks the connection."""
        if self.closed:
            raise Wrong(f"Connection {self.number} was used for {query!r} after it had been closed.")
        if self._asking:
            raise Wrong(
                f"Connection {self.number} was given to {query!r} while {self._asking!r} was using it. Who borrows a "
                "connection must take it out of `idle`."
            )
        if self._unread:
            raise Wrong(
                f"{query!r} was given a broken connection, and read the answer to {self._unread!r}, which nobody had "
                "waited for. Keep a connection only if it is not `broken`."
            )
        self._asking = query
        try:
            with span(f"{query} on {self.number}"):
                await asyncio.sleep(seconds)
        except asyncio.CancelledError:
            self.broken, self._unread = True, query  # the question was sent, and its answer is still to come
            raise
        finally:
            self._asking = ""
        if query.startswith("bad"):
            raise ValueError(f"no such table: {query}")
        if query.startswith("slow"):
            raise TimeoutError("the query took too long")
        if query.startswith("lost"):
            self.broken, self._unread = True, query
            raise ConnectionError(f"connection {self.number} is lost")
        return f"answer to {query}"

    def close(self) -> None:
        """Close it at once."""
        self.closed = True


class Pool:
    """What a pool keeps: how many connections it may have, those that nobody uses, and a slot for each."""

    def __init__(self, size: int, timeout: float = 10, *failures: Exception) -> None:
        self.size, self.timeout = size, timeout
        self.idle: list[Connection] = []
        self.slots = asyncio.Semaphore(size)
        self.opened: list[Connection] = []
        self.most_open = 0
        self.failures = failures
        self._failures = list(failures)
        self._opening = 0

    def connect(self) -> Coroutine[Any, Any, Connection]:
        """Return a coroutine that opens a connection, in a second, or raises the next of the failures."""
        coro = self._connect()
        coro.__name__ = "connect"  # type: ignore[attr-defined]  # which coroutine objects have and the stub lacks
        return coro

    async def _connect(self) -> Connection:
        self._opening += 1
        self.most_open = max(self.most_open, self.open)
        try:
            with span("connect"):
                await asyncio.sleep(CONNECT)
            if self._failures:
                raise self._failures.pop(0)
        finally:
            self._opening -= 1
        connection = Connection(len(self.opened) + 1)
        self.opened.append(connection)
        return connection

    @property
    def open(self) -> int:
        """How many connections are open, or being opened."""
        return self._opening + sum(not connection.closed for connection in self.opened)
