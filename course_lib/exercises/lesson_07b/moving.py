"""Exercise 4: two locks, which two tasks take in two orders."""

import asyncio
import inspect
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from course_lib.exercises.chance import KINDS, Chance
from course_lib.exercises.framework import Answer, Exercise, Wrong
from course_lib.exercises.lesson_05a.scenes import Call, Scene, play
from course_lib.exercises.lesson_07b import as_found, solutions
from course_lib.exercises.ordering import in_every_order
from course_lib.exercises.playing import Scene as OneCall
from course_lib.seeing import span

ROUNDS = 25
START = 100


class Account:
    """An account with its lock."""

    def __init__(self, name: str, balance: int = START) -> None:
        self.name, self.balance, self.lock = name, balance, asyncio.Lock()

    def __repr__(self) -> str:
        return f"account {self.name}"


class Bank:
    """Accounts, and the office that approves; what it saw is noted.

    answers: by the number of the asking, False or an exception; True without
    falling: whether the `id` of the accounts, and of their locks, falls as their names rise; else it rises, too
    """

    def __init__(
        self, names: str, seconds: float = 1, answers: dict[int, Any] | None = None, falling: bool = False
    ) -> None:
        # Where an object lies is chance: who sorts by `id` must not pass by luck.
        accounts = sorted((Account(name) for name in names), key=id, reverse=falling)
        locks = sorted((account.lock for account in accounts), key=id, reverse=falling)
        self.accounts = dict.fromkeys(names, accounts[0])
        for name, account, lock in zip(sorted(names), accounts, locks, strict=True):
            account.name, account.lock = name, lock
            self.accounts[name] = account
        self.seconds, self.answers = seconds, answers or {}
        self.asked: list[tuple[str, str, int]] = []
        self.amiss = ""

    async def approve(self, source: Any, target: Any, amount: Any) -> bool:
        """Say whether the money may move."""
        for account in (source, target):
            if not isinstance(account, Account):
                raise Wrong(f"approve takes the two accounts and the amount; you gave it {account!r:.40}.")
        number = len(self.asked)
        self.asked.append((source.name, target.name, amount))
        with self._watch(source, target), span(f"approve {source.name} to {target.name}"):
            await asyncio.sleep(self.seconds)
        answer = self.answers.get(number, True)
        if isinstance(answer, Exception):
            raise answer
        return bool(answer)

    @contextmanager
    def _watch(self, *accounts: Account) -> Iterator[None]:
        before = [account.balance for account in accounts]
        unlocked = [account.name for account in accounts if not account.lock.locked()]
        try:
            yield
        finally:
            unlocked += [account.name for account in accounts if not account.lock.locked()]
            if unlocked:
                self.amiss = self.amiss or f"while approve was at work, the lock of account {unlocked[0]} was free"
            if before != [account.balance for account in accounts]:
                self.amiss = self.amiss or "a balance changed while approve was at work"

    async def inspect(self, first: str, second: str) -> None:
        """Take two locks as the bank's other programs do, in the order of their names."""
        with span(f"another program: {first}, {second}"):
            async with self.accounts[first].lock:
                await asyncio.sleep(1)
                async with self.accounts[second].lock:
                    await asyncio.sleep(1)


Move = tuple[str, str, int]


def _moved(
    move: Answer, bank: Bank, *moves: Move, at: tuple[float, ...] = (), cancel_at: tuple[float | None, ...] = ()
) -> Scene:
    def made(number: int, source: str, target: str, amount: int) -> Call:
        two = bank.accounts[source], bank.accounts[target]
        return Call(
            f"{source} to {target}",
            lambda: move(*two, amount, bank.approve),
            at[number] if at else 0,
            cancel_at[number] if cancel_at else None,
            move,
        )

    scene = play(*(made(number, *each) for number, each in enumerate(moves)))
    if scene.stuck:
        names = " and ".join(scene.stuck)
        if len(bank.asked) > len(moves):
            raise scene.wrong(
                f"{names} had not come to an end after 60 s, and approve was asked {len(bank.asked)} times for "
                f"{len(moves)} of them: approve may take any time, so do not cut it off and ask again."
            )
        if len(scene.stuck) == 1:
            raise scene.wrong(f"{names} had not come to an end after 60 s: what does it wait for?")
        raise scene.wrong(
            f"{names} had not come to an end after 60 s: each holds a lock and waits for one that another holds. Take "
            "the locks in one order everywhere."
        )
    if bank.amiss:
        yours = " Release none that you do not hold." if any(call.cancelled for call in scene.calls) else ""
        raise scene.wrong(
            f"{bank.amiss[:1].upper()}{bank.amiss[1:]}: hold both locks from the look to the change.{yours}"
        )
    if held := [account for account in bank.accounts.values() if account.lock.locked()]:
        raise scene.wrong(f"All have ended, and the lock of {held[0]!r} is still held.")
    return scene


