"""What an order cannot be chosen for, and who asks for it is told so: threads, sockets, processes, signals."""

import asyncio
import threading
from typing import Any, NoReturn

from course_lib.seeing.clock import SimulationError
from course_lib.seeing.clock.workers import Workers


class RefusingLoop(asyncio.AbstractEventLoop):
    """A loop that refuses all that a loop can be asked for; a subclass has what it does not refuse.

    It is also what a thread's clock is asked by the functions of `socket` and `threading`.
    """

    refused: SimulationError | None = None
    own_addresses: frozenset[Any] = frozenset()  # of servers inside: there are none
    workers = Workers(threading.Condition())  # threads that it started: there are none

    def refuse(self, what: str) -> NoReturn:
        """Raise, and remember even if the program catches it: an order in which it was refused says nothing."""
        self.refused = self.refused or SimulationError(
            f"{what}: that happens in real time, in an order that every_order() cannot choose. Put an asyncio.sleep "
            'inside `with span("..."):` in its place, or watch it with record()'
        )
        raise self.refused

    def outside(self, place: Any) -> NoReturn:
        """Refuse a connection."""
        self.refuse(f"a connection to {place!r}")

    def adopt(self, _: Any) -> None:
        """Leave an address, which no program reaches."""

    def next_turn(self) -> NoReturn:
        """Refuse a thread, and a job for one."""
        self.refuse("a thread was started")

    def wait(self, *_: Any) -> NoReturn:
        """Refuse a wait for a lock, or for another thread."""
        self.refuse("the program waited for a thread")

    def finish(self, _: Any) -> NoReturn:
        """Refuse a pool of threads."""
        self.refuse("a pool of threads was used")


def _refusal(name: str) -> Any:
    def refused(self: RefusingLoop, *_: Any, **__: Any) -> NoReturn:
        self.refuse(f"loop.{name}() was called")

    refused.__name__ = refused.__qualname__ = name
    return refused


for _name in sorted(vars(asyncio.AbstractEventLoop)):
    if not _name.startswith("_"):
        setattr(RefusingLoop, _name, _refusal(_name))
