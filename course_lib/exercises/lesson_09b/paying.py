"""Exercise 2: a handler that may run twice, or twice at once, and pays once."""

import asyncio
import inspect
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from course_lib.exercises.chance import Chance
from course_lib.exercises.framework import Answer, Exercise, Wrong
from course_lib.exercises.lesson_09b import as_found, solutions
from course_lib.exercises.lesson_09b.processes import ANSWER, Life, Process, Scene, live, moments
from course_lib.exercises.lesson_09b.stream import Job

LONGEST = 2.0  # seconds within which any sensible answer has ended
APART = 10.0
ROUNDS = 10


class Database:
    """Accounts and keys, in transactions; what was asked for in one that did not commit has not happened."""

    def __init__(self, *failures: Exception) -> None:
        self.accounts: dict[str, Any] = {}
        self.keys: set[str] = set()
        self.locks: dict[str, asyncio.Lock] = {}
        self.failures = [*failures]
        # Who was told by `remember` that a key was there, and had not asked `knows`; who that it was new.
        self.known_to: set[Process] = set()
        self.new_to: set[Process] = set()
        self.asked: set[Process] = set()
        self.added: list[tuple[Process, str, Any]] = []

    def commit(self, transaction: "Transaction") -> None:
        """Let all that was asked for in a transaction have happened."""
        self.keys.update(transaction.keys)
        for account, amount in transaction.sums:
            self.accounts[account] = self.accounts.get(account, 0) + amount

    def release(self, transaction: "Transaction") -> None:
        """End a transaction, whether it has committed or not."""
        transaction.open = False
        for lock in transaction.locks:
            lock.release()
        transaction.locks.clear()


class Transaction:
    """One transaction: what it changes is seen by others when it has committed."""

    def __init__(self, database: Database, process: Process) -> None:
        self._database, self._process = database, process
        self.keys: list[str] = []
        self.sums: list[tuple[str, Any]] = []
        self.locks: list[asyncio.Lock] = []
        self.open = True

    def _check(self) -> None:
        if not self.open:
            raise self._process.refuse(
                "You used a transaction after its block had ended: what belongs together stands in one block."
            )

    async def knows(self, key: str) -> bool:
        """Return whether a key has been committed."""
        self._check()
        self._database.asked.add(self._process)
        return await self._process.ask("knows", lambda: key in self._database.keys or key in self.keys)

    async def remember(self, key: str) -> bool:
        """Add a key; False if it is there. Waits for a transaction that is just adding it."""
        self._check()
        if not isinstance(key, str):
            raise self._process.refuse(f"A key is a text, job.key; you passed {key!r:.60}.")
        await self._process.spend(ANSWER / 2)
        if key not in self.keys:
            lock = self._database.locks.setdefault(key, asyncio.Lock())
            await lock.acquire()
            self.locks.append(lock)
        if new := key not in self._database.keys and key not in self.keys:
            self.keys.append(key)
            self._database.new_to.add(self._process)
        elif self._process not in self._database.asked:
            self._database.known_to.add(self._process)
        await self._process.spend(ANSWER / 2)
        return new

    async def add(self, account: str, amount: Any) -> None:
        """Add an amount to an account."""
        self._check()
        self._database.added.append((self._process, account, amount))
        await self._process.ask(f"add {amount}", int)
        if self._database.failures:
            raise self._database.failures.pop(0)
        self.sums.append((account, amount))


class Connection:
    """What a learner's handler is given."""

    def __init__(self, database: Database, process: Process) -> None:
        self._database, self._process = database, process

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        """Commit at the end of the block; roll back when an exception leaves it."""
        transaction = Transaction(self._database, self._process)
        # A database notices that a client is gone, and rolls back.
        self._process.when_killed(lambda: self._database.release(transaction))
        try:
            yield transaction
            await self._process.ask("commit", lambda: self._database.commit(transaction))
        finally:
            self._database.release(transaction)


