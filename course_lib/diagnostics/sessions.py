"""Where aiohttp's sessions are made: one that nobody closes is told to the loop, but not whose it was.

In the loop's debug mode it would be. Instead of the mode, which costs every task, the constructors are watched.
"""

import functools
import inspect
import sys
from typing import Any, Protocol

from course_lib.diagnostics.origins import Origins
from course_lib.diagnostics.places import users_spot

WATCHED = {"aiohttp.client": "ClientSession", "aiohttp.connector": "BaseConnector"}


class Watching(Protocol):
    """Who wants to know."""

    open: bool
    made: Origins


class Sessions:
    """Notes where each session is made, once aiohttp has been imported."""

    def __init__(self, watch: Watching) -> None:
        self._watch = watch
        self._before: dict[Any, Any] = {}  # by class, the constructor that was there
        self._ours: dict[Any, Any] = {}

    def look_for_them(self) -> None:
        """Watch the constructors of what has been imported meanwhile. Importing it for this would take a second."""
        for module, name in WATCHED.items():
            made: Any = getattr(sys.modules.get(module), name, None)
            if inspect.isclass(made) and made not in self._before:
                self._before[made] = made.__init__
                self._ours[made] = _noting(made.__init__, self._watch)
                made.__init__ = self._ours[made]  # type: ignore[method-assign]

    def stop(self) -> None:
        """End, and put back what was there; what somebody else has put on top stays, and ours below passes on."""
        for made, before in self._before.items():
            if made.__init__ is self._ours[made]:
                made.__init__ = before
        self._before, self._ours = {}, {}


def _noting(before: Any, watch: Watching) -> Any:
    @functools.wraps(before)
    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
        if watch.open:
            watch.made.note(self, users_spot(sys._getframe(1)))
        before(self, *args, **kwargs)

    return __init__
