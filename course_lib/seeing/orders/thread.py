"""The thread in which a program is run again and again, and the watch that ends it."""

import asyncio
import contextlib
import sys
import threading
from collections.abc import AsyncGenerator, Callable, Iterator
from contextvars import copy_context
from typing import Any, TypeVar

from course_lib.seeing.clock import (
    RunawayError,
    SimulationStopped,
    clock_for_this_thread,
    let_go,
    virtual_time_functions,
)
from course_lib.seeing.timeline.frames import running_line, shorten
from course_lib.seeing.timeline.turns import OwnTime
from course_lib.seeing.timeline.watching import absorb_in_thread, raise_in_thread

T = TypeVar("T")

LOOK = 0.05  # real seconds between two looks at how long it has run
GRACE = 0.5  # real seconds for the last run to come to its own end
STOP = 1.5  # real seconds after which a run that does not react is given up
EVERY = 0.02  # real seconds between two attempts to stop one


class OverError(Exception):
    """The time is over: no other part begins."""


class Guarded:
    """Two threads meet here: one runs a program, part by part, and the caller's waits and stops it.

    Args:
        limit: real seconds after which no other part is to begin, without those in which the machine had no processor
            for it (which only Linux tells).
    """

    def __init__(self, limit: float) -> None:
        self.limit = limit
        self.over = False  # whether the time is over
        self.line = ""  # where a part was when it was stopped
        self._done = threading.Event()
        self._lock = threading.RLock()
        self._stoppable = self._sent = False
        self._thread = 0
        self._error: BaseException | None = None

    def explore(self, function: Callable[[], None], *, quiet: bool) -> None:
        """Run a function, which runs its parts by `part`, in a thread of its own, and wait for its end.

        Raises what it raises, and RunawayError when a part cannot be stopped.
        """
        # The context goes along so that a notebook shows what is printed under the cell that called.
        target = (copy_context().run, self._run, function, quiet)
        thread = threading.Thread(target=target[0], args=target[1:], name="orders", daemon=True)
        with virtual_time_functions(), clock_for_this_thread(None):  # the caller may be a simulation
            thread.start()
            try:
                own = OwnTime(thread.ident or 0)
                while not self._done.wait(min(LOOK, self.limit)):
                    if own.passed() > self.limit:
                        self.over = True
                        self._stop()
                        break
            except BaseException:  # the program must not outlive the call
                self.over = True
                self._stop()
                raise
            thread.join()
        if self._error is not None:
            shorten(self._error)
            raise self._error

    def part(self, function: Callable[[], T]) -> T | None:
        """Run a part, in the program's thread; None if it was stopped.

        Raises OverError where the time was over before it began.
        """
        if self.over:
            raise OverError
        with self._lock:
            self._stoppable = True
        try:
            return function()
        except SimulationStopped:
            return None
        finally:
            # Inside the lock nothing more is sent; what was sent before may arrive on the way there.
            while self._stoppable:
                try:
                    with self._lock:
                        if self._sent:
                            absorb_in_thread()
                        self._stoppable = self._sent = False
                except SimulationStopped:
                    continue
            let_go(self._lock)

    def _run(self, function: Callable[[], None], quiet: bool) -> None:
        self._thread = threading.get_ident()
        sys.set_asyncgen_hooks(firstiter=_begun, finalizer=_dropped)
        try:
            with _silence(self._thread) if quiet else contextlib.nullcontext():
                function()
        except OverError:
            pass
        except BaseException as error:  # noqa: BLE001  # raised again in the caller's thread, whatever it is
            self._error = error
        finally:
            self._done.set()

    def _stop(self) -> None:
        tries, own = 0, OwnTime(self._thread)
        while not self._done.wait(EVERY if tries else GRACE):
            self.line = self.line or running_line(sys._current_frames().get(self._thread))
            if own.passed() > GRACE + STOP:
                error = RunawayError(
                    f"the program cannot be stopped, at {self.line}: it waits inside a call that Python cannot "
                    "interrupt, or it catches every exception. Restart the kernel."
                )
                error.where, error.still_runs = self.line, True
                raise error
            with self._lock:
                if self._stoppable:
                    self._sent = True
                    raise_in_thread(self._thread, SimulationStopped)
            tries += 1


def _begun(agen: AsyncGenerator[Any, Any]) -> None:
    asyncio.get_running_loop().begun(agen)  # type: ignore[attr-defined]  # an OrdersLoop


def _dropped(agen: AsyncGenerator[Any, Any]) -> None:
    loop: Any = asyncio._get_running_loop()
    if loop is not None:
        loop.dropped(agen)


# What is printed, by thread: `redirect_stdout` would take the other threads' words, too.
_silent: set[int] = set()
_silencing = threading.Lock()


class _Stream:
    def __init__(self, real: Any) -> None:
        self.real = real

    def write(self, text: str) -> int:
        return len(text) if threading.get_ident() in _silent else self.real.write(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)


@contextlib.contextmanager
def _silence(thread: int) -> Iterator[None]:
    with _silencing:
        _silent.add(thread)
        if not isinstance(sys.stdout, _Stream):
            sys.stdout = _Stream(sys.stdout)
    try:
        yield
    finally:
        with _silencing:
            _silent.discard(thread)
            if not _silent and isinstance(sys.stdout, _Stream):
                sys.stdout = sys.stdout.real
