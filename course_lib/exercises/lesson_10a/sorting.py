"""Exercise 1: code that runs a loop inside a loop, restructured: first what waits, then what computes."""

import inspect
import traceback
from typing import Any

from course_lib.exercises.chance import Chance
from course_lib.exercises.framework import Answer, Exercise, Wrong, describe_raised, leaves
from course_lib.exercises.lesson_10a import as_found, solutions
from course_lib.exercises.lesson_10a.stand_ins import (
    LET_CANCELLED_THROUGH,
    LET_THROUGH,
    LOOP_WAITS,
    OTHER_LOOP,
    Ask,
    not_let_through,
    played,
)
from course_lib.exercises.playing import Scene
from course_lib.exercises.shown import shown
from course_lib.seeing.clock import VirtualClock, clock_of_this_thread

ROUNDS = 15
CURRENCIES = ("EUR", "USD", "JPY", "GBP")
BESIDE = 1 / 64  # seconds, so that nobody is cancelled in the moment in which an answer comes

NO_THREADS = (
    "Your function used a thread, and nothing here blocks: await what waits on your loop, and then sort, in plain code."
)

FIRST = "A key is plain code, and cannot wait: `await` all prices and rates first, and then sort by what came."

Answers = dict[str, tuple[float, Any]]


def _grade_cheapest_first(cheapest_first: Answer) -> str:
    prices: Answers = {
        "tea": (1, (3, "EUR")),
        "salt": (2, (1, "USD")),
        "rice": (3, (2, "EUR")),
        "corn": (1, (1, "EUR")),
    }
    rates: Answers = {"EUR": (1, 1), "USD": (2, 2)}
    _sorted(cheapest_first, prices, rates)
    _sorted(cheapest_first, {"tea": (2, (1.75, "EUR")), "salt": (1, (1.25, "EUR"))}, rates)
    _sorted(cheapest_first, {"tea": (2, (0, "EUR")), "salt": (1, (0, "EUR"))}, rates)
    _sorted(cheapest_first, {}, rates)
    _fails(cheapest_first, {**prices, "salt": (2, OSError("no price"))}, rates)
    _fails(cheapest_first, prices, {"EUR": (1, OSError("no rate")), "USD": (2, 2)})
    for cancel_at in (0.5, 3.5):
        _stopped(cheapest_first, prices, rates, cancel_at)

    chance = Chance("cheapest_first")
    for _ in range(ROUNDS):
        names = chance.some(["tea", "salt", "rice", "corn", "oats", "rye"], chance.number(1, 6))
        prices = {name: (chance.seconds(0, 3), (chance.number(0, 8) / 4, chance.one_of(CURRENCIES))) for name in names}
        rates = {name: (chance.seconds(0.25, 2), chance.number(0, 2)) for name in CURRENCIES}
        _sorted(cheapest_first, prices, rates)
        failing = chance.one_of(names)
        _fails(cheapest_first, {**prices, failing: (prices[failing][0], chance.failure("the shop"))}, rates)
        wanted = prices[failing][1][1]
        _fails(cheapest_first, prices, {**rates, wanted: (rates[wanted][0], chance.failure("the bank"))})
        _stopped(cheapest_first, prices, rates, max(seconds for seconds, _ in prices.values()) + BESIDE)
    return "First what waits, all together; then what computes, in plain code. No loop inside a loop."


def _played(
    function: Answer, prices: Answers, rates: Answers, cancel_at: float | None = None
) -> tuple[Scene, Ask, Ask, float]:
    """Return the scene, what was asked, and when it can be over."""
    best, _ = played(
        solutions.cheapest_first, list(prices), Ask("price", prices), Ask("rate", rates), cancel_at=cancel_at
    )
    offers, price, rate = list(prices), Ask("price", prices), Ask("rate", rates)
    threads: list[bool] = []

    def look() -> None:
        clock = clock_of_this_thread()
        threads.append(isinstance(clock, VirtualClock) and clock.next_turn() > 1)  # each thread and job took one

    try:
        scene, _ = played(function, offers, price, rate, cancel_at=cancel_at, under_way=look)
    except Wrong as wrong:
        if any(threads) and OTHER_LOOP not in str(wrong):
            raise Wrong(NO_THREADS, wrong.timeline) from None
        if LOOP_WAITS in str(wrong):
            raise Wrong(f"{wrong} {FIRST}", wrong.timeline) from None
        raise
    if any(threads):
        raise scene.wrong(NO_THREADS)
    if offers != list(prices):
        raise scene.wrong("The list `offers` is your caller's, and after your call it was another: sort a copy.")
    return scene, price, rate, best.ended


