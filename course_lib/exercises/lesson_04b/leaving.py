"""Exercise 1: a stream of pages, left at the first match and closed."""

import asyncio
from collections.abc import Sequence
from math import inf
from typing import Any

from course_lib.exercises.chance import Chance
from course_lib.exercises.framework import Answer, Exercise
from course_lib.exercises.lesson_03.scenes import CLEAN_UP
from course_lib.exercises.lesson_04b import solutions
from course_lib.exercises.lesson_04b.stream import Stream, played
from course_lib.exercises.ordering import in_every_order
from course_lib.exercises.playing import Scene

ROUNDS = 15


def _grade_first_match(first_match: Answer) -> str:
    pages: list[tuple[str, float, str]] = [
        ("a", 4, "queues"),
        ("b", 1, "tasks"),
        ("c", 1, "queues and tasks"),
        ("d", 9, "queues"),
    ]
    stream, scene = _matched(first_match, pages, "queues")
    early = len(stream.given) < len(pages) and not isinstance(scene.raised, KeyError | IndexError)
    if isinstance(scene.raised, LookupError) and early:
        raise scene.wrong(
            f"Your function raised LookupError after {len(stream.given)} of {len(pages)} pages. Only when the last has "
            "come is it known that none matches: raise it after the loop."
        )
    if scene.result() not in [url for url, *_ in pages]:
        raise scene.wrong(f"Return the URL; you returned {scene.returned!r:.60}.")
    if scene.returned == "b":
        raise scene.wrong("You returned 'b', whose text does not match: matches(text) is a coroutine, await it.")
    if scene.returned != "c" or len(stream.given) > 2:
        raise scene.wrong(
            f"The second page to come was 'c', at 2 s, and it matches. You returned {scene.returned!r} at "
            f"{scene.ended:g} s, after {len(stream.given)} pages: look at each as it comes, and leave at the first "
            "match."
        )
    _closed_at_once(stream, scene, 0.25)
    stream, scene = _matched(first_match, pages, "locks")
    _none_matches(stream, scene)
    _hides_nothing(first_match, pages, ValueError("cannot read this text"))
    stream, scene = _matched(first_match, pages, "locks", cancel_at=1.2)
    _stopped(scene, 1.2)

    chance = Chance("first_match")
    for _ in range(ROUNDS):
        pages = [
            (f"page {number}", chance.seconds(0.25, 2), chance.one_of(("queues", "locks", "")))
            for number in range(chance.number(0, 5))
        ]
        seconds = chance.seconds(0, 1)
        stream, scene = _matched(first_match, pages, "queues", seconds=seconds)
        texts = {url: text for url, _, text in pages}
        found = next((url for url in stream.given if texts[url] == "queues"), None)
        if found is None:
            _none_matches(stream, scene)
        elif scene.result() != found or stream.given[-1] != found:
            raise scene.wrong(
                f"The first page to come that matches was {found!r}; you returned {scene.returned!r}, after "
                f"{len(stream.given)} pages: look at each as it comes, and leave at the first match."
            )
        _closed_at_once(stream, scene, seconds)
        if pages:
            _hides_nothing(first_match, pages, chance.failure("this text"))
            cancel_at = chance.seconds(0, pages[0][1] - 0.25) + 0.125
            stream, scene = _matched(first_match, pages, "locks", cancel_at=cancel_at)
            _stopped(scene, cancel_at)
    three = [("a", 1, "locks"), ("b", 1, "queues"), ("c", 1, "more queues")]
    in_every_order(first_match, lambda: _stream(three), _left)
    in_every_order(first_match, lambda: _stream(three), _left, cancel_at=1)
    return "You left at the first match, with two pages still to come, and the stream's workers ended with you."


def _stream(pages: Sequence[tuple[str, float, str]]) -> tuple[Stream, list[Any]]:
    async def matches(text: str) -> bool:
        await asyncio.sleep(0)
        return "queues" in text

    stream = Stream(pages)
    return stream, [stream, matches]


def _left(scene: Scene, stream: Stream) -> bool:
    """Check what was found; return whether the cancellation may have come when the stream was being closed."""
    first = next((url for url in stream.given if url != "a"), None)
    if not scene.cancelled and (scene.result() != first or stream.given[-1] != first):
        raise scene.wrong(f"the first page to come that matches was {first!r}, and your function {scene.answered()}.")
    if stream.given and stream.left == inf:
        raise scene.wrong("your function had ended, and its stream was still open.")
    return scene.cancelled and stream.left < inf


def _none_matches(stream: Stream, scene: Scene) -> None:
    if not isinstance(scene.raised, LookupError):
        raise scene.wrong(f"No page matches, and your function {scene.answered()}: raise LookupError.")


def _hides_nothing(first_match: Answer, pages: Sequence[tuple[str, float, str]], failure: Exception) -> None:
    _, scene = _matched(first_match, pages, failure)
    if scene.raised is not failure:
        raise scene.wrong(
            f"matches(text) raised {type(failure).__name__}, and your function {scene.answered()}: let it through."
        )


def _closed_at_once(stream: Stream, scene: Scene, seconds: float) -> None:
    """Raise Wrong if the function waited for anything but pages, `seconds` for each match, and the stream's closing."""
    at = 0.0
    for url in stream.given:
        at = max(at, stream.came[url]) + seconds
    if stream.left > at:
        raise scene.wrong(
            f"The last page that you needed was looked at by {at:g} s, and you left the stream at {stream.left:g} s: "
            "leave at once."
        )
    if scene.ended > stream.closed:
        raise scene.wrong(
            f"The stream was closed at {stream.closed:g} s, and your function ended at {scene.ended:g} s."
        )


def _stopped(scene: Scene, cancel_at: float) -> None:
    if not scene.cancelled:
        raise scene.wrong(
            f"Your function was cancelled at {cancel_at:g} s, and {scene.answered()} instead of ending cancelled."
        )
    if scene.ended > cancel_at + CLEAN_UP:
        raise scene.wrong(
            f"Your function was cancelled at {cancel_at:g} s, and ended at {scene.ended:g} s; the stream's workers "
            f"need {CLEAN_UP:g} s to clean up."
        )


def _matched(
    function: Answer,
    pages: Sequence[tuple[str, float, str]],
    wanted: str | Exception,
    cancel_at: float | None = None,
    seconds: float = 0.25,
) -> tuple[Stream, Scene]:
    stream = Stream(pages)

    async def matches(text: str) -> bool:
        await asyncio.sleep(seconds)
        if isinstance(wanted, Exception):
            raise wanted
        return wanted in text

    return stream, played(function, stream, matches, cancel_at=cancel_at)


first_match = Exercise(
    lesson="lesson_04b",
    task="""\
**Exercise 1: leave in time.** Write `first_match(stream, matches)`.

- `stream()` gives an async generator. Workers of its own fetch pages; it yields `(url, text)` as the pages come.
- `await matches(text)` says True or False, or raises an exception, which goes to your caller.
- Return the URL of the first page to come that matches, at once. If none does, raise LookupError. Call `stream` once.
- However you leave, found, failed or cancelled, the stream is closed by then: its workers have ended.""",
    reference=solutions.first_match,
    grade=_grade_first_match,
    hints=[
        "`async for url, text in pages:` takes the pages as they come. Do not collect them first.",
        "Who closes the generator when you `return` from inside the loop? Look up `aclosing` in the lesson.",
        "`async with aclosing(stream()) as pages:` around the loop, `return url` inside it, `raise LookupError` after.",
    ],
)
