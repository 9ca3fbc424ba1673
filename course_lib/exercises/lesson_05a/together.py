"""Exercise 3, transfers that come together: pairs of names, times and amounts that are drawn, every order."""

import asyncio
from collections.abc import Sequence
from itertools import pairwise, permutations, product
from typing import Any

import asyncpg  # type: ignore[import-untyped]

from course_lib.exercises.chance import Chance
from course_lib.exercises.framework import Answer
from course_lib.exercises.lesson_05a.database import Database
from course_lib.exercises.lesson_05a.lending import Pool
from course_lib.exercises.lesson_05a.scenes import PATIENCE, Call, Scene, play
from course_lib.exercises.ordering import in_every_order
from course_lib.exercises.playing import Scene as OneCall

ACCOUNTS = {"alice": 100, "bob": 100, "carol": 100, "dave": 100}
ROUNDS = 20
PAIRS = 8
CROWD = 6

Transfer = tuple[str, str, int]


def played(
    transfer: Answer,
    *transfers: Transfer,
    at: Sequence[float] = (),
    cancel_at: float | None = None,
    extra: Call | None = None,
    database: Database | None = None,
    patience: float = PATIENCE,
) -> tuple[Database, Scene]:
    """Play transfers at their times, all at once without `at`; raise Wrong if one does not end.

    extra: another call beside them
    """
    database = database or Database(ACCOUNTS)
    pool = Pool(database, 9)

    def made(source: str, target: str, amount: int, begin: float) -> Call:
        return Call(
            f"{source} to {target}",
            lambda: transfer(pool, source, target, amount),
            begin,
            cancel_at,
            transfer,
        )

    times = at or [0.0] * len(transfers)
    calls = [made(*each, begin) for each, begin in zip(transfers, times, strict=True)]
    scene = play(*calls, *([extra] if extra else []), patience=patience)
    if stuck := scene.stuck:
        raise scene.wrong(
            f"{', '.join(stuck)}: not done after {patience:g} s. Whom do they wait for, or what do they repeat?"
        )
    return database, scene


def check_pairs(transfer: Answer) -> None:
    """Let two accounts pay each other whose names stand in a set in the order in which they were put there.

    The names have the same length. Raises Wrong for a deadlock, and says whether a set may be why: whether there is
    none where the set has an order of its own.
    """
    names = [f"{name} {number}" for number, name in product(range(1000, 3000), ("alice", "carol"))]
    # Which pairs are so, differs from one run of Python to the next; there are some among the first dozens in each.
    given = [(a, b) for a, b in pairwise(names) if list({a, b}) != list({b, a})]
    own = next((a, b) for a, b in pairwise(names) if list({a, b}) == list({b, a}))
    if scene := _deadlock(transfer, *own):
        raise scene.wrong(
            f"{own[0]!r} and {own[1]!r} paid each other at one time: each transfer had locked one account and waited "
            "for the other's, and the database ended one of them with DeadlockDetectedError. Let all transfers lock in "
            "the same order, such as sorted by name, or repeat the transaction as a whole on DeadlockDetectedError, "
            "too."
        )
    for first, second in given[:PAIRS]:
        if scene := _deadlock(transfer, first, second):
            raise scene.wrong(
                f"{first!r} and {second!r} paid each other at one time, and each transfer had locked one account and "
                "waited for the other. With other names it went well: the order in which a set is gone through is an "
                "accident. Lock in an order that is the same for all, such as sorted by name."
            )


def _deadlock(transfer: Answer, first: str, second: str) -> Scene | None:
    """Let two accounts pay each other; return what happened if that was a deadlock."""
    database = Database({first: 100, second: 100})
    _, scene = played(transfer, (first, second, 30), (second, first, 20), database=database)
    dead = any(isinstance(call.raised, asyncpg.DeadlockDetectedError) for call in scene.calls)
    return scene if dead else None


