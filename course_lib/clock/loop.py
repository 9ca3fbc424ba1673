"""An event loop on a virtual clock."""

import asyncio
import selectors
import socket
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from typing import Any

from course_lib.clock.errors import DeadlockError, RealSocketError
from course_lib.clock.virtual import SLICE, VirtualClock, exact

# A real program gets min(32, cores + 4) threads. A fixed number keeps a simulation the same on every machine.
WORKERS = 32
# How long, in real seconds, a packet on loopback may travel before the clock moves on without it.
PACKET = 0.002

_UNIX = getattr(socket, "AF_UNIX", None)  # Windows has none


class VirtualClockLoop(asyncio.SelectorEventLoop):
    """An event loop whose time is a VirtualClock."""

    def __init__(self) -> None:
        self.clock = VirtualClock()
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
        number = self.clock.job_submitted(executor)

        def call() -> Any:
            return func(*args)

        if isinstance(executor, ThreadPoolExecutor):
            job: Future[Any] = executor.submit(self.clock.run_job, number, call)
        else:
            job = executor.submit(func, *args)
        future = asyncio.wrap_future(job, loop=self)
        # Added after wrap_future's own callback, so it runs after the loop has been told.
        job.add_done_callback(lambda _: self.clock.job_reported(executor))
        return future

    async def create_server(self, *args: Any, **kwargs: Any) -> asyncio.Server:
        """Start a server as usual, and remember its port as one that simulated clients may reach."""
        server = await super().create_server(*args, **kwargs)
        self.clock.own_ports.update(s.getsockname()[1] for s in server.sockets if s.family != _UNIX)
        return server

    async def subprocess_exec(self, *args: Any, **kwargs: Any) -> Any:
        """Refuse: a process lives in real time."""
        raise RealSocketError("a process runs in real time, which simulate() cannot follow: use record()")

    subprocess_shell = subprocess_exec

    def _asyncgen_finalizer_hook(self, agen: Any) -> None:
        self.left_open.append(agen.__name__)
        super()._asyncgen_finalizer_hook(agen)  # type: ignore[misc]

    def close(self) -> None:
        """Close the loop and send its workers home."""
        self.clock.close()
        super().close()


class JumpingSelector(selectors.DefaultSelector):
    """A selector that moves the clock to the next event where a real one would wait for it."""

    def __init__(self, clock: VirtualClock) -> None:
        super().__init__()
        self.waiting = False  # whether the loop is in here
        self.turns = 0  # of the loop
        self._clock = clock

    def select(self, timeout: float | None = None) -> Any:
        self.waiting = True
        self.turns += 1
        try:
            return self._select(timeout)
        finally:
            self.waiting = False

    def _select(self, timeout: float | None) -> Any:
        clock = self._clock
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
