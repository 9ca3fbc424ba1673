"""What is noted of one loop: its tasks, their steps, and what held it up."""

import asyncio
import sys
import threading
from collections import deque
from collections.abc import Callable
from time import perf_counter, process_time
from typing import Any, Protocol
from weakref import ref

from course_lib.diagnostics.findings import Finding, Findings
from course_lib.diagnostics.places import place, place_of, waiting_place
from course_lib.monitor.blame import STEP, UNSEEN, Sighting, blame
from course_lib.seeing.timeline.frames import is_library, is_ours, leave_no_line
from course_lib.seeing.timeline.layers import Layer, put_layer, take_layers_off
from course_lib.seeing.timeline.trace import describe, task_name
from course_lib.tracing.traced import TracedCoroutine, TracedTask, traced_in

EVERY = 0.01  # seconds between two looks at what runs
SIGHTINGS = 1000  # the last so many places where code was seen at work
FAILURES = 1000  # the last so many failed tasks, of which somebody may yet ask

_END_OF_STEP = asyncio.Handle._run.__code__
_SEND = TracedCoroutine.send.__code__
_current_task = asyncio.current_task


class Hearing(Protocol):
    """Who hears of blocks and of what is left."""

    findings: Findings
    looks: deque[tuple[float, float]]  # when somebody looked, and how long the processor had worked then

    def held(self, task: str, place: str, seconds: float) -> None:
        """Count a block."""