def check_drawn(transfer: Answer) -> None:
    """Let up to four transfers come at times that are drawn, among three accounts."""
    chance = Chance("transfer")
    for _ in range(ROUNDS):
        transfers = [_drawn(chance) for _ in range(chance.number(2, 4))]
        at = [chance.seconds(0, 6) for _ in transfers]
        database, scene = played(transfer, *transfers, at=at)
        outcomes = [call.raised if call.raised else call.returned for call in scene.calls]
        if why := _impossible(transfers, outcomes, database.rows):
            for call in scene.calls:
                if call.raised and not isinstance(call.raised, ValueError):
                    scene.result(scene.calls.index(call))
            raise scene.wrong(why)


def check_crowd(transfer: Answer) -> None:
    """Let many pay each other at one time: all succeed, however often one has to be repeated."""
    transfers = [("alice", "bob", 1), ("bob", "alice", 1)] * CROWD
    database, scene = played(transfer, *transfers, patience=1000)
    for number in range(len(transfers)):
        scene.result(number)
    if database.rows != ACCOUNTS:
        raise scene.wrong(f"{CROWD} times alice gave bob 1, and he her; then the accounts held {database.rows}.")


def check_orders(transfer: Answer) -> None:
    """Let two come together in every order of their statements, and one be cancelled at every moment."""
    for transfers in (
        (("alice", "bob", 70), ("bob", "alice", 20)),
        (("alice", "bob", 70), ("alice", "carol", 70)),
    ):
        _check_every_order(transfer, transfers)

    def make() -> tuple[Database, list[Any]]:
        database = Database(ACCOUNTS)
        return database, [Pool(database, 9), "alice", "bob", 30]

    def check(scene: OneCall, database: Database) -> None:
        wanted = ACCOUNTS if scene.cancelled else {**ACCOUNTS, "alice": 70, "bob": 130}
        if database.rows != wanted:
            raise scene.wrong(f"the balances were {database.rows}.")

    in_every_order(transfer, make, check, cancel_at=1)


def _drawn(chance: Chance) -> Transfer:
    source, target = chance.some(("alice", "bob", "carol"), 2)
    return source, target, chance.one_of((0, 1, 30, 50, 100))


def _check_every_order(transfer: Answer, transfers: tuple[Transfer, ...]) -> None:
    async def together(pool: Pool) -> Any:
        return await asyncio.gather(*(transfer(pool, *each) for each in transfers), return_exceptions=True)

    def make() -> tuple[Database, list[Any]]:
        database = Database(ACCOUNTS)
        return database, [Pool(database, 9)]

    def check(scene: OneCall, database: Database) -> None:
        if why := _impossible(transfers, scene.result(), database.rows):
            raise scene.wrong(f"{why[0].lower()}{why[1:]}")

    in_every_order(together, make, check)


def _impossible(transfers: Sequence[Transfer], outcomes: Sequence[Any], rows: dict[str, Any]) -> str:
    """Say what no order of the transfers, one after another, would have led to; empty if one does."""
    for outcome in outcomes:
        if isinstance(outcome, BaseException) and not isinstance(outcome, ValueError):
            return f"A transfer raised {type(outcome).__name__}."
    for order in permutations(range(len(transfers))):
        balances = dict(ACCOUNTS)
        if all(_would(balances, transfers[number], outcomes[number]) for number in order) and balances == rows:
            return ""
    what = ", ".join(
        f"{source} to {target} {amount} ({'ValueError' if isinstance(outcome, ValueError) else outcome!r:.20})"
        for (source, target, amount), outcome in zip(transfers, outcomes, strict=True)
    )
    return (
        f"At nearly one time: {what}. Then the accounts held {list(rows.values())}; one after another, in whatever "
        "order, the transfers never lead to that. Look at a balance, and write it, while its row is locked."
    )


def _would(balances: dict[str, int], transfer: Transfer, outcome: Any) -> bool:
    """Make a transfer, and return whether it would have ended so."""
    source, target, amount = transfer
    if balances[source] < amount:
        return isinstance(outcome, ValueError)
    balances[source] -= amount
    balances[target] += amount
    return bool(outcome == balances[source])
