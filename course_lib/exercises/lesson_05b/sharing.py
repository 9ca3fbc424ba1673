"""Exercise 1: one load for all who ask at the same time."""

from collections.abc import Coroutine
from typing import Any

from course_lib.exercises.framework import Answer, Exercise
from course_lib.exercises.lesson_05a.scenes import Call, Scene, play
from course_lib.exercises.lesson_05b import solutions
from course_lib.exercises.lesson_05b.cache import Cache, Loads

FOR_ALL = "Who comes while a load is under way should wait for that load's task: keep the task in `loading`."


def _grade_get_or_load(get_or_load: Answer) -> str:
    cache, loads, scene = _asked(get_or_load, "a", "a", "a", "a", "b", ("a", 1), ("a", 10), ("a", 80))
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
    if cache.without_end:
        raise scene.wrong("You stored a value without a time to live: cache.set(key, value, ex=60).")
    if not cache.kept:
        raise scene.wrong("Nothing was stored: after the load, `await cache.set(key, value, ex=60)`.")
    late = scene.calls[6]
    if (late.ended or 0) > 11:
        raise scene.wrong(
            f"'a' was in the cache, and the caller at 10 s had its answer at {late.ended:g} s: look there first."
        )
    if count < 2:
        raise scene.wrong(
            "At 80 s the value in the cache had expired, and load('a') was not called again: somebody got the first "
            "load's result for ever. What has ended must leave `loading`."
        )
    falsy: tuple[Any, ...] = ([], 0)
    for answer in falsy:
        cache, loads, scene = _asked(get_or_load, "a", ("a", 10), answers=[answer])
        if scene.calls[1].returned != answer or len(loads.keys) > 1:
            raise scene.wrong(
                f"The load gave {answer!r}, which is a value like any other, and it was loaded again by the next "
                "caller. Only None says that nothing is there."
            )
    _check_failure(get_or_load)
    _check_cancelled(get_or_load)
    return "One load for all, failures kept by nobody, and no caller takes the others along."


def _asked(
    get_or_load: Answer,
    *callers: str | tuple[str, float],
    answers: list[Any] | None = None,
    cancel: dict[int, float] | None = None,
) -> tuple[Cache, Loads, Scene]:
    """Play callers, each a key or (key, when), of which some are cancelled (number: when)."""
    cache, loads, loading = Cache(), Loads(*(answers or [])), dict[str, Any]()

    def made(number: int, key: str, at: float) -> Call:
        def make() -> Coroutine[Any, Any, Any]:
            return get_or_load(cache, loading, key, loads.load)

        return Call(f"caller {number + 1} of {key}", make, at, (cancel or {}).get(number))

    rows = [(caller, 0.0) if isinstance(caller, str) else caller for caller in callers]
    scene = play(*(made(number, *row) for number, row in enumerate(rows)))
    if scene.stuck:
        cancelled = " The one that loaded was cancelled." if cancel else ""
        raise scene.wrong(f"{scene.stuck[0]} had no answer after 60 s: for whom does it wait?{cancelled}")
    return cache, loads, scene


def _check_failure(get_or_load: Answer) -> None:
    down = ConnectionError("the database is starting")
    _, loads, scene = _asked(get_or_load, "a", "a", "a", ("a", 10), answers=[down, down, down, "value"])
    if len(loads.keys) > 2:
        raise scene.wrong(f"The load failed, and each of the three who waited for it loaded once more. {FOR_ALL}")
    for call in scene.calls[:3]:
        if call.cancelled or call.raised is not down:
            raise scene.wrong(f"The load raised ConnectionError, and {call.name} {call.answered()}: all should get it.")
    later = scene.calls[3]
    if later.raised is down and len(loads.keys) == 1:
        raise scene.wrong(
            "The load failed at 2 s, and at 10 s a caller got the same old failure: a failure must not be kept. Take "
            "the task out of `loading` however it ended."
        )


def _check_cancelled(get_or_load: Answer) -> None:
    for number, who in ((0, "The caller that came first"), (1, "A caller that had come later")):
        _, loads, scene = _asked(get_or_load, "a", "a", "a", ("a", 1.5), cancel={number: 1})
        gone = scene.calls[number]
        if not gone.cancelled or gone.ended != 1:
            raise scene.wrong(f"{who} was cancelled at 1 s, and {gone.answered()} at {gone.ended:g} s.")
        for call in scene.calls:
            if call is not gone and call.cancelled:
                raise scene.wrong(
                    f"{who} was cancelled at 1 s, and {call.name}, whom nobody cancelled, ended cancelled too: who "
                    "awaits a task and is cancelled, cancels the task. `await asyncio.shield(task)` leaves it alone."
                )
            if call is not gone and call.raised:
                raise scene.wrong(f"{who} was cancelled at 1 s, and {call.name} {call.answered()}.")
        if len(loads.keys) > 1:
            raise scene.wrong(
                f"{who} was cancelled at 1 s, and the load began again from the start. It belongs to all: let it run "
                "in a task of its own, which stays in `loading` until it has ended, and await it by `asyncio.shield`."
            )


get_or_load = Exercise(
    lesson="lesson_05b",
    task="""\
**Exercise 1: one load for all.** Write `get_or_load(cache, loading, key, load)`.

- `await cache.get(key)` gives the value, or None. If there is none, `await load(key)` (2 s), store it with
  `await cache.set(key, value, ex=60)`, and return it. An empty list is a value, too.
- Callers that ask for the same key while it is loaded share that one load. Different keys load side by side.
- `loading` is a dictionary for your tasks, empty at first, and the same one in all calls.
- If the load fails, all who wait get its exception. The next caller loads anew.
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