class LoopNotes:
    """What is noted of one loop since it was last written down; the numbers of `totals` are of its whole life."""

    def __init__(self, number: int, loop: asyncio.AbstractEventLoop, tracer: Hearing, slow: float) -> None:
        self.number, self.slow, self.open = number, slow, True
        self.loop = ref(loop)
        self.kind = "" if isinstance(loop, asyncio.BaseEventLoop) else type(loop).__module__.partition(".")[0]
        self.thread, self.thread_name = threading.get_ident(), threading.current_thread().name
        self.start = perf_counter()
        self.end: float | None = None
        self.made_count = self.done = self.failed = self.cancelled = 0
        self.written = 0  # the number of the last task that was written down
        self.over = list[TracedTask]()
        self.alive = dict[int, TracedTask]()  # in order of creation
        self.log, self.blocks = list[float](), list[tuple[float, float]]()
        self.note: Callable[[tuple[float, float, float]], None] = self.log.extend  # of C: one call a step
        self.running: TracedCoroutine | None = None
        self.begun: float | None = None
        self.turn: float | None = None  # when this turn of the loop began; None while it waits or rests
        self.explained = 0.0
        self._tracer = tracer
        self._sightings: deque[Sighting] = deque(maxlen=SIGHTINGS)
        self._failures: deque[TracedTask] = deque(maxlen=FAILURES)
        self._told = set[int]()
        self._selector: Any = None

    # Tasks.

    def task_made(self, coro: Any, name: str | None) -> TracedCoroutine:
        """Return the coroutine of a new task, wrapped."""
        self.made_count = number = self.made_count + 1
        function = getattr(coro, "__name__", None) or type(coro).__name__
        self.alive[number] = traced = TracedTask(number, function, "" if name is None else str(name), perf_counter())
        return TracedCoroutine(coro, traced, self)

    def ended(self, traced: TracedTask, now: float, error: BaseException) -> None:
        """Note that the coroutine of the current task has ended, with StopIteration or an error."""
        task: Any = _current_task()
        if type(error) is StopIteration and not getattr(task, "_must_cancel", False):
            self.done += 1
            traced.outcome = "DONE"
        elif isinstance(error, asyncio.CancelledError | StopIteration):
            self.cancelled += 1  # also in its last step, in which it returned: asyncio drops the result
            traced.outcome = "CANCELLED"
        else:
            self.failed += 1
            traced.outcome, traced.error = "FAILED", describe(error)
            traced.failed_task = None if task is None else ref(task)
            self._failures.append(traced)
        traced.end = now
        self.alive.pop(traced.number, None)
        self.over.append(traced)

    def unasked(self) -> list[TracedTask]:
        """Return the failed tasks that are still there, and whose exception nobody has asked for."""
        found = []
        for traced in list(self._failures):
            task = traced.failed_task and traced.failed_task()
            if getattr(task, "_log_traceback", False):  # private; task.exception() would count as having asked
                found.append(traced)
        return found

    # The loop.

    def enter(self, loop: Any) -> None:
        """Note that the loop begins to run, in this thread."""
        self.thread, self.thread_name, self.end = threading.get_ident(), threading.current_thread().name, None
        self._selector = getattr(loop, "_selector", None)  # private, but the same since 3.4; uvloop has none
        if self._selector is not None:
            self.open = True
            self._selector.select = put_layer(self._selector, "select", _Turn, self).select
            self.explained, self.turn = 0.0, perf_counter()

    def leave(self, loop: Any) -> None:
        """Note that the loop has stopped, and which of its tasks are left in the middle of their work."""
        if self._selector is not None:
            self.turn_ended()
            self.open = False
            take_layers_off(self._selector, "select")
        self.end = perf_counter()
        left = [(traced.traced.number, task) for task in asyncio.all_tasks(loop) if (traced := traced_in(task))]
        for number, task in sorted(left, key=lambda pair: pair[0]):
            if number not in self._told:
                self._told.add(number)
                waits = waiting_place(task.get_coro())
                where = (f"waits at {waits}",) if waits else ()
                who = f"task {task_name(task)}"
                self._tracer.findings.add(Finding("running when its loop stopped", who, where=where, fault=False))

    def turn_ended(self) -> None:
        """Note that the loop has done what there was to do; what no task's step took, callbacks did."""
        began, self.turn = self.turn, None
        if began is None:
            return
        ended = perf_counter()
        if ended - began - self.explained >= self.slow:
            seen = [sighting for sighting in list(self._sightings) if sighting.since == began]
            seconds = ended - began - self.explained
            self._blame("a callback", seen, began, ended, ("the beginning of the turn", "its end"), seconds)

    # What holds it up.

    def step_was_slow(self, coro: TracedCoroutine, begun: float, ended: float) -> None:
        """Note a step that held the loop."""
        seen = [sighting for sighting in list(self._sightings) if sighting.since == begun]
        reached = waiting_place(coro.coro) or "its end"
        self._blame(f"task {self.name_of(coro)}", seen, begun, ended, (STEP, reached), ended - begun)

    def look(self) -> None:
        """Note what runs on the loop now; another thread calls this."""
        step, turn, running, now = self.begun, self.turn, self.running, perf_counter()
        since = turn if step is None else step
        if since is None or now - since < EVERY / 2:
            return
        line = _place_in_step(self.thread)
        if (step, turn) != (self.begun, self.turn):
            return  # the loop went on while this was noted
        last = self._sightings[-1] if self._sightings else None
        if last is not None and (last.since, last.line) == (since, line):
            last.last = now
        else:
            self._sightings.append(Sighting(since, int(running is not None), "", "", line, now, now))

    def holding(self) -> tuple[int, int, str, str, float] | None:
        """Return what holds the loop now: its number, the trace's, the task, the place, for how long; None if none."""
        begun, running = self.begun, self.running
        if begun is None or running is None or (seconds := perf_counter() - begun) < self.slow:
            return None
        last = self._sightings[-1] if self._sightings else None
        place = last.line if last and last.since == begun else ""
        return self.number, running.traced.number, f"task {self.name_of(running)}", place, seconds

    def name_of(self, coro: TracedCoroutine) -> str:
        """Return the name of a coroutine's task."""
        task = asyncio.current_task(self.loop()) if threading.get_ident() == self.thread else None
        return task_name(task) if task is not None and traced_in(task) is coro else coro.traced.name

    def _blame(
        self, who: str, seen: list[Sighting], began: float, ended: float, edges: tuple[str, str], seconds: float
    ) -> None:
        task, _, line = blame(seen, began, ended, 2 * EVERY, *edges, seconds=seconds)
        if task == UNSEEN and not self._worked_since(began):
            return  # no code took that long: the machine had no time for this process
        self.blocks.append((began, ended))
        self._tracer.held(who, line, seconds)

    def _worked_since(self, began: float) -> bool:
        before = [worked for at, worked in list(self._tracer.looks) if at <= began]
        return not before or process_time() - before[-1] > self.slow / 2


class _Turn(Layer):
    def select(self, timeout: float | None = None) -> Any:
        """Wait for the next event. This is put in the method's place: a `__call__` would take longer to find."""
        notes: LoopNotes = self.owner
        began = notes.turn
        if began is not None and perf_counter() - began >= notes.slow:
            notes.turn_ended()
        notes.turn = None
        try:
            return self.real(timeout)
        except BaseException as error:
            leave_no_line(error)
            raise
        finally:
            notes.explained = 0.0
            notes.turn = perf_counter()


def _place_in_step(thread: int) -> str:
    """Describe the innermost line of the user's own code of the step or callback that a thread runs; else a library's.

    The frames are let go at once: what they hold must not come to its end in the thread that looks.
    """
    frame, library = sys._current_frames().get(thread), ""
    while frame is not None and frame.f_code is not _END_OF_STEP and frame.f_code is not _SEND:
        if not is_library(frame.f_code):
            return place_of((frame.f_code, frame.f_lasti))
        if not library and not is_ours(frame.f_code):
            library = place(frame.f_code.co_filename, frame.f_lineno or frame.f_code.co_firstlineno)
        frame = frame.f_back
    return library


def lost(traced: TracedTask) -> Finding:
    """Return what is told of a failed task that is still there, and that nobody has asked."""
    return Finding("failed, nobody has asked", f"task {traced.name}", said=traced.error, fault=False)
