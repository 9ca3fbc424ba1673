"""Exercise 3: a cache that is down, full or mute costs a bounded time, and never the answer."""

import redis.exceptions

from course_lib.exercises.chance import FALSY, KINDS, Chance
from course_lib.exercises.framework import Answer, Exercise, describe_raised
from course_lib.exercises.lesson_05b import solutions
from course_lib.exercises.lesson_05b.cache import ANSWER, LOAD, Cache, Loads
from course_lib.exercises.lesson_05b.resting import (
    ILL,
    LIMIT,
    ROUNDS,
    TINY,
    check_breaker,
    check_drawn,
    check_rest,
    errors,
    read,
)


def _grade_cached_read(cached_read: Answer) -> str:
    _check_healthy(cached_read)
    for illness in ILL:
        _check_ill(cached_read, illness)
    _check_load(cached_read)
    check_breaker(cached_read)
    for error in errors():
        _check_ill(cached_read, "down", error)
        check_rest(cached_read, Cache("down", until=4, error=error), ANSWER)
    check_rest(cached_read, Cache("mute", until=4), LIMIT)
    _check_cancelled(cached_read)
    chance = Chance("cached_read")
    for _ in range(ROUNDS):
        check_drawn(cached_read, chance)
    return "Down, full or mute: the answers come, half a second late at first, and then not even that."


def _check_healthy(cached_read: Answer) -> None:
    cache, loads, scene = read(cached_read, Cache(), 0, 5)
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
        cache, loads, scene = read(cached_read, Cache(), 0, 5, load=Loads(value))
        if scene.result(1) != value or len(loads.keys) > 1:
            raise scene.wrong(
                f"load gave {value!r}, which is a value like any other, and it was not found in the cache by the next "
                "read. Only None says that nothing is there."
            )
    cache = Cache(seconds=0.375)
    cache.kept["a"] = "kept value", 1000
    cache, loads, scene = read(cached_read, cache, 0)
    if scene.result(0) != "kept value":
        raise scene.wrong(
            f"The cache has the value, and took 0.375 s to say so; your function returned {scene.result(0)!r:.60}. "
            f"Give a call up after {LIMIT:g} s, not before."
        )


def _check_ill(cached_read: Answer, illness: str, error: Exception | None = None) -> None:
    said = f"{ILL[illness]}, {type(error).__name__}" if error else ILL[illness]
    _, loads, scene = read(cached_read, Cache(illness, error=error), 0)
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
        cache, loads, scene = read(cached_read, Cache(), 0, load=Loads(error))
        if scene.calls[0].raised is not error or len(loads.keys) > 1:
            raise scene.wrong(
                f"load raised {type(error).__name__}, called {len(loads.keys)} times, and your function "
                f"{scene.calls[0].answered()}: what load raises goes to your caller. Put the `try` around the calls of "
                "the cache only."
            )
    cache, loads, scene = read(cached_read, Cache(), 0, 3, load=Loads(ValueError("no such row"), "value"))
    if cache.count("get") < 2:
        raise scene.wrong("load failed, and you left the cache alone after that: the cache had done nothing wrong.")


def _check_cancelled(cached_read: Answer) -> None:
    moments = (
        ("mute", 0.25, "while the cache gave no answer"),
        ("mute", 1, "while it loaded"),
        ("", 0.05, "while it asked the cache"),
        ("mute set", 2.3, "while it stored"),
    )
    for illness, at, doing in moments:
        _, _, scene = read(cached_read, Cache(illness), 0, cancel_at=at)
        call = scene.calls[0]
        if not call.cancelled or call.ended != at:
            raise scene.wrong(
                f"Cancelled at {at:g} s, {doing}, your function {call.answered()} at {call.ended:g} s: a cancellation "
                "is no failure of the cache, let CancelledError through."
            )
    cache, _, scene = read(cached_read, Cache("mute", until=0.5), 0, 1, cancel_at=0.25)
    if not cache.count("get", after=1):
        raise scene.wrong(
            "A read was cancelled at 0.25 s, and at 1 s the cache was not asked: a cancellation is no failure of the "
            "cache, and no reason to leave it alone."
        )


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