def _sorted(function: Answer, prices: Answers, rates: Answers) -> None:
    scene, price, rate, best = _played(function, prices, rates)
    if scene.raised and _runs_a_loop(scene.raised):
        raise scene.wrong(describe_raised(scene.raised, FIRST))
    returned = scene.result()
    euros = {name: amount * rates[currency][1] for name, (_, (amount, currency)) in prices.items()}
    wanted = sorted(prices, key=lambda name: euros[name])
    if returned != wanted:
        equal = isinstance(returned, list) and sorted(map(str, returned)) == sorted(wanted)
        equal = equal and [euros[name] for name in returned] == [euros[name] for name in wanted]
        more = (
            " Those that cost the same stay in the order of `offers`."
            if equal
            else _why_another(prices, rates, returned, rate)
        )
        raise scene.wrong(f"Return {shown(wanted, 60)}; your function returned {shown(returned, 60)}.{more}")
    if scene.ended > best:
        raise scene.wrong(
            f"This can be done at {best:g} s; your function ended at {scene.ended:g} s, with at most {price.peak} "
            f"calls of `price` and {rate.peak} of `rate` under way at one time. Ask for all prices at once, then for "
            "all rates."
        )


def _runs_a_loop(error: BaseException) -> bool:
    """Return whether an error is asyncio's refusal to run a loop inside a loop."""
    names = [frame.f_globals.get("__name__") for frame, _ in traceback.walk_tb(error.__traceback__)]
    return type(error) is RuntimeError and names[-1:] in (["asyncio.base_events"], ["asyncio.runners"])


def _why_another(prices: Answers, rates: Answers, returned: Any, rate: Ask) -> str:
    if not rate.asked:
        return " No rate was asked for: multiply each amount by what its currency is in euros."
    known = {name: (amount, rates[currency][1]) for name, (_, (amount, currency)) in prices.items()}
    if returned == sorted(prices, key=lambda name: int(known[name][0] * known[name][1])):
        return " Compare the prices as they are, with what comes after the point."
    if 0 in [rate for _, rate in known.values()]:
        return ""
    divided = returned == sorted(prices, key=lambda name: known[name][0] / known[name][1])
    return " A rate is what one of a currency is in euros: multiply." if divided else ""


def _fails(function: Answer, prices: Answers, rates: Answers) -> None:
    scene, price, rate, best = _played(function, prices, rates)
    error = next(answer for _, answer in (*prices.values(), *rates.values()) if isinstance(answer, Exception))
    failed = price if price.failed_at is not None else rate
    what = f"`{failed.name}` raised {type(error).__name__}"
    if failed.failed_at is None:
        raise scene.wrong(f"Not every price and rate was asked for, and your function {scene.answered()}.")
    if not any(each is error for each in leaves(scene.raised)):
        raise not_let_through(scene, f"{what}, and your function", LET_THROUGH)
    if scene.ended > best:
        raise scene.wrong(
            f"{what} at {failed.failed_at:g} s, and it left your function at {scene.ended:g} s: it must leave at once, "
            f"at {best:g} s."
        )


def _stopped(function: Answer, prices: Answers, rates: Answers, cancel_at: float) -> None:
    scene, *_ = _played(function, prices, rates, cancel_at)
    if scene.ended < cancel_at:
        return  # it need not wait for all prices before it asks for rates
    what = f"At {cancel_at:g} s your function was cancelled, and it"
    if not scene.cancelled:
        raise not_let_through(scene, what, LET_CANCELLED_THROUGH)
    if scene.ended > cancel_at:
        raise scene.wrong(f"{what} ended at {scene.ended:g} s: stop at once.")


cheapest_first = Exercise(
    lesson="lesson_10a",
    task=f"""\
**Exercise 1: no loop inside a loop.** Somebody found this code, and it raises RuntimeError. Restructure \
`cheapest_first(offers, price, rate)`.

```python
{inspect.getsource(as_found.cheapest_first).strip()}
```

- `offers` is a list of names, no two alike. `await price(offer)` gives an amount and a currency, \
`await rate(currency)` what one of it is in euros. Both belong to your loop.
- Return the offers, the cheapest first. Those that cost the same stay in their order. Leave the list `offers` as it \
is.
- All prices are asked for at the same time; then all rates, at the same time, each currency's once (or each as soon \
as its currency is known).
- If one of them raises, all ends at once, and the exception leaves your function, alone or in a group. Cancelled, you \
stop at once. Nothing is left running. No threads.""",
    reference=solutions.cheapest_first,
    grade=_grade_cheapest_first,
    hints=[
        "`sorted` and its key are plain code, and cannot wait. What do they need to know, before they begin?",
        "Three steps: all prices, in a `TaskGroup`; then the rates of the currencies that came, `{currency for _, "
        "currency in prices}`, in another one; then `sorted` with a key that looks up what is there.",
        "`asked = [group.create_task(price(offer)) for offer in offers]`, and after the block `prices = [task.result() "
        "for task in asked]`; the same with a dict for the rates; then a dict of euros by offer, and "
        "`sorted(offers, key=euros.get)`.",
    ],
)
