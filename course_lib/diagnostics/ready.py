"""Whether others could have run: what stands in line on a loop, and what is due there.

Both are private attributes of asyncio's loops, the same since Python 3.4; other loops have none, and then it is not
known. Data that has arrived, and that a task waits for, is not seen: the loop asks for it only later.
"""

import asyncio
from collections.abc import Iterator
from typing import Any

from course_lib.diagnostics.watched import Watched, watched_in


def others_ready(loop: Any, me: Watched) -> bool:
    """Return whether a step of another watched task of this loop is due now; any thread may ask."""
    return _wakes_others(list(getattr(loop, "_ready", ())), me) or others_due(loop, me, loop.time())


def others_due(loop: Any, me: Watched, then: float) -> bool:
    """Return whether another watched task waits for a time that had come at `then`, in seconds of the loop's clock."""
    return _wakes_others([timer for timer in list(getattr(loop, "_scheduled", ())) if timer.when() <= then], me)


def _wakes_others(handles: list[Any], me: Watched) -> bool:
    tasks = (task for handle in handles for task in _woken_by(handle))
    return any((found := watched_in(task)) is not None and found is not me for task in tasks)


def _woken_by(handle: Any) -> Iterator[Any]:
    """Yield what a callback takes a step of: the task whose method it is, or those that wait for the future it sets."""
    if handle.cancelled():
        return
    yield getattr(handle._callback, "__self__", None)
    for value in handle._args or ():
        if asyncio.isfuture(value) and not value.done():
            yield from (getattr(callback, "__self__", None) for callback, _ in getattr(value, "_callbacks", None) or ())
