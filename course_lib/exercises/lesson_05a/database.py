"""A database of lesson 5a on the virtual clock: rows that are numbers or texts, row locks, transactions.

It behaves as PostgreSQL does where the exercises look, and raises asyncpg's exceptions.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import asyncpg  # type: ignore[import-untyped]

from course_lib.exercises.framework import Wrong, await_missing
from course_lib.exercises.lesson_05a.blocks import Transaction
from course_lib.seeing import span

STATEMENT = 1.0  # seconds that every statement takes
LEVELS = ("read_committed", "repeatable_read", "serializable")


class Database:
    """Rows, each under its key; `failures` are raised by the statements that write those keys."""

    def __init__(self, rows: Mapping[str, Any], failures: Mapping[str, Exception] | None = None) -> None:
        self.rows = dict(rows)
        self.failures = dict(failures or {})
        self.versions: Counter[str] = Counter()
        self.transactions: list[_Transaction] = []
        self.queue: list[_Transaction] = []  # those that wait for a lock, the longest waiting first
        self.statements = 0  # how many were begun

    def owner(self, key: str) -> "_Transaction | None":
        """Return the transaction that has locked a row."""
        return next((each for each in self.transactions if key in each.locked), None)


@dataclass(eq=False)
class _Transaction:
    """What one transaction has locked, read and written; `read` holds the version of each row that it saw."""

    database: Database
    level: str
    snapshot: dict[str, Any]
    versions: Counter[str]
    locked: set[str] = field(default_factory=set)
    waits_for: str = ""
    read: set[str] = field(default_factory=set)
    written: dict[str, Any] = field(default_factory=dict)
    failed: bool = False
    woken: asyncio.Event = field(default_factory=asyncio.Event)

    async def lock(self, key: str) -> None:
        """Wait until nobody else has locked the row; raise DeadlockDetectedError if that can never be."""
        owner = self.database.owner(key)
        if owner not in (None, self):
            other: _Transaction | None = owner
            while other and other.waits_for:
                if (other := self.database.owner(other.waits_for)) is self:
                    raise asyncpg.DeadlockDetectedError("deadlock detected")
            self.waits_for, self.woken = key, asyncio.Event()
            self.database.queue.append(self)
            try:
                await self.woken.wait()
            except asyncio.CancelledError:
                if self in self.database.queue:
                    self.database.queue.remove(self)
                raise
        self.locked.add(key)
        if self.level != "read_committed" and self.database.versions[key] != self.versions[key]:
            raise asyncpg.SerializationError("could not serialize access due to concurrent update")

    def look(self, key: str) -> Any:
        """Return a row as this transaction sees it."""
        self.read.add(key)
        rows = self.database.rows if self.level == "read_committed" else self.snapshot
        seen = {**rows, **self.written}
        if key not in seen:
            raise LookupError(f"there is no {key!r}")
        return seen[key]

    def commit(self) -> None:
        """Make what was written the truth; raise SerializationError if what was read is no longer so."""
        changed = [key for key in self.read if self.database.versions[key] != self.versions[key]]
        if self.level == "serializable" and self.written and changed:
            raise asyncpg.SerializationError("could not serialize access due to read/write dependencies")
        self.database.rows.update(self.written)
        self.database.versions.update(self.written.keys())

    def end(self) -> None:
        """Free the locked rows; each goes to who has waited longest for it, and not to who asks next."""
        self.database.transactions.remove(self)
        for key in self.locked:
            heir = next((each for each in self.database.queue if each.waits_for == key), None)
            if heir:
                self.database.queue.remove(heir)
                heir.locked.add(key)
                heir.waits_for = ""
                heir.woken.set()


class Connection:
    """A connection, borrowed from a pool; each statement takes a second."""

    def __init__(self, database: Database, name: str) -> None:
        self._database, self._name = database, name
        self._transaction: _Transaction | None = None
        self._doing = ""
        self._started: list[Transaction] = []  # by start(), and not ended yet
        self.returned = False

    async def reset(self) -> None:
        """Roll back what was started and never ended, as a pool does when a connection comes back."""
        while self._started:
            await self._started[-1].rollback()

    async def select(self, key: str) -> Any:
        """SELECT a row, as it was last committed or as this transaction wrote it; LookupError if there is none."""
        async with self._statement("select", key) as transaction:
            return transaction.look(key)

    async def select_for_update(self, key: str) -> Any:
        """SELECT ... FOR UPDATE: lock the row until the end of the transaction, then read it."""
        async with self._statement("lock", key, locks=True) as transaction:
            return transaction.look(key)

    async def update(self, key: str, value: Any) -> None:
        """UPDATE a row, which locks it until the end of the transaction; LookupError if there is none."""
        self._usable(key, value)
        async with self._statement("update", key, locks=True) as transaction:
            transaction.look(key)
            transaction.written[key] = value

    async def insert(self, key: str, value: Any) -> None:
        """INSERT a row; UniqueViolationError if it is there already."""
        self._usable(key, value)
        async with self._statement("insert", key, locks=True) as transaction:
            if key in {**self._database.rows, **transaction.written}:
                raise asyncpg.UniqueViolationError(f"there is a {key!r} already")
            transaction.written[key] = value

    def transaction(self, *, isolation: str = "read_committed") -> Transaction:
        """Commit what the `async with` block did; roll all of it back if it raises or is cancelled."""
        return Transaction(self._transact(isolation), self._started)

    @asynccontextmanager
    async def _transact(self, isolation: str) -> AsyncIterator[None]:
        if isolation not in LEVELS:
            raise ValueError(f"isolation={isolation!r}: it may be {', '.join(LEVELS)}")
        self._check()
        if outer := self._transaction:  # a savepoint
            before = dict(outer.written)
            try:
                yield
            except BaseException:
                outer.written, outer.failed = before, False
                raise
            return
        async with self._begun(isolation):
            yield

    @asynccontextmanager
    async def _begun(self, level: str) -> AsyncIterator[_Transaction]:
        database = self._database
        transaction = _Transaction(database, level, dict(database.rows), Counter(database.versions))
        database.transactions.append(transaction)
        self._transaction = transaction
        try:
            yield transaction
            if not transaction.failed:  # whose COMMIT is a rollback
                transaction.commit()
        finally:
            self._transaction = None
            transaction.end()

    @asynccontextmanager
    async def _statement(self, verb: str, key: str, *, locks: bool = False) -> AsyncIterator[_Transaction]:
        self._check()
        if self._doing:
            raise Wrong(
                f"{self._doing!r} was still under way when the same connection was asked for {f'{verb} {key}'!r}. One "
                "connection does one thing at a time: await one statement after the other."
            )
        if self._transaction is None:
            async with self._begun("read_committed"), self._statement(verb, key, locks=locks) as transaction:
                yield transaction
            return
        transaction = self._transaction
        if transaction.failed:
            raise asyncpg.InFailedSQLTransactionError("current transaction is aborted")
        self._doing = f"{verb} {key}"
        self._database.statements += 1
        try:
            with span(f"{self._name}: {verb} {key}"):
                if locks:
                    await transaction.lock(key)
                await asyncio.sleep(STATEMENT)
            if verb in ("update", "insert") and key in self._database.failures:
                transaction.failed = True
                raise self._database.failures[key]
            yield transaction
        except LookupError:
            raise  # no error to a real database, which finds no row
        except BaseException:
            transaction.failed = True
            raise
        finally:
            self._doing = ""

    def _check(self) -> None:
        if self.returned:
            raise Wrong(
                "A connection was used after it had been given back: by then it may be somebody else's. Use it inside "
                "its `async with` block only."
            )

    def _usable(self, key: str, value: Any) -> None:
        if await_missing([value]):
            raise Wrong(f"You stored a coroutine or a task under {key!r}: an `await` is missing.")
