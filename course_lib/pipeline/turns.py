"""Who may go on next, by number."""

import asyncio
import itertools


class Turns:
    """Lets those that have drawn a number, one after another, go on in the order of their numbers."""

    def __init__(self) -> None:
        self.numbers = itertools.count()
        self._now = 0
        self._waiting: dict[int, asyncio.Future[None]] = {}

    async def wait(self, number: int) -> None:
        """Wait until all numbers before this one have had their turn."""
        if number != self._now:
            self._waiting[number] = asyncio.get_running_loop().create_future()
            await self._waiting[number]

    def next(self) -> None:
        """Let the next number have its turn."""
        self._now += 1
        waiter = self._waiting.pop(self._now, None)
        if waiter is not None and not waiter.done():
            waiter.set_result(None)
