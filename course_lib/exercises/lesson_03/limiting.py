"""Exercise 1: a fetch with a limit, and its four ends."""

from typing import Any

from course_lib.exercises.chance import Chance
from course_lib.exercises.framework import Answer, Exercise
from course_lib.exercises.lesson_03 import solutions
from course_lib.exercises.lesson_03.scenes import Source, was_called
from course_lib.exercises.ordering import in_every_order
from course_lib.exercises.places import raised_kind
from course_lib.exercises.playing import Scene, play
from course_lib.exercises.returning import returned_none
from course_lib.exercises.shown import shown

ROUNDS = 12
OLD = "yesterday's page"


def _grade_fetch_or_default(fetch_or_default: Answer) -> str:
    _in_time(fetch_or_default, Source("fetch", 1, "page"), 2, OLD)
    for seconds in (2, 3):
        _too_late(fetch_or_default, Source("fetch", 5, "page"), seconds, OLD)
    missing = ValueError("no such page")
    scene = play(fetch_or_default, Source("fetch", 1, missing), 2, OLD)
    _raised_own(missing, scene, 1, "The fetch raised ValueError, and you hid it: only lateness gives the default.")
    gave_up = TimeoutError("the database gave up")
    scene = play(fetch_or_default, Source("fetch", 1, gave_up), 2, OLD)
    _raised_own(
        gave_up,
        scene,
        1,
        "The fetch itself raised TimeoutError after 1 s, long before your limit of 2 s, and you took it for your "
        "own: nobody will learn that the database gave up.",
    )
    _cancelled(fetch_or_default, Source("fetch", 5, "page"), 2, 1, "in the middle of the fetch")
    _cancelled(fetch_or_default, Source("fetch", 5, "page"), 2, 2.2, "in the clean-up of a fetch that was too late")
    late = TimeoutError("could not say goodbye in time")
    _fails_late(fetch_or_default, Source("fetch", 5, "page", late=late), 2)

    chance = Chance("fetch_or_default")
    for _ in range(ROUNDS):
        limit, clean_up, old = chance.seconds(1, 4), chance.seconds(0, 2), chance.value(OLD)
        soon, long = chance.seconds(0, limit - 0.25), limit + chance.seconds(0.25, 3)
        _in_time(fetch_or_default, Source("fetch", soon, chance.value("page")), limit, old)
        _too_late(fetch_or_default, Source("fetch", long, "page", clean_up), limit, old)
        failure = chance.failure("the fetch")
        kind = type(failure).__name__
        scene = play(fetch_or_default, Source("fetch", soon, failure), limit, old)
        _raised_own(failure, scene, soon, f"The fetch raised {kind}, and you hid it: only lateness gives the default.")
        _fails_late(fetch_or_default, Source("fetch", long, "page", clean_up, chance.failure("the fetch")), limit)
        cancel_at = chance.seconds(0, limit - 0.25) + 0.125
        _cancelled(fetch_or_default, Source("fetch", long, "page", clean_up), limit, cancel_at, "in the fetch")
    in_every_order(fetch_or_default, _one_fetch, _either)
    in_every_order(fetch_or_default, _one_fetch, _either_or_cancelled, cancel_at=1)
    return "In time, too late, failed, cancelled: your function tells these four ends apart."


def _one_fetch() -> tuple[Source, list[Any]]:
    fetch = Source("fetch", 1, "page")
    return fetch, [fetch, 2, OLD]


def _either(scene: Scene, fetch: Source) -> None:
    wanted = OLD if fetch.cleaned_up else "page"
    if scene.result() != wanted:
        raise scene.wrong(f"your function {scene.answered()}, and {wanted!r} was to be returned.")


def _either_or_cancelled(scene: Scene, fetch: Source) -> None:
    if not scene.cancelled:
        _either(scene, fetch)
    elif fetch.begun and not fetch.ended:
        raise scene.wrong("your function ended cancelled, and the fetch had not ended.")


def _in_time(fetch_or_default: Answer, fetch: Source, limit: float, old: Any) -> None:
    scene = play(fetch_or_default, fetch, limit, old)
    was_called("fetch", [fetch], scene)
    if scene.returned is None and not scene.raised and scene.ended < fetch.seconds:
        early = f"You returned None at {scene.ended:g} s; the page came at {fetch.seconds:g} s, within the limit of "
        raise scene.wrong(returned_none(fetch_or_default, f"{early}{limit:g} s: wait for it."))
    if scene.result(none=fetch.answer is None) != fetch.answer:
        raise scene.wrong(
            f"The page {fetch.answer!r} came after {fetch.seconds:g} s, within the limit of {limit:g} s, and you "
            f"returned {shown(scene.returned, 60)}."
        )
    if scene.ended != fetch.seconds:
        raise scene.wrong(
            f"The page came after {fetch.seconds:g} s, and your function returned it at {scene.ended:g} s: do not wait "
            "on."
        )


