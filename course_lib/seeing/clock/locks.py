"""The locks of a simulation: waiting for one that another of its threads holds takes virtual time."""

import threading
from _thread import RLock as RealRLock
from _thread import allocate_lock
from collections import deque
from typing import Any, Self

from course_lib.seeing.clock.current import clock_here, clock_of_this_thread
from course_lib.seeing.clock.virtual import VirtualClock, real_condition_wait
from course_lib.seeing.clock.waits import Wait


class Lock:
    """`threading.Lock` while a simulation runs; made outside of one, it is a plain lock.

    It holds a plain lock, so that it works as one in threads that are no part of the simulation, and after its end.
    """

    __slots__ = ("__weakref__", "_holders_clock", "_real", "_waits")
    _make_real: Any = staticmethod(allocate_lock)

    def __new__(cls) -> Any:
        """Make a lock of the simulation that the calling thread belongs to."""
        return cls._make_real() if clock_here() is None else super().__new__(cls)

    def __init__(self) -> None:
        self._real = self._make_real()
        self._holders_clock: VirtualClock | None = None
        self._waits: deque[Wait] = deque()

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        """Do what the lock's `acquire` does; a lock that is held outside of the simulation is waited for really."""
        clock = clock_of_this_thread()
        got: bool = self._real.acquire(False)
        if not got and (not blocking or clock is None or self._holders_clock is not clock):
            got = self._real.acquire(blocking, timeout)
        elif not got and clock is not None:
            if timeout < 0 and timeout != -1:
                raise ValueError("timeout value must be a non-negative number")
            got = self._wait(clock, None if timeout == -1 else timeout)
        if got:
            self._holders_clock = clock
        return got

    def _wait(self, clock: VirtualClock, seconds: float | None) -> bool:
        end = None if seconds is None else clock.now() + seconds
        while True:
            wait = Wait(clock)
            self._waits.append(wait)
            try:
                if self._real.acquire(False):  # released meanwhile, by a thread outside
                    return True
                woken = clock.wait(wait, None if end is None else max(0.0, end - clock.now()))
            finally:
                if not wait.woken:
                    self._waits.remove(wait)
            if self._real.acquire(False):
                return True
            if not woken:
                return False

    def release(self) -> None:
        """Release the lock, and wake the thread that has waited longest for it."""
        self._real.release()
        self._wake_next()

    def _wake_next(self) -> None:
        while self._waits:
            try:
                return self._waits.popleft().release()
            except RuntimeError:  # its time was over
                continue

    def locked(self) -> bool:
        """Return whether somebody holds the lock."""
        return bool(self._real.locked())

    def __enter__(self) -> Self:
        self.acquire()
        return self

    def __exit__(self, *error: object) -> None:
        self.release()

    def _at_fork_reinit(self) -> None:
        self._real._at_fork_reinit()
        self._waits.clear()


class RLock(Lock):
    """`threading.RLock` while a simulation runs."""

    __slots__ = ()
    _make_real: Any = staticmethod(RealRLock)

    def release(self) -> None:
        """Release the lock once; where that was the last time, wake the thread that has waited longest for it."""
        self._real.release()
        if not self._real._is_owned():
            self._wake_next()

    # What threading.Condition asks of its lock.

    def _is_owned(self) -> bool:
        return bool(self._real._is_owned())

    def _release_save(self) -> Any:
        state = self._real._release_save()
        self._wake_next()
        return state

    def _acquire_restore(self, state: Any) -> None:
        self.acquire()
        self._real.release()
        self._real._acquire_restore(state)


def condition_wait(self: threading.Condition, timeout: float | None = None) -> bool:
    """Do what Condition.wait does, in virtual time."""
    clock = clock_here()
    condition: Any = self
    if clock is None:
        return real_condition_wait(self, timeout)
    if not condition._is_owned():
        raise RuntimeError("cannot wait on un-acquired lock")
    wait = Wait(clock)
    condition._waiters.append(wait)
    state = condition._release_save()
    try:
        return clock.wait(wait, timeout if timeout is None else max(timeout, 0))
    finally:
        condition._acquire_restore(state)
        if not wait.woken and wait in condition._waiters:
            condition._waiters.remove(wait)
