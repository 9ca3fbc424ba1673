"""The stream of lesson 4b: pages that come one by one, from workers of its own, and what was seen of its end."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from math import inf
from typing import Any

from course_lib.exercises.framework import Answer, Wrong
from course_lib.exercises.lesson_03.scenes import CLEAN_UP
from course_lib.exercises.places import raised_kind
from course_lib.exercises.playing import Scene, play, used_uncalled
from course_lib.seeing import span


class Stream:
    """A source of (url, text) pairs, fetched by two tasks of its own that end when it is exhausted or closed."""

    def __init__(self, pages: Iterable[tuple[str, float, str]]) -> None:
        self._pages = list(pages)
        self.opened = 0
        self.came: dict[str, float] = {}  # when each page was there
        self.given: list[str] = []
        self.begun = inf  # when somebody first asked it for a page
        self.left = self.closed = inf  # when it was exhausted, or its closing began, and when that was done

    def __call__(self) -> AsyncIterator[tuple[str, str]]:
        """Return an async generator of the pages in the order in which they come."""
        self.opened += 1
        return self._stream()

    async def _stream(self) -> AsyncIterator[tuple[str, str]]:
        queue, loop = asyncio.Queue[tuple[str, str]](), asyncio.get_running_loop()
        rest = iter(self._pages)
        self.begun = loop.time()

        async def worker() -> None:
            for url, seconds, text in rest:
                with span(f"fetch {url}"):
                    try:
                        await asyncio.sleep(seconds)
                    except asyncio.CancelledError:
                        await asyncio.sleep(CLEAN_UP)
                        raise
                self.came[url] = loop.time()
                queue.put_nowait((url, text))

        tasks = [asyncio.create_task(worker(), name=f"worker {number}") for number in (1, 2)]
        try:
            for _ in self._pages:
                page = await queue.get()
                self.given.append(page[0])
                yield page
        finally:
            self.left = loop.time()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self.closed = loop.time()


def _ended(result: Any) -> str:
    """Say how a call ended, as far as it is known: it may have been cancelled, or have raised something."""
    if isinstance(result, tuple) and len(result) == 4:
        _, raised, cancelled, _ = result
        if cancelled:
            return "was cancelled"
        if raised is not None:
            return f"raised {raised_kind(raised)}"
    return "had ended"


def played(function: Answer, stream: Stream, *args: Any, cancel_at: float | None = None) -> Scene:
    """Play a scene with a stream, and say what it was in terms of streams when it went wrong."""
    try:
        scene = play(function, stream, *args, cancel_at=cancel_at)
    except Wrong as wrong:
        left = wrong.timeline.leaked if wrong.timeline else []
        # A generator of ours that is left open lets its workers run on.
        if wrong.timeline is None or not any(name.startswith("worker") for name in left):
            raise
        if stream.opened > 1:
            raise Wrong(
                f"You called `stream()` {stream.opened} times: that makes as many streams, each with workers of its "
                "own, and one of them was never closed. Call it once, and keep what it gives.",
                wrong.timeline,
            ) from None
        raise Wrong(
            f"Your function {_ended(wrong.timeline.result)}, and its stream was still open: the workers went on "
            "fetching. Leaving an `async for` does not close its generator; `async with aclosing(stream()) as pages:` "
            "does, however the block is left.",
            wrong.timeline,
        ) from None
    if used_uncalled(Stream, scene.raised):
        raise scene.wrong("`stream` is a function, and you never called it: `stream()` gives the pages.")
    if isinstance(scene.raised, TypeError) and not stream.given and stream.opened:
        raise scene.wrong(
            f"Your code raised TypeError: {scene.raised}. `stream()` gives an async generator: take its pages with "
            "`async for`, and close it with `aclosing`."
        )
    return scene
