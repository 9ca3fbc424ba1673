"""Which threads and sockets are made while a block is open, and by which line of the user's."""

import asyncio
import socket
import sys
import threading
from collections.abc import Callable
from functools import wraps
from types import FrameType
from typing import Any

from course_lib.diagnostics.origins import Origins
from course_lib.diagnostics.places import Spot
from course_lib.seeing.timeline.frames import is_library


class Makers:
    """Notes the threads and sockets that this thread makes, and that threads make which it has made."""

    def __init__(self) -> None:
        self.sockets, self.threads = Origins(), Origins()
        self._family = {threading.current_thread()}

    def __enter__(self) -> None:
        with _changing:
            if not _open:
                for owner, name in _MADE_BY:
                    _wrap(owner, name)
            _open.append(self)

    def __exit__(self, *_: object) -> None:
        with _changing:
            _open.remove(self)
            if not _open:
                for owner, name in _MADE_BY:
                    _unwrap(owner, name)

    def note(self, thing: Any) -> None:
        """Note what the current thread makes, if it is one of the family."""
        if threading.current_thread() not in self._family:
            return
        origins = self.sockets
        if isinstance(thing, threading.Thread):
            self._family.add(thing)
            origins = self.threads
        origins.take(thing)  # the note of one that is gone, whose place in the order of making this would get
        origins.note(thing, _users_spot(sys._getframe(2)))


def _users_spot(frame: FrameType | None) -> Spot | None:
    """Return the user's innermost line in this step of the loop: what lies below it only started the loop."""
    while frame is not None and is_library(frame.f_code):
        if frame.f_code is asyncio.Handle._run.__code__:
            return None
        frame = frame.f_back
    return (frame.f_code, frame.f_lasti) if frame else None


# Put in the methods' places while somebody looks, and taken off by the last one; where somebody else's stands on top
# by then, it stays, and only passes on.
_MADE_BY: list[tuple[Any, str]] = [(threading.Thread, "start"), (socket.socket, "__init__")]
_open: list[Makers] = []
_changing = threading.Lock()


def _wrap(owner: Any, name: str) -> None:
    real: Callable[..., Any] = vars(owner)[name]

    @wraps(real)
    def noted(self: Any, *args: Any, **kwargs: Any) -> Any:
        for makers in list(_open):
            makers.note(self)
        return real(self, *args, **kwargs)

    noted.course_lib_real = real  # type: ignore[attr-defined]  # what to put back
    setattr(owner, name, noted)


def _unwrap(owner: Any, name: str) -> None:
    real = getattr(vars(owner)[name], "course_lib_real", None)
    if real is not None:
        setattr(owner, name, real)
