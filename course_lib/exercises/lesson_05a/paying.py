"""Exercise 2: a connection held while something else is waited for, and a second one asked for inside."""

import asyncio
import inspect
from collections.abc import Coroutine
from typing import Any

from course_lib.exercises.framework import Answer, Exercise, Wrong
from course_lib.exercises.lesson_05a import as_found, solutions
from course_lib.exercises.lesson_05a.database import Database
from course_lib.exercises.lesson_05a.lending import Pool
from course_lib.exercises.lesson_05a.scenes import Call, Scene, play
from course_lib.seeing import span

BANK = 3.0  # seconds


class Bank:
    """A service elsewhere, that takes 3 s for a payment and gives a receipt, or raises what it was told to."""

    def __init__(self, pool: Pool, refusal: Exception | None = None) -> None:
        self._pool, self._refusal = pool, refusal
        self.asked: list[tuple[Any, Any]] = []
        self.times: list[tuple[float, float]] = []

    def __call__(self, order: str, amount: Any) -> Coroutine[Any, Any, str]:
        """Return a coroutine whose lane in the timeline has the name of the bank."""
        coro = self._pay(order, amount)
        coro.__name__ = f"bank: {order}"  # type: ignore[attr-defined]  # which coroutine objects have, not the stub
        return coro

    async def _pay(self, order: str, amount: Any) -> str:
        begun = asyncio.get_running_loop().time()
        self.asked.append((order, amount))
        self.times.append((begun, begun + BANK))
        with span(f"bank: {order}"):
            await asyncio.sleep(BANK)
        if self._refusal:
            raise self._refusal
        return f"receipt for {amount}"


def _grade_pay(pay: Answer) -> str:
    pool, bank, scene = _paid(pay, "order 1", "order 2")
    if scene.stuck:
        raise scene.wrong(
            "Two orders at one time, a pool of two connections, and neither was ever paid: each holds one connection "
            "and waits for another, which only the other could give back. Who holds a connection must not ask for a "
            "second one."
        )
    pool, bank, scene = _paid(pay, "order 1")
    if scene.stuck:
        raise scene.wrong("The order was not paid after 60 s.")
    if scene.result(0) != "receipt for 100":
        raise scene.wrong(
            f"Return the bank's receipt, 'receipt for 100'; you returned {scene.calls[0].returned!r:.60}."
        )
    if bank.asked != [("order 1", 100)]:
        raise scene.wrong(f"The bank should be asked once, for order 1 and 100; it was asked: {bank.asked!r:.80}.")
    _check_stored(scene, pool, {"receipt of order 1": "receipt for 100", "log of order 1": "paid"})
    for lent, returned in pool.lent:
        for begun, ended in bank.times:
            if lent < ended and begun < returned:
                raise scene.wrong(
                    f"From {begun:g} s to {ended:g} s the bank was working, and your function held a connection that "
                    "it had no use for: others waited for it. Give it back before, and borrow another one after."
                )
    _check_failures(pay)
    pool, bank, scene = _paid(pay, "order 1", "order 2", "order 3", size=1)
    if scene.stuck:
        raise scene.wrong("Three orders, one connection, and they were not paid after 60 s.")
    for number in range(3):
        scene.result(number)
    if (last := max(call.ended or 0 for call in scene.calls)) > 10:
        raise scene.wrong(
            f"Three orders, one connection: you took {last:g} s for what 10 s can do. While one order is at the bank, "
            "another one can use the connection."
        )
    return "A pool of one connection serves them all: nobody holds it while the bank works, and nothing is half done."


def _paid(
    pay: Answer,
    *orders: str,
    size: int = 2,
    refusal: Exception | None = None,
    failures: dict[str, Exception] | None = None,
    cancel_at: float | None = None,
) -> tuple[Pool, Bank, Scene]:
    pool = Pool(Database({f"price of {order}": 100 for order in orders}, failures), size)
    bank = Bank(pool, refusal)

    def made(order: str) -> Call:
        return Call(order, lambda: pay(pool, bank, order), cancel_at=cancel_at)

    return pool, bank, play(*(made(order) for order in orders))


def _stored(pool: Pool) -> dict[str, Any]:
    return {key: value for key, value in pool.database.rows.items() if not key.startswith("price")}


def _check_stored(scene: Scene, pool: Pool, wanted: dict[str, Any]) -> None:
    for key, value in wanted.items():
        if _stored(pool).get(key) != value:
            raise scene.wrong(f"Under {key!r} there should be {value!r}; there is {_stored(pool).get(key)!r:.60}.")


def _check_failures(pay: Answer) -> None:
    refused = ValueError("the card has expired")
    pool, _, scene = _paid(pay, "order 1", refusal=refused)
    if scene.calls[0].raised is not refused:
        raise scene.wrong(f"The bank raised ValueError, and your function {scene.calls[0].answered()}: pass it on.")
    if _stored(pool):
        raise scene.wrong(f"The bank refused, and yet there is {sorted(_stored(pool))[0]!r} in the database.")

    for key in ("log of order 1", "receipt of order 1"):
        lost = ConnectionError("the database is gone")
        pool, _, scene = _paid(pay, "order 1", failures={key: lost})
        if scene.calls[0].raised is not lost:
            raise scene.wrong(
                f"{key!r} could not be stored, ConnectionError, and your function {scene.calls[0].answered()}: pass "
                "the error on."
            )
        if left := sorted(_stored(pool)):
            raise scene.wrong(
                f"{key!r} could not be stored, and {left[0]!r} was. Both or none: put both into one transaction."
            )
    for tenths in range(5, 60, 5):
        pool, _, scene = _paid(pay, "order 1", cancel_at=tenths / 10)
        if not scene.calls[0].cancelled:
            raise scene.wrong(f"Cancelled at {tenths / 10:g} s, your function {scene.calls[0].answered()}.")
        if len(_stored(pool)) == 1:
            raise scene.wrong(
                f"Cancelled at {tenths / 10:g} s, {next(iter(_stored(pool)))!r} was stored alone. Both or none: put "
                "both into one transaction."
            )
        if pool.out:
            raise Wrong(f"Cancelled at {tenths / 10:g} s, your function kept its connection.", scene.timeline)


pay = Exercise(
    lesson="lesson_05a",
    task=f"""\
**Exercise 2: bug hunt.** With one customer it works. With two at a time the shop stands still. Mend
`pay(pool, bank, order)`.

```python
{inspect.getsource(as_found.pay).strip()}
```

- `pool.acquire()` lends one of a few connections. Each `select` and `insert` takes 1 s.
- `await bank(order, amount)` takes 3 s and needs no connection. It may raise: that goes to your caller, and nothing is
  stored.
- It may be called many times at once. Nobody holds a connection while the bank works, and nobody holds two.
- The receipt and the log entry are stored both or not at all: if one fails, or you are cancelled between the two.
- It has three defects. `async with connection.transaction():` is there for one of them.""",
    reference=solutions.pay,
    grade=_grade_pay,
    hints=[
        "The pool has two connections, and two customers come. Which connection does each hold when it asks for "
        "another? The log entry can go through the same one.",
        "What does the connection do while the bank works? End the `async with` before it, and begin another after.",
        "`async with pool.acquire() as connection, connection.transaction():` around the two inserts.",
    ],
)
