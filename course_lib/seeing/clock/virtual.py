"""The clock of one simulation, and the threads that wait on it."""

import heapq
import math
import threading
import time
from _thread import RLock
from collections.abc import Iterable, Iterator
from concurrent.futures import CancelledError, Executor
from contextlib import contextmanager, suppress
from typing import Any

from course_lib.seeing.clock.errors import RealSocketError, SimulationError, SimulationStopped
from course_lib.seeing.clock.waits import Wait, let_go
from course_lib.seeing.clock.workers import Workers

# Waits in real time are cut into slices of so many seconds: a thread that waits for a lock cannot be stopped.
SLICE = 0.05
# How long, in real seconds, a packet on loopback may travel before the clock moves on without it.
PACKET = 0.002

real_condition_wait = threading.Condition.wait
real_monotonic = time.monotonic


def exact(seconds: float) -> float:
    """Round to whole nanoseconds, so that ten sleeps of 0.1 end at 1.0 and not at 0.9999999999999999."""
    return round(seconds, 9)


class VirtualClock:
    """The time of one simulation, in seconds from 0, shared by the loop's thread and its workers.

    Workers are the threads that the simulated program starts, and those of a pool while they run one of its jobs. One
    thread runs at a time. The loop's thread is the conductor: only while it waits (in its selector, in `time.sleep`,
    for a lock or for another thread) do workers run, one by one, in order of time. Time moves when none of them runs: a
    worker that waits for something real holds it.
    """

    def __init__(self) -> None:
        # (start, end) of every wait on the loop's thread but the selector's.
        self.blocks: list[tuple[float, float]] = []
        self.own_addresses: set[Any] = set()  # ports, and paths of Unix sockets, that belong to the simulation
        self.settling = False  # whether the loop's thread waits for workers now
        self.deadlocked = False  # whether the loop's thread waited for what cannot come
        self.refusal: Exception | None = None  # why the simulation was stopped, where it met what is real
        self.closed = False
        self._now = 0.0
        self.conduct_here()
        # Taken itself and not through the condition: an exception sent to a thread could arrive between the taking of
        # the lock and the body of `with` where that is Python code, and the lock would stay taken.
        self._lock = RLock()
        self._changed = threading.Condition(self._lock)
        self.workers = Workers(self._changed)
        self._waiting: dict[Wait, float] = {}  # the workers that wait, each with the time at which that ends
        self._queue: list[tuple[float, int, Wait]] = []  # those of them that have a time; others may be in it twice
        self._turn = 0
        self._stopped = self._was_stopped = self._abandoned = False

    def now(self) -> float:
        """Return the virtual time in seconds."""
        return self._now

    def sleep(self, seconds: float) -> None:
        """Do what `time.sleep` does, in virtual time.

        Raises ValueError for a negative number of seconds, as `time.sleep` does.
        """
        if not seconds >= 0:
            raise ValueError("sleep length must be non-negative")
        self.wait(Wait(self), seconds)

    def wait(self, wait: Wait, seconds: float | None) -> bool:
        """Wait for `seconds` of virtual time (None: however long); return whether something ended it earlier."""
        until = math.inf if seconds is None else exact(self._now + seconds)
        if self.is_loop_thread():
            self._conduct(wait, until)
        else:
            self._wait_in_worker(wait, until)
        return wait.woken

    def wake(self, wait: Wait) -> None:
        """End a wait: its thread goes on, in its turn, at this instant."""
        with self._lock:
            if wait.woken or wait.over:
                raise RuntimeError("this wait has ended")
            self.check_caller()
            wait.woken = True
            if wait in self._waiting:
                wait.turn = 0
                self._enqueue(wait, self._now)
            self._changed.notify_all()

    def conduct_here(self) -> None:
        """Make the calling thread the loop's."""
        self._loop_thread = threading.get_ident()

    def is_loop_thread(self) -> bool:
        """Return whether the calling thread is the one that moves time."""
        return threading.get_ident() == self._loop_thread

    def advance(self, when: float) -> None:
        """Move the clock to `when`; the caller has seen that nothing happens earlier."""
        self._now = max(self._now, when)

    # The conductor.

    def _conduct(self, wait: Wait, until: float) -> None:
        begun = self._now
        self.settle()
        while not wait.woken and (
            self.wake_next(self._now) or self.wake_ready(PACKET) or self.wake_next(until)  # in the order of time
        ):
            self.settle()
        wait.over = True
        if not wait.woken and until == math.inf:
            self.deadlocked = True
            raise SimulationStopped
        if not wait.woken:
            self.advance(until)
        if self._now > begun:
            self._note_block(begun, self._now)

    def _note_block(self, start: float, end: float) -> None:
        if self.blocks and self.blocks[-1][1] == start:
            start = self.blocks.pop()[0]  # one stretch: a loop that never ends must not fill the memory either
        self.blocks.append((start, end))

    def settle(self) -> None:
        """Wait, in real time, until no worker runs: each one waits for its time or for another thread."""
        self.settling = True
        try:
            with self._lock:
                while self._workers_running():
                    real_condition_wait(self._changed, SLICE)
                self.wake_ready(0)
        finally:
            self.settling = False
        self.check_stopped()  # without the lock: where it never returns, others need that

    @contextmanager
    def unhurried(self) -> Iterator[None]:
        """Let the loop's thread wait for the machine, as to start a thread: that time is not the program's."""
        before, here = self.settling, self.is_loop_thread()
        self.settling = self.settling or here
        try:
            yield
        finally:
            if here:
                self.settling = before

    def is_alone(self) -> bool:
        """Return whether there is no worker for whom the loop's thread would have to wait."""
        with self._lock:
            return not self.workers.count()

    def wake_ready(self, seconds: float) -> bool:
        """Wake the workers for whose loops something has come, within so many real seconds; say if there was one."""
        ready = [wait for wait in self._waiting if wait.ready and not wait.woken and wait.ready(seconds)]
        for wait in ready:
            wait.release()
        return bool(ready)

    def wake_next(self, until: float) -> bool:
        """Let the worker run whose turn is next, by `until` at the latest, moving the clock; say if there was one."""
        with self._lock:
            while self._queue and self._queue[0][0] <= until:
                when, turn, wait = heapq.heappop(self._queue)
                if wait in self._waiting and turn == wait.turn:  # else it was woken earlier than it had meant
                    del self._waiting[wait]
                    wait.over = True
                    self.advance(when)
                    wait.gate.release()
                    return True
        return False

    # What else the program's functions ask of a clock.

    def visited(self, items: Iterable[Any]) -> list[Any]:
        """Return what stands for a set of what asyncio is given: the same without repetitions, in its order."""
        return list(dict.fromkeys(items))

    def outside(self, place: Any) -> RealSocketError:
        """Return the error for a connection to a place outside the simulation."""
        return RealSocketError(
            f"{place!r} is outside the simulation, where time is real: use record() instead of simulate(), "
            "or start the server inside the simulated program"
        )

    def adopt(self, address: Any) -> None:
        """Note an address, a port or a path, as one that belongs to the simulation."""
        self.own_addresses.add(address)

    def finish(self, executor: Executor) -> None:
        """Let the jobs of a pool come to their end."""
        for job in tuple(self.workers.unfinished().get(executor, ())):
            with suppress(CancelledError):  # waiting for all at once, one is told by the pool's thread, no part of this
                job.exception()

    # Workers. Each one begins by waiting for its turn, so that they begin one by one and in order.

    def begin(self, turn: int) -> None:
        """Let the calling thread take part, as a worker, when its turn comes."""
        self.workers.thread_begins()
        self._wait_in_worker(Wait(self, turn), self._now)

    def next_turn(self) -> int:
        """Return the next turn: threads start in any order, and run in that of their turns."""
        with self._lock:
            self._turn += 1
            return self._turn

    def running_threads(self) -> list[int]:
        """Return the identifiers of the workers that run, or wait for something real."""
        return list(self.workers.at_work().difference(self.waiting_threads()))

    def waiting_threads(self) -> list[int]:
        """Return the identifiers of the workers that wait for their time or for another thread."""
        return [wait.thread for wait in list(self._waiting)]

    def stuck(self) -> int:
        """Return how many workers wait without a limit, and have not been woken."""
        with self._lock:
            return sum(until == math.inf for until in self._waiting.values())

    def still_at_work(self) -> int:
        """Return how many jobs, and threads of the program's own, have not ended, nor wait without a limit for more."""
        idle = {wait.thread for wait, until in self._waiting.items() if until == math.inf}
        threads = [thread for thread in self.workers.threads if thread.ident not in idle]
        return len(threads) + sum(map(len, self.workers.unfinished().values()))

    def _wait_in_worker(self, wait: Wait, until: float) -> None:
        with self._lock:
            if not self.closed:
                if wait.woken:
                    return
                self._enqueue(wait, until)
                self._changed.notify_all()
        # Once closed this waits for a slice, so that a job which swallows the exception and goes on costs little.
        while not wait.gate.acquire(True, SLICE) and not self.closed:
            pass
        if self.closed:
            raise SimulationStopped

    def _enqueue(self, wait: Wait, until: float) -> None:
        self._waiting[wait] = until
        wait.turn = wait.turn or self.next_turn()
        if until < math.inf:
            heapq.heappush(self._queue, (until, wait.turn, wait))

    def _workers_running(self) -> bool:
        return not self._was_stopped and self.workers.count() > len(self._waiting)

    # The end.

    def check_caller(self) -> None:
        """Refuse to be woken by a thread that is no part of the simulation: its time is real, and may be long past."""
        known = self.is_loop_thread() or self.workers.may_wake() or self.closed or self._was_stopped
        if not known:
            self.refuse(
                SimulationError(
                    f"the thread {threading.current_thread().name!r}, which is no part of the simulation, woke it. Its "
                    "time is real, and may have been overtaken: use record() instead of simulate(), or start the "
                    "thread inside main."
                )
            )

    def refuse(self, error: Exception) -> None:
        """Stop the simulation with an error, in a place where the program might not see it."""
        self.refusal = self.refusal or error
        self.stop(True)

    def stop(self, stopped: bool) -> None:
        """Let the loop's thread raise SimulationStopped where it next waits; with False, no longer.

        From then on the clock does not wait for workers: one that does not end may be why it was stopped.
        """
        self._stopped = stopped
        self._was_stopped |= stopped

    def check_stopped(self) -> None:
        """Raise SimulationStopped if the simulation is to stop."""
        if self._abandoned:
            Wait(self).gate.acquire()
        if self._stopped:
            raise SimulationStopped

    def let_go(self) -> None:
        """Release what an interrupt may have left in the calling thread's hands."""
        let_go(self._lock)

    def close(self) -> None:
        """End the wait of every worker with SimulationStopped, and wait a moment for those that end at once."""
        self.closed = True
        # Not for ever: a thread that was interrupted may hold it, and not have let go yet.
        locked = self._lock.acquire(timeout=SLICE)
        try:
            while self._waiting:
                wait, _ = self._waiting.popitem()
                wait.over = True
                wait.gate.release()
            until = real_monotonic() + (SLICE if locked else 0)
            while (self.workers.unfinished() or self.workers.threads) and (left := until - real_monotonic()) > 0:
                real_condition_wait(self._changed, left)
        finally:
            if locked:
                self._lock.release()

    def abandon(self) -> None:
        """Let the loop's thread sleep for ever where it next waits: nothing else ends it, and it must not spin."""
        self._abandoned = True
        self.close()
