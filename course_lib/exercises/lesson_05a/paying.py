"""Exercise 2: a connection held while something else is waited for, and a second one asked for inside."""

import asyncio
import inspect
from collections.abc import Coroutine, Mapping
from typing import Any

from course_lib.exercises.chance import KINDS, Chance
from course_lib.exercises.framework import Answer, Exercise, Wrong
from course_lib.exercises.lesson_05a import as_found, solutions
from course_lib.exercises.lesson_05a.database import Database
from course_lib.exercises.lesson_05a.lending import Pool
from course_lib.exercises.lesson_05a.scenes import Call, Scene, play
from course_lib.exercises.ordering import in_every_order
from course_lib.exercises.playing import Scene as OneCall
from course_lib.seeing import span

BANK = 3.0  # seconds
ROUNDS = 20
BOTH = "Both or none: put both into one transaction."


class Bank:
    """A service elsewhere, that takes 3 s for a payment and gives a receipt.

    answers: by order, another receipt, or what it raises
    """

    def __init__(self, answers: Mapping[str, Any] | None = None) -> None:
        self._answers = answers or {}
        self.asked: list[tuple[Any, Any]] = []
        self.times: list[tuple[float, float]] = []

    def __call__(self, order: str, amount: Any) -> Coroutine[Any, Any, Any]:
        """Return a coroutine whose lane in the timeline has the name of the bank."""
        coro = self._pay(order, amount)
        coro.__name__ = f"bank: {order}"  # type: ignore[attr-defined]  # which coroutine objects have, not the stub
        return coro

    async def _pay(self, order: str, amount: Any) -> Any:
        begun = asyncio.get_running_loop().time()
        self.asked.append((order, amount))
        self.times.append((begun, begun + BANK))
        with span(f"bank: {order}"):
            await asyncio.sleep(BANK)
        answer = self._answers.get(order, f"receipt for {amount}")
        if isinstance(answer, Exception):
            raise answer
        return answer


def _grade_pay(pay: Answer) -> str:
    pool, bank, scene = _paid(pay, "order 1", "order 2")
    if scene.stuck:
        raise scene.wrong(
            "Two orders at one time, a pool of two connections, and neither was ever paid: each holds one connection "
            "and waits for another, which only the other could give back. Who holds a connection must not ask for a "
            "second one."
        )
    pool, bank, scene = _paid(pay, "order 1", size=1)
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
    _check_cancelled(pay)
    pool, bank, scene = _paid(pay, "order 1", "order 2", "order 3", size=1)
    for number in range(3):
        scene.result(number)
    if (last := max(call.ended or 0 for call in scene.calls)) > 10:
        raise scene.wrong(
            f"Three orders, one connection: you took {last:g} s for what 10 s can do. While one order is at the bank, "
            "another one can use the connection."
        )
    chance = Chance("pay")
    for _ in range(ROUNDS):
        _check_drawn(pay, chance)
    _check_orders(pay)
    _check_orders(pay, cancel_at=1)
    return "A pool of one connection serves them all: nobody holds it while the bank works, and nothing is half done."


def _paid(
    pay: Answer,
    *orders: str,
    size: int = 2,
    prices: Mapping[str, Any] | None = None,
    answers: Mapping[str, Any] | None = None,
    failures: dict[str, Exception] | None = None,
    cancel_at: Mapping[str, float] | None = None,
) -> tuple[Pool, Bank, Scene]:
    prices = prices or dict.fromkeys(orders, 100)
    pool = Pool(Database({f"price of {order}": price for order, price in prices.items()}, failures), size)
    bank = Bank(answers)

    def made(order: str) -> Call:
        return Call(order, lambda: pay(pool, bank, order), cancel_at=(cancel_at or {}).get(order), function=pay)

    scene = play(*(made(order) for order in orders))
    if scene.stuck and size == 1:
        raise scene.wrong(
            f"The pool has one connection, and {scene.stuck[0]} had not come to an end after 60 s: who holds a "
            "connection must not ask for a second one."
        )
    return pool, bank, scene


def _stored(pool: Pool) -> dict[str, Any]:
    return {key: value for key, value in pool.database.rows.items() if not key.startswith("price")}


def _check_stored(scene: Scene, pool: Pool, wanted: Mapping[str, Any]) -> None:
    for key, value in wanted.items():
        if key not in _stored(pool) or _stored(pool)[key] != value:
            raise scene.wrong(f"Under {key!r} there should be {value!r}; there is {_stored(pool).get(key)!r:.60}.")


def _check_failures(pay: Answer) -> None:
    for kind in KINDS:
        refused = kind("the card has expired")
        pool, _, scene = _paid(pay, "order 1", size=1, answers={"order 1": refused})
        if scene.calls[0].raised is not refused:
            raise scene.wrong(
                f"The bank raised {kind.__name__}, and your function {scene.calls[0].answered()}: pass it on."
            )
        if _stored(pool):
            raise scene.wrong(f"The bank refused, and yet there is {sorted(_stored(pool))[0]!r} in the database.")
        for key in ("log of order 1", "receipt of order 1"):
            _check_lost(pay, key, kind("the database is gone"))
    pool, bank, scene = _paid(pay, "order 1", size=1, prices={"order 2": 100})
    if not isinstance(scene.calls[0].raised, LookupError) or bank.asked:
        raise scene.wrong(
            f"There is no price of order 1, LookupError, the bank was asked {len(bank.asked)} times, and your function "
            f"{scene.calls[0].answered()}: pass the error on, before anybody pays."
        )


