"""What a pool and a connection give to be entered: a connection that is lent, a transaction."""

from contextlib import AbstractAsyncContextManager
from typing import Any, Generic, TypeVar

import asyncpg  # type: ignore[import-untyped]

from course_lib.exercises.framework import Wrong

T = TypeVar("T")


class Block(Generic[T]):
    """Is to be entered by `async with`, and not to be awaited, which would leave its end to luck."""

    def __init__(self, manager: AbstractAsyncContextManager[T], advice: str) -> None:
        self._manager, self._advice = manager, advice

    async def __aenter__(self) -> T:
        return await self._manager.__aenter__()

    async def __aexit__(self, *error: Any) -> bool | None:
        return await self._manager.__aexit__(*error)

    def __await__(self) -> Any:
        raise Wrong(self._advice)


class Transaction(Block[None]):
    """A transaction: by `async with`, or by start() and then commit() or rollback()."""

    def __init__(self, manager: AbstractAsyncContextManager[None], started: "list[Transaction]") -> None:
        super().__init__(
            manager,
            "Use `async with connection.transaction():`, which commits at the end of its block, and rolls back if the "
            "block fails.",
        )
        self._started, self._new = started, True

    async def start(self) -> None:
        """Begin it; InterfaceError if it has begun already."""
        if not self._new:
            raise asyncpg.InterfaceError("cannot start; the transaction is already started")
        self._new = False
        await self._manager.__aenter__()
        self._started.append(self)

    async def commit(self) -> None:
        """Make what it wrote the truth."""
        self._ended("commit")
        await self._manager.__aexit__(None, None, None)

    async def rollback(self) -> None:
        """Forget what it wrote."""
        self._ended("rollback")
        await self._manager.__aexit__(_RolledBackError, _RolledBackError(), None)

    def _ended(self, verb: str) -> None:
        if self not in self._started:
            raise asyncpg.InterfaceError(f"cannot {verb}; the transaction is not under way")
        self._started.remove(self)


class _RolledBackError(Exception):
    """What a transaction is left by that is to be rolled back."""
