"""Exercise 1, who asks: callers of keys at their times, drawn or in every order of the answers."""

import asyncio
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from typing import Any

from course_lib.exercises.chance import Chance
from course_lib.exercises.framework import Answer
from course_lib.exercises.lesson_05a.scenes import Call, Scene, play
from course_lib.exercises.lesson_05b.cache import ANSWER, LIFE, LOAD, Cache, Loads
from course_lib.exercises.ordering import in_every_order
from course_lib.exercises.playing import Scene as OneCall
from course_lib.seeing import span

ROUNDS = 30


def asked(
    get_or_load: Answer,
    *callers: str | tuple[str, float],
    answers: list[Any] | None = None,
    cancel: Mapping[int, float] | None = None,
    cache: Cache | None = None,
    of: Mapping[str, Sequence[Any]] | None = None,
) -> tuple[Cache, Loads, Scene]:
    """Play callers, each a key or (key, when), of which some are cancelled (number: when)."""
    cache, loads, loading = cache or Cache(), Loads(*(answers or []), of=of), dict[str, Any]()

    def made(number: int, key: str, at: float) -> Call:
        def make() -> Coroutine[Any, Any, Any]:
            return get_or_load(cache, loading, key, loads.load)

        return Call(f"caller {number + 1} of {key}", make, at, (cancel or {}).get(number), get_or_load)

    rows = [(caller, 0.0) if isinstance(caller, str) else caller for caller in callers]
    scene = play(*(made(number, *row) for number, row in enumerate(rows)))
    if scene.stuck:
        cancelled = " The one that loaded was cancelled." if cancel else ""
        raise scene.wrong(f"{scene.stuck[0]} had no answer after 60 s: for whom does it wait?{cancelled}")
    return cache, loads, scene


@dataclass
class _Key:
    """What becomes of one key: until when its load is under way, with which end, and until when it is kept."""

    answers: Sequence[Any]
    loads: int = 0
    busy_until: float = 0
    kept_until: float = -inf
    outcome: Any = None

    def at(self, when: float) -> Any:
        """Return what a caller gets that comes at `when`; those that came before have asked already."""
        if self.busy_until <= when and self.kept_until <= when:
            self.outcome = self.answers[min(self.loads, len(self.answers) - 1)]
            self.loads += 1
            failed = isinstance(self.outcome, Exception)
            self.busy_until = when + ANSWER + LOAD + (0 if failed else ANSWER)
            self.kept_until = -inf if failed else self.busy_until + LIFE
        return self.outcome


def check_drawn(get_or_load: Answer) -> None:
    """Let callers of two keys come at times that are drawn, be cancelled now and then, and loads fail."""
    chance = Chance("get_or_load")
    for _ in range(ROUNDS):
        of = {key: [chance.failure(key) if chance.likely(0.4) else _value(chance, key) for _ in "123"] for key in "ab"}
        # No caller comes, and none is cancelled, at a time at which something else happens.
        callers = [(chance.one_of("ab"), chance.number(0, 24) / 4) for _ in range(chance.number(3, 7))]
        callers = sorted([*callers, (chance.one_of("ab"), 80.0)], key=lambda caller: caller[1])
        cancel = {
            number: at + chance.number(1, 12) / 4 + 0.05
            for number, (_, at) in enumerate(callers)
            if at < 10 and chance.likely(0.2)
        }
        cache, loads, scene = asked(get_or_load, *callers, cancel=cancel, of=of)
        keys = {key: _Key(answers) for key, answers in of.items()}
        wanted = [keys[key].at(at) for key, at in callers]
        for key, each in keys.items():
            if (count := loads.keys.count(key)) > each.loads:
                times = ", ".join(f"{at:g}" for name, at in callers if name == key)
                raise scene.wrong(
                    f"Callers came for {key!r} at {times} s, and load({key!r}) was called {count} times where "
                    f"{each.loads} would do: what is under way, or in the cache, need not be loaded."
                )
        for number, (call, outcome) in enumerate(zip(scene.calls, wanted, strict=True)):
            if number in cancel and call.ended == cancel[number] and call.cancelled:
                continue
            if call.ended is not None and call.ended > cancel.get(number, inf):
                raise scene.wrong(f"{call.name} was cancelled, and {call.answered()}: let CancelledError through.")
            if isinstance(outcome, Exception):
                if call.raised is not outcome:
                    raise scene.wrong(
                        f"The load raised {type(outcome).__name__}, and {call.name}, at {call.at:g} s, "
                        f"{call.answered()}: all who wait should get it, and nobody after them."
                    )
            elif scene.result(number) != outcome:
                raise scene.wrong(f"{call.name}, at {call.at:g} s, should get {outcome!r}; it {call.answered()}.")
        if why := cache.why_lives():
            raise scene.wrong(why)


def check_orders(get_or_load: Answer) -> None:
    """Let one more caller come at any moment of a load, such as between its end and the storing."""

    async def asks_three_times(cache: Cache, loads: Loads) -> Any:
        loading = dict[str, Any]()

        async def comes(number: int) -> Any:
            if number:
                with span(f"caller {number + 1} comes"):
                    await asyncio.sleep(number)
            return await get_or_load(cache, loading, "a", loads.load)

        return await asyncio.gather(*(comes(number) for number in range(3)))

    def make() -> tuple[Loads, list[Any]]:
        loads = Loads()
        return loads, [Cache(), loads]

    def check(scene: OneCall, loads: Loads) -> None:
        if scene.result() != ["value of a"] * 3:
            raise scene.wrong(f"three callers of 'a' got {scene.returned!r:.80}.")
        if len(loads.keys) > 1:
            raise scene.wrong(
                f"load('a') was called {len(loads.keys)} times for three callers. Until its value is stored, a load is "
                "under way: keep its task in `loading` until then, and let nothing come between a look there and the "
                "new task."
            )

    in_every_order(asks_three_times, make, check)


def _value(chance: Chance, key: str) -> Any:
    """Return a value; None would say that there is none."""
    value = chance.value(f"value of {key}")
    return f"value of {key}" if value is None else value
