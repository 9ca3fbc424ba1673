"""Where the tasks of a call that does not end wait: it says why."""

import asyncio
from typing import Any

PLACES = {getattr(asyncio.Queue, name).__code__: name for name in ("put", "get", "join")}


def never_asked(what: str) -> str:
    """Say why a call does not end that has never asked its source, or feed, for anything."""
    return (
        f"`{what}` was never asked for an item: what is awaited before `async for` waits at `get` for the first one. "
        "`create_task` begins it, and goes on at once."
    )


class Waits:
    """At which methods of a queue the tasks of a running loop wait, once they were looked at."""

    def __init__(self) -> None:
        self.at: list[str] = []
        self.cancelled_at: set[str] = set()  # where tasks that were cancelled wait all the same

    def look(self) -> None:
        """Look at the tasks as they are now."""
        for task in asyncio.all_tasks():
            place = _place(task.get_coro())
            if place:
                self.at.append(place)
                if task.cancelling():
                    self.cancelled_at.add(place)

    @property
    def only_put(self) -> bool:
        """Whether there is someone who waits for room, and nobody who waits for an item."""
        return "put" in self.at and "get" not in self.at


def _place(coro: Any) -> str | None:
    """Return the method of a queue at which a suspended coroutine waits."""
    found = None
    while coro is not None:
        frame = getattr(coro, "cr_frame", None)
        found = PLACES.get(frame.f_code, found) if frame is not None else found
        coro = getattr(coro, "cr_await", None)
    return found