def _check_moved(scene: Scene, bank: Bank, moves: tuple[Move, ...]) -> list[bool | None]:
    """Check that the balances are what the results say, and return the results."""
    balances = dict.fromkeys(bank.accounts, START)
    results = list[bool | None]()
    for number, (call, (source, target, amount)) in enumerate(zip(scene.calls, moves, strict=True)):
        if call.cancelled or call.raised:
            results.append(None)
            continue
        result = scene.result(number)
        if result is not True and result is not False:
            raise scene.wrong(f"Return True or False; you returned {result!r:.60}.")
        results.append(result)
        if result:
            balances[source] -= amount
            balances[target] += amount
    found = {name: account.balance for name, account in bank.accounts.items()}
    for call in scene.calls:
        if found != balances and len(moves) == 1 and call.raised:
            raise scene.wrong(
                f"Your function {call.answered()}, and the balances are {found}: nothing may have moved then. Ask "
                "approve first, and move after it."
            )
    if found != balances:
        raise scene.wrong(
            f"By what you returned, the balances should be {balances}; they are {found}. What ended otherwise than by "
            "True must have moved nothing."
        )
    if (least := min(found.values())) < 0:
        raise scene.wrong(f"An account has {least}: look at the balance with both locks in your hand.")
    return results


def _grade_move(move: Answer) -> str:
    def moved(names: str, *moves: Move, wanted: list[bool], end: float, answers: dict[int, Any] | None = None) -> Bank:
        bank = Bank(names, answers=answers)
        scene = _moved(move, bank, *moves)
        results = _check_moved(scene, bank, moves)
        if results != wanted:
            raise scene.wrong(f"You returned {results}; right would be {wanted}.")
        if (last := max(call.ended or 0 for call in scene.calls)) > end:
            many = f"{len(moves)} moves" if len(moves) > 1 else "A move"
            raise scene.wrong(
                f"{many} took {last:g} s, and {end:g} s would do: wait for these two locks and for approve, and for "
                "nothing else."
            )
        return bank

    moved("AB", ("A", "B", 30), wanted=[True], end=1)
    moved("AB", ("A", "B", 30), ("B", "A", 50), ("A", "B", 20), wanted=[True] * 3, end=3)
    moved("ABC", ("A", "B", 10), ("B", "C", 10), ("C", "A", 10), wanted=[True] * 3, end=3)
    moved("ABCD", ("A", "B", 10), ("C", "D", 10), wanted=[True, True], end=1)
    moved("AB", ("A", "B", 100), wanted=[True], end=1)
    bank = Bank("AB")
    scene = _moved(move, bank, ("B", "A", 101))
    if bank.asked:
        raise scene.wrong("The source had too little, and you asked approve all the same: return False at once.")
    if _check_moved(scene, bank, (("B", "A", 101),)) != [False]:
        raise scene.wrong("The source has 100, and 101 were moved.")
    moved("AB", ("A", "B", 80), ("A", "B", 80), wanted=[True, False], end=1)
    bank = moved("AB", ("B", "A", 20), wanted=[False], end=1, answers={0: False})
    if bank.asked != [("B", "A", 20)]:
        raise Wrong(f"approve should be asked for B, A and 20; it was asked for {bank.asked!r:.60}.")
    for pair in (("A", "B", 10), ("B", "A", 10)):
        for falling in (False, True):
            _check_others(move, pair, falling)
    for kind in KINDS:
        _check_failed(move, kind("the office is closed"))
    _check_cancelled(move, ("A", "B", 10), ("B", "A", 10), at=(0, 0.75), cancel_at=(0.5, None))
    _check_cancelled(move, ("B", "C", 10), ("A", "B", 10), at=(0, 0.25), cancel_at=(None, 0.5))  # with one of two locks
    chance = Chance("move")
    for _ in range(ROUNDS):
        _check_drawn(move, chance)
    _check_orders(move)
    return "Both directions, any number of them, and nobody waits in a ring."


def _check_others(move: Answer, pair: Move, falling: bool) -> None:
    """Let another program take the same two locks, in the order of their names."""
    bank = Bank("AB", falling=falling)
    two = bank.accounts[pair[0]], bank.accounts[pair[1]]
    two[1].balance += 50  # the order of the balances is no order of the locks: it changes with each move
    mine = Call("your move", lambda: move(*two, pair[2], bank.approve), 0.5, None, move)
    scene = play(Call("another program", lambda: bank.inspect("A", "B")), mine)
    if scene.stuck:
        raise scene.wrong(
            f"Another program of the bank takes the locks in the order of their names, and {scene.stuck[0]} had not "
            "come to an end after 60 s. Take them in that order, too."
        )


