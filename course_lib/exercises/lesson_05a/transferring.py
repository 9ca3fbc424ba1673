"""Exercise 3: transfers that lose money: not atomic, and read, await, write."""

import inspect

import asyncpg  # type: ignore[import-untyped]

from course_lib.exercises.chance import KINDS
from course_lib.exercises.framework import Answer, Exercise
from course_lib.exercises.lesson_05a import as_found, solutions
from course_lib.exercises.lesson_05a.database import STATEMENT, Connection, Database
from course_lib.exercises.lesson_05a.scenes import Call, Scene
from course_lib.exercises.lesson_05a.together import (
    ACCOUNTS,
    check_crowd,
    check_drawn,
    check_orders,
    check_pairs,
    played,
)


def _grade_transfer(transfer: Answer) -> str:
    database, scene = played(transfer, ("alice", "bob", 30))
    if scene.result(0) != 70:
        raise scene.wrong(f"Alice had 100 and gave 30: return what she has, 70; you returned {scene.result(0)!r:.60}.")
    _check_balances(scene, database, alice=70, bob=130)
    _check_busy(scene, database)
    once = scene.calls[0].ended or 0
    database, scene = played(transfer, ("alice", "bob", 100))
    if scene.calls[0].raised:
        raise scene.wrong(f"Alice has 100 and gives 100, which leaves 0: your function {scene.calls[0].answered()}.")
    scene.result(0)
    _check_balances(scene, database, alice=0, bob=200)

    database, scene = played(transfer, ("alice", "bob", 101))
    _check_busy(scene, database)
    if not isinstance(scene.calls[0].raised, ValueError):
        raise scene.wrong(
            f"Alice has 100 and was to give 101: raise ValueError. Your function {scene.calls[0].answered()}."
        )
    _check_balances(scene, database)
    _check_atomic(transfer, once)
    _check_together(transfer)
    _check_others(transfer, once)
    database, scene = played(transfer, ("alice", "bob", 30), ("carol", "dave", 30))
    if (last := max(call.ended or 0 for call in scene.calls)) > once:
        raise scene.wrong(
            f"One transfer takes {once:g} s. Two that have no account in common took {last:g} s: lock the accounts "
            "that are needed, and not everything."
        )
    _check_same(transfer)
    check_pairs(transfer)
    check_drawn(transfer)
    check_crowd(transfer)
    check_orders(transfer)
    return "However they come together, fail or are cancelled: no cent is lost, and none is made."


def _check_busy(scene: Scene, database: Database) -> None:
    """Raise Wrong if a transfer, alone, took longer than its statements."""
    ended = scene.calls[0].ended or 0
    if ended > database.statements * STATEMENT:
        raise scene.wrong(
            f"Your transfer made {database.statements} statements of 1 s each, and took {ended:g} s. Wait for the "
            "database and for nothing else: others may wait for your locks."
        )


def _check_balances(scene: Scene, database: Database, hint: str = "", **changed: int) -> None:
    for account, wanted in (ACCOUNTS | changed).items():
        if (got := database.rows[account]) != wanted:
            raise scene.wrong(f"Then {account} should have {wanted!r}, and has {got!r:.60}. {hint}".rstrip())


def _check_atomic(transfer: Answer, once: float) -> None:
    half = "What belongs together goes into one `async with connection.transaction():`, which leaves all or nothing."
    database, scene = played(transfer, ("alice", "nobody", 30))
    why = "There is no account 'nobody'"
    if scene.calls[0].raised is None:
        raise scene.wrong(f"{why}, and your function {scene.calls[0].answered()}: pass the error on.")
    _check_balances(scene, database, f"{why}, and the money had left. {half}")
    for kind in KINDS:
        for account in ("bob", "alice"):
            lost = kind("the database is gone")
            database, scene = played(transfer, ("alice", "bob", 30), database=Database(ACCOUNTS, {account: lost}))
            why = f"{account.title()}'s account could not be written, {kind.__name__}"
            if scene.calls[0].raised is not lost:
                raise scene.wrong(f"{why}, and your function {scene.calls[0].answered()}: pass the error on.")
            _check_balances(scene, database, f"{why}, and the money had left. {half}")
    for eighths in range(3, int(once * 8), 4):
        at = eighths / 8
        database, scene = played(transfer, ("alice", "bob", 30), cancel_at=at)
        call = scene.calls[0]
        if not call.cancelled:
            raise scene.wrong(f"Cancelled at {at:g} s, your function {call.answered()}.")
        if database.rows["alice"] + database.rows["bob"] != 200:
            raise scene.wrong(
                f"The task was cancelled at {at:g} s: then alice had {database.rows['alice']} and bob had "
                f"{database.rows['bob']}. {half}"
            )
        if call.ended != at or database.rows != ACCOUNTS:
            raise scene.wrong(
                f"The task was cancelled at {at:g} s, ended at {call.ended:g} s, and alice had "
                f"{database.rows['alice']}: it should end at once, and nothing have changed."
            )


