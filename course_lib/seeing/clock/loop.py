"""An event loop on a virtual clock."""

import asyncio
import heapq
import itertools
import math
import selectors
from asyncio.base_events import _run_until_complete_cb  # type: ignore[attr-defined]
from collections.abc import Callable
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.thread import _threads_queues
from contextvars import Context
from typing import Any, cast

from course_lib.seeing.clock.current import clock_for_this_thread
from course_lib.seeing.clock.duenow import DueNow
from course_lib.seeing.clock.errors import DeadlockError, RealSocketError
from course_lib.seeing.clock.sockets import check_inside
from course_lib.seeing.clock.threads import watch_job
from course_lib.seeing.clock.virtual import PACKET, SLICE, VirtualClock, exact
from course_lib.seeing.clock.waits import Wait

# A real program gets min(32, cores + 4) threads. A fixed number keeps a simulation the same on every machine.
WORKERS = 32


class VirtualClockLoop(asyncio.SelectorEventLoop):
    """An event loop whose time is a VirtualClock."""

    _default_executor: Executor | None  # made when it is first asked for, as the base class does

    def __init__(self, clock: VirtualClock | None = None) -> None:
        """Make a loop with a clock of its own; or, in a worker of a simulation, one on that simulation's `clock`."""
        self._owns_clock = clock is None
        self.clock = clock or VirtualClock()
        self._timers = itertools.count()
        self._due_now = DueNow()
        self.left_open: list[str] = []  # async generators that nobody closed
        self.selector = JumpingSelector(self.clock)
        super().__init__(self.selector)

    def run_forever(self) -> None:
        """Run until somebody calls stop()."""
        if self._owns_clock:
            self.clock.conduct_here()
        super().run_forever()

    def end_run(self, future: asyncio.Future[Any]) -> None:
        """Do again what `run_until_complete` does last, which an exception from another thread may have cut short."""
        future.remove_done_callback(_run_until_complete_cb)
        self._stopping, self._thread_id = False, None
        asyncio._set_running_loop(None)

    def time(self) -> float:
        """Return the virtual time in seconds."""
        return self.clock.now()

    def run_in_executor(  # type: ignore[override]  # the stub ties each argument's type to the function's
        self, executor: Executor | None, func: Callable[..., Any], *args: Any
    ) -> asyncio.Future[Any]:
        """Run `func` in a pool; in one whose ways are not known it takes real time, for which the clock waits."""
        if executor is None and self._default_executor is None:
            self._default_executor = ThreadPoolExecutor(WORKERS, thread_name_prefix="simulated")
        if executor is None or isinstance(executor, ThreadPoolExecutor | ProcessPoolExecutor):
            return super().run_in_executor(executor, func, *args)
        with clock_for_this_thread(None):
            job = executor.submit(func, *args)
        watch_job(self.clock, executor, job, real=f"the jobs of {type(executor).__name__}")
        return asyncio.wrap_future(job, loop=self)

    def call_soon_threadsafe(  # type: ignore[override]  # as above
        self, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.Handle:
        """Schedule a callback from another thread, which must be one of the simulation."""
        self.clock.check_caller()
        handle = super().call_soon_threadsafe(callback, *args, context=context)
        _hide_line(handle)
        return handle

    def call_at(  # type: ignore[override]  # the stub ties each argument's type to the function's
        self, when: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        """Schedule a callback; those due at the same time run in order of scheduling."""
        loop: Any = self
        loop._check_closed()
        if self.get_debug():
            loop._check_thread()
            loop._check_callback(callback, "call_at")
        when = self._due_now.later(when, self.clock.now(), self._clock_resolution, self.selector.still)
        timer: Any = OrderedTimer(when, callback, args, self, context)
        _hide_line(timer)
        timer.number = next(self._timers)
        if when < math.inf:  # else the clock would go there, and what never happens would be no deadlock
            heapq.heappush(loop._scheduled, timer)
            timer._scheduled = True
        return cast(asyncio.TimerHandle, timer)

    @property
    def _clock_resolution(self) -> float:
        # A timer is due when it lies less than this ahead. After some weeks floats are about 1 ns apart: a timer at the
        # next one would not be due, and rounded to whole nanoseconds it may be the present.
        return max(1e-9, 2 * math.ulp(self.clock.now()))

    @_clock_resolution.setter
    def _clock_resolution(self, seconds: float) -> None:
        pass  # the base class writes down that of the real clock

    async def subprocess_exec(self, *args: Any, **kwargs: Any) -> Any:
        """Refuse: a process lives in real time."""
        raise RealSocketError("a process runs in real time, which simulate() cannot follow: use record()")

    subprocess_shell = subprocess_exec

    @property
    def place_in_turn(self) -> tuple[int, int]:
        """How many callbacks wait to be run, and which is the next: both stay while a step neither ends nor schedules.

        How many alone does not tell: a step that schedules another leaves as many as there were. Within one turn, no
        two steps have the same one after them.
        """
        ready: Any = self._ready  # type: ignore[attr-defined]
        try:
            # Not the callback itself: kept in another thread, it would keep alive what the program has let go.
            return len(ready), id(ready[0])
        except IndexError:
            return 0, 0

    def note_open_generators(self) -> None:
        """Add the async generators that somebody still holds, begun and not finished, to those left open."""
        held = self._asyncgens  # type: ignore[attr-defined]
        self.left_open += sorted(agen.__name__ for agen in held if agen.ag_frame is not None)

    def _asyncgen_finalizer_hook(self, agen: Any) -> None:
        self.left_open.append(agen.__name__)
        self._asyncgens.discard(agen)  # type: ignore[attr-defined]
        if not self.is_closed():  # the garbage collector may call this in any thread, so nobody looks which
            super().call_soon_threadsafe(self.create_task, agen.aclose())

    def close(self) -> None:
        """Send the workers home and close the loop."""
        if self.is_running():
            raise RuntimeError("this loop is running: close it when run_until_complete or run_forever has returned")
        if self.is_closed():
            return
        if self._owns_clock:
            self._send_workers_home()
        super().close()

    def _send_workers_home(self) -> None:
        if self._default_executor is not None:
            self._default_executor.shutdown(wait=False, cancel_futures=True)
        self.clock.close()
        for stuck in self.clock.workers.unfinished():
            # Python waits for pool threads when it exits, which would hang for one that waits for a lock for ever.
            for thread in getattr(stuck, "_threads", ()):
                cast("dict[Any, Any]", _threads_queues).pop(thread, None)


def _hide_line(handle: Any) -> None:
    # In debug mode a handle knows the line that made it, which is to be one of the program's.
    if handle._source_traceback:
        del handle._source_traceback[-1]


class OrderedTimer(asyncio.TimerHandle):
    """A timer that knows its place among others due at the same time: on a real clock, no two times are the same."""

    __slots__ = ("number",)
    number: int

    def __lt__(self, other: Any) -> bool:
        return (self.when(), self.number) < (other.when(), other.number)


class JumpingSelector(selectors.DefaultSelector):
    """A selector that moves the clock to the next event where a real one would wait for it."""

    def __init__(self, clock: VirtualClock) -> None:
        super().__init__()
        self.waiting = False  # whether the loop is in here
        self.still = 0  # turns of the loop since the clock moved
        self._clock, self._before = clock, 0.0

    def select(self, timeout: float | None = None) -> Any:
        """Return what is ready; where nothing is, move the clock by up to `timeout` seconds (None: however far)."""
        if not self._clock.is_loop_thread():
            return self._select_in_worker(timeout)
        self.waiting = True
        now = self._clock.now()
        self.still, self._before = (self.still + 1 if now == self._before else 0), now
        try:
            return self._select(timeout)
        finally:
            self.waiting = False

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        """Watch a socket. Raises RealSocketError for one that leads out of the simulation."""
        if self.get_map():  # the first one is the loop's own, by which other threads wake it
            check_inside(self._clock, fileobj if isinstance(fileobj, int) else fileobj.fileno())
        return super().register(fileobj, events, data)

    def _select(self, timeout: float | None) -> Any:
        clock = self._clock
        clock.check_stopped()
        alone = clock.is_alone()  # asked before looking: else a job that ends in between could go unseen
        events = super().select(0)
        until = math.inf if timeout is None else exact(clock.now() + max(timeout, 0))
        while not events:
            if not alone:
                clock.settle()
                events = super().select(0)  # a job that has just ended has told the loop so
                if events or clock.wake_next(clock.now()):
                    continue
            if timeout is not None and timeout <= 0:
                break
            if self._has_sockets():  # a packet may be on its way
                events = super().select(PACKET)
                if events:
                    break
            if not alone and (clock.wake_ready(PACKET) or clock.wake_next(until)):
                continue
            if until < math.inf:
                clock.advance(until)
                break
            events = super().select(SLICE) if self._has_sockets() else events
            if not events:
                raise DeadlockError
        return events

    def _select_in_worker(self, timeout: float | None) -> Any:
        """Wait as other workers do, until a time or until something is ready, which the conductor looks for."""
        events = super().select(0)
        if not events:
            self._clock.wait(Wait(self._clock, ready=self._is_ready), timeout and max(timeout, 0))
            events = super().select(0)
        return events

    def _is_ready(self, seconds: float) -> bool:
        return bool(super().select(seconds if self._has_sockets() else 0))

    def _has_sockets(self) -> bool:
        return len(self.get_map()) > 1  # one is the loop's own
