"""The watch that the caller of `simulate` keeps on it: what blocks is noted, what never ends is stopped."""

import ctypes
import math
import sys
import threading
from collections.abc import Callable
from typing import TypeVar

from course_lib.seeing.clock import RunawayError, SimulationStopped, VirtualClockLoop, let_go, real_monotonic
from course_lib.seeing.timeline.frames import running_line
from course_lib.seeing.timeline.recorder import Recorder
from course_lib.seeing.timeline.turns import OwnTime, Turns

T = TypeVar("T")

POLL = 0.01  # real seconds between two looks at the simulation
BLOCKED_POLLS = 5  # a step seen at so many looks one after another took real time that the clock cannot know
BLOCKED = POLL * BLOCKED_POLLS
WAITED = 0.3  # the same for a worker, in real seconds: its work holds up nobody but the clock
ROUND = 0.02  # real seconds between two attempts to stop one
PATIENCE = 25  # rounds in which threads that wait for each other may end by themselves
STOP = 1.5  # real seconds after which a simulation that does not react is given up


class Watch:
    """Two threads meet here: the simulation's, which runs `stoppable` parts, and the caller's, which watches it."""

    def __init__(self) -> None:
        self.loop: VirtualClockLoop
        self.recorder: Recorder
        self.ready, self.done = threading.Event(), threading.Event()
        self.blocking_lines: list[str] = []
        self.waited_lines: list[str] = []  # the same of worker threads
        # Where the loop's thread, and the worker threads that held it up, were when the simulation was stopped.
        self.stopped_line, self.worker_lines = "", list[str]()
        self.stuck_line = ""  # where the loop's thread stayed although it was stopped
        self._thread = 0
        self._lock = threading.RLock()
        self._stoppable = False
        self._sent = False  # whether an exception was sent to the simulation's thread
        self._part = 0
        self._deadline = math.inf

    def stoppable(self, run: Callable[[], T], seconds: float) -> T:
        """Run a part of the simulation, in its thread; after `seconds` of real time it gets SimulationStopped.

        Seconds in which the machine had no processor for it do not count, where the system tells of them (Linux).
        """
        with self._lock:
            self._thread = threading.get_ident()
            self._part += 1
            self._stoppable, self._deadline = True, real_monotonic() + seconds
            self.loop.clock.stop(False)
        try:
            return run()
        finally:
            # Inside the lock nothing more is sent; what was sent before may arrive on the way there.
            while self._stoppable:
                try:
                    with self._lock:
                        if self._sent:
                            absorb_in_thread()
                        self._sent = False
                        self._part += 1
                        self._stoppable, self._deadline = False, math.inf
                except SimulationStopped:
                    continue
            let_go(self._lock)
            self.loop.clock.let_go()

    def end_workers(self) -> None:
        """Interrupt the workers of a simulation that was stopped, where its end has not ended them."""
        for _ in range(PATIENCE if self.stopped_line else 0):
            if not self.loop.clock.running_threads():
                return
            self.done.wait(ROUND)
        if self.stopped_line:
            self._interrupt(self.loop.clock.running_threads())

    # In the caller's thread.

    def watch(self) -> None:
        """Wait for the simulation's end. Raises RunawayError when a part cannot be stopped."""
        self.ready.wait()
        seen, looks, since, noted, first, last, watched = None, 0, 0.0, False, Turns(), Turns(), 0
        while not self.done.wait(POLL):
            selector = self.loop.selector
            # In one turn the loop may run many short steps, of tasks or of callbacks: not one of them blocks.
            place = (self.loop.time(), selector.still, self.recorder.running, self.loop.place_in_turn)
            threads = self.loop.clock.running_threads() if self._waits() else []
            workers = self.lines(threads)
            blocked = self._stoppable and (workers or not self._waits()) and (place, workers) == seen
            thread = (threads or [self._thread])[0]
            seen, before, last = (place, workers), last, Turns.of(thread)
            if thread == watched:
                with self._lock:
                    self._deadline += max(0.0, last.queued - before.queued)  # less: it has ended meanwhile
            watched = thread
            if not blocked:
                looks, since, noted, first = 0, real_monotonic(), False, last
            looks += 1
            # Without the time in which the machine had no processor for it: then nobody's step is long.
            took = real_monotonic() - since - (last.queued - first.queued)
            long = looks > BLOCKED_POLLS and took > (WAITED if workers else BLOCKED)
            if long and not noted and not last.queues_since(before):
                noted = True
                found = self.waited_lines if workers else self.blocking_lines
                found += [line for line in workers or [self._line(self._thread)] if line not in found]
            part = self._part
            if real_monotonic() > self._deadline and not last.queues_since(before):
                self._stop(part)

    def stop_now(self) -> None:
        """Stop what runs, and wait for the simulation's end."""
        self._deadline = 0
        self.watch()

    def _waits(self) -> bool:
        return self.loop.selector.waiting or self.loop.clock.settling

    def lines(self, threads: list[int]) -> list[str]:
        """Return where threads are."""
        return [self._line(thread) for thread in threads]

    def _line(self, thread: int) -> str:
        return running_line(sys._current_frames().get(thread))

    def _stop(self, part: int) -> None:
        clock, own, rounds = self.loop.clock, OwnTime(self._thread), 0
        self.stopped_line = self._line(self._thread)
        if self._waits():
            self.worker_lines = self.lines(clock.running_threads())
        # Perhaps the loop's thread waits for a real lock, and one of the workers that wait for their time holds it.
        held_up = bool(clock.waiting_threads())
        patience = PATIENCE if held_up else 1
        switch_interval = sys.getswitchinterval()
        try:
            while self._part == part and not self.done.is_set():
                with self._lock:
                    if self._stoppable and self._part == part:
                        # Enough for every program that comes back to the loop, and it leaves the tasks in order.
                        clock.stop(True)
                        # A thread may be anywhere, so it is interrupted only where that does not help: `let_go` tells
                        # what may happen, and nobody does so for the program's own locks.
                        if rounds >= patience and not self._waits():
                            self._sent = True
                            self._interrupt([*clock.running_threads(), self._thread])
                rounds += 1
                if rounds == 5 and held_up and not self._waits():
                    self.stuck_line = self._line(self._thread)
                    clock.close()
                if rounds == patience + 10:  # it catches everything: let one arrive right after the one it caught
                    sys.setswitchinterval(1e-6)
                self.done.wait(ROUND if rounds < patience + 10 else 1e-6)
                if own.passed() > STOP:
                    self._give_up()
        finally:
            sys.setswitchinterval(switch_interval)

    def _interrupt(self, threads: list[int]) -> None:
        for thread in threads:
            raise_in_thread(thread, SimulationStopped)

    def _give_up(self) -> None:
        line = self._line(self._thread)
        self.loop.clock.abandon()
        error = RunawayError(
            f"the simulation cannot be stopped, at {line}: it waits inside a call that Python cannot interrupt, or it "
            "catches every exception. Restart the kernel."
        )
        error.where, error.still_runs = line, True
        raise error


def raise_in_thread(ident: int, error: type[BaseException]) -> None:
    """Let a thread raise `error` at its next line of Python, in place of one that has not arrived yet."""
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(ident), ctypes.py_object(error))


def absorb_in_thread() -> None:
    """Make sure that nothing is on its way to the calling thread any more.

    Taking it back would be the obvious way. In Python 3.11 it leaves the interpreter waiting for something that never
    arrives: a later sys.settrace, and with it every debugger, hangs.
    """
    try:
        raise_in_thread(threading.get_ident(), SimulationStopped)
        while True:
            pass
    except SimulationStopped:
        pass
