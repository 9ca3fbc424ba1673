"""`simulate()`: a program on a virtual clock, in a thread of its own, watched from the outside."""

import asyncio
import ctypes
import inspect
import threading
from collections.abc import Callable, Coroutine
from contextvars import copy_context
from functools import partial
from typing import Any

from course_lib.seeing.clock import (
    DeadlockError,
    RunawayError,
    VirtualClockLoop,
    clock_for_this_thread,
    virtual_time_functions,
)
from course_lib.seeing.timeline.explaining import State, explained
from course_lib.seeing.timeline.frames import raising_line, shorten, waiting_line
from course_lib.seeing.timeline.mains import check_main
from course_lib.seeing.timeline.model import Outcome
from course_lib.seeing.timeline.recorder import Recorder, TracingFactory, plain_task, recording_in_context
from course_lib.seeing.timeline.timeline import Timeline
from course_lib.seeing.timeline.trace import describe, sentence, task_name
from course_lib.seeing.timeline.watching import Watch

Main = Callable[[], Coroutine[Any, Any, Any]]

CLEANUP = 0.5  # real seconds for tasks to react to their cancellation
CLEAN_UP = "clean up"
ROUNDS = 10  # of tasks that are cancelled, and after which there are new ones
STILL = 1000  # turns of the loop at one instant, after which an endless simulation is told that time stands still
NAMED = 5  # waiting tasks that an error names


def simulate(main: Main, *, limit: float = 10.0) -> Timeline:
    """Run a coroutine function on a virtual clock and return what happened.

    Waiting takes no time: `asyncio.sleep`, and in the simulation's own threads (the loop's, those of `to_thread`, those
    it starts) `time.sleep` and waits for each other (locks, conditions, events, queues, futures, `join`), move a clock
    that starts at 0, which `time.time`, `monotonic` and `perf_counter` read there. One thread runs at a time.

    What is real, and takes no virtual time: work (a step that takes over 50 ms is noted with its line), processes and
    pools of them (the clock waits for them), `sleep` from an earlier `from time import sleep`, a lock made outside of
    main, and the times of `datetime.now()` and of log records. What would wake the program from outside, in a time that
    the clock cannot know, is refused: connections raise RealSocketError, another thread ends the simulation.

    The caller waits until the simulation has ended, so it may be used anywhere, also inside a running loop.

    Args:
        main: the coroutine function, called without arguments. For one with arguments pass `lambda: main(5)`.
        limit: real seconds after which the simulation is stopped, without those in which the machine had no processor
            for it (which only Linux tells).

    What main raises is raised here, with the timeline so far as its `timeline` attribute. Raises DeadlockError when
    every task waits and nothing could wake one, RunawayError at the limit, SimulationError when main is cancelled,
    leaves with SystemExit or is woken by a thread of the outside, TypeError when main is not a coroutine function,
    ValueError when limit is not positive.
    """
    check_main(main, "simulate")
    if not limit > 0:
        raise ValueError(f"limit={limit!r}: pass real seconds, more than 0 (10 is the default)")
    simulation = _Simulation(main, limit)
    with virtual_time_functions(), clock_for_this_thread(None):  # the caller may be a simulation itself
        simulation.run()
    error, simulation.error = simulation.error, None
    try:
        if error:
            raise error  # here, and not a call deeper: the traceback shows this line and then the program's own
        return simulation.timeline
    finally:
        del error  # its traceback leads to this frame