def _too_late(fetch_or_default: Answer, fetch: Source, limit: float, old: Any) -> None:
    scene = play(fetch_or_default, fetch, limit, old)
    if isinstance(scene.raised, TimeoutError):
        raise scene.wrong("When the time was up, your function raised TimeoutError; it should return the default then.")
    if scene.result(none=old is None) != old:
        raise scene.wrong(
            f"The fetch needs {fetch.seconds:g} s, the limit is {limit:g} s, and you returned "
            f"{shown(scene.returned, 60)}: no default, which is {old!r}."
        )
    if (fetch.begun and not fetch.cleaned_up) or scene.ended != limit + fetch.clean_up:
        raise scene.wrong(
            f"With a limit of {limit:g} s, a fetch that hangs was given up at {scene.ended:g} s: {limit:g} s for "
            f"the limit and {fetch.clean_up:g} s for its own clean-up make {limit + fetch.clean_up:g} s. Cancel it "
            "after `seconds`, and let it finish its `finally`."
        )


def _fails_late(fetch_or_default: Answer, fetch: Source, limit: float) -> None:
    scene = play(fetch_or_default, fetch, limit, OLD)
    assert fetch.late
    kind = type(fetch.late).__name__
    _raised_own(
        fetch.late,
        scene,
        limit + fetch.clean_up,
        f"The limit of {limit:g} s was over, and in its clean-up the fetch raised {kind}: {fetch.late}. You hid it. "
        "Whether the limit has expired does not say whose exception it is; inside its block, only the fetch's own come "
        "by.",
    )


def _cancelled(fetch_or_default: Answer, fetch: Source, limit: float, cancel_at: float, doing: str) -> None:
    scene = play(fetch_or_default, fetch, limit, OLD, cancel_at=cancel_at)
    if not scene.cancelled:
        raise scene.wrong(
            f"At {cancel_at:g} s, {doing}, somebody cancelled your function, and it {scene.answered()} instead of "
            "ending cancelled. A cancellation belongs to who asked for it: let CancelledError through."
        )
    if scene.ended > max(cancel_at, min(cancel_at, limit) + fetch.clean_up):
        raise scene.wrong(
            f"At {cancel_at:g} s, {doing}, somebody cancelled your function, and it ended at {scene.ended:g} s: the "
            f"fetch needs {fetch.clean_up:g} s to clean up, and nothing else is to be waited for."
        )


def _raised_own(error: Exception, scene: Scene, at: float, hidden: str) -> None:
    if scene.raised is None:
        raise scene.wrong(hidden)
    if scene.raised is not error:
        another = "another " if type(scene.raised) is type(error) else ""
        raise scene.wrong(
            f"The fetch raised {type(error).__name__}, and you raised {another}{raised_kind(scene.raised)} instead "
            "of it: raise the fetch's own exception."
        )
    if scene.ended != at:
        raise scene.wrong(f"The fetch had failed at {at:g} s, and your function ended at {scene.ended:g} s.")


fetch_or_default = Exercise(
    lesson="lesson_03",
    task="""\
**Exercise 1: late, failed or cancelled?** Write `fetch_or_default(fetch, seconds, default)`.

- Return what `await fetch()` returns, as soon as it does.
- After `seconds` without an answer, give the fetch up and return `default`. By then the fetch has cleaned up.
- An exception that the fetch raises, also one from its clean-up, goes to your caller. It may be a TimeoutError of its
  own.
- Your caller may cancel you at any time, also during that clean-up. Then you end cancelled, and so has the fetch. (In
  Python 3.11, `wait_for` forgets the fetch there: take `timeout`.)""",
    reference=solutions.fetch_or_default,
    grade=_grade_fetch_or_default,
    hints=[
        "`asyncio.timeout(seconds)` cancels what is inside its block, waits for its end, and raises TimeoutError.",
        "A TimeoutError that reaches you may be the limit's or the fetch's, and the fetch may raise its own even when "
        "the limit has expired. Where do you meet only the fetch's?",
        "Inside the block: `try: return await fetch()`, `except TimeoutError as error:` keep the error. Outside of it: "
        "`except TimeoutError: return default`. After all that, raise the error that was kept.",
    ],
)