def _check_together(transfer: Answer) -> None:
    lost = (
        "Both had read the balance before either wrote it: one update is lost. A transaction alone leaves what you "
        "read free to change: lock it as you read it. A lock lasts until its transaction ends: outside of one, it is "
        "gone at once."
    )
    for first, second, changed in (
        (("alice", "bob", 30), ("alice", "carol", 20), {"alice": 50, "bob": 130, "carol": 120}),
        (("alice", "carol", 30), ("bob", "carol", 20), {"alice": 70, "bob": 80, "carol": 150}),
        (("alice", "bob", 30), ("bob", "alice", 20), {"alice": 90, "bob": 110}),
        (("alice", "bob", 30), ("bob", "carol", 20), {"alice": 70, "bob": 110, "carol": 120}),
    ):
        database, scene = played(transfer, first, second)
        for call in scene.calls:
            if isinstance(call.raised, asyncpg.DeadlockDetectedError):
                check_pairs(transfer)
                raise scene.wrong(
                    f"{scene.calls[0].name} and {scene.calls[1].name} at one time: each had locked one account and "
                    "waited for the other's, and the database ended one of them with DeadlockDetectedError. Let all "
                    "transfers lock in the same order, such as sorted by name, or repeat the transaction as a whole "
                    "on DeadlockDetectedError, too."
                )
            if isinstance(call.raised, asyncpg.SerializationError):
                raise scene.wrong(
                    f"{call.name} raised SerializationError: the database saw that an update would be lost. With this "
                    "isolation a transaction may fail, and is to be tried again, as a whole, until it succeeds."
                )
            if isinstance(call.raised, asyncpg.InFailedSQLTransactionError):
                raise scene.wrong(
                    "InFailedSQLTransactionError: after a failure a transaction is over, and takes no more statements. "
                    "Repeat it as a whole: the `try` stands around `async with connection.transaction():`."
                )
        for number in (0, 1):
            scene.result(number)
        _check_balances(
            scene, database, f"{scene.calls[0].name}, {scene.calls[1].name}, at one time. {lost}", **changed
        )

    database, scene = played(transfer, ("alice", "bob", 80), ("alice", "carol", 80))
    refused = sum(isinstance(call.raised, ValueError) for call in scene.calls)
    if database.rows["alice"] < 0 or refused != 1:
        raise scene.wrong(
            f"Alice has 100, and two transfers of 80 came at one time: {2 - refused} of them went through, and alice "
            f"has {database.rows['alice']}. The balance must be looked at after it was locked, not before."
        )


def _check_others(transfer: Answer, once: float) -> None:
    for tenths in range(0, int(once * 10), 5):
        database = Database(ACCOUNTS)
        extra = Call("another program", lambda: _deposit(database), at=tenths / 10)  # noqa: B023  # played at once
        _, scene = played(transfer, ("alice", "bob", 30), extra=extra, database=database)
        scene.result(0)
        _check_balances(
            scene,
            database,
            f"Another program gave alice 5, begun at {tenths / 10:g} s, with transaction and lock, and one of the two "
            "updates is lost. A lock of your own program does not stop another program: lock in the database.",
            alice=75,
            bob=130,
        )


def _check_same(transfer: Answer) -> None:
    database, scene = played(transfer, ("alice", "alice", 30))
    if isinstance(scene.calls[0].raised, ValueError) and database.rows == ACCOUNTS:
        return  # to refuse it is as good
    got = scene.result(0)
    if (has := database.rows["alice"]) != 100:
        raise scene.wrong(
            f"Alice gave 30 to herself, and then she had {has!r:.60}, not 100: you computed two balances of one "
            "account, and the second was written over the first. Compute in a dictionary, `balances[source] -= amount` "
            "and `balances[target] += amount`, and write then."
        )
    if got != 100:
        raise scene.wrong(f"Alice had 100 and gave 30 to herself: return what she has, 100; you returned {got!r:.60}.")


async def _deposit(database: Database) -> str:
    connection = Connection(database, "another program")
    async with connection.transaction():
        await connection.update("alice", await connection.select_for_update("alice") + 5)
    return "done"


transfer = Exercise(
    lesson="lesson_05a",
    task=f"""\
**Exercise 3: bug hunt, money.** In the evening the sums are wrong. Mend `transfer(pool, source, target, amount)`.

```python
{inspect.getsource(as_found.transfer).strip()}
```

- Each statement takes 1 s. `select(account)` and `update(account, balance)` raise LookupError if there is no account.
- `select_for_update(account)` locks the row first, until the end of the transaction: others who want to lock or write
  it wait.
- Many transfers run at once, in this program and in others. No money appears or vanishes, no balance falls below 0.
- `source` and `target` may be the same account. Then its balance stays as it is, and that is returned. (Who reads both
  balances before writing either has two copies of one balance: what is added to the one, the other does not know.)
- If it fails or is cancelled, its error goes to your caller and nothing has changed. It waits for the database, and for
  nothing else. Transfers with no account in common do not wait for each other.
- Two transfers in opposite directions at one time both succeed. It has two defects, and the obvious
  mend of the second brings a third.""",
    reference=solutions.transfer,
    grade=_grade_transfer,
    hints=[
        "What if the second update fails? `async with pool.acquire() as connection, connection.transaction():`",
        "Two tasks read 100, both take away something, both write. `select_for_update` instead of `select`, for both "
        "accounts, before anything is computed.",
        "One locks alice and waits for bob, one locks bob and waits for alice. Lock in one order: "
        "`for account in sorted([source, target]):`, and keep the balances in a dictionary.",
    ],
)
