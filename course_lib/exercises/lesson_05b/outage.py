"""Exercise 3: a cache that is down, full or mute costs a bounded time, and never the answer."""

from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any

import redis.exceptions

from course_lib.exercises.chance import FALSY, KINDS, Chance
from course_lib.exercises.framework import Answer, Exercise, describe_raised
from course_lib.exercises.lesson_05a.scenes import Call, Scene, play
from course_lib.exercises.lesson_05b import solutions
from course_lib.exercises.lesson_05b.cache import ANSWER, LOAD, Cache, Loads

LIMIT = 0.5  # seconds that a call of the cache may take
REST = 5.0  # seconds for which a cache that failed is left alone
TINY = 1e-6  # seconds, for sums of floats
ROUNDS = 20
ILL = {
    "down": "The cache was down",
    "mute": "The cache did not answer",
    "full": "The cache was full",
    "mute set": "The cache answered get, and never set",
}
ERRORS = (
    redis.exceptions.ConnectionError("connection refused"),
    redis.exceptions.TimeoutError("timeout reading from socket"),
    redis.exceptions.ResponseError("unknown command"),
    redis.exceptions.BusyLoadingError("Redis is loading the dataset in memory"),
    redis.exceptions.RedisError("some other error"),
)


@dataclass
class Breaker:
    """Until when the cache is left alone, in seconds of the loop's clock."""

    retry_at: float = 0.0


def _grade_cached_read(cached_read: Answer) -> str:
    _check_healthy(cached_read)
    for illness in ILL:
        _check_ill(cached_read, illness)
    _check_load(cached_read)
    _check_breaker(cached_read)
    for error in ERRORS:
        _check_ill(cached_read, "down", error)
        _check_rest(cached_read, Cache("down", until=4, error=error), ANSWER)
    _check_rest(cached_read, Cache("mute", until=4), LIMIT)
    _check_cancelled(cached_read)
    chance = Chance("cached_read")
    for _ in range(ROUNDS):
        _check_drawn(cached_read, chance)
    return "Down, full or mute: the answers come, half a second late at first, and then not even that."


def _read(
    function: Answer,
    cache: Cache,
    *at: float,
    load: Loads | None = None,
    cancel_at: float | None = None,
) -> tuple[Cache, Loads, Scene]:
    """Play reads at their times; the first of them is cancelled at `cancel_at`."""
    loads, breaker = load or Loads(), Breaker()

    def make() -> Coroutine[Any, Any, Any]:
        return function(cache, breaker, "a", loads.load)

    cancel = {at[0]: cancel_at}
    scene = play(*(Call(f"read at {when:g} s", make, when, cancel.get(when), function) for when in at))
    if scene.stuck:
        if "mute" not in cache.illness:
            raise scene.wrong(f"The {scene.stuck[0]} had not come to an end after 60 s, and the cache answers.")
        raise scene.wrong(
            f"{ILL[cache.illness]}, and your caller waited for it for 60 s. A call that may never end needs a limit: "
            f"`async with asyncio.timeout({LIMIT:g}):`."
        )
    return cache, loads, scene


def _check_healthy(cached_read: Answer) -> None:
    cache, loads, scene = _read(cached_read, Cache(), 0, 5)
    for number in (0, 1):
        if scene.result(number) != "value of a":
            raise scene.wrong(f"Return what load gives; you returned {scene.calls[number].returned!r:.60}.")
    if not cache.kept:
        raise scene.wrong("A healthy cache, and nothing was stored: `await cache.set(key, value, ex=60)`.")
    if len(loads.keys) > 1:
        raise scene.wrong("The value was in the healthy cache at 5 s, and it was loaded again.")
    if cache.count("set", after=5):
        raise scene.wrong(
            "You stored again what you had found in the cache: so it would never expire. Store what you have loaded."
        )
    if why := cache.why_lives():
        raise scene.wrong(why)
    for call, wanted in zip(scene.calls, (LOAD + 2 * ANSWER, ANSWER), strict=True):
        if (took := (call.ended or 0) - call.at) > wanted + TINY:
            raise scene.wrong(
                f"The cache was healthy, and the {call.name} took {took:g} s for what takes {wanted:g} s: wait for the "
                "cache and for load, and for nothing else."
            )
    for value in sorted((each for each in FALSY if each is not None), key=lambda each: each != 0):
        cache, loads, scene = _read(cached_read, Cache(), 0, 5, load=Loads(value))
        if scene.result(1) != value or len(loads.keys) > 1:
            raise scene.wrong(
                f"load gave {value!r}, which is a value like any other, and it was not found in the cache by the next "
                "read. Only None says that nothing is there."
            )
    cache = Cache(seconds=0.375)
    cache.kept["a"] = "kept value", 1000
    cache, loads, scene = _read(cached_read, cache, 0)
    if scene.result(0) != "kept value":
        raise scene.wrong(
            f"The cache has the value, and took 0.375 s to say so; your function returned {scene.result(0)!r:.60}. "
            f"Give a call up after {LIMIT:g} s, not before."
        )


