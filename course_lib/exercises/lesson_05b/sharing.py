"""Exercise 1: one load for all who ask at the same time."""

from itertools import product

from course_lib.exercises.chance import FALSY, KINDS
from course_lib.exercises.framework import Answer, Exercise
from course_lib.exercises.lesson_05b import solutions
from course_lib.exercises.lesson_05b.askers import asked, check_drawn, check_orders
from course_lib.exercises.lesson_05b.cache import ANSWER, LOAD, Cache

TINY = 1e-6  # seconds, for sums of floats
FOR_ALL = "Who comes while a load is under way should wait for that load's task: keep the task in `loading`."


def _grade_get_or_load(get_or_load: Answer) -> str:
    cache, loads, scene = asked(get_or_load, "a", "a", "a", "a", "b", ("a", 1), ("a", 10), ("a", 80))
    first = [call for call in scene.calls if call.at <= 1]
    for number, call in enumerate(scene.calls):
        if scene.result(number) != f"value of {call.name[-1]}":
            raise scene.wrong(f"{call.name}: return what load gives; you returned {call.returned!r:.60}.")
    last = max(call.ended or 0 for call in first)
    count = loads.keys.count("a")
    if count > 2 and last > 4:
        raise scene.wrong(f"load('a') was called {count} times, one call after another. {FOR_ALL}")
    if count > 4:
        raise scene.wrong(f"Five callers asked for 'a' within a second, and load('a') was called by each. {FOR_ALL}")
    if last > 4:
        raise scene.wrong(
            f"The loads of 'a' and 'b' take 2 s each, and the last answer came at {last:g} s: one key waited for the "
            "other. Let different keys load side by side."
        )
    if why := cache.why_lives():
        raise scene.wrong(why)
    if not cache.kept:
        raise scene.wrong("Nothing was stored: after the load, `await cache.set(key, value, ex=60)`.")
    at_once = max(call.ended or 0 for call in first if not call.at)
    late = scene.calls[6]
    if (late.ended or 0) > late.at + 1:
        raise scene.wrong(
            f"'a' was in the cache, and the caller at 10 s had its answer at {late.ended:g} s: look there first."
        )
    if (late.ended or 0) > late.at + 2 * ANSWER + TINY:
        raise scene.wrong(
            f"'a' was in the cache at 10 s, which takes 0.1 s to ask, and its caller waited until {late.ended:g} s."
        )
    if [each for each in cache.asked if each.verb == "set" and each.key == "a" and 10 <= each.at < 80]:
        raise scene.wrong(
            "You stored again what you had found in the cache: so it would never expire. Store what you have loaded."
        )
    if count < 2:
        raise scene.wrong(
            "At 80 s the value in the cache had expired, and load('a') was not called again: somebody got the first "
            "load's result for ever. What has ended must leave `loading`."
        )
    for answer in sorted((each for each in FALSY if each is not None), key=lambda each: each != []):
        cache, loads, scene = asked(get_or_load, "a", ("a", 10), answers=[answer])
        if scene.calls[1].returned != answer or len(loads.keys) > 1:
            raise scene.wrong(
                f"The load gave {answer!r}, which is a value like any other, and it was loaded again by the next "
                "caller. Only None says that nothing is there."
            )
    for kind in KINDS:
        _check_failure(get_or_load, kind("the database is starting"))
    _check_ill_cache(get_or_load)
    _check_cancelled(get_or_load)
    if at_once > LOAD + 4 * ANSWER + TINY:
        raise scene.wrong(
            f"The first callers had their answer at {at_once:g} s; to ask the cache, to load and to store takes "
            f"{LOAD + 2 * ANSWER:g} s. Wait for that, and for nothing else."
        )
    check_orders(get_or_load)
    check_drawn(get_or_load)
    return "One load for all, failures kept by nobody, and no caller takes the others along."


