"""How late a loop comes to what is due, and which code held it up.

Three instruments, each for what the others cannot do:
- A timer, every 50 ms, notes how late it runs: the lag, on every loop.
- Around the selector's `select`, where a loop waits for the next event, the time between two calls is one turn of the
  loop, exactly. Where steps are timed, each is a block of its own; else a block is a turn. uvloop has no selector;
  steps are always timed there, and what no watched task does is measured by the timer (every 10 ms), up to 10 ms short.
- Afterwards nothing can tell what a turn was spent on. A thread looks while it lasts, and notes the task and the line.

On a virtual clock only `time.sleep` takes time on the loop: it is noted as it is called, and no thread is needed.
"""

import asyncio
import logging
import math
import sys
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from types import FrameType
from typing import Any

from course_lib.monitor.blame import Sighting, blame, place_of
from course_lib.monitor.records import Block, Lag
from course_lib.seeing.clock import VirtualClockLoop
from course_lib.seeing.timeline.frames import leave_no_line
from course_lib.seeing.timeline.layers import Layer, put_layer, take_layers_off
from course_lib.seeing.timeline.trace import task_name

EVERY = 0.05  # seconds between two samples of the lag: each costs a wake-up of the loop
SAMPLES = 10_000  # the last so many, eight minutes of them
SIGHTINGS = 1000  # the last so many places where code was seen at work

log = logging.getLogger("course_lib.monitor")