def _grade_pay(pay_order: Answer) -> str:
    _once(pay_order, 1, APART)
    _once(pay_order, 2, APART)
    _two_jobs(pay_order)
    for kill_at in moments(LONGEST / 2):
        _killed(pay_order, kill_at)
    for apart in moments(LONGEST / 2):
        _once(pay_order, 2, apart, 7, "Ben")
    _fails(pay_order, LookupError("no such account"))
    chance = Chance("pay")
    for _ in range(ROUNDS):
        amount = chance.number(1, 100)
        _once(pay_order, chance.number(2, 4), chance.number(0, 20) / 20, amount)
        _killed(pay_order, chance.number(0, 19) / 20 + 0.025, amount, chance.number(0, 19) / 20 + 0.025)
        _fails(pay_order, chance.failure("the bank"))
    return "Done twice, done twice at once, killed at every moment: it was paid once."


def _lives(database: Database, jobs: list[Job], apart: float, kill_at: float | None = None) -> list[Life]:
    lives = []
    for number, job in enumerate(jobs):
        process = Process(f"delivery {number + 1}")
        kill = kill_at if number == 0 else None
        lives.append(Life(process, [Connection(database, process), job], number * apart, kill))
    return lives


def _job(amount: int, key: str = "order 1", account: str = "Ann") -> Job:
    return Job(f"{key} delivered", key, {"account": account, "amount": amount})


def _paid(pay_order: Answer, database: Database, lives: list[Life], what: str) -> Scene:
    account, amount = lives[0].args[1].body["account"], lives[0].args[1].body["amount"]
    try:
        scene = live(pay_order, lives, 100)
    except Wrong as wrong:
        raised = [life for life in lives[1:] if life.raised and life.process.killed_at is None]
        if raised and database.accounts.get(account, 0) == amount:
            raise Wrong(
                f"{what}. The job had been paid, and {raised[0].process.name} {raised[0].answered}: that asks for yet "
                "another delivery. Return.",
                wrong.timeline,
            ) from None
        raise
    for life in lives:
        if life.ended is None and life.process.killed_at is None:
            why = ""
            if any(life.process.killed_at is not None for life in lives):
                why = (
                    " Perhaps it waits for a lock: one of asyncio guards its own process only, and here it was held by "
                    "one that is dead. What all processes share is the database."
                )
            raise scene.wrong(f"{what}: {life.process.name} had not ended after 100 s.{why}")
    paid = database.accounts.get(account, 0)
    odd = [(to, added) for _, to, added in database.added if to != account or added not in (amount, -amount, 0)]
    if odd and paid != amount:  # who takes back what was paid twice is told what is wrong with that
        to, added = odd[0]
        raise scene.wrong(f"{what}: you added {added!r:.40} to {to!r:.40}, and the job says {lives[0].args[1].body}.")
    paying = {process for process, *_ in database.added}
    if paid < amount and any(
        life.process in database.new_to - paying and life.process.killed_at is None for life in lives
    ):
        raise scene.wrong(
            f"{what}: {amount} was to be paid, and {paid} was. `remember` said that the key was new, and nothing was "
            "added: add where it says True."
        )
    if paid > amount and any(life.process in database.known_to for life in lives):
        raise scene.wrong(
            f"{what}: {amount} was to be paid, and {paid} was. `remember` said that the key was there, and {amount} "
            "was added nevertheless: ask it first, and add only where it says True. A `return` undoes nothing."
        )
    if paid != amount:
        why = (
            "The key and the sum belong into one transaction: then both have happened, or neither."
            if paid < amount or any(life.process.killed_at for life in lives)
            else "Between `knows` and `remember` another delivery can do the same. `remember` says whether the key was "
            "new, and lets the second wait for the first: ask it, and do the rest only then."
        )
        if len({id(life.args[1]) for life in lives}) == 1 and len(lives) == 1:
            why = 'Add the amount once: `await tx.add(job.body["account"], job.body["amount"])`.'
        raise scene.wrong(f"{what}: {amount} was to be paid, and {paid} was. {why}")
    return scene


