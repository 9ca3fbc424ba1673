"""The clock of one simulation, and the threads that sleep on it."""

import heapq
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from typing import Any

from course_lib.seeing.clock.errors import RealSocketError, SimulationStopped

# Waits on real locks are cut into slices of so many real seconds: a thread that waits for a lock cannot be stopped.
SLICE = 0.05

_thread = threading.local()


def exact(seconds: float) -> float:
    """Round to whole nanoseconds, so that ten sleeps of 0.1 end at 1.0 and not at 0.9999999999999999."""
    return round(seconds, 9)


class VirtualClock:
    """The time of one simulation, in seconds from 0, shared by the loop's thread and the worker threads.

    One thread runs at a time. The loop's thread is the conductor: only while it waits (in its selector, in `time.sleep`
    or for a thread pool) does time move, and then the sleeping workers are woken one by one, in order of time.
    """

    def __init__(self) -> None:
        # (start, end) of every wait on the loop's thread but the selector's.
        self.blocks: list[tuple[float, float]] = []
        self.own_ports: set[int] = set()  # of servers that run inside the simulation
        self.settling = False  # whether the loop's thread waits for workers now
        self._now = 0.0
        self._loop_thread = threading.get_ident()
        # Taken itself and not through the condition: an exception sent to a thread could arrive between the taking of
        # the lock and the body of `with` where that is Python code, and the lock would stay taken.
        self._lock = threading.RLock()
        self._changed = threading.Condition(self._lock)
        self._jobs: dict[Executor, int] = {}  # submitted and not yet reported back to the loop
        self._job_threads: set[int] = set()  # identifiers of the threads that run a job now
        # (until, turn, thread, what wakes it): those who sleep until the same time wake in order of turns.
        self._sleepers: list[tuple[float, int, int, threading.Event]] = []
        self._turn = 0
        self._stopped = self._was_stopped = self._closed = self._abandoned = False

    def now(self) -> float:
        """Return the virtual time in seconds."""
        return self._now

    def sleep(self, seconds: float) -> None:
        """Do what `time.sleep` does, in virtual time.

        Raises ValueError for a negative number of seconds, as `time.sleep` does.
        """
        if not seconds >= 0:
            raise ValueError("sleep length must be non-negative")
        if threading.get_ident() != self._loop_thread:
            self._sleep_in_worker(seconds)
        elif seconds:
            start, end = self._now, exact(self._now + seconds)
            self.settle()
            while self.wake_sleeper(end):
                self.settle()
            self._now = end
            self._note_block(start, end)

    def advance(self, when: float) -> None:
        """Move the clock to `when`; the caller has seen that nothing happens earlier."""
        self._now = max(self._now, when)

    def finish(self, executor: Executor) -> None:
        """Let the jobs of a thread pool come to their end while the loop's thread waits for nothing else."""
        if threading.get_ident() != self._loop_thread:
            return
        start = self._now
        self.settle()
        while self._jobs.get(executor) and self.wake_sleeper(None):
            self.settle()
        if self._now > start:
            self._note_block(start, self._now)

    def _note_block(self, start: float, end: float) -> None:
        if self.blocks and self.blocks[-1][1] == start:
            start = self.blocks.pop()[0]  # one stretch: a loop that never ends must not fill the memory either
        self.blocks.append((start, end))

    def outside(self, place: Any) -> RealSocketError:
        """Return the error for a connection to a place outside the simulation."""
        return RealSocketError(
            f"{place!r} is outside the simulation, where time is real: use record() instead of simulate(), "
            "or start the server inside the simulated program"
        )

    def visited(self, items: Iterable[Any]) -> list[Any]:
        """Return what stands for a set of what asyncio is given: the same without repetitions, in its order."""
        return list(dict.fromkeys(items))

    def thread_starts(self) -> None:
        """Allow it: a thread of the program's own lives in real time."""

    # Workers. A job goes to sleep the moment it starts, so that jobs, too, begin one by one and in order.

    def run_job(self, turn: int, function: Callable[[], Any]) -> Any:
        """Run one job of an executor with this clock as the thread's clock."""
        thread = threading.get_ident()
        self._job_threads.add(thread)
        try:
            with clock_for_this_thread(self):
                self._sleep_in_worker(0, turn)
                return function()
        finally:
            self._job_threads.discard(thread)

    def job_submitted(self, executor: Executor) -> int:
        """Count a job in and return its turn: threads start in any order, jobs in that of their submission."""
        with self._lock:
            self._jobs[executor] = self._jobs.get(executor, 0) + 1
            self._turn += 1
            return self._turn

    def job_reported(self, executor: Executor) -> None:
        """Count a job out, once the loop has been told of its end (not before: the clock could jump in between)."""
        with self._lock:
            self._jobs[executor] -= 1
            self._changed.notify_all()

    def running_threads(self) -> list[int]:
        """Return the identifiers of the threads whose job does not sleep."""
        return list(self._job_threads - {thread for _, _, thread, _ in list(self._sleepers)})

    def unfinished(self) -> dict[Executor, int]:
        """Return the executors that have jobs which have not ended, and how many."""
        return {executor: n for executor, n in self._jobs.items() if n}

    def settle(self) -> None:
        """Wait, in real time, until no worker runs: each one sleeps or has nothing to do."""
        with self._lock:
            self.settling = True
            try:
                self.check_stopped()
                while self._workers_running():
                    self._changed.wait(SLICE)
                    self.check_stopped()
            finally:
                self.settling = False

    def wake_sleeper(self, until: float | None) -> bool:
        """Wake the first worker that sleeps until `until` at the latest (None: however long), moving the clock."""
        with self._lock:
            if not self._sleepers or (until is not None and self._sleepers[0][0] > until):
                return False
            when, _, _, awake = heapq.heappop(self._sleepers)
            self._now = max(self._now, when)
            awake.set()
            return True

    def _sleep_in_worker(self, seconds: float, turn: int | None = None) -> None:
        awake = threading.Event()
        with self._lock:
            if not self._closed:
                if turn is None:
                    turn = self._turn = self._turn + 1
                heapq.heappush(self._sleepers, (exact(self._now + seconds), turn, threading.get_ident(), awake))
                self._changed.notify_all()
        # Once closed this waits for a slice, so that a job which swallows the exception and goes on costs little.
        while not awake.wait(SLICE) and not self._closed:
            pass
        if self._closed:
            raise SimulationStopped

    def _workers_running(self) -> bool:
        # A pool of n threads runs at most n of its jobs; an executor of another kind (processes) runs them all.
        active = sum(min(n, getattr(executor, "_max_workers", n)) for executor, n in self._jobs.items())
        return not self._was_stopped and active > len(self._sleepers)

    # The end.

    def stop(self, stopped: bool) -> None:
        """Let the loop's thread raise SimulationStopped where it next waits; with False, no longer.

        From then on the clock does not wait for workers: one that does not end may be why it was stopped.
        """
        self._stopped = stopped
        self._was_stopped |= stopped

    def check_stopped(self) -> None:
        """Raise SimulationStopped if the simulation is to stop."""
        if self._abandoned:
            threading.Event().wait()
        if self._stopped:
            raise SimulationStopped

    def close(self) -> None:
        """End the sleep of every worker with SimulationStopped, and wait a moment for those that end at once."""
        with self._lock:
            self._closed = True
            while self._sleepers:
                heapq.heappop(self._sleepers)[-1].set()
            self._changed.wait_for(lambda: not self.unfinished(), SLICE)

    def abandon(self) -> None:
        """Let the loop's thread sleep for ever where it next waits: nothing else ends it, and it must not spin."""
        self._abandoned = True
        self.close()


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