class LagWatch:
    """Watches one loop. `now` is the monitor's clock, `slow` the seconds from which on a stretch is a block."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        now: Callable[[], float],
        slow: float,
        keep: int,
        step_began: Callable[[], float | None],
    ) -> None:
        self.open = True
        self.blocks: deque[Block] = deque(maxlen=keep)
        self.block_count = 0
        self.explained = 0.0  # seconds of this turn that steps of watched tasks took
        self._loop, self._now, self._slow, self._step_began = loop, now, slow, step_began
        self._virtual = isinstance(loop, VirtualClockLoop)
        self._selector: Any = getattr(loop, "_selector", None)  # private, but the same since 3.4; uvloop has none
        self._every = EVERY if self._selector is not None else EVERY / 5
        self._began = now()
        self._turn_began: float | None = self._began if loop.is_running() else None
        self._due = math.inf
        self._late: deque[float] = deque(maxlen=SAMPLES)
        self._worst = 0.0
        self._not_running = -math.inf  # when the loop was last seen at rest
        self._loop_thread = threading.get_ident()
        self._sightings: deque[Sighting] = deque(maxlen=SIGHTINGS)
        self._every_look = slow / 5  # so one that is just long enough is seen several times
        # On a virtual clock what is seen is exact. In real time the interpreter may keep a look waiting for 5 ms.
        self._gap = 0.0 if self._virtual else 2 * self._every_look
        self._last_sighting: Sighting | None = None
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._look, name="loop watchdog", daemon=True)
        self._timer: asyncio.TimerHandle | None = None

    @property
    def needs_steps(self) -> bool:
        """Whether blocks are seen only by timing the steps of tasks."""
        return self._virtual or self._selector is None

    def start(self) -> None:
        """Begin."""
        if self._selector is not None:
            put_layer(self._selector, "select", _Turn, self)
        if isinstance(self._loop, VirtualClockLoop):
            put_layer(self._loop.clock, "sleep", _Sleep, self)
        else:
            self._loop.call_soon(self._beat)
            self._thread.start()

    def stop(self) -> None:
        """End, and put back what was there."""
        if self._selector is not None:
            self.turn_ended()
        self.open = False
        self._ended_at = self._now()
        if self._ended_at > self._due:  # the block ended with this very turn, before the timer could run
            self._sample(self._ended_at - max(self._due, self._not_running))
        if self._timer:
            self._timer.cancel()
        self._stopped.set()
        if self._thread.ident is not None:
            self._thread.join()
        for owner, name in ((self._selector, "select"), (getattr(self._loop, "clock", None), "sleep")):
            if owner is not None:
                take_layers_off(owner, name)

    def lag(self) -> Lag:
        """Return the lag so far."""
        late = sorted(self._late)
        # Nobody beats a virtual loop's drum, which would never come to rest: what was not late was in time.
        elapsed = (self._now() if self.open else self._ended_at) - self._began
        count = max(len(late), int(elapsed / self._every)) if self._virtual else len(late)

        def quantile(share: float) -> float:
            place = math.ceil(share * count) - 1 - (count - len(late))
            return late[place] if late and place >= 0 else 0.0

        return Lag(quantile(0.5), quantile(0.99), self._worst, count)

    def step_ended(self, name: str, function: str, began: float, ended: float, start: str, end: str) -> None:
        """Note a block that was a step of a watched task, from the place `start` to the place `end`."""
        # An eager task runs inside the step of another: whose it is, is known.
        seen = [replace(sighting, ident=0) for sighting in self._seen() if sighting.first >= began]
        _, _, line = blame(seen, began, ended, self._gap, start, end)
        # Where nobody could look before it was over, it is still known between what and what it lies.
        self._report(ended - began, began, name, function, line or f"between {start} and {end}")

    def turn_began(self) -> None:
        """Note that the loop has something to do."""
        self._turn_began = self._now()

    def turn_ended(self) -> None:
        """Note that the loop has done what there was to do."""
        if self.open and self._turn_began is not None:
            now = self._now()
            self._account(self._turn_began, now)
            if self._virtual and now > self._turn_began:
                self._sample(now - self._turn_began)
        self._turn_began = None

    def look(self, innermost: Callable[[], FrameType | None]) -> None:
        """Note what runs on the loop now; `innermost` gives the innermost frame of the loop's thread."""
        turn, step, now = self._busy_since(), self._step_began(), self._now()
        frame, task = innermost(), asyncio.current_task(self._loop)
        function = getattr(task.get_coro(), "__qualname__", "") if task else ""
        since = turn if step is None else step
        found = (since, id(task) if task else 0, task_name(task) if task else "", function, place_of(frame, task))
        moved = (turn, step) != (self._busy_since(), self._step_began()) or self._now() - now > self._gap
        if since is None or moved:
            return  # the loop went on while this was noted: it may be of one moment and of another
        last = self._last_sighting
        if last is not None and (last.since, last.ident, last.task, last.function, last.line) == found:
            last.last = now
        else:
            self._last_sighting = Sighting(since, *found[1:], now, now)
            self._sightings.append(self._last_sighting)

    def _seen(self) -> list[Sighting]:
        return list(self._sightings)  # at once, since the thread adds to it

    def _account(self, since: float, ended: float) -> None:
        began = max(since, self._not_running)
        seen = [sighting for sighting in self._seen() if sighting.first >= since]
        if self.explained:
            seen = [sighting for sighting in seen if sighting.since == since]  # the steps are accounted for
        seconds, self.explained = ended - began - self.explained, 0.0
        if seconds >= self._slow:
            edges = "the beginning of the turn", "the end of the turn"
            found = blame(seen, began, ended, self._gap, *edges, seconds=seconds)
            self._report(seconds, began, *found)

    def _report(self, seconds: float, began: float, task: str, function: str, line: str) -> None:
        block = Block(began - self._began, seconds, task, function, line, self._virtual)
        self.blocks.append(block)
        self.block_count += 1
        self._worst = max(self._worst, seconds)
        log.warning("%s", block)

    # The timer.

    def _beat(self) -> None:
        if not self.open:
            return
        self._loop_thread = threading.get_ident()
        now = self._now()
        if self._due < math.inf:
            self._sample(max(0.0, now - max(self._due, self._not_running)))
            if self._selector is None:
                self._account(self._due, now)
        self._due = now + self._every
        self._timer = self._loop.call_later(self._every, self._beat)

    def _sample(self, late: float) -> None:
        self._worst = max(self._worst, late)
        # While the loop was held up, more samples would have been due, each late by so much less. Without them, one
        # block of a second would count as one sample among the thousands of a quiet hour.
        self._late.append(late)
        while (late := round(late - self._every, 9)) > 0:
            self._late.append(late)

    # The thread.

    def _look(self) -> None:
        while not self._stopped.wait(self._every_look):
            if self._loop.is_closed():
                return
            now = self._now()
            if not self._loop.is_running():
                self._not_running = now
                continue
            since = self._busy_since()
            if since is not None and now - since >= self._every_look / 2:
                self.look(lambda: sys._current_frames().get(self._loop_thread))

    def _busy_since(self) -> float | None:
        """Return since when the loop is busy; None if it waits."""
        if self._selector is not None:
            return self._turn_began
        step = self._step_began()
        return self._due if step is None and self._now() > self._due else step


class _Turn(Layer):
    def __call__(self, timeout: float | None = None) -> Any:
        watch: Any = self.owner
        watch.turn_ended()
        try:
            return self.real(timeout)
        except BaseException as error:
            leave_no_line(error)
            raise
        finally:
            watch.turn_began()


class _Sleep(Layer):
    def __call__(self, seconds: float) -> None:
        watch: Any = self.owner
        blocks = threading.get_ident() == watch._loop_thread and seconds > 0
        try:
            if blocks:
                watch.look(lambda: sys._getframe(2))
            self.real(seconds)
            if blocks:
                watch.look(lambda: sys._getframe(2))
        except BaseException as error:
            leave_no_line(error)
            raise
