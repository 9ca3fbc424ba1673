"""Exercise 3: what a stream gives is used several at a time, as it comes."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from math import inf
from typing import Any

from course_lib.exercises.chance import Chance
from course_lib.exercises.framework import Answer, Exercise, await_missing
from course_lib.exercises.lesson_03.scenes import CLEAN_UP
from course_lib.exercises.lesson_04b import solutions
from course_lib.exercises.lesson_04b.stream import Stream, played
from course_lib.exercises.ordering import in_every_order
from course_lib.exercises.playing import Scene
from course_lib.seeing import span

ROUNDS = 20

Pages = Sequence[tuple[str, float, str]]


@dataclass(slots=True)
class Use:
    """One use of a page; times in seconds of the virtual clock."""

    url: str
    begun: float
    ended: float = inf


class Uses:
    """The function that uses a page's text, for the seconds that each page takes, and what was seen of it."""

    def __init__(self, pages: Pages, values: dict[str, Any], seconds: dict[str, float]) -> None:
        self._urls = {text: url for url, _, text in pages}
        self._values = values
        self._seconds = seconds
        self.seen: list[Use] = []

    async def __call__(self, text: str) -> Any:
        """Use a text, and give a value."""
        url, loop = self._urls[text], asyncio.get_running_loop()
        use = Use(url, loop.time())
        self.seen.append(use)
        with span(f"use {url}"):
            try:
                await asyncio.sleep(self._seconds[url])
            finally:
                use.ended = loop.time()
        return self._values[url]

    def under_way(self, at: float) -> int:
        """Return how many texts were being used at a time."""
        return sum(use.begun <= at < use.ended for use in self.seen)


def _grade_use_as_they_come(use_as_they_come: Answer) -> str:
    pages = [(f"page {number}", 0.5, f"text {number}") for number in range(1, 7)]
    values = {url: f"value of {text}" for url, _, text in pages}
    seconds = dict.fromkeys(values, 2.0) | {"page 1": 3.0}
    _used(use_as_they_come, pages, values, seconds, 3)
    _used(use_as_they_come, pages, values, dict.fromkeys(values, 0.25), 2)
    _stopped(use_as_they_come, pages, values, seconds, 1.125)

    chance = Chance("use_as_they_come")
    for _ in range(ROUNDS):
        pages = [(f"page {n}", chance.seconds(0, 1), f"text {n}") for n in range(chance.number(0, 7))]
        values = {url: chance.value(text) for url, _, text in pages}
        seconds = {url: chance.seconds(0.25, 3) for url in values}
        _used(use_as_they_come, pages, values, seconds, chance.number(1, 4))
        if pages:
            _stopped(use_as_they_come, pages, values, seconds, pages[0][1] + 0.125)
    three = [(name, 1.0, f"text {name}") for name in "abc"]
    falsy = {"a": "value", "b": 0, "c": None}
    in_every_order(use_as_they_come, lambda: _few(three, falsy), lambda scene, _: _values(scene, falsy))
    return "Used as they came, never more at one time than may be: no page waited where there was room."


def _few(pages: Pages, values: dict[str, Any]) -> tuple[Stream, list[Any]]:
    stream = Stream(pages)
    return stream, [stream, Uses(pages, values, dict.fromkeys(values, 1.0)), 2]


def _values(scene: Scene, values: dict[str, Any]) -> None:
    got = scene.result()
    if not isinstance(got, dict):
        raise scene.wrong(f"Return a dictionary, URL to value; you returned {got!r:.60}.")
    if await_missing(got.values()):
        raise scene.wrong("There is a coroutine or a task where a value belongs: an `await` is missing.")
    if missing := [url for url in values if url not in got]:
        raise scene.wrong(f"{missing[0]!r} came, and is not in the dictionary that you returned.")
    if got != values:
        raise scene.wrong(f"The dictionary should be {values!r:.90}; you returned {got!r:.90}.")


