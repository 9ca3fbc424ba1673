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
from collections import Counter, deque
from collections.abc import Callable
from types import FrameType
from typing import Any, NamedTuple

from course_lib.monitor.records import Block, Lag
from course_lib.seeing.clock import VirtualClockLoop
from course_lib.seeing.timeline.frames import leave_no_line, running_line
from course_lib.seeing.timeline.layers import Layer, put_layer, take_layers_off
from course_lib.seeing.timeline.trace import task_name

EVERY = 0.05  # seconds between two samples of the lag: each costs a wake-up of the loop
SAMPLES = 10_000  # the last so many, eight minutes of them
LOOKS = 64  # the thread's last so many looks at one block

log = logging.getLogger("course_lib.monitor")
_END_OF_STEP = asyncio.Handle._run.__code__


class Sighting(NamedTuple):
    """What the thread saw on the loop; `ident` tells tasks of one name apart."""

    at: float
    ident: int
    task: str
    function: str
    line: str


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
        self._sightings: deque[Sighting] = deque(maxlen=LOOKS)
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

    def step_ended(self, name: str, function: str, began: float, ended: float) -> None:
        """Note a block that was a step of a watched task."""
        self._report(ended - began, began, name, function, self._seen_since(began))

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

    def sighted(self, frame: FrameType | None) -> None:
        """Note what runs on the loop; `frame` is the innermost one of the loop's thread."""
        task = asyncio.current_task(self._loop)
        function = getattr(task.get_coro(), "__qualname__", "") if task else ""
        name = task_name(task) if task else ""
        self._sightings.append(Sighting(self._now(), id(task), name, function, _own_line(frame)))

    def _seen_since(self, began: float) -> list[Sighting]:
        return [sighting for sighting in list(self._sightings) if sighting.at >= began]  # list(): the thread adds to it

    def _account(self, began: float, ended: float) -> None:
        seconds, self.explained = ended - max(began, self._not_running) - self.explained, 0.0
        if seconds >= self._slow:
            seen = self._seen_since(began)
            idents = Counter(sighting.ident for sighting in seen).most_common(2)
            # Many short steps, one after another, look like this; no one task is to blame.
            if len(idents) == 2 and idents[0][1] < 2 * idents[1][1]:
                self._report(seconds, began, "several tasks in one turn", "", [])
            else:
                seen = [sighting for sighting in seen if sighting.ident == idents[0][0]]
                task, function = (seen[-1].task, seen[-1].function) if seen else ("", "")
                self._report(seconds, began, task, function, seen)

    def _report(self, seconds: float, began: float, task: str, function: str, seen: list[Sighting]) -> None:
        lines = Counter(sighting.line for sighting in seen)
        line = lines.most_common(1)[0][0] if lines else ""
        self._sightings.clear()
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
        # A fifth of a block: it is seen from its half on, so one that is just long enough is seen twice.
        while not self._stopped.wait(self._slow / 5):
            if self._loop.is_closed():
                return
            now = self._now()
            if not self._loop.is_running():
                self._not_running = now
                continue
            since = self._busy_since()
            if since is not None and now - since >= self._slow / 2:
                self.sighted(sys._current_frames().get(self._loop_thread))

    def _busy_since(self) -> float | None:
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
        if threading.get_ident() == watch._loop_thread and seconds > 0:
            watch.sighted(sys._getframe(1))
        try:
            self.real(seconds)
        except BaseException as error:
            leave_no_line(error)
            raise


def _own_line(frame: FrameType | None) -> str:
    """Describe the innermost line of own code, of the step that runs: below the step stands who started the loop."""
    outer = frame
    while outer is not None and outer.f_code is not _END_OF_STEP:
        outer = outer.f_back
    line = running_line(frame)
    if outer is not None and line == running_line(outer):
        return f"{frame.f_code.co_name} in a library" if frame else ""
    return line