def _once(pay_order: Answer, deliveries: int, apart: float, amount: int = 5, account: str = "Ann") -> None:
    database, job = Database(), _job(amount, account=account)
    lives = _lives(database, [job] * deliveries, apart)
    times = {1: "A job is delivered", 2: f"A job is delivered twice, {apart:g} s apart"}
    scene = _paid(pay_order, database, lives, times.get(deliveries, f"{deliveries} deliveries"))
    if job.key not in database.keys and database.keys:
        raise scene.wrong(
            f"It was paid, and the database remembers {min(database.keys)!r}, which is not the job's key, {job.key!r}. "
            "That one names the job however often it is enqueued, and no other: `await tx.remember(job.key)`."
        )
    if job.key not in database.keys:
        raise scene.wrong(
            "It was paid, and the database does not know the job's key: what only your process remembers is gone with "
            "it. `await tx.remember(job.key)`."
        )


def _two_jobs(pay_order: Answer) -> None:
    database = Database()
    lives = _lives(database, [_job(5, "order 1"), _job(5, "order 2")], APART)
    scene = live(pay_order, lives, 100)
    if (paid := database.accounts.get("Ann", 0)) != 10:
        raise scene.wrong(
            f"Two jobs say the same, with different keys: each is to be paid, 10 together; {paid} was paid. What names "
            "a job is its key."
        )


def _killed(pay_order: Answer, kill_at: float, amount: int = 5, kill_again_at: float | None = None) -> None:
    database = Database()
    lives = _lives(database, [_job(amount)] * (2 + (kill_again_at is not None)), APART, kill_at)
    if kill_again_at is not None:
        lives[1].kill_at = APART + kill_again_at
    again = "" if kill_again_at is None else f", killed again {kill_again_at:g} s after that"
    what = f"The process is killed at {kill_at:g} s, and the job delivered again{again}"
    _paid(pay_order, database, lives, what)


def _fails(pay_order: Answer, failure: Exception) -> None:
    database = Database(failure)
    first, second = _lives(database, [_job(5)] * 2, APART)
    try:
        live(pay_order, [first], 100)
    except Wrong:
        if first.raised is not failure:
            raise
    if first.raised is not failure and database.accounts.get("Ann") == 5:
        raise Wrong(
            f"`add` raised {type(failure).__name__}, and your handler tried again by itself: let it through, and the "
            "job is delivered again, later, and perhaps to a process that can."
        )
    if first.raised is not failure:
        raise Wrong(
            f"`add` raised {type(failure).__name__}, and your handler {first.answered}: let it through, or the job is "
            "acknowledged, and nobody tries again."
        )
    _paid(pay_order, database, [second], "`add` failed, and the job is delivered again")


pay_order = Exercise(
    lesson="lesson_09b",
    task=f"""\
**Exercise 2: bug hunt.** A handler that pays. It is meant to be idempotent, and it is, as long as nothing happens at
the wrong moment. Mend `pay_order(db, job)`: however often a job is delivered, it is paid once.

```python
{inspect.getsource(as_found.pay_order).strip()}
```

- `async with db.transaction() as tx:` commits at the end of its block. When an exception leaves the block, or the
  process is killed in it, nothing in it has happened.
- `await tx.knows(key)` returns whether a committed transaction has added the key.
- `await tx.remember(key)` adds it, and returns True; if it was there already, False. When another transaction is just
  adding it, that one's end is waited for.
- `await tx.add(account, amount)` adds to an account. What it raises goes on to the caller.

The check delivers jobs twice, at once and one after the other, and kills the process at every moment.""",
    reference=solutions.pay_order,
    grade=_grade_pay,
    hints=[
        "The process is killed between the two blocks: what has happened, and what does the next delivery find?",
        "One block. And two deliveries at once: both ask `knows`, and both are told False. Who of the two can tell?",
        "`remember` can: `if await tx.remember(job.key):`, and under it `await tx.add(...)`; nothing else.",
    ],
)