def _check_ill(cached_read: Answer, illness: str, error: Exception | None = None) -> None:
    said = f"{ILL[illness]}, {type(error).__name__}" if error else ILL[illness]
    _, loads, scene = _read(cached_read, Cache(illness, error=error), 0)
    call = scene.calls[0]
    if call.raised and not call.cancelled:
        text = describe_raised(call.raised)
        note = " redis.ConnectionError is not Python's own ConnectionError." if illness == "down" else ""
        raise scene.wrong(f"{said}; the database has the value, and your caller did not get it. {text}{note}")
    if scene.result(0) != "value of a":
        raise scene.wrong(f"{said}, and your function returned {call.returned!r:.60}, not what load gives.")
    if len(loads.keys) != 1:
        raise scene.wrong(f"{said}, and load was called {len(loads.keys)} times: a failure of `set` is not load's.")
    if (call.ended or 0) > LOAD + 2 * LIMIT:
        raise scene.wrong(
            f"{said}: the load takes 2 s, and your caller waited {call.ended:g} s. Let neither get nor set take more "
            f"than {LIMIT:g} s: `asyncio.timeout({LIMIT:g})`."
        )
    if illness == "down" and (call.ended or 0) > LOAD + 2 * ANSWER + TINY:
        raise scene.wrong(
            f"{said}, and says so at once, after {ANSWER:g} s; the load takes 2 s, and your caller waited "
            f"{call.ended:g} s: wait for nothing else."
        )


def _check_load(cached_read: Answer) -> None:
    errors = [kind("the database is slow") for kind in KINDS]
    for error in (ValueError("no such row"), *errors, redis.exceptions.RedisError("from the database, say")):
        cache, loads, scene = _read(cached_read, Cache(), 0, load=Loads(error))
        if scene.calls[0].raised is not error or len(loads.keys) > 1:
            raise scene.wrong(
                f"load raised {type(error).__name__}, called {len(loads.keys)} times, and your function "
                f"{scene.calls[0].answered()}: what load raises goes to your caller. Put the `try` around the calls of "
                "the cache only."
            )
    cache, loads, scene = _read(cached_read, Cache(), 0, 3, load=Loads(ValueError("no such row"), "value"))
    if cache.count("get") < 2:
        raise scene.wrong("load failed, and you left the cache alone after that: the cache had done nothing wrong.")


def _check_breaker(cached_read: Answer) -> None:
    # Each read finds it anew: nothing could be stored.
    cache, loads, scene = _read(cached_read, Cache("mute", until=5), 0, 3, 9, 12)
    for number in range(4):
        scene.result(number)
    first = cache.asked[0].at
    if cache.count("set", first) and cache.asked[1].verb == "set" and cache.asked[1].at < 3:
        raise scene.wrong(
            "get had been given up, and in the same call set was tried: another wait for nothing. After a failure "
            f"leave the cache alone for {REST:g} s, set as well."
        )
    if early := [each.at for each in cache.asked if 0 < each.at < LIMIT + REST]:
        raise scene.wrong(
            f"The cache failed at {LIMIT:g} s, and was asked again at {early[0]:g} s. For {REST:g} s nobody should "
            "wait for it: keep in `breaker.retry_at` when to try again, and ask the cache only from then on."
        )
    if not cache.count("get", 9):
        raise scene.wrong(
            "The cache was well again from 5 s on, and at 9 s nobody asked it: when its rest is over, somebody must "
            "try. `asyncio.get_running_loop().time()` is the time that `breaker.retry_at` is compared with."
        )
    if not cache.kept or len(loads.keys) > 3:
        raise scene.wrong(
            "The cache was well again, and the read at 12 s did not find there what the one at 9 s loaded."
        )


def _check_rest(cached_read: Answer, cache: Cache, failed_at: float) -> None:
    """Let a cache fail at `failed_at`, and be well again before its rest is over: it is asked then, and not before."""
    early, late = (round((failed_at + REST) * 4) / 4 + quarter for quarter in (-0.25, 0.25))
    early = min(early, failed_at + REST - 0.05)
    cache, loads, scene = _read(cached_read, cache, 0, 3, early, late, 12)
    said = f"{ILL[cache.illness]} at first, and failed at {failed_at:g} s"
    for number in range(5):
        scene.result(number)
    if asked := [each for each in cache.asked if 0 < each.at < failed_at + REST - TINY]:
        raise scene.wrong(
            f"{said}; at {asked[0].at:g} s {asked[0].verb} was called. For {REST:g} s nobody should wait for it, "
            "whatever it was that failed: set `breaker.retry_at`, and compare with it."
        )
    if not any(each.verb == "get" and each.at == late for each in cache.asked):
        raise scene.wrong(
            f"{said}; at {late:g} s, more than {REST:g} s later, nobody asked it. When its rest is over, somebody must "
            "try."
        )
    resting = scene.calls[1]
    if (took := (resting.ended or 0) - resting.at) > LOAD + TINY:
        raise scene.wrong(
            f"{said}; the {resting.name}, while it is left alone, took {took:g} s. The load takes 2 s: wait for "
            "nothing else."
        )
    if len(loads.keys) > 4:
        raise scene.wrong(f"{said}; then it was well again, and the read at 12 s did not find what was loaded before.")


