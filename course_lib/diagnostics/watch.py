"""What watches one loop, and what is made of all that it hears."""

import asyncio
from time import perf_counter
from typing import Any
from weakref import WeakKeyDictionary, WeakSet

from course_lib.diagnostics import describing
from course_lib.diagnostics.around import put_around, take_off
from course_lib.diagnostics.findings import Finding, Findings
from course_lib.diagnostics.generators import Generators
from course_lib.diagnostics.origins import Origins
from course_lib.diagnostics.places import made_by_a_library, place_of, waiting_place
from course_lib.diagnostics.ready import others_due, others_ready
from course_lib.diagnostics.sessions import Sessions
from course_lib.diagnostics.unawaited import Unawaited
from course_lib.diagnostics.watchdog import Watchdog
from course_lib.diagnostics.watched import SLOW, OfCell, Watched, watched_in


class Watch:
    """Watches one loop. Make it, and call its methods, in the loop's thread."""

    def __init__(self, loop: asyncio.AbstractEventLoop, slow: float = SLOW) -> None:
        self.open, self.slow = False, slow
        self.running: Watched | None = None  # whose step is on the loop
        self.begun = 0.0  # when the last step began
        self.rests = True  # whether nobody looks at steps now
        self.findings = Findings()
        self.made = Origins()
        self.dog = Watchdog(self)
        self.wake = self.dog.wake
        self._loop = loop
        self._failed: WeakSet[asyncio.Task[Any]] = WeakSet()
        self._noted: WeakSet[Any] = WeakSet()
        self._by_groups: WeakKeyDictionary[asyncio.Task[Any], int] = WeakKeyDictionary()  # requests that stay counted
        self._unawaited, self._generators, self.sessions = Unawaited(self), Generators(self), Sessions(self)

    def start(self) -> None:
        """Begin, but for the generators."""
        self.open = True
        put_around(self._loop, self)
        self._unawaited.start(self._loop)
        self.sessions.look_for_them()
        self.dog.start()

    def start_generators(self) -> None:
        """Begin with the generators: while the loop runs, since a loop sets its hooks when it begins to run."""
        self._generators.start()

    def stop(self) -> None:
        """End, and put back what was there; the wrappers of tasks that still run only pass on from now on."""
        self.open = False
        self.dog.stop()
        self._generators.stop()
        self._unawaited.stop()
        self.sessions.stop()
        take_off(self._loop)

    def look_around(self, *, again: bool = False) -> None:
        """Note what is no fault so far: what still runs, is still open, or has failed and may yet be asked why.

        Args:
            again: also what was noted before, and the tasks that libraries have made: their running is their affair.
        """
        found = [(watched, task) for task in asyncio.all_tasks(self._loop) if (watched := watched_in(task))]
        for watched, task in sorted(found, key=lambda pair: describing.order(*pair)):
            if isinstance(watched, OfCell) or (made_by_a_library(watched.coro) and not again):
                continue
            if self._is_new(task, again):
                self.findings.add(describing.running(task, watched))
        failed = [(watched, task) for task in self._failed if _unasked(task) and (watched := watched_in(task))]
        for _, task in sorted(failed, key=lambda pair: describing.order(*pair)):
            if self._is_new(task, again):
                self.findings.add(describing.failed(task))
        for generator, where in self._generators.still_open():
            if self._is_new(generator, again):
                places = (f"iterated at {where}",) if where else ()
                who = f"generator {generator.__name__}()"
                self.findings.add(Finding("still open", who, where=places, fault=False))

    def _is_new(self, thing: Any, again: bool) -> bool:
        new = again or thing not in self._noted
        self._noted.add(thing)
        return new

    # What the layers and wrappers tell.

    def of_another_kind(self, coro: Any, cell: int | None) -> Any:
        """Return a coroutine wrapped, if it is one to be watched: no plain one of a cell's code."""
        if cell is None:
            return OfCell(coro, self, 0) if self.runs_a_cell(coro) else coro
        # What is no coroutine goes on as it is, so that the error names it. A generator is closed by the loop's own.
        theirs = not asyncio.iscoroutine(coro) or "generator" in type(coro).__name__
        return coro if theirs else Watched(coro, self, cell)

    def runs_a_cell(self, coro: Any) -> bool:
        """Return whether a coroutine of the kernel's runs a cell; a notebook's watch knows."""
        return False

    def held(self, watched: Watched, begun: float) -> None:
        """Note a step of the current task that held the loop until now."""
        ended, task = perf_counter(), asyncio.current_task(self._loop)
        if task is None:
            return
        if isinstance(watched, OfCell) and not self._kept_others_waiting(watched, ended):
            return
        line = self.dog.line(begun, ended, waiting_place(watched.coro) or "its end")
        if line:
            self.findings.add(describing.held(task, watched, line), seconds=ended - begun)

    def _kept_others_waiting(self, watched: OfCell, ended: float) -> bool:
        seen = watched.ready_since is not None and ended - watched.ready_since >= self.slow
        return seen or others_due(self._loop, watched, self._loop.time() - self.slow)

    def others_ready(self, me: Watched) -> bool:
        """Return whether a step of another watched task is due now."""
        return others_ready(self._loop, me)

    def failed(self, watched: Watched) -> None:
        """Note that the current task is about to end with an exception."""
        task = asyncio.current_task(self._loop)
        if isinstance(task, asyncio.Task) and not isinstance(watched, OfCell):
            self._failed.add(task)

    def swallowed(self, watched: Watched) -> None:
        """Note that the current task, into which a cancellation was thrown, is about to return."""
        task = asyncio.current_task(self._loop)
        if isinstance(task, asyncio.Task) and task.cancelling() > self._by_groups.get(task, 0):
            self.findings.add(describing.swallowed(task, watched))

    def cancelled_by_group(self) -> None:
        """Note that a TaskGroup has cancelled the current task, to end its own block."""
        if task := asyncio.current_task(self._loop):
            self._by_groups[task] = self._by_groups.get(task, 0) + 1

    def told(self, context: dict[str, Any]) -> None:
        """Note what the loop's exception handler is called with."""
        task, error = context.get("future") or context.get("task"), context.get("exception")
        if isinstance(task, asyncio.Task) and watched_in(task) is None:
            return  # the kernel's own
        if isinstance(task, asyncio.Task) and error is None and not task.done():
            finding = describing.destroyed(task)
        elif error is not None and "future" in context:
            finding = describing.lost(task, error)
        else:
            made = tuple(place_of(self.made.take(thing)) for thing in context.values())
            finding = describing.reported(context, made)
        self.findings.add(finding)


def _unasked(task: asyncio.Task[Any]) -> bool:
    return bool(getattr(task, "_log_traceback", False))  # private, and the one way to know without asking
