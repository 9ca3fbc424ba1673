"""`simulate()`: a program on a virtual clock, in a thread of its own, watched from the outside."""

import asyncio
import ctypes
import inspect
import sys
import threading
from collections.abc import Callable, Coroutine
from contextvars import copy_context
from typing import Any

from course_lib.clock import (
    DeadlockError,
    RunawayError,
    SimulationError,
    SimulationStopped,
    VirtualClockLoop,
    clock_for_this_thread,
    real_monotonic,
    virtual_time_functions,
)
from course_lib.timeline.frames import running_line, waiting_line, without_library
from course_lib.timeline.model import Outcome, Timeline
from course_lib.timeline.recorder import Recorder, recording_in_context, task_name

Main = Callable[[], Coroutine[Any, Any, Any]]

POLL = 0.01  # real seconds between two looks at the simulation
BLOCKED_POLLS = 5  # a step seen at so many looks one after another took real time that the clock cannot know
CLEANUP = 1.0  # real seconds for tasks to react to their cancellation


def simulate(main: Main, *, limit: float = 10.0) -> Timeline:
    """Run a coroutine function on a virtual clock and return what happened.

    Waiting takes no time: `asyncio.sleep`, and in the simulation's own threads (the loop's, and those of `to_thread`)
    `time.sleep`, move a clock that starts at 0, which `time.time`, `monotonic` and `perf_counter` read there. At most 32
    worker threads run, one at a time. Work takes no virtual time; a step that takes over 50 ms of real time is noted
    with its line. Connections to the outside raise RealSocketError. The caller waits until the simulation has ended, so
    it may be used anywhere, also inside a running loop.

    Args:
        main: the coroutine function, called without arguments. For one with arguments pass `lambda: main(5)`.
        limit: real seconds after which the simulation is stopped.

    What main raises is raised here, with the timeline so far as its `timeline` attribute. Raises DeadlockError when
    every task waits and nothing could wake one, RunawayError at the limit, SimulationError when main is cancelled or
    leaves with SystemExit, TypeError when main is not a coroutine function, ValueError when limit is not positive.
    """
    if inspect.iscoroutine(main):
        main.close()
        raise TypeError(
            "main is a coroutine, already called: pass the function itself, simulate(main) not simulate(main())"
        )
    if not callable(main):
        raise TypeError(f"main={main!r}: pass a coroutine function, one written with async def")
    if not limit > 0:
        raise ValueError(f"limit={limit!r}: pass real seconds, more than 0 (10 is the default)")
    with virtual_time_functions():
        return _Simulation(main, limit).run()


