"""One wait of one thread of a simulation, and what an interrupt may leave of one."""

import contextlib
import threading
from _thread import allocate_lock
from collections.abc import Callable
from typing import Any, Protocol


class Waking(Protocol):
    """What a wait needs of its clock."""

    def wake(self, wait: "Wait", /) -> None:
        """End a wait."""


class Wait:
    """Ends at a time, or earlier, when somebody calls `release`.

    That is the name by which threading.Condition wakes one of its waiters, which are locks there.
    """

    __slots__ = ("clock", "gate", "over", "ready", "thread", "turn", "woken")

    def __init__(self, clock: Waking, turn: int = 0, ready: Callable[[float], bool] | None = None) -> None:
        self.clock = clock
        self.turn = turn  # its place among those that end at the same time; 0: that of its beginning
        self.ready = ready  # whether something else has come that ends it, waited for up to so many real seconds
        self.thread = threading.get_ident()
        self.woken = self.over = False
        self.gate = allocate_lock()  # a plain one: those of `threading` wait on the virtual clock
        self.gate.acquire()

    def release(self) -> None:
        """End the wait. Raises RuntimeError when it has ended already, as a lock does that is free."""
        self.clock.wake(self)


def let_go(lock: Any) -> None:
    """Release a lock, made by threading.RLock, that the calling thread may hold.

    In Python 3.14 an exception that is sent to a thread may arrive after `with` took a lock and before its body begins:
    nobody releases it then.
    """
    with contextlib.suppress(RuntimeError):  # raised where the thread does not hold it
        while True:
            lock.release()
