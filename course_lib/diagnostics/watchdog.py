"""Which line holds the loop: a thread that looks while a step lasts, since afterwards nothing can tell."""

import sys
import threading
from collections import deque
from time import perf_counter, process_time
from types import FrameType
from typing import Protocol

from course_lib.diagnostics.places import Spot, cells, label, line_of, place
from course_lib.diagnostics.watched import SLOW, OfCell, Watched
from course_lib.monitor.blame import STEP, UNSEEN, Sighting, blame
from course_lib.seeing.timeline.frames import is_library

EVERY = SLOW / 5  # seconds between two looks
PATIENCE = 50  # looks in a row at which there was nothing new to see: then the thread rests

_SEND = Watched.send.__code__


class Watching(Protocol):
    """Whose steps are looked at."""

    running: Watched | None
    begun: float
    slow: float
    rests: bool  # what it does, for whoever takes a step


class Watchdog:
    """Looks at the steps of the loop of the thread that makes it. It rests, and costs nothing, while none is taken."""

    def __init__(self, watch: Watching) -> None:
        self._watch = watch
        self._loop_thread = threading.get_ident()
        self._awake, self._ended = threading.Event(), threading.Event()
        self._seen: list[Sighting] = []
        self._looks: deque[tuple[float, float]] = deque(maxlen=50)  # when, and how long the processor had worked then
        self._lines: dict[str, tuple[str, int]] = {}
        self._thread = threading.Thread(target=self._watch_steps, name="diagnostics watchdog", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread, and wait for its end."""
        self._ended.set()
        self._awake.set()
        self._thread.join()

    def wake(self) -> None:
        """Look: there are steps again."""
        self._watch.rests = False
        self._awake.set()

    def line(self, begun: float, ended: float, end: str) -> str:
        """Return the line that took most of a step, or two that it lies between; "" if it was no code that took long.

        Where nothing could look, either code in C kept the interpreter to itself, and the processor was busy, or the
        machine had no time for this process.

        Args:
            begun, ended: when the step did, in seconds of perf_counter().
            end: what to call the place where it ended.
        """
        seen = [one for one in list(self._seen) if one.since == begun]
        task, _, line = blame(seen, begun, ended, 2 * EVERY, STEP, end)
        if task == UNSEEN and not self._worked_since(begun):
            return ""
        return place(*self._lines[line]) if line in self._lines else line or f"between {STEP} and {end}"

    def _worked_since(self, begun: float) -> bool:
        """Return whether the processor has worked for this process for half of what makes a step slow; or not known."""
        before = [worked for at, worked in list(self._looks) if at <= begun]
        return not before or process_time() - before[-1] > self._watch.slow / 2

    def _watch_steps(self) -> None:
        idle, last = 0, 0.0
        while self._awake.wait() and not self._ended.wait(EVERY):
            self._looks.append((perf_counter(), process_time()))
            begun, running = self._watch.begun, self._watch.running
            if running is not None and perf_counter() - begun >= EVERY / 2:
                self._look(begun, in_cell=isinstance(running, OfCell))
                if isinstance(running, OfCell):
                    running.look_for_others()
            idle = 0 if running or begun != last else idle + 1
            last, running = begun, None  # it is not kept alive
            if idle > PATIENCE:
                idle = 0
                self._awake.clear()
                self._watch.rests = True

    def _look(self, begun: float, *, in_cell: bool) -> None:
        # The frame is let go at once: its variables must not come to their end in this thread.
        now, spot = perf_counter(), _spot_in_step(sys._current_frames().get(self._loop_thread), in_cell)
        if spot is None or self._watch.begun != begun:
            return  # code of a library alone, or the loop went on while this was noted
        file, number = line_of(spot)
        where = label(file, number)
        if self._seen and self._seen[-1].since != begun:
            self._seen, self._lines = [], {}
        self._lines[where] = file, number
        if self._seen and self._seen[-1].line == where:
            self._seen[-1].last = now
        else:
            self._seen.append(Sighting(begun, 0, "", "", where, now, now))


def _spot_in_step(frame: FrameType | None, in_cell: bool) -> Spot | None:
    """Return where the innermost frame of the user's own code stands, or of a cell's code, of the step that runs."""
    while frame is not None and frame.f_code is not _SEND:  # below the step stands who started the loop
        file = frame.f_code.co_filename
        if file in cells or not (in_cell or is_library(frame.f_code)):
            return frame.f_code, frame.f_lasti
        frame = frame.f_back
    return None
