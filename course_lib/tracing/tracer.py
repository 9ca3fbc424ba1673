"""What traces a program from inside its process: every loop it runs, in whichever thread."""

import asyncio
import os
import signal
import sys
import threading
from bisect import bisect
from collections import deque
from copy import copy
from functools import wraps
from itertools import count
from operator import attrgetter
from time import perf_counter, process_time, sleep
from typing import Any

from course_lib.diagnostics import describing
from course_lib.diagnostics.findings import Findings
from course_lib.diagnostics.unawaited import Unawaited
from course_lib.seeing.timeline.frames import leave_no_line
from course_lib.tracing.journal import Journal
from course_lib.tracing.loops import EVERY, LoopNotes, lost
from course_lib.tracing.traced import is_errand, trace_tasks

FLUSH = 0.25  # seconds between two entries in the journal: so much of a killed program's story is lost at most
PLACES = 200  # different places that held a loop, counted; of further ones only the total
NOTES = "_course_trace"  # the attribute of a loop under which its notes are found

# Python 3.13 counts the threads of who forks, to warn, only when the parent has gone on; the others do before.
_COUNTS_LATE = sys.version_info[:2] == (3, 13)

TOTALS = ("made_count", "done", "failed", "cancelled")


class Tracer:
    """Traces this process. One is made, at the program's start, and never taken off."""

    def __init__(self, journal: Journal, slow: float, parent: int) -> None:
        self.open = True
        self.findings = Findings()
        self.looks: deque[tuple[float, float]] = deque(maxlen=50)
        self._journal, self._slow, self._parent = journal, slow, parent
        self._began, self._numbers, self._entries = perf_counter(), count(1), count(1)
        self._loops: list[LoopNotes] = []
        self._past = dict.fromkeys(TOTALS, 0)  # of loops that are closed
        self._closed = 0
        self._blocks, self._blocked = 0, 0.0
        self._held: dict[tuple[str, str], list[float]] = {}  # by task and place: how often, together, the longest
        self._counting, self._writing, self._ended = threading.Lock(), threading.Lock(), threading.Event()
        self._thread: threading.Thread | None = None
        self._resting = False

    def start(self) -> None:
        """Begin."""
        self._start_thread()
        if hasattr(os, "register_at_fork"):
            # Python warns of a fork beside other threads, and a child must not write in its parent's journal.
            os.register_at_fork(before=self._be_alone, after_in_parent=self._go_on, after_in_child=self._abandon)
        Unawaited(self).start(None)
        trace_tasks(self._wrap)
        _watch_loops_of(asyncio.BaseEventLoop, self)
        tracer = self

        def __init_subclass__(cls: Any, /, **kwargs: Any) -> None:
            super(base, cls).__init_subclass__(**kwargs)
            if not issubclass(cls, asyncio.BaseEventLoop):  # uvloop's
                _watch_loops_of(cls, tracer)

        base: Any = asyncio.AbstractEventLoop
        base.__init_subclass__ = classmethod(__init_subclass__)

    def stop(self) -> None:
        """Write the last entry."""
        self._stop_thread()
        if self.open:
            for notes in self._loops:
                for traced in notes.unasked():
                    self.findings.add(lost(traced))
            self._flush(end=True)
            self._journal.close()
            self.open = False

    def notes_of(self, loop: Any) -> LoopNotes:
        """Return what is noted of a loop."""
        if self._resting:
            self._start_thread()
        notes: LoopNotes | None = getattr(loop, NOTES, None)
        if notes is None:
            notes = LoopNotes(next(self._numbers), loop, self, self._slow)
            setattr(loop, NOTES, notes)
            self._loops.append(notes)
        return notes

    # What is heard.

    def held(self, task: str, place: str, seconds: float) -> None:
        """Count a block."""
        with self._counting:  # loops in several threads may be held at once
            self._blocks += 1
            self._blocked += seconds
            if (task, place) in self._held or len(self._held) < PLACES:
                counted = self._held.setdefault((task, place), [0, 0.0, 0.0])
                counted[0] += 1
                counted[1] += seconds
                counted[2] = max(counted[2], seconds)

    def told(self, context: dict[str, Any]) -> None:
        """Note what a loop's exception handler is called with."""
        task, error = context.get("future") or context.get("task"), context.get("exception")
        if isinstance(task, asyncio.Task) and error is None and not task.done():
            self.findings.add(describing.destroyed(task))
        elif error is not None and "future" in context:
            self.findings.add(describing.lost(task, error))
        else:
            self.findings.add(describing.reported(context, ()))

    def _wrap(self, coro: Any, kwargs: dict[str, Any]) -> Any:
        # What is no coroutine goes on as it is, so that the error names it.
        if not self.open or not asyncio.iscoroutine(coro) or is_errand(coro):
            return coro
        loop = kwargs.get("loop")
        if loop is None:
            loop = asyncio.get_running_loop()
        return self.notes_of(loop).task_made(coro, kwargs.get("name"))

    # The thread.

    def _start_thread(self) -> None:
        self._resting = False
        if self.open:
            self._ended.clear()
            self._thread = threading.Thread(target=self._look, name="trace", daemon=True)
            self._thread.start()

    def _stop_thread(self) -> None:
        self._ended.set()
        if self._thread is not None:
            self._thread.join()

    def _be_alone(self) -> None:
        self._stop_thread()
        # A thread that was joined stands in Linux's list of threads, which Python counts, for a moment longer.
        place = f"/proc/self/task/{self._thread.native_id}" if self._thread else ""
        for _ in range(100):
            if not os.path.exists(place):
                break
            sleep(0.0002)

    def _go_on(self) -> None:
        if _COUNTS_LATE:
            self._resting = True  # until the program makes a task, or runs a loop
        else:
            self._start_thread()

    def _look(self) -> None:
        due = perf_counter() + FLUSH
        while not self._ended.wait(EVERY):
            self.looks.append((now := perf_counter(), process_time()))
            for notes in list(self._loops):
                notes.look()
            if now >= due:
                due = now + FLUSH
                self._flush()
                if self._parent and os.getppid() != self._parent:
                    os.kill(os.getpid(), signal.SIGTERM)  # who started the program is gone

    def _abandon(self) -> None:
        """Let a forked child go on untraced: what it inherits of notes grows no more."""
        self.open = False
        for notes in self._loops:
            notes.note = _forget
            notes.open = False
            notes.over, notes.blocks = _Nothing(), _Nothing()

    # The journal.

    def _flush(self, *, end: bool = False) -> None:
        with self._writing:
            fresh, now = self._journal.fresh, perf_counter()
            loops, steps = [], []
            for notes in list(self._loops):
                # Steps first: what they are steps of is then known.
                steps.append(_take(notes.log))
                over, alive = _take(notes.over), list(notes.alive.values())
                made = alive if fresh else alive[bisect(alive, notes.written, key=attrgetter("number")) :]
                notes.written = alive[-1].number if alive else notes.written
                loops.append(
                    {
                        "loop": notes.number,
                        "thread": notes.thread_name,
                        "start": notes.start,
                        "end": notes.end,
                        "made": [(t.number, t.name, t.start) for t in made],
                        "over": [(t.number, t.name, t.start, t.end, t.outcome, t.error) for t in over],
                        "blocks": _take(notes.blocks),
                        "kind": notes.kind,
                    }
                )
            holding = [held for notes in list(self._loops) if (held := notes.holding())]
            entry: dict[str, Any] = {"entry": next(self._entries), "began": self._began, "at": now, "end": end}
            entry |= {"totals": self._totals(), "holding": holding, "loops": loops}
            entry["held"] = [[*key, *counted] for key, counted in list(self._held.items())]
            entry["findings"] = self._findings()
            self._journal.write(entry, steps)
            self._forget_closed()

    def _totals(self) -> dict[str, float]:
        totals = {name: self._past[name] + sum(getattr(n, name) for n in self._loops) for name in TOTALS}
        return totals | {
            "loops": self._closed + len(self._loops), "blocks": self._blocks, "blocked": self._blocked,
        }  # fmt: skip

    def _findings(self) -> str:
        return copy(self.findings).tell("left behind, or gone wrong:", 0)  # to be told again, with what comes

    def _forget_closed(self) -> None:
        for notes in list(self._loops):
            loop = notes.loop()
            if (loop is None or loop.is_closed()) and not notes.over:
                self._loops.remove(notes)
                self._closed += 1
                for name in TOTALS:
                    self._past[name] += getattr(notes, name)


def _take(noted: list[Any]) -> list[Any]:
    """Take all that stands in a list, while another thread may add to it."""
    taken = noted[:]
    del noted[: len(taken)]
    return taken


class _Nothing(list[Any]):
    def append(self, thing: Any) -> None:
        """Forget it."""


def _forget(step: Any) -> None:
    pass


def _watch_loops_of(cls: Any, tracer: Tracer) -> None:
    """Notice when loops of a class run, and what their exception handlers are told."""
    run, handle = cls.run_forever, cls.call_exception_handler

    @wraps(run)
    def run_forever(self: Any) -> None:
        notes = tracer.notes_of(self) if tracer.open else None
        if notes is None:
            return run(self)  # type: ignore[no-any-return]
        notes.enter(self)
        try:
            return run(self)  # type: ignore[no-any-return]
        except BaseException as error:
            leave_no_line(error)
            raise
        finally:
            notes.leave(self)

    @wraps(handle)
    def call_exception_handler(self: Any, context: dict[str, Any]) -> None:
        if tracer.open:
            tracer.told(context)
        handle(self, context)

    cls.run_forever, cls.call_exception_handler = run_forever, call_exception_handler