def _check_lost(pay: Answer, key: str, lost: Exception) -> None:
    pool, bank, scene = _paid(pay, "order 1", size=1, failures={key: lost})
    kind = type(lost).__name__
    if len(bank.asked) > 1:
        raise scene.wrong(
            f"{key!r} could not be stored, {kind}, and the bank was asked {len(bank.asked)} times: the card was "
            "charged again for the same order. Whatever you try again, the bank stands outside of it."
        )
    if scene.calls[0].raised is not lost:
        raise scene.wrong(
            f"{key!r} could not be stored, {kind}, and your function {scene.calls[0].answered()}: pass the error on."
        )
    if left := sorted(_stored(pool)):
        raise scene.wrong(f"{key!r} could not be stored, and {left[0]!r} was. {BOTH}")


def _check_cancelled(pay: Answer) -> None:
    for eighths in range(2, 48, 4):
        at = eighths / 8
        pool, _, scene = _paid(pay, "order 1", size=1, cancel_at={"order 1": at})
        if not scene.calls[0].cancelled:
            raise scene.wrong(f"Cancelled at {at:g} s, your function {scene.calls[0].answered()}.")
        if len(_stored(pool)) == 1:
            raise scene.wrong(f"Cancelled at {at:g} s, {next(iter(_stored(pool)))!r} was stored alone. {BOTH}")
        if pool.out:
            raise Wrong(f"Cancelled at {at:g} s, your function kept its connection.", scene.timeline)


def _check_drawn(pay: Answer, chance: Chance) -> None:
    """Let several orders come at one time, each with an end that is drawn."""
    orders = [f"order {number}" for number in range(1, chance.number(2, 5))]
    answers = {order: chance.failure("the bank") if chance.likely(0.3) else chance.value(order) for order in orders}
    prices = {order: chance.number(0, 3) for order in orders}
    lost = {f"{chance.one_of(('log', 'receipt'))} of {order}" for order in orders if chance.likely(0.3)}
    failures = {key: chance.failure("the database") for key in sorted(lost)}
    cancel_at = {order: chance.seconds(0.25, 8) + 1 / 32 for order in orders if chance.likely(0.2)}
    size = chance.number(1, 3)
    given = {"prices": prices, "answers": answers, "failures": failures, "cancel_at": cancel_at}
    pool, bank, scene = _paid(pay, *orders, size=size, **given)  # type: ignore[arg-type]  # of different kinds
    if scene.stuck:
        raise scene.wrong(f"{len(orders)} orders, {size} connections, and {scene.stuck[0]} did not end within 60 s.")
    stored = _stored(pool)
    for number, (order, call) in enumerate(zip(orders, scene.calls, strict=True)):
        charged = [amount for name, amount in bank.asked if name == order]
        if charged not in ([prices[order]], [] if call.cancelled else None):
            raise scene.wrong(f"{order} costs {prices[order]}, and the bank was asked to charge: {charged!r:.60}.")
        both = {f"receipt of {order}": answers[order], f"log of {order}": "paid"}
        if len(both.keys() & stored.keys()) == 1:
            raise scene.wrong(f"{order} {call.answered()}, and of receipt and log entry one was stored. {BOTH}")
        if call.cancelled and order in cancel_at:
            continue
        errors = [answers[order], *(error for key, error in failures.items() if key in both)]
        error = next((each for each in errors if isinstance(each, Exception)), None)
        if error is None:
            if (got := scene.result(number, none=answers[order] is None)) != answers[order]:
                raise scene.wrong(f"{order}: return the receipt, {answers[order]!r}; you returned {got!r:.60}.")
            _check_stored(scene, pool, both)
        elif call.raised is not error:
            raise scene.wrong(f"{order}: {type(error).__name__} was raised, and your function {call.answered()}.")
        elif both.keys() & stored.keys():
            raise scene.wrong(f"{order} raised {type(error).__name__}, and something was stored for it.")


def _check_orders(pay: Answer, cancel_at: float | None = None) -> None:
    """Let two orders come at one time to a pool of one, in every order of its answers and the bank's."""

    async def pays_two(pool: Pool, bank: Bank) -> Any:
        return await asyncio.gather(*(pay(pool, bank, order) for order in ("order 1", "order 2")))

    def make() -> tuple[Pool, list[Any]]:
        pool = Pool(Database({"price of order 1": 100, "price of order 2": 100}), 1)
        return pool, [pool, Bank()]

    def check(scene: OneCall, pool: Pool) -> None:
        if not scene.cancelled and scene.result() != ["receipt for 100"] * 2:
            raise scene.wrong(f"two orders were paid, and the receipts were {scene.returned!r:.80}.")
        for order in ("order 1", "order 2"):
            if (count := sum(order in key for key in _stored(pool))) == 1 or not (count or scene.cancelled):
                raise scene.wrong(f"of receipt and log entry of {order} {count} of 2 were stored. {BOTH}")
        if pool.out:
            raise scene.wrong("your function kept its connection.")

    in_every_order(pays_two, make, check, cancel_at)


pay = Exercise(
    lesson="lesson_05a",
    task=f"""\
**Exercise 2: bug hunt.** With one customer it works. With two at a time the shop stands still. Mend
`pay(pool, bank, order)`.

```python
{inspect.getsource(as_found.pay).strip()}
```

- `async with pool.acquire() as connection:` lends one of a few connections. Each `select` and `insert` takes 1 s.
- `await bank(order, amount)` takes 3 s and needs no connection. It is asked once, whatever happens: each time is a
  payment.
- What fails, at the bank or in the database, goes to your caller; then nothing is stored.
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
