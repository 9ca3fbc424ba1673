"""One query for all who ask the same at the same time: no stampede when a popular value expires."""

import asyncio
import copy
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

from course_lib.lifecycle import finish

T = TypeVar("T")


@dataclass(eq=False)
class _Flight(Generic[T]):
    result: asyncio.Future[T]
    waiting: int = 0
    task: asyncio.Task[None] | None = None


class Flights(Generic[T]):
    """The queries in progress, by key.

    The key of a read must hold the seal of the look that asks. Two readers then share a query only if its result would
    be valid in the cache for both: who begins after a write has returned sees another seal, and joins no older query.
    """

    def __init__(self) -> None:
        self._flights: dict[Hashable, _Flight[T]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def share(
        self, key: Hashable, query: Callable[[], Awaitable[T]], store: Callable[[T], Awaitable[None]] | None = None
    ) -> tuple[T, bool]:
        """Return the result of the query in progress under `key`, or of a new one; and whether this call has joined.

        It ends early when all who wait for it are cancelled, and not when some are. What it raises, all get.
        """
        flight = self._flights.get(key)
        joined = flight is not None
        if flight is None:
            flight = self._flights[key] = _Flight(asyncio.get_running_loop().create_future())
            flight.task = asyncio.create_task(self._fly(key, flight, query, store), name="query")
            self._tasks.add(flight.task)
            flight.task.add_done_callback(self._tasks.discard)
        flight.waiting += 1
        try:
            result = await asyncio.shield(flight.result)
        except asyncio.CancelledError as cancellation:
            if flight.waiting == 1 and flight.task is not None and not flight.result.done():
                self._forget(key, flight)  # who asks from now on begins anew
                flight.task.cancel()
                await finish(asyncio.wait({flight.task}), cancellation=cancellation)
            raise
        finally:
            flight.waiting -= 1
            del flight  # it holds the error, whose traceback leads to this frame
        return copy.deepcopy(result) if joined else result, joined  # nobody's changes show in another's result

    async def land(self) -> None:
        """Wait until all have ended."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def _fly(
        self,
        key: Hashable,
        flight: _Flight[T],
        query: Callable[[], Awaitable[T]],
        store: Callable[[T], Awaitable[None]] | None,
    ) -> None:
        try:
            result = await query()
            flight.result.set_result(result)
            # Nobody waits for the storing; but until it is done, who has missed the value joins here.
            if store:
                await store(result)
        except asyncio.CancelledError:
            flight.result.cancel()
            raise
        except Exception as error:  # noqa: BLE001  # it is raised in each task that waits
            if not flight.result.done():
                flight.result.set_exception(error)
                flight.result.exception()
        finally:
            self._forget(key, flight)
            del flight  # as in share()

    def _forget(self, key: Hashable, flight: _Flight[T]) -> None:
        if self._flights.get(key) is flight:
            del self._flights[key]
