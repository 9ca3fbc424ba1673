"""Exercise 3: a cache that is down, full or mute costs a bounded time, and never the answer."""

from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any

from course_lib.exercises.framework import Answer, Exercise, describe_raised
from course_lib.exercises.lesson_05a.scenes import Call, Scene, play
from course_lib.exercises.lesson_05b import solutions
from course_lib.exercises.lesson_05b.cache import Cache, Loads

LIMIT = 0.5  # seconds that a call of the cache may take
REST = 5.0  # seconds for which a cache that failed is left alone
ILL = {"down": "The cache was down", "mute": "The cache gave no answer", "full": "The cache was full"}


@dataclass
class Breaker:
    """Until when the cache is left alone, in seconds of the loop's clock."""

    retry_at: float = 0.0


def _grade_cached_read(cached_read: Answer) -> str:
    cache, loads, scene = _read(cached_read, Cache(), 0, 5)
    for number in (0, 1):
        if scene.result(number) != "value of a":
            raise scene.wrong(f"Return what load gives; you returned {scene.calls[number].returned!r:.60}.")
    if not cache.kept:
        raise scene.wrong("A healthy cache, and nothing was stored: `await cache.set(key, value, ex=60)`.")
    if len(loads.keys) > 1:
        raise scene.wrong("The value was in the healthy cache at 5 s, and it was loaded again.")

    for illness in ("down", "mute", "full", "mute set"):
        said = ILL.get(illness, "The cache answered get, and never set")
        cache, loads, scene = _read(cached_read, Cache(illness), 0)
        call = scene.calls[0]
        if call.raised and not call.cancelled:
            text = describe_raised(call.raised)
            note = " redis.ConnectionError is not Python's own ConnectionError." if illness == "down" else ""
            raise scene.wrong(f"{said}, the database was not, and your caller got no answer. {text}{note}")
        if scene.result(0) != "value of a":
            raise scene.wrong(f"{said}, and your function returned {call.returned!r:.60}, not what load gives.")
        if len(loads.keys) != 1:
            raise scene.wrong(f"{said}, and load was called {len(loads.keys)} times: a failure of `set` is not load's.")
        if (call.ended or 0) > 2 + 2 * LIMIT:
            raise scene.wrong(
                f"{said}: the load takes 2 s, and your caller waited {call.ended:g} s. Let neither get nor set take "
                f"more than {LIMIT:g} s: `asyncio.timeout({LIMIT:g})`."
            )
    _check_load(cached_read)
    _check_breaker(cached_read)
    for cancel_at, doing in ((0.25, "while the cache gave no answer"), (1, "while it loaded")):
        _, loads, scene = _read(cached_read, Cache("mute"), 0, cancel_at=cancel_at)
        if not scene.calls[0].cancelled:
            raise scene.wrong(
                f"Cancelled at {cancel_at:g} s, {doing}, your function {scene.calls[0].answered()}: a cancellation is "
                "no failure of the cache, let CancelledError through."
            )
    return "Down, full or mute: the answers come, half a second late at first, and then not even that."


def _read(
    function: Answer, cache: Cache, *at: float, load: Loads | None = None, cancel_at: float | None = None
) -> tuple[Cache, Loads, Scene]:
    loads, breaker = load or Loads(), Breaker()

    def make() -> Coroutine[Any, Any, Any]:
        return function(cache, breaker, "a", loads.load)

    scene = play(*(Call(f"read at {when:g} s", make, when, cancel_at) for when in at))
    if scene.stuck:
        raise scene.wrong(
            "The cache gave no answer, and your caller waited for it for 60 s. A call that may never end needs a "
            f"limit: `async with asyncio.timeout({LIMIT:g}):`."
        )
    return cache, loads, scene


def _check_load(cached_read: Answer) -> None:
    for error in (ValueError("no such row"), TimeoutError("the database is slow")):
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


cached_read = Exercise(
    lesson="lesson_05b",
    task="""\
**Exercise 3: go on without it.** Write `cached_read(cache, breaker, key, load)`.

- Healthy, it is a plain cache aside: `await cache.get(key)` gives the value or None; if None, `await load(key)`, store
  it with `await cache.set(key, value, ex=60)`, and return it.
- The cache may be down or full: then its calls raise some `redis.RedisError`. Or it may never answer: give each of its
  calls up after 0.5 s. Your caller gets the value that `load` gives nevertheless.
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
