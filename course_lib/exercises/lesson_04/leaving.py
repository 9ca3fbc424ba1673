"""Exercise 4: a stream of pages, left at the first match and closed."""

import asyncio
from collections.abc import Sequence

from course_lib.exercises.framework import Answer, Exercise, Wrong
from course_lib.exercises.lesson_03.scenes import Scene, play
from course_lib.exercises.lesson_04 import solutions
from course_lib.exercises.lesson_04.web import Stream


def _grade_first_match(first_match: Answer) -> str:
    pages = [("a", 4, "queues"), ("b", 1, "tasks"), ("c", 1, "queues and tasks"), ("d", 9, "queues")]
    stream, scene = _matched(first_match, pages, "queues")
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
    stream, scene = _matched(first_match, pages, "locks")
    if not isinstance(scene.raised, LookupError):
        raise scene.wrong(f"No page matches, and your function {scene.answered()}: raise LookupError.")
    stream, scene = _matched(first_match, pages, ValueError("cannot read this text"))
    if not isinstance(scene.raised, ValueError):
        raise scene.wrong(f"matches(text) raised ValueError, and your function {scene.answered()}: let it through.")
    stream, scene = _matched(first_match, pages, "locks", cancel_at=1.2)
    if not scene.cancelled:
        raise scene.wrong(f"Your function was cancelled at 1.2 s, and {scene.answered()} instead of ending cancelled.")
    return "You left at the first match, with two pages still to come, and the stream's workers ended with you."


def _matched(
    function: Answer, pages: Sequence[tuple[str, float, str]], wanted: str | Exception, cancel_at: float | None = None
) -> tuple[Stream, Scene]:
    stream = Stream(pages)

    async def matches(text: str) -> bool:
        await asyncio.sleep(0.25)
        if isinstance(wanted, Exception):
            raise wanted
        return wanted in text

    try:
        scene = play(function, stream, matches, cancel_at=cancel_at)
    except Wrong as wrong:
        if wrong.timeline is None or not any(name.startswith("worker") for name in wrong.timeline.leaked):
            raise
        raise Wrong(
            "Your function had ended, and its stream was still open: the workers went on fetching. Leaving an "
            "`async for` does not close its generator; `async with aclosing(stream()) as pages:` does, however the "
            "block is left.",
            wrong.timeline,
        ) from None
    if isinstance(scene.raised, TypeError) and "async_generator" in str(scene.raised):
        raise scene.wrong(
            f"Your code raised TypeError: {scene.raised}. `stream()` gives an async generator: take its pages with "
            "`async for`, and close it with `aclosing`."
        )
    if isinstance(scene.raised, AttributeError) and not stream.opened:
        raise scene.wrong("`stream` is a function, and you never called it: `stream()` gives the pages.")
    return stream, scene


first_match = Exercise(
    lesson="lesson_04",
    task="""\
**Exercise 4: leave in time.** Write `first_match(stream, matches)`.

- `stream()` gives an async generator. Workers of its own fetch pages; it yields `(url, text)` as the pages come.
- `await matches(text)` says True or False, or raises an exception, which goes to your caller.
- Return the URL of the first page to come that matches, at once. If none does, raise LookupError.
- However you leave, found, failed or cancelled, the stream is closed by then: its workers have ended.""",
    reference=solutions.first_match,
    grade=_grade_first_match,
    hints=[
        "`async for url, text in pages:` takes the pages as they come. Do not collect them first.",
        "Who closes the generator when you `return` from inside the loop? Look up `aclosing` in the lesson.",
        "`async with aclosing(stream()) as pages:` around the loop, `return url` inside it, `raise LookupError` after.",
    ],
)