def _check_failed(move: Answer, failure: Exception) -> None:
    bank = Bank("AB", answers={0: failure})
    scene = _moved(move, bank, ("A", "B", 10))
    if scene.calls[0].raised is not failure:
        raise scene.wrong(f"approve raised {type(failure).__name__}, and you {scene.calls[0].answered()}: pass it on.")
    _check_moved(scene, bank, (("A", "B", 10),))


def _check_cancelled(move: Answer, *moves: Move, at: tuple[float, ...], cancel_at: tuple[float | None, ...]) -> None:
    bank = Bank("ABC")
    scene = _moved(move, bank, *moves, at=at, cancel_at=cancel_at)
    _check_moved(scene, bank, moves)
    _check_ends(scene)


def _check_ends(scene: Scene, failures: Sequence[Exception] = ()) -> None:
    """Check that each call raised nothing but one of approve's failures, and ended at its cancellation, by it."""
    for number, call in enumerate(scene.calls):
        if call.raised and call.raised not in failures:
            scene.result(number)
        if call.cancel_at is None or call.ended is None or call.ended < call.cancel_at:
            continue
        if call.ended > call.cancel_at or not call.cancelled:
            what_to_do = "stop at once" if call.cancelled else "let CancelledError through"
            raise scene.wrong(
                f"{call.name} was cancelled at {call.cancel_at:g} s, and {call.answered()} at {call.ended:g} s: "
                f"{what_to_do}."
            )


def _check_drawn(move: Answer, chance: Chance) -> None:
    names = "ABCD"[: chance.number(2, 4)]
    moves: list[Move] = []
    for _ in range(chance.number(2, 5)):
        source, target = chance.some(names, 2)
        moves.append((source, target, chance.number(0, 110)))
    answers = {
        number: chance.one_of((False, chance.failure("the office"))) for number in range(5) if chance.likely(0.2)
    }
    at = tuple(chance.number(0, 8) / 4 + number / 64 for number in range(len(moves)))
    cancel_at = tuple(each + chance.number(1, 8) / 4 + 1 / 128 if chance.likely(0.25) else None for each in at)
    # The accounts are made in another order than that of their names.
    bank = Bank("".join(chance.some(names, len(names))), chance.number(1, 4) / 4, answers)
    scene = _moved(move, bank, *moves, at=at, cancel_at=cancel_at)
    _check_moved(scene, bank, tuple(moves))
    _check_ends(scene, [each for each in answers.values() if isinstance(each, Exception)])


def _check_orders(move: Answer) -> None:
    async def both_ways(bank: Bank) -> list[Any]:
        async def comes(number: int) -> Any:
            if number:
                with span(f"move {number + 1} comes"):
                    await asyncio.sleep(number)
            two = [bank.accounts[name] for name in ("AB", "BA", "AB")[number]]
            return await move(*two, 60, bank.approve)

        return await asyncio.gather(*(comes(number) for number in range(3)))

    def make() -> tuple[Bank, list[Any]]:
        bank = Bank("AB")
        return bank, [bank]

    def check(scene: OneCall, bank: Bank) -> None:
        results = scene.result()
        if bank.amiss:
            raise scene.wrong(f"{bank.amiss}.")
        balance = START + sum(result * way * 60 for result, way in zip(results, (-1, 1, -1), strict=True))
        if bank.accounts["A"].balance != balance or balance < 0:
            raise scene.wrong(f"account A has {bank.accounts['A'].balance}, and you returned {results!r:.60}.")

    in_every_order(both_ways, make, check)


move = Exercise(
    lesson="lesson_07b",
    task=f"""\
**Exercise 4: it hangs now and then.** Mend `move(source, target, amount, approve)`.

```python
{inspect.getsource(as_found.move).strip()}
```

- Source and target are two different accounts, with a `name`, a `balance` and a `lock`. No two have the same name.
- If the source has too little, return False, and ask nobody. Else `await approve(source, target, amount)` says whether
  the money may move: if so, move it, and return True; if not, return False.
- Hold both locks from the look at the balance to the change. Who moves between other accounts does not wait for you.
- Any number of moves may be under way, in every direction, and none may wait for ever. The bank's other programs take
  locks in the order of the accounts' names.
- If approve fails, or you are cancelled, nothing has moved, no lock is held, and the exception comes out.""",
    reference=solutions.move,
    grade=_grade_move,
    hints=[
        "Two moves at one time, from A to B and from B to A: which lock does each take first?",
        "Everybody has to take them in the same order, whatever is source and what target.",
        "`first, second = sorted([source, target], key=lambda account: account.name)`, then "
        "`async with first.lock, second.lock:`.",
    ],
)