def _under_its_own_url(scene: Scene, use: Uses, values: dict[str, Any]) -> None:
    """Raise Wrong if a page is missing because a function asked for its URL, or its text, later."""
    got, used = scene.returned, Counter(each.url for each in use.seen)
    lost = [url for url in values if url not in got] if isinstance(got, dict) else []
    if lost and got and (lost[0] in used or max(used.values(), default=0) > 1):
        raise scene.wrong(
            f"{lost[0]!r} is not in the dictionary, though as many pages were used as came. A function made inside the "
            "loop that uses the loop's variables finds there what they are when it runs: the next page, or the last. "
            "Pass them: `one(url, text)`."
        )


def _used(function: Answer, pages: Pages, values: dict[str, Any], seconds: dict[str, float], at_once: int) -> None:
    stream, use = Stream(pages), Uses(pages, values, seconds)
    scene = played(function, stream, use, at_once)
    _under_its_own_url(scene, use, values)
    _values(scene, values)
    if stream.begun > 0:
        raise scene.wrong(f"You asked the stream for its first page at {stream.begun:g} s: nothing was to wait for.")
    most = max((use.under_way(each.begun) for each in use.seen), default=0)
    if most > at_once:
        raise scene.wrong(f"{most} texts were being used at one time; {at_once} is the limit.")
    for each in use.seen:
        _in_time(scene, each, use, stream.came[each.url], at_once)
    ended = max((each.ended for each in use.seen), default=0)
    if scene.ended > max(ended, stream.closed):
        raise scene.wrong(f"The last use ended at {ended:g} s, and your function at {scene.ended:g} s.")


def _in_time(scene: Scene, each: Use, use: Uses, came: float, at_once: int) -> None:
    """Raise Wrong if a page waited, once it had come, while fewer than `at_once` were being used."""
    if came >= each.begun:
        return
    for at in sorted({came, *(other.ended for other in use.seen if came < other.ended < each.begun)}):
        if (busy := use.under_way(at)) < at_once:
            raise scene.wrong(
                f"{each.url!r} had come, and at {at:g} s {busy} of {at_once} texts were being used; its use began at "
                f"{each.begun:g} s. `async for` waits for its body: let tasks do the using, and take the next page."
            )


def _stopped(function: Answer, pages: Pages, values: dict[str, Any], seconds: dict[str, float], at: float) -> None:
    stream, use = Stream(pages), Uses(pages, values, seconds)
    scene = played(function, stream, use, 2, cancel_at=at)
    if not scene.cancelled:
        raise scene.wrong(
            f"At {at:g} s somebody cancelled your function, and it {scene.answered()} instead of ending cancelled: let "
            "CancelledError through."
        )
    if scene.ended > at + CLEAN_UP:
        raise scene.wrong(
            f"Your function was cancelled at {at:g} s, and ended at {scene.ended:g} s; the stream's workers need "
            f"{CLEAN_UP:g} s to clean up: cancel all at once."
        )


use_as_they_come = Exercise(
    lesson="lesson_04b",
    task="""\
**Exercise 3: workers in front of a stream.** Write `use_as_they_come(stream, use, at_once)`.

- `stream()` gives an async generator of `(url, text)`, as in exercise 1. Call it once.
- `await use(text)` takes a while, and gives a value. It does not fail.
- At most `at_once` texts are being used at one time. A page that has come is used as soon as fewer are.
- Return a dictionary: each URL with its value.
- Cancelled, you end cancelled at once. However you end, the stream is closed, and nothing is left running.""",
    reference=solutions.use_as_they_come,
    grade=_grade_use_as_they_come,
    hints=[
        "`async for` waits until its body is done. So the body must not wait: let it start a task.",
        "A semaphore in each task limits how many texts are being used. Who waits for the tasks, and cancels them?",
        "`async with aclosing(stream()) as pages, asyncio.TaskGroup() as group:`, in it the `async for` with "
        "`group.create_task(one(url, text))`, and in `one`: `async with room:`.",
    ],
)
