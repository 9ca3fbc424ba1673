"""Exercise 1: a seat that is looked at, paid and then taken: check-then-act across an `await`."""

import asyncio
import inspect
from collections import Counter
from collections.abc import Coroutine
from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import Any

from course_lib.exercises.chance import KINDS, Chance
from course_lib.exercises.framework import Answer, Exercise, Wrong
from course_lib.exercises.lesson_05a.scenes import Call, Scene, play
from course_lib.exercises.lesson_07b import as_found, solutions
from course_lib.exercises.ordering import in_every_order
from course_lib.exercises.playing import Scene as OneCall
from course_lib.seeing import span

ROUNDS = 30
GIVE_BACK = "Whatever ends the payment, the seat must be free again: give it back, and pass the exception on."


@dataclass(frozen=True)
class Buyer:
    """Who comes `at` seconds, pays for `seconds`, fails with `failure` then, or is cancelled `cancel_at`."""

    name: str
    at: float = 0
    seconds: float = 1
    failure: Exception | None = None
    cancel_at: float | None = None


@dataclass
class Hall:
    """The seats of a hall, and who pays for which, as it was seen."""

    seats: list[str]
    free: list[str] = field(init=False)
    paying: dict[str, str] = field(default_factory=dict)
    paid: dict[str, str] = field(default_factory=dict)
    called: Counter[str] = field(default_factory=Counter)  # how often a buyer called pay
    twice: tuple[str, str, str] | None = None  # who was first to pay, who came to it, and the seat

    def __post_init__(self) -> None:
        self.free = list(self.seats)

    def pays(self, buyer: Buyer) -> Any:
        """Return the coroutine function with which this buyer pays for a seat."""

        async def work(seat: str) -> None:
            self.called[buyer.name] += 1
            if not isinstance(seat, str) or seat not in self.seats:
                raise Wrong(f"You called pay({seat!r:.40}), which is no seat: it takes a seat of `free`.")
            if other := self.paying.get(seat) or self.paid.get(seat):
                self.twice = self.twice or (other, buyer.name, seat)
            self.paying[seat] = buyer.name
            try:
                with span(f"{buyer.name} pays"):
                    await asyncio.sleep(buyer.seconds)
                if buyer.failure:
                    raise buyer.failure
                self.paid[seat] = buyer.name
            finally:
                self.paying.pop(seat, None)

        def pay(seat: Any) -> Coroutine[Any, Any, None]:
            return work(seat)

        return pay


def _sold(sell: Answer, seats: int, *buyers: Buyer) -> tuple[Hall, Scene]:
    hall = Hall([f"seat {number}" for number in range(1, seats + 1)])

    def made(buyer: Buyer) -> Call:
        return Call(buyer.name, lambda: sell(hall.free, hall.pays(buyer)), buyer.at, buyer.cancel_at, sell)

    scene = play(*(made(buyer) for buyer in buyers))
    for buyer in buyers:
        if (times := hall.called[buyer.name]) > 1:
            failed = "when a payment fails, do not pay again, but pass the failure on"
            raise scene.wrong(
                f"{buyer.name} called pay {times} times: {failed if buyer.failure else 'pay for one seat, and once'}."
            )
    if scene.stuck:
        never = "" if hall.called[scene.stuck[0]] else ", and never paid: if no seat is free, return None at once"
        raise scene.wrong(f"{scene.stuck[0]} had not come to an end after 60 s{never}.")
    if hall.twice:
        first, second, seat = hall.twice
        if next(call for call in scene.calls if call.name == first).cancelled:
            raise scene.wrong(
                f"{first} was cancelled, and {second} paid for {seat!r} while {first}'s payment still went on: the "
                "seat is free again when that payment has ended."
            )
        raise scene.wrong(
            f"{first} and {second} both pay for {seat!r}: both saw it in `free`. Between looking and taking stands an "
            "`await`, and there others have their turn."
        )
    return hall, scene