class _Simulation:
    def __init__(self, main: Main, limit: float) -> None:
        self._main, self._limit = main, limit
        self._deadline = real_monotonic() + limit
        self._ready, self._done = threading.Event(), threading.Event()
        self._stopping = threading.Lock()
        self._stoppable = False
        self._timeline = Timeline(virtual=True)
        self._error: BaseException | None = None

    def run(self) -> Timeline:
        # The context goes along so that a notebook shows what is printed under the cell that called.
        thread = threading.Thread(target=copy_context().run, args=(self._run,), name="simulation", daemon=True)
        thread.start()
        self._ready.wait()
        try:
            stopped_at = self._watch(thread)
        except BaseException:  # an interrupt: the simulation must not outlive the call
            self._stop(thread)
            raise
        self._raise(stopped_at)
        return self._timeline

    # In the caller's thread.

    def _watch(self, thread: threading.Thread) -> str:
        """Wait for the end; note long steps, and stop the simulation at its limit. Return the line it was stopped at."""
        seen, looks, line = None, 0, ""
        while not self._done.wait(POLL):
            place = (self._loop.selector.turns, self._recorder.steps)
            blocked = self._stoppable and not self._loop.selector.waiting and place == seen
            seen, looks = place, looks + 1 if blocked else 0
            if looks == BLOCKED_POLLS and (where := self._line(thread)) not in self._timeline.blocking_lines:
                self._timeline.blocking_lines.append(where)
            if real_monotonic() > self._deadline:
                line = self._line(thread)
                if not self._stop(thread):
                    self._give_up(line)
                break
        return line

    def _line(self, thread: threading.Thread) -> str:
        return running_line(sys._current_frames().get(thread.ident or 0))

    def _stop(self, thread: threading.Thread) -> bool:
        """Raise SimulationStopped inside the simulation until it has ended; False if it cannot be reached."""
        give_up = real_monotonic() + 2 * CLEANUP
        while real_monotonic() < give_up:
            with self._stopping:
                if self._stoppable:
                    for ident in [thread.ident or 0, *self._loop.clock.job_threads]:
                        _raise_in_thread(ident, SimulationStopped)
            if self._done.wait(10 * POLL):
                return True
        return False

    def _give_up(self, line: str) -> None:
        raise RunawayError(
            f"the simulation did not end within {self._limit:g} s of real time and cannot be stopped: it is inside a call "
            f"that Python cannot interrupt ({line}). Restart the kernel."
        )

    def _raise(self, stopped_at: str) -> None:
        error, timeline = self._error, self._timeline
        if error is None:
            return
        if isinstance(error, SimulationStopped):
            error = RunawayError(
                f"the simulation was stopped after {self._limit:g} s of real time, at {timeline.end:.9g} s of virtual time, "
                f"at {stopped_at or self._waiting}. A loop that never ends? Give it an end, or pass a larger limit."
            )
        elif isinstance(error, DeadlockError):
            error = DeadlockError(
                f"deadlock at {timeline.end:.9g} s of virtual time: every task waits, and nothing is left that could wake "
                f"one. {self._waiting}. If a thread or a process of your own was to wake it, use record() instead."
            )
        elif isinstance(error, asyncio.CancelledError | KeyboardInterrupt | SystemExit | GeneratorExit):
            cause, error = (error, SimulationError(f"main ended with {type(error).__name__}"))
            error.__cause__ = cause.with_traceback(without_library(cause.__traceback__))
        error.timeline = timeline  # type: ignore[attr-defined]
        raise error.with_traceback(without_library(error.__traceback__))

    # In the simulation's thread.

    def _run(self) -> None:
        self._loop = VirtualClockLoop()
        self._recorder = Recorder(self._loop.time, blocking=0)
        recording_in_context(self._recorder)
        self._loop.set_task_factory(self._recorder.factory(None))
        self._loop.set_exception_handler(self._unhandled)
        self._ready.set()
        try:
            with clock_for_this_thread(self._loop.clock):
                self._run_main()
                self._collect()
                self._clean_up()
        finally:
            self._loop.close()
            self._done.set()

    def _run_main(self) -> None:
        try:
            coro = self._main()
            if not inspect.iscoroutine(coro):
                name = getattr(self._main, "__name__", repr(self._main))
                raise TypeError(f"{name}() gave {coro!r}, not a coroutine: write it with async def")
            self._timeline.result = self._until_stopped(coro, "main")
        except BaseException as error:  # noqa: BLE001  # raised again in the caller's thread, whatever it is
            self._error = error

    def _until_stopped(self, coro: Coroutine[Any, Any, Any], name: str) -> Any:
        task = self._loop.create_task(coro, name=name)
        try:
            self._stoppable = True
            return self._loop.run_until_complete(task)
        finally:
            with self._stopping:
                self._stoppable = False
                _raise_in_thread(threading.get_ident(), None)  # one that was sent and has not arrived yet

    def _collect(self) -> None:
        """Write down how things stand, before cleaning up changes them."""
        timeline, loop = self._timeline, self._loop
        timeline.end = loop.time()
        timeline.lanes, timeline.blocks = (self._recorder.lanes(timeline.end), loop.clock.blocks)
        waiting = [
            f"{trace.name} waits at {waiting_line(task.get_coro())}"
            for trace in self._recorder.traces
            if trace.task and (task := trace.task()) and not task.done()
        ]
        self._waiting = "; ".join(waiting)
        if self._error is None:
            timeline.leaked = [lane.name for lane in timeline.lanes if lane.is_task and lane.outcome is Outcome.LEFT]
        for name in timeline.leaked:
            timeline.notes.append(f"{name} was still running when main ended, and was cancelled then")
        for line in timeline.blocking_lines:
            timeline.notes.append(f"took real time, which the virtual clock cannot see, and blocked the loop: {line}")

    def _clean_up(self) -> None:
        self._deadline = real_monotonic() + CLEANUP
        for trace in self._recorder.traces:
            task = trace.task() if trace.task else None
            # What asyncio would log once the task is gone, at some later time and for nobody to see.
            if task is not None and task.done() and getattr(task, "_log_traceback", False):
                self._note_lost(trace.name, task.exception())  # which counts as asking
        tasks = asyncio.all_tasks(self._loop)
        for task in tasks:
            task.cancel()
        for last in (_end(tasks), self._loop.shutdown_asyncgens()):
            try:
                self._until_stopped(last, "clean up")
            except (DeadlockError, KeyboardInterrupt, SystemExit):
                continue  # what is left now is named below
        notes = self._timeline.notes
        notes += [f"{task_name(task)} did not end when it was cancelled" for task in tasks if not task.done()]
        notes += [f"the async generator {name} was left open" for name in self._loop.left_open]
        self._timeline.leaked += self._loop.left_open

    def _unhandled(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        if self._done.is_set():
            return  # a task that did not end when it was cancelled, at the moment the garbage collector finds it
        source = context.get("future") or context.get("task")
        name = task_name(source) if isinstance(source, asyncio.Task) else "a callback"
        if "never retrieved" in context["message"]:
            self._note_lost(name, context.get("exception"))
        else:
            self._timeline.notes.append(f"{name}: {context['message']}: {context.get('exception')!r}")

    def _note_lost(self, name: str, error: BaseException | None) -> None:
        if not isinstance(error, SimulationStopped):
            self._timeline.notes.append(f"nobody asked for the exception of {name}: {type(error).__name__}: {error}")


async def _end(tasks: set[asyncio.Task[Any]]) -> None:
    if tasks:
        await asyncio.wait(tasks)


def _raise_in_thread(ident: int, error: type[BaseException] | None) -> None:
    """Let a thread raise `error` at its next line of Python, or, with None, forget one that has not arrived."""
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(ident), ctypes.py_object(error) if error else None)