def _check_failure(get_or_load: Answer, down: Exception) -> None:
    kind = type(down).__name__
    _, loads, scene = asked(get_or_load, "a", "a", "a", ("a", 10), answers=[down, down, down, "value"])
    if len(loads.keys) > 2:
        raise scene.wrong(f"The load failed, and each of the three who waited for it loaded once more. {FOR_ALL}")
    for call in scene.calls[:3]:
        if call.cancelled or call.raised is not down:
            raise scene.wrong(f"The load raised {kind}, and {call.name} {call.answered()}: all should get it.")
    later = scene.calls[3]
    if later.raised is down and len(loads.keys) == 1:
        raise scene.wrong(
            "The load failed at 2 s, and at 10 s a caller got the same old failure: a failure must not be kept. Take "
            "the task out of `loading` however it ended."
        )


def _check_ill_cache(get_or_load: Answer) -> None:
    """Let the cache fail at first: whoever gets its exception, or goes on without it, later callers must not."""
    for illness, call in (("down", "get"), ("full", "set")):
        _, _, scene = asked(get_or_load, "a", "a", ("a", 10), cache=Cache(illness, until=5))
        later = scene.calls[2]
        if later.cancelled or later.raised or later.returned != "value of a":
            raise scene.wrong(
                f"cache.{call}() failed once, at the beginning. The cache was well again at 5 s, and at 10 s a caller "
                f"{later.answered()}: a failure must not be kept. Take the task out of `loading` however it ended."
            )


def _check_cancelled(get_or_load: Answer) -> None:
    moments = ((1.0, "while it was loaded"), (0.05, "while the cache was asked"), (2.15, "while the value was stored"))
    for (at, doing), number in product(moments, (0, 1)):
        who = "The caller that came first" if number == 0 else "A caller that had come later"
        _, loads, scene = asked(get_or_load, "a", "a", "a", ("a", 1.5), cancel={number: at})
        gone = scene.calls[number]
        if not gone.cancelled or gone.ended != at:
            raise scene.wrong(f"{who} was cancelled at {at:g} s, {doing}, and {gone.answered()} at {gone.ended:g} s.")
        for call in scene.calls:
            if call is not gone and call.cancelled:
                raise scene.wrong(
                    f"{who} was cancelled at {at:g} s, and {call.name}, whom nobody cancelled, ended cancelled too: "
                    "who awaits a task and is cancelled, cancels the task. `await asyncio.shield(task)` leaves it "
                    "alone."
                )
            if call is not gone and (call.raised or call.returned != "value of a"):
                raise scene.wrong(f"{who} was cancelled at {at:g} s, and {call.name} {call.answered()}.")
        if len(loads.keys) > 1:
            raise scene.wrong(
                f"{who} was cancelled at {at:g} s, and the load began again from the start. It belongs to all: let it "
                "run in a task of its own, which stays in `loading` until it has ended, and await it by "
                "`asyncio.shield`."
            )


get_or_load = Exercise(
    lesson="lesson_05b",
    task="""\
**Exercise 1: one load for all.** Write `get_or_load(cache, loading, key, load)`.

- `await cache.get(key)` gives the value, or None. If there is none, `await load(key)` (2 s), store it with
  `await cache.set(key, value, ex=60)`, and return it. An empty list is a value, too.
- Callers that ask for the same key while it is loaded, or being stored, share that one load. Different keys load side
  by side.
- `loading` is a dictionary for your tasks, empty at first, and the same one in all calls.
- If the load fails, all who wait get its exception. The next caller loads anew; so it does after the cache has failed.
- A caller that is cancelled ends at once, and takes nobody along: the load goes on for the others.""",
    reference=solutions.get_or_load,
    grade=_grade_get_or_load,
    hints=[
        "Put all of it, get, load and set, into one coroutine. The first caller makes a task of it and keeps it in "
        "`loading`, before any `await`; the others find it there.",
        "`await asyncio.shield(loading[key])`: who is cancelled here does not cancel the task.",
        "In that coroutine: `try:` ... `return value`, `finally: del loading[key]`. So neither a result nor a failure "
        "stays.",
    ],
)
