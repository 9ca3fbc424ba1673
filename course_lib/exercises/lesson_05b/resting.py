"""Exercise 3, when the cache is left alone: reads at their times, with a cache that fails and is well again."""

from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any

import redis.exceptions

from course_lib.exercises.chance import Chance
from course_lib.exercises.framework import Answer
from course_lib.exercises.lesson_05a.scenes import Call, Scene, play
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


def errors() -> tuple[redis.exceptions.RedisError, ...]:
    """Return one of each kind, new ones: an exception keeps the frames that it came through, with a run's tasks."""
    return (
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


def read(
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


def check_breaker(cached_read: Answer) -> None:
    """Let the cache be mute for a while: it is left alone, and asked again when its rest is over."""
    # Each read finds it anew: nothing could be stored.
    cache, loads, scene = read(cached_read, Cache("mute", until=5), 0, 3, 9, 12)
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


def check_rest(cached_read: Answer, cache: Cache, failed_at: float) -> None:
    """Let a cache fail at `failed_at`, and be well again before its rest is over: it is asked then, and not before."""
    early, late = (round((failed_at + REST) * 4) / 4 + quarter for quarter in (-0.25, 0.25))
    early = min(early, failed_at + REST - 0.05)
    cache, loads, scene = read(cached_read, cache, 0, 3, early, late, 12)
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


def check_drawn(cached_read: Answer, chance: Chance) -> None:
    """Let reads come at drawn times, with a cache that is ill until a drawn one."""
    illness = chance.one_of(("down", "mute"))
    until, lasts = chance.seconds(1, 12), ANSWER if illness == "down" else LIMIT
    # No read comes at a time at which something else happens.
    at = sorted(chance.seconds(0, 20) + number / 100 for number in range(chance.number(3, 7)))
    values = [chance.value("value"), chance.failure("the database"), *(chance.value("value") for _ in "123")]
    values = ["value" if value is None else value for value in values]
    cache, _, scene = read(cached_read, Cache(illness, until, error=chance.one_of(errors())), *at, load=Loads(*values))
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
