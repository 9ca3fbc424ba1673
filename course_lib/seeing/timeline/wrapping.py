"""A coroutine around a coroutine: how a recording, and a monitor, see every step of a task."""

from collections.abc import Coroutine, Iterator
from operator import attrgetter
from typing import Any

from course_lib.seeing.timeline.frames import leave_no_line


class WrappedCoroutine:
    """A coroutine that is the one it wraps, but for what a subclass does in `send`.

    An error passes through without a line or a frame of ours: each method that may raise sees to its own.
    A Coroutine by its methods, not derived from that abstract class: making one, and isinstance(), would take longer.
    """

    __slots__ = ("__qualname__", "coro")
    coro: Coroutine[Any, Any, Any]
    __qualname__: Any  # None where the coroutine, one of another kind, has none

    def send(self, value: Any, throw: tuple[Any, ...] = ()) -> Any:
        """Run one step; with `throw`, one that begins with an exception."""
        raise NotImplementedError

    def throw(self, *error: Any) -> Any:
        """Run one step that begins with an exception."""
        try:
            return self.send(None, error)
        except BaseException as raised:
            del error
            leave_no_line(raised)
            raise

    def close(self) -> None:
        """Close the coroutine, as the garbage collector does with one that never ran."""
        try:
            self.coro.close()
        except BaseException as raised:
            leave_no_line(raised)
            raise

    def __await__(self) -> Any:
        return _Awaited(self)  # not the coroutine's own: another task factory may put an `await` between task and this

    # What Task.print_stack, repr and debuggers read, one by one: with a __getattr__, Python 3.11 looks every attribute
    # up the slow way, and a step needs several. `__qualname__` cannot be a property: each wrapper is given its own.
    __name__ = property(attrgetter("coro.__name__"))
    cr_await, gi_yieldfrom = property(attrgetter("coro.cr_await")), property(attrgetter("coro.gi_yieldfrom"))
    cr_code, gi_code = property(attrgetter("coro.cr_code")), property(attrgetter("coro.gi_code"))
    cr_frame, gi_frame = property(attrgetter("coro.cr_frame")), property(attrgetter("coro.gi_frame"))
    cr_running, gi_running = property(attrgetter("coro.cr_running")), property(attrgetter("coro.gi_running"))
    cr_suspended, cr_origin = property(attrgetter("coro.cr_suspended")), property(attrgetter("coro.cr_origin"))


class _Awaited(Iterator[Any]):
    """What `await` drives; not the wrapper itself, since a task would call its `__next__`, and that `send`."""

    __slots__ = ("close", "coro", "send", "throw")

    def __init__(self, wrapper: WrappedCoroutine) -> None:
        self.coro, self.send, self.throw, self.close = wrapper, wrapper.send, wrapper.throw, wrapper.close

    gi_yieldfrom = property(attrgetter("coro"))  # for who asks where a task waits, and follows the chain

    def __next__(self) -> Any:
        try:
            return self.send(None)
        except BaseException as raised:
            leave_no_line(raised)
            raise


def layers_of(coro: Any) -> Iterator[Any]:
    """Go through a coroutine, what it wraps or awaits, what that wraps or awaits, and so on."""
    while coro is not None:
        yield coro
        # Ours hold what they wrap; another task factory's coroutine awaits it.
        coro = next((inner for name in ("coro", "cr_await") if (inner := _own(coro, name)) is not None), None)


def _own(owner: Any, name: str) -> Any:
    try:
        return object.__getattribute__(owner, name)  # past __getattr__, which would ask the innermost one
    except AttributeError:
        return None