class _Simulation:
    def __init__(self, main: Main, limit: float) -> None:
        self.timeline = Timeline(virtual=True)
        self.error: BaseException | None = None
        self._main, self._limit = main, limit
        self._watch = Watch()
        self._waiting = ""

    def run(self) -> None:
        """Run the program in a thread of its own; fill in `timeline` and `error`."""
        # The context goes along so that a notebook shows what is printed under the cell that called.
        thread = threading.Thread(target=copy_context().run, args=(self._run,), name="simulation", daemon=True)
        try:
            thread.start()
            self._watch.watch()
        except RunawayError as error:
            self._give_up(error)
            return
        except BaseException as interrupt:  # the simulation must not outlive the call
            try:
                self._watch.stop_now()
            except RunawayError as error:
                interrupt.add_note(str(error))
            raise
        thread.join()
        if self.error:
            self.error = explained(self.error, self._state())
            self.error.timeline = self.timeline  # type: ignore[attr-defined]
            shorten(self.error)
            _let_go(self.error)

    def _state(self) -> State:
        watch = self._watch
        return State(
            at=self.timeline.end,
            limit=self._limit,
            deadlocked=watch.loop.clock.deadlocked,
            still=watch.loop.selector.still > STILL,
            refusal=watch.loop.clock.refusal,
            waiting=self._waiting,
            stopped_at=watch.stopped_line,
            stuck_at=watch.stuck_line,
            workers_at=watch.worker_lines,
        )

    def _give_up(self, error: RunawayError) -> None:
        if not self.timeline.lanes:
            self._watch.recorder.write(self.timeline, self._watch.loop.time())
        self._watch.recorder.open = False
        error.timeline = self.timeline
        self.error = error.with_traceback(None)

    # In the simulation's thread.

    def _run(self) -> None:
        watch = self._watch
        try:
            self._loop = watch.loop = VirtualClockLoop()
            self._recorder = watch.recorder = Recorder(self._loop, self._loop.clock.now, blocking=0)
            recording_in_context(self._recorder)
            self._factory = TracingFactory(None, plain_task, self._recorder)
            self._loop.set_task_factory(self._factory)
            self._loop.set_exception_handler(self._unhandled)
            watch.ready.set()
            try:
                with clock_for_this_thread(self._loop.clock):
                    self._run_main()
                    self._collect()
                    self._clean_up()
            finally:
                self._recorder.open = False
                self._loop.close()
                watch.end_workers()
        except BaseException as error:  # noqa: BLE001  # raised again in the caller's thread, whatever it is
            self.error = self.error or error
        finally:
            watch.done.set()
            watch.ready.set()

    def _run_main(self) -> None:
        try:
            coro = self._main()
            if not inspect.iscoroutine(coro):
                name = getattr(self._main, "__name__", repr(self._main))
                raise TypeError(f"{name}() gave {coro!r}, not a coroutine: write it with async def")
            self.timeline.result = self._until_complete(coro, "main", self._limit)
            self.error = self._loop.clock.refusal  # which main may have outrun
        except BaseException as error:  # noqa: BLE001  # raised again in the caller's thread, whatever it is
            self.error = error

    def _until_complete(self, coro: Coroutine[Any, Any, Any], name: str, seconds: float) -> Any:
        # Not by the loop's factory: the program may have set one that is slow to start tasks, or takes no name.
        task = self._factory(self._loop, coro, name=name)
        # No lambda: its frame keeps its closure, and with it the task, whatever is cleared.
        try:
            return self._watch.stoppable(partial(self._loop.run_until_complete, task), seconds)
        finally:
            self._loop.end_run(task)

    def _collect(self) -> None:
        """Write down how things stand, before cleaning up changes them."""
        timeline, loop = self.timeline, self._loop
        self._recorder.write(timeline, loop.time())
        timeline.blocks = list(loop.clock.blocks)
        waiting = [
            f"{trace.name} waits at {waiting_line(task.get_coro())}" for trace, task in self._recorder.unfinished()
        ]
        waiting += [f"a worker thread waits at {line}" for line in self._watch.lines(loop.clock.waiting_threads())]
        more = [f"and {len(waiting) - NAMED} more"] if len(waiting) > NAMED else []
        self._waiting = "; ".join(waiting[:NAMED] + more)
        if self.error is None:
            timeline.leaked = [lane.name for lane in timeline.lanes if lane.is_task and lane.outcome is Outcome.LEFT]
            if at_work := loop.clock.still_at_work():
                timeline.notes.append(f"a thread cannot be cancelled; still at work when main ended: {at_work}")
            timeline.cancelled_late = self._cancelled_late()
        for name in timeline.leaked:
            asked = name in timeline.cancelled_late
            what = "was cancelled, but had not yet ended," if asked else "was still running"
            timeline.notes.append(f"{name} {what} when main ended" + ("" if asked else ", and was cancelled then"))

    def _cancelled_late(self) -> list[str]:
        """Return the lanes of tasks that were cancelled, and had not yet ended when main did."""
        asked = {trace.number for trace, task in self._recorder.unfinished() if task.cancelling()}
        now = self._loop.time()
        left = [trace for trace in self._recorder.traces if trace.is_task and trace.end > now]
        lanes = zip(self.timeline.leaked, left, strict=False)  # both in the order in which they were made
        return [name for name, trace in lanes if trace.number in asked]

    def _clean_up(self) -> None:
        for trace in self._recorder.traces:
            task = trace.failed_task() if trace.failed_task else None
            # What asyncio would log once the task is gone, at some later time and for nobody to see.
            if task is not None and task.done() and getattr(task, "_log_traceback", False):
                self._note_lost(trace.name, task.exception())  # which counts as asking
        tasks = set[asyncio.Task[Any]]()
        # A thread that waits for a task, and is told that this was cancelled, may start another one, to clean up say.
        for _ in range(ROUNDS):
            if not (new := asyncio.all_tasks(self._loop) - tasks):
                break
            tasks |= new
            for task in new:
                task.cancel()
            self._end(_wait_for(new))
        self._loop.note_open_generators()
        self._end(self._loop.shutdown_asyncgens())
        survivors = [task for task in tasks if not task.done()]
        for task in survivors:
            # Never collected, not even when Python ends: closing a coroutine that catches everything never returns.
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(task))
        timeline = self.timeline
        timeline.notes += sorted(f"{task_name(task)} did not end when it was cancelled" for task in survivors)
        timeline.notes += [f"the async generator {name} was left open" for name in self._loop.left_open]
        timeline.leaked += self._loop.left_open
        timeline.blocking_lines = self._watch.blocking_lines
        timeline.notes += [
            f"took real time, which the virtual clock cannot see, and blocked the loop: {line}"
            for line in timeline.blocking_lines
        ]
        timeline.notes += [
            f"took real time, which the virtual clock cannot see, while the clock waited: {what}"
            for what in [*sorted(self._loop.clock.workers.waited_for), *self._watch.waited_lines]
        ]

    def _end(self, coro: Coroutine[Any, Any, Any]) -> None:
        try:
            self._until_complete(coro, CLEAN_UP, CLEANUP)
        except (DeadlockError, KeyboardInterrupt, SystemExit):
            coro.close()  # what is left now is named in the notes

    def _unhandled(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        source, error = context.get("future") or context.get("task"), context.get("exception")
        name = task_name(source) if isinstance(source, asyncio.Task) else _callback_name(context.get("handle"))
        if self._watch.done.is_set() or name == CLEAN_UP:
            return  # a task that did not end when it was cancelled, at the moment the garbage collector finds it
        if "never retrieved" in context["message"]:
            self._note_lost(name, error)
        elif error is None:
            self.timeline.notes.append(sentence(f"{name}: {context['message']}"))
        else:
            line = raising_line(error.__traceback__)  # none where the callback is asyncio's own: future.set_exception
            self.timeline.notes.append(f"{name} failed{line and f', {line}'}: {describe(error)}")

    def _note_lost(self, name: str, error: BaseException | None) -> None:
        if not isinstance(error, KeyboardInterrupt | SystemExit):  # those end the program, so somebody sees them
            self.timeline.unretrieved.append(name)
            self.timeline.notes.append(f"nobody asked for the exception of {name}: {describe(error)}")


def _let_go(error: BaseException) -> None:
    """Empty the frames behind the program: on 3.12 and 3.13 its own lead to them, and they to its error."""
    frame = error.__traceback__.tb_frame.f_back if error.__traceback__ else None
    while frame is not None:
        behind = frame.f_back
        try:
            frame.clear()
        except RuntimeError:  # one that still runs: the error was not made in the simulation's thread
            return
        frame = behind


def _callback_name(handle: Any) -> str:
    name = getattr(getattr(handle, "_callback", None), "__qualname__", "")  # a handle has no public way to its callback
    return f"the callback {name.rpartition('<locals>.')[2]}" if name else "a callback"


async def _wait_for(tasks: set[asyncio.Task[Any]]) -> None:
    await asyncio.wait(tasks)
    await asyncio.sleep(0)  # in which a thread has its turn that waited for one of them