def _expected(seats: int, buyers: list[Buyer]) -> dict[str, tuple[str, float]]:
    """Return for each buyer how it ends, and when: "sold", "none", "failed" or "cancelled"."""
    ends = dict[str, tuple[str, float]]()
    events = [(buyer.at, number, "comes") for number, buyer in enumerate(buyers)]
    events.sort()
    free = seats
    while events:
        now, number, what = heappop(events)
        buyer = buyers[number]
        if what == "free again":
            free += 1
        elif not free:
            ends[buyer.name] = "none", now
        else:
            free -= 1
            end, how = now + buyer.seconds, "failed" if buyer.failure else "sold"
            if buyer.cancel_at is not None and buyer.cancel_at < end:
                end, how = buyer.cancel_at, "cancelled"
            ends[buyer.name] = how, end
            if how != "sold":
                heappush(events, (end, number, "free again"))
    return ends


def _check(sell: Answer, seats: int, *buyers: Buyer) -> None:
    hall, scene = _sold(sell, seats, *buyers)
    bought = []
    for number, (buyer, call) in enumerate(zip(buyers, scene.calls, strict=True)):
        how, end = _expected(seats, list(buyers))[buyer.name]
        late = call.ended is not None and call.ended > end
        others = [each for each in buyers if each is not buyer]
        first = all((buyer.at, number) < (each.at, buyers.index(each)) for each in others)
        if how == "none":
            if (got := scene.result(number, none=True)) is not None:
                raise scene.wrong(
                    f"{buyer.name} came at {buyer.at:g} s, when no seat was free, and got {got!r:.60}: return None "
                    "then."
                )
        elif how == "sold":
            if call.returned is None and not call.raised and not call.cancelled:
                if len(buyers) == 1:
                    raise scene.wrong("A seat was free, and was paid, and you returned None: return the seat then.")
                cancelled = [each.name for each in others if each.cancel_at is not None]
                failed = any(each.failure for each in others)
                if not cancelled and not failed:
                    raise scene.wrong(
                        f"{buyer.name} came at {buyer.at:g} s, when a seat was free, and got None: while one seat is "
                        "paid, the others stay free."
                    )
                if cancelled and not failed:
                    raise scene.wrong(
                        f"{buyer.name} came at {buyer.at:g} s, when a seat was free, and got None: {cancelled[0]} was "
                        f"cancelled before, and CancelledError is no Exception. {GIVE_BACK}"
                    )
                raise scene.wrong(
                    f"{buyer.name} came at {buyer.at:g} s, when a seat was free, and got None: a payment had failed, "
                    f"or was cancelled, before. {GIVE_BACK}"
                )
            seat = scene.result(number)
            if seat not in hall.seats and buyer.name in hall.paid.values():
                raise scene.wrong(f"{buyer.name} paid for a seat, and got {seat!r:.60}: return the seat.")
            if hall.paid.get(seat) != buyer.name:
                raise scene.wrong(f"{buyer.name} got {seat!r:.60}, and paid for another, or for none.")
            bought.append(seat)
        elif how == "failed" and call.raised is not buyer.failure:
            raise scene.wrong(
                f"{buyer.name}'s payment raised {type(buyer.failure).__name__}, and your function {call.answered()}: "
                "pass it on."
            )
        elif how == "cancelled" and not call.cancelled:
            raise scene.wrong(
                f"{buyer.name} was cancelled at {buyer.cancel_at:g} s, and your function {call.answered()}: let "
                "CancelledError through."
            )
        if late and first:
            raise scene.wrong(f"{buyer.name} was done at {call.ended:g} s instead of {end:g} s: wait for nothing else.")
        if late:
            none = "if no seat is free, return None at once, and " if how == "none" else ""
            raise scene.wrong(
                f"{buyer.name}, who came at {buyer.at:g} s, was done at {call.ended:g} s instead of {end:g} s: {none}"
                "buyers do not wait for one another. Take the seat out of `free` before you pay, and no lock is needed."
            )
    free = [seat for seat in hall.seats if seat not in bought]
    if sorted(map(str, hall.free)) != free:
        gone = [seat for seat in free if seat not in hall.free]
        if gone:
            raise scene.wrong(f"At the end {gone[0]!r} is neither sold nor free. {GIVE_BACK}")
        raise scene.wrong(f"At the end `free` should be {free!r:.60}; it is {hall.free!r:.60}: sold is not free.")


