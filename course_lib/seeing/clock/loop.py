"""An event loop on a virtual clock."""

import asyncio
import heapq
import itertools
import math
import selectors
import socket
from collections.abc import Callable, Collection
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from concurrent.futures.thread import _threads_queues
from contextvars import Context
from typing import Any, cast

from course_lib.seeing.clock.errors import DeadlockError, RealSocketError
from course_lib.seeing.clock.virtual import SLICE, VirtualClock, exact

# A real program gets min(32, cores + 4) threads. A fixed number keeps a simulation the same on every machine.
WORKERS = 32
# How long, in real seconds, a packet on loopback may travel before the clock moves on without it.
PACKET = 0.002

_UNIX = getattr(socket, "AF_UNIX", None)  # Windows has none


class VirtualClockLoop(asyncio.SelectorEventLoop):
    """An event loop whose time is a VirtualClock."""

    def __init__(self) -> None:
        self.clock = VirtualClock()
        self._timers = itertools.count()
        self.left_open: list[str] = []  # async generators that nobody closed
        self.selector = JumpingSelector(self.clock)
        super().__init__(self.selector)
        self.set_default_executor(ThreadPoolExecutor(WORKERS, thread_name_prefix="simulated"))

    def time(self) -> float:
        """Return the virtual time in seconds."""
        return self.clock.now()

    def run_in_executor(  # type: ignore[override]  # the stub ties each argument's type to the function's
        self, executor: Executor | None, func: Callable[..., Any], *args: Any
    ) -> asyncio.Future[Any]:
        """Run `func` in a worker thread whose `time.sleep` is virtual."""
        executor = executor or self._default_executor  # type: ignore[attr-defined]  # set above or by the program
        assert executor is not None
        turn = self.clock.job_submitted(executor)

        def call() -> Any:
            return func(*args)

        try:
            if isinstance(executor, ThreadPoolExecutor):
                job: Future[Any] = executor.submit(self.clock.run_job, turn, call)
            else:
                job = executor.submit(func, *args)
        except BaseException:  # a pool that was shut down
            self.clock.job_reported(executor)
            raise
        future = asyncio.wrap_future(job, loop=self)
        # Added after wrap_future's own callback, so it runs after the loop has been told.
        job.add_done_callback(lambda _: self.clock.job_reported(executor))
        return future

    def call_at(  # type: ignore[override]  # the stub ties each argument's type to the function's
        self, when: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        """Schedule a callback; those due at the same time run in order of scheduling."""
        loop: Any = self
        loop._check_closed()
        timer: Any = OrderedTimer(when, callback, args, self, context)
        timer.number = next(self._timers)
        if when < math.inf:  # else the clock would go there, and what never happens would be no deadlock
            heapq.heappush(loop._scheduled, timer)
            timer._scheduled = True
        return cast(asyncio.TimerHandle, timer)

    @property
    def _clock_resolution(self) -> float:
        # A timer is due when it lies less than this ahead. After some months, floats are further apart than 1 ns.
        return max(1e-9, math.ulp(self.clock.now()))

    @_clock_resolution.setter
    def _clock_resolution(self, seconds: float) -> None:
        pass  # the base class writes down that of the real clock

    async def create_server(self, *args: Any, **kwargs: Any) -> asyncio.Server:
        """Start a server as usual, and remember its port as one that simulated clients may reach."""
        server = await super().create_server(*args, **kwargs)
        self.clock.own_ports.update(s.getsockname()[1] for s in server.sockets if s.family != _UNIX)
        return server

    async def subprocess_exec(self, *args: Any, **kwargs: Any) -> Any:
        """Refuse: a process lives in real time."""
        raise RealSocketError("a process runs in real time, which simulate() cannot follow: use record()")

    subprocess_shell = subprocess_exec

    @property
    def scheduled_now(self) -> Collection[Any]:
        """The callbacks that the loop has yet to run in this turn."""
        ready: Collection[Any] = self._ready  # type: ignore[attr-defined]
        return ready

    def note_open_generators(self) -> None:
        """Add the async generators that somebody still holds, begun and not finished, to those left open."""
        held = self._asyncgens  # type: ignore[attr-defined]
        self.left_open += sorted(agen.__name__ for agen in held if agen.ag_frame is not None)

    def _asyncgen_finalizer_hook(self, agen: Any) -> None:
        self.left_open.append(agen.__name__)
        super()._asyncgen_finalizer_hook(agen)  # type: ignore[misc]

    def close(self) -> None:
        """Send the workers home and close the loop."""
        pool: Any = self._default_executor  # type: ignore[attr-defined]
        pool.shutdown(wait=False, cancel_futures=True)
        self.clock.close()
        for stuck in self.clock.unfinished():
            # Python waits for pool threads when it exits, which would hang for one that waits for a lock for ever.
            for thread in getattr(stuck, "_threads", ()):
                cast("dict[Any, Any]", _threads_queues).pop(thread, None)
        super().close()


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
        self.waiting = True
        now = self._clock.now()
        self.still, self._before = (self.still + 1 if now == self._before else 0), now
        try:
            return self._select(timeout)
        finally:
            self.waiting = False

    def _select(self, timeout: float | None) -> Any:
        clock = self._clock
        clock.check_stopped()
        events = super().select(0)
        until = None if timeout is None else exact(clock.now() + max(timeout, 0))
        while not events:
            clock.settle()
            events = super().select(0)  # a job that has just ended has told the loop so
            if events or clock.wake_sleeper(until):
                continue
            if timeout is not None and timeout <= 0:
                break
            if len(self.get_map()) > 1:  # more than the loop's own self-pipe: a packet may be on its way
                events = super().select(PACKET if until is not None else SLICE)
                if events:
                    break
            if until is None:
                raise DeadlockError
            clock.advance(until)
            break
        return events
