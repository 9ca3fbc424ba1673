"""Which simulation the calling thread belongs to."""

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from course_lib.seeing.clock.virtual import VirtualClock

# What these wait for happens outside: in another process, or in the kernel that shows what a notebook prints. Their
# time is real, also where they work for a simulation.
_REAL = {"subprocess", "multiprocessing", "ipykernel", "zmq"}
_REAL_MODULE = "concurrent.futures.process"
# Waits pass through these on their way from whoever waits.
_BETWEEN = ("threading", "queue", "concurrent.futures._base", __name__.rpartition(".")[0])

_thread = threading.local()


def clock_of_this_thread() -> VirtualClock | None:
    """Return the clock of the simulation that the calling thread belongs to; None outside of one."""
    return getattr(_thread, "clock", None)


def clock_here() -> VirtualClock | None:
    """Return the calling thread's clock; None outside of a simulation, and where the caller deals with real things."""
    clock = clock_of_this_thread()
    if clock is None:
        return None
    frame = sys._getframe(1)
    name: str = frame.f_globals.get("__name__", "")
    while name.startswith(_BETWEEN) and frame.f_back is not None:
        frame = frame.f_back
        name = frame.f_globals.get("__name__", "")
    return None if name.partition(".")[0] in _REAL or name == _REAL_MODULE else clock


@contextmanager
def clock_for_this_thread(clock: VirtualClock | None) -> Iterator[None]:
    """Make `clock` the clock of the calling thread; with None, time is real in it meanwhile."""
    before = clock_of_this_thread()
    _thread.clock = clock
    try:
        yield
    finally:
        _thread.clock = before


def _forget() -> None:
    _thread.clock = None


if hasattr(os, "register_at_fork"):  # a child has none of the simulation's threads, and its time is real
    os.register_at_fork(after_in_child=_forget)
