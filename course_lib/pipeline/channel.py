"""A bounded queue that can be closed."""

import asyncio
from collections import deque
from typing import Generic, TypeVar

from course_lib.seeing import gauge

T = TypeVar("T")


class Closed(Exception):
    """Nothing more will come."""


class Channel(Generic[T]):
    """A bounded queue between two stages; when it is closed, what waits in it is still handed out.

    asyncio.Queue cannot be closed before Python 3.13, and a sentinel for each of several consumers would take places
    that are counted.

    Args:
        size: how many items may wait, from 1.
        name: of the gauge that tells how many wait; None notes nothing.
    """

    def __init__(self, size: int, name: str | None = None) -> None:
        self._size, self._name = size, name
        self._items: deque[T] = deque()
        self._takers: deque[asyncio.Future[None]] = deque()
        self._givers: deque[asyncio.Future[None]] = deque()
        self._closed = False

    async def put(self, item: T) -> None:
        """Add an item, when there is room for it."""
        while len(self._items) >= self._size:
            await self._wait(self._givers)
        self._items.append(item)
        self._changed(self._takers)

    async def get(self) -> T:
        """Take the next item, when there is one. Raises Closed when the last has been taken."""
        while not self._items:
            if self._closed:
                raise Closed
            await self._wait(self._takers)
        item = self._items.popleft()
        self._changed(self._givers)
        return item

    def close(self) -> None:
        """Let nothing more come."""
        self._closed = True
        while self._takers:
            self._wake(self._takers)

    def _changed(self, waiters: deque[asyncio.Future[None]]) -> None:
        if self._name is not None:
            gauge(self._name, len(self._items))
        self._wake(waiters)

    @staticmethod
    def _wake(waiters: deque[asyncio.Future[None]]) -> None:
        while waiters:
            waiter = waiters.popleft()
            if not waiter.done():
                waiter.set_result(None)
                return

    async def _wait(self, waiters: deque[asyncio.Future[None]]) -> None:
        waiter = asyncio.get_running_loop().create_future()
        waiters.append(waiter)
        try:
            await waiter
        except asyncio.CancelledError:
            # Woken and cancelled in one turn of the loop: the item, or the room, is for the next in line.
            if not waiter.cancelled():
                self._wake(waiters)
            raise
