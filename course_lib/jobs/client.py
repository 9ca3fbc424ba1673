"""A client of Redis whose commands pass on each cancellation: redis-py's swallow some of them on Python 3.11."""

import asyncio
from typing import Any

from redis.asyncio import Redis


class CancellableRedis(Redis):
    """redis-py's client, with a cancellation passed on that comes while a command or a script is under way.

    redis-py sends by `asyncio.wait_for`, which on Python 3.11 swallows a cancellation that comes in the step in which
    it ends (lesson 7a, section 11). Whoever is cancelled then goes on for good, and who waits for its end, too. Its
    pipelines and subscriptions send by themselves, and are not covered: the queue has none.
    """

    async def execute_command(self, *args: Any, **options: Any) -> Any:
        """Send a command and return what is answered. Raises what redis-py raises."""
        task = asyncio.current_task()
        assert task is not None
        before = task.cancelling()
        try:
            return await super().execute_command(*args, **options)  # type: ignore[no-untyped-call]
        finally:
            if task.cancelling() > before:
                raise asyncio.CancelledError  # also in the place of an answer, or of an error, that it got instead