def _check_cancelled(cached_read: Answer) -> None:
    moments = (
        ("mute", 0.25, "while the cache gave no answer"),
        ("mute", 1, "while it loaded"),
        ("", 0.05, "while it asked the cache"),
        ("mute set", 2.3, "while it stored"),
    )
    for illness, at, doing in moments:
        _, _, scene = _read(cached_read, Cache(illness), 0, cancel_at=at)
        call = scene.calls[0]
        if not call.cancelled or call.ended != at:
            raise scene.wrong(
                f"Cancelled at {at:g} s, {doing}, your function {call.answered()} at {call.ended:g} s: a cancellation "
                "is no failure of the cache, let CancelledError through."
            )
    cache, _, scene = _read(cached_read, Cache("mute", until=0.5), 0, 1, cancel_at=0.25)
    if not cache.count("get", after=1):
        raise scene.wrong(
            "A read was cancelled at 0.25 s, and at 1 s the cache was not asked: a cancellation is no failure of the "
            "cache, and no reason to leave it alone."
        )


def _check_drawn(cached_read: Answer, chance: Chance) -> None:
    """Let reads come at drawn times, with a cache that is ill until a drawn one."""
    illness = chance.one_of(("down", "mute"))
    until, lasts = chance.seconds(1, 12), ANSWER if illness == "down" else LIMIT
    # No read comes at a time at which something else happens.
    at = sorted(chance.seconds(0, 20) + number / 100 for number in range(chance.number(3, 7)))
    values = [chance.value("value"), chance.failure("the database"), *(chance.value("value") for _ in "123")]
    values = ["value" if value is None else value for value in values]
    cache, _, scene = _read(cached_read, Cache(illness, until, error=chance.one_of(ERRORS)), *at, load=Loads(*values))
    said = f"{ILL[illness]} until {until:g} s"
    for number, call in enumerate(scene.calls):
        if isinstance(call.raised, Exception) and call.raised in values:
            continue
        scene.result(number)
        if (took := (call.ended or 0) - call.at) > LOAD + 2 * LIMIT + TINY:
            raise scene.wrong(f"{said}, and the {call.name} took {took:g} s.")
    failures = [each.at + lasts for each in cache.asked if each.verb == "get" and each.at < until]
    for each in cache.asked:
        if near := [at for at in failures if at <= each.at < at + REST - TINY]:
            raise scene.wrong(f"{said}, failed at {near[0]:g} s, and at {each.at:g} s {each.verb} was called.")
    for when in at:
        resting = any(at <= when < at + REST for at in failures)
        if not resting and not any(each.verb == "get" and each.at == when for each in cache.asked):
            raise scene.wrong(f"{said}; nothing had failed for {REST:g} s, and at {when:g} s the cache was not asked.")


cached_read = Exercise(
    lesson="lesson_05b",
    task="""\
**Exercise 3: go on without it.** Write `cached_read(cache, breaker, key, load)`.

- Healthy, it is a plain cache aside: `await cache.get(key)` gives the value or None; if None, `await load(key)`, store
  it with `await cache.set(key, value, ex=60)`, and return it.
- The cache may be down or full: then its calls raise some `redis.RedisError`. Or it may never answer: give each of its
  calls up after 0.5 s. Your caller gets the value that `load` gives nevertheless.
- Nobody waits for anything else.
- `breaker.retry_at` is yours to set; at first it is 0. When the cache has failed, leave it alone, get and set, for 5 s
  by the clock of the loop, `asyncio.get_running_loop().time()`. Then try again.
- A failing `set` may count as such a failure, or not, as you like.
- What `load` raises goes to your caller, and it may take longer than 0.5 s.""",
    reference=solutions.cached_read,
    grade=_grade_cached_read,
    hints=[
        "Write a helper for one call of the cache, get or set, which gives None when it fails or when the cache is to "
        "be left alone.",
        "In it: `if loop.time() < breaker.retry_at: return None`, then `async with asyncio.timeout(0.5):` around the "
        "call.",
        "`except (TimeoutError, redis.RedisError): breaker.retry_at = loop.time() + 5`. The load stands outside of all "
        "that.",
    ],
)
