"""Where the tasks of a call that does not end wait: it says why."""

import asyncio
from typing import Any

PLACES = {getattr(asyncio.Queue, name).__code__: name for name in ("put", "get", "join")}


class Waits:
    """At which methods of a queue the tasks of a running loop wait, once they were looked at."""

    def __init__(self) -> None:
        self.at: list[str] = []
        self.cancelled_at_put = False  # a task that was cancelled, and waits at `put` all the same

    def look(self) -> None:
        """Look at the tasks as they are now."""
        for task in asyncio.all_tasks():
            place = _place(task.get_coro())
            if place:
                self.at.append(place)
            self.cancelled_at_put = self.cancelled_at_put or (place == "put" and task.cancelling() > 0)

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
