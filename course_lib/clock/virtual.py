"""The clock of one simulation, and the threads that sleep on it."""

import heapq
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from typing import Any

from course_lib.clock.errors import SimulationStopped

# Waits on real locks are cut into slices of so many real seconds: a thread that waits for a lock cannot be told to stop.
SLICE = 0.05

_thread = threading.local()


def exact(seconds: float) -> float:
    """Round to whole nanoseconds, so that ten sleeps of 0.1 end at 1.0 and not at 0.9999999999999999."""
    return round(seconds, 9)


class VirtualClock:
    """The time of one simulation, in seconds from 0, shared by the loop's thread and the worker threads.

    One thread runs at a time. The loop's thread is the conductor: only while it waits (in its selector, or in
    `time.sleep`) does time move, and then the sleeping workers are woken one by one, in order of time.
    """

    def __init__(self) -> None:
        self.blocks: list[tuple[float, float]] = []  # (start, end) of every `time.sleep` on the loop's thread
        self.own_ports: set[int] = set()  # of servers that run inside the simulation
        self.job_threads: set[int] = set()  # identifiers of the threads that run a job now
        self._now = 0.0
        self._loop_thread = threading.get_ident()
        self._changed = threading.Condition()
        self._jobs: dict[Executor, int] = {}  # submitted and not yet reported back to the loop
        self._sleepers: list[tuple[float, int, threading.Event]] = []
        self._job_number = 0
        self._closed = False

    def now(self) -> float:
        """Return the virtual time in seconds."""
        return self._now

    def sleep(self, seconds: float) -> None:
        """Do what `time.sleep` does, in virtual time.

        Raises ValueError for a negative number of seconds, as `time.sleep` does.
        """
        if seconds < 0:
            raise ValueError("sleep length must be non-negative")
        if threading.get_ident() != self._loop_thread:
            self._sleep_in_worker(seconds)
        elif seconds:
            start, end = self._now, exact(self._now + seconds)
            self.settle()
            while self.wake_sleeper(end):
                self.settle()
            self._now = end
            self.blocks.append((start, end))

    def advance(self, when: float) -> None:
        """Move the clock to `when`; the caller has seen that nothing happens earlier."""
        self._now = max(self._now, when)

    # Workers. A job goes to sleep the moment it starts, so that jobs, too, begin one by one and in order.

    def run_job(self, number: int, function: Callable[[], Any]) -> Any:
        """Run one job of an executor with this clock as the thread's clock."""
        _thread.job = number
        self.job_threads.add(threading.get_ident())
        try:
            with clock_for_this_thread(self):
                self._sleep_in_worker(0)
                return function()
        finally:
            self.job_threads.discard(threading.get_ident())

    def job_submitted(self, executor: Executor) -> int:
        """Count a job in and return its number."""
        with self._changed:
            self._jobs[executor] = self._jobs.get(executor, 0) + 1
            self._job_number += 1
            return self._job_number

    def job_reported(self, executor: Executor) -> None:
        """Count a job out, once the loop has been told of its end (not before: the clock could jump in between)."""
        with self._changed:
            self._jobs[executor] -= 1
            self._changed.notify_all()

    def settle(self) -> None:
        """Wait, in real time, until no worker runs: each one sleeps or has nothing to do."""
        with self._changed:
            while self._workers_running():
                self._changed.wait(SLICE)

    def wake_sleeper(self, until: float | None) -> bool:
        """Wake the first worker that sleeps until `until` at the latest (None: however long), moving the clock."""
        with self._changed:
            if not self._sleepers or (until is not None and self._sleepers[0][0] > until):
                return False
            when, _, awake = heapq.heappop(self._sleepers)
            self._now = max(self._now, when)
            awake.set()
            return True

    def close(self) -> None:
        """End the sleep of every worker with SimulationStopped."""
        with self._changed:
            self._closed = True
            while self._sleepers:
                heapq.heappop(self._sleepers)[2].set()
            self._changed.notify_all()

    def _sleep_in_worker(self, seconds: float) -> None:
        awake = threading.Event()
        with self._changed:
            if not self._closed:
                heapq.heappush(self._sleepers, (exact(self._now + seconds), _thread.job, awake))
                self._changed.notify_all()
        while not self._closed and not awake.wait(SLICE):
            pass
        if self._closed:
            raise SimulationStopped

    def _workers_running(self) -> bool:
        # A pool of n threads runs at most n of its jobs; an executor of another kind (processes) runs them all.
        active = sum(min(n, getattr(executor, "_max_workers", n)) for executor, n in self._jobs.items())
        return not self._closed and active > len(self._sleepers)


def clock_of_this_thread() -> VirtualClock | None:
    """Return the clock of the simulation that the calling thread belongs to; None outside of one."""
    return getattr(_thread, "clock", None)


@contextmanager
def clock_for_this_thread(clock: VirtualClock) -> Iterator[None]:
    """Make `clock` the clock of the calling thread."""
    _thread.clock = clock
    try:
        yield
    finally:
        _thread.clock = None