def _grade_sell(sell: Answer) -> str:
    _check(sell, 1, Buyer("Ann"))
    _check(sell, 1, Buyer("Ann"), Buyer("Ben"))
    _check(sell, 1, Buyer("Ann"), Buyer("Ben", at=3))
    _check(sell, 1, Buyer("Ann", seconds=35))  # a payment may take its time
    _check(sell, 2, Buyer("Ann"), Buyer("Ben", at=0.5), Buyer("Cy", at=0.75))
    for kind in KINDS:
        _check(sell, 1, Buyer("Ann", failure=kind("the bank said no")), Buyer("Ben", at=3))
    _check(sell, 1, Buyer("Ann", cancel_at=0.5), Buyer("Ben", at=3))
    _check(sell, 1, Buyer("Ann", seconds=4, cancel_at=0.5), Buyer("Ben", at=1))
    chance = Chance("sell")
    for _ in range(ROUNDS):
        buyers = []
        for number, name in enumerate(["Ann", "Ben", "Cy", "Dora", "Eve"][: chance.number(2, 5)]):
            at = chance.number(0, 12) / 4 + number / 64  # nothing happens at the same moment as another thing
            failure = chance.failure("the bank") if chance.likely(0.3) else None
            cancel_at = at + chance.number(1, 8) / 4 + 1 / 128 if chance.likely(0.25) else None
            buyers.append(Buyer(name, at, chance.number(1, 8) / 4, failure, cancel_at))
        _check(sell, chance.number(1, 3), *buyers)
    _check_orders(sell)
    return "No order of payments sells a seat twice, and none loses one."


def _check_orders(sell: Answer) -> None:
    async def three_buyers(hall: Hall) -> list[Any]:
        async def comes(number: int) -> Any:
            if number:
                with span(f"buyer {number + 1} comes"):
                    await asyncio.sleep(number)
            failure = OSError("the bank is down") if number == 1 else None
            return await sell(hall.free, hall.pays(Buyer(f"buyer {number + 1}", failure=failure)))

        return await asyncio.gather(*(comes(number) for number in range(3)), return_exceptions=True)

    def make() -> tuple[Hall, list[Any]]:
        hall = Hall(["seat 1"])
        return hall, [hall]

    def check(scene: OneCall, hall: Hall) -> None:
        if hall.twice:
            raise scene.wrong(f"{hall.twice[0]} and {hall.twice[1]} both pay for the one seat.")
        if len(hall.free) + len(hall.paid) != 1:
            raise scene.wrong(f"there is one seat; free at the end: {hall.free!r:.40}, sold: {list(hall.paid)!r:.40}.")

    in_every_order(three_buyers, make, check)


sell = Exercise(
    lesson="lesson_07b",
    task=f"""\
**Exercise 1: sold twice.** Mend `sell(free, pay)`, which sells one seat.

```python
{inspect.getsource(as_found.sell).strip()}
```

- `free` is the list of all free seats. It is the same for all buyers, and many may call at one time.
- `await pay(seat)` takes a while. When it has returned, return the seat; then it is no longer in `free`.
- If no seat is free, return None at once, without waiting for a payment that may fail.
- Nobody pays for a seat that another one has paid, or is paying. Buyers do not wait for one another.
- If the payment fails, or you are cancelled meanwhile, the seat is free again, and the exception comes out.""",
    reference=solutions.sell,
    grade=_grade_sell,
    hints=[
        "Check it as it is: `ex.sell.check(ex.as_found.sell)`. Where is the `await` between looking and taking?",
        "Take the seat out of `free` before you pay. What then, if the payment fails? And if you are cancelled?",
        "`seat = free.pop()`, then `try:` pay, `except BaseException:` put it back and `raise`.",
    ],
)
