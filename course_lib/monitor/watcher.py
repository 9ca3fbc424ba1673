"""What a monitor does: it counts tasks, keeps the last ones, measures the loop's lag and names what blocks it."""

import asyncio
import math
import time
from collections import deque
from contextvars import Context, ContextVar
from types import CoroutineType, TracebackType
from typing import Any, Self

from course_lib.monitor.lag import LagWatch
from course_lib.monitor.records import Block, Lag, TaskMetrics, TaskState
from course_lib.monitor.watched import TimedWatched, Watched, unwrap
from course_lib.seeing.clock import VirtualClockLoop
from course_lib.seeing.timeline.frames import leave_no_line
from course_lib.seeing.timeline.layers import Layer, without_ended
from course_lib.seeing.timeline.recorder import plain_task

SLOW = 0.05  # seconds; asyncio's own debug mode warns from 0.1 s on

# The monitors whose `async with` block this code lies in.
_around: ContextVar[tuple["Watcher", ...]] = ContextVar("monitors_around", default=())


class Watcher:
    """Watches tasks and loop, and shows nothing; EventLoopMonitor says how."""

    def __init__(self, *, steps: bool = False, slow: float = SLOW, keep: int = 1000) -> None:
        if not 0 < slow < math.inf:
            raise ValueError(f"slow={slow!r}: pass seconds, more than 0 ({SLOW:g} is the default)")
        if not (isinstance(keep, int) and keep >= 0):
            raise ValueError(f"keep={keep!r}: pass how many ended tasks to remember, 0 or more (1000 is the default)")
        self.open = False
        self.created = self.completed = self.failed = self.cancelled = 0
        self.completed_seconds = 0.0
        self.finished: deque[Watched] = deque(maxlen=keep)
        self.failures: deque[Watched] = deque(maxlen=keep)
        self.running: TimedWatched | None = None  # the task on the loop, where steps are timed
        self.now = time.perf_counter
        self.began = 0.0
        self.loop: asyncio.AbstractEventLoop | None = None
        self.slow, self._steps, self._keep = slow, steps, keep
        self.watch: LagWatch | None = None
        self.everywhere = True

    # Starting and stopping.

    def start_monitoring(self, loop: asyncio.AbstractEventLoop | None = None) -> None:
        """Watch every task created on `loop` from now on; without it, on the running loop.

        Call it in the loop's thread, or before the loop runs. Raises RuntimeError when this monitor was started before,
        and when there is neither a loop given nor one running.
        """
        if self.loop is not None:
            raise RuntimeError("this monitor was started before, and its totals are of that time: make a new one")
        if loop is None:
            try:
                loop = asyncio.get_running_loop()
            except RuntimeError:
                raise RuntimeError("no event loop is running here: pass one, start_monitoring(loop)") from None
        self.loop = loop
        # Looked up here, not at import: in a simulation it is the virtual clock's. On Windows it beats loop.time().
        self.now = time.perf_counter
        self.began = self.now()
        self.watch = LagWatch(loop, self.now, self.slow, self._keep, self._step_began)
        kind = TimedWatched if self._steps or self.watch.needs_steps else Watched
        before = loop.get_task_factory()
        self.open = True
        loop.set_task_factory(_WatchingFactory(before, self, kind).make)
        self.watch.start()

    def stop_monitoring(self) -> None:
        """Watch no new tasks, and put back what was there; those that were watched are counted when they end.

        Stopping twice, or before the start, does nothing.
        """
        if not self.open or self.loop is None or self.watch is None:
            return
        self.watch.stop()
        self.open = False
        self.loop.set_task_factory(without_ended(self.loop.get_task_factory()))

    async def __aenter__(self) -> Self:
        self.everywhere = False
        self.start_monitoring()
        _around.set((*_around.get(), self))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        _around.set(tuple(monitor for monitor in _around.get() if monitor is not self))
        self.stop_monitoring()

    # What was seen.

    @property
    def virtual(self) -> bool:
        """Whether the times are a virtual clock's, and exact."""
        return isinstance(self.loop, VirtualClockLoop)

    @property
    def blocks(self) -> list[Block]:
        """The last blocks, the oldest first."""
        return list(self.watch.blocks) if self.watch else []

    @property
    def block_count(self) -> int:
        """How many blocks there were."""
        return self.watch.block_count if self.watch else 0

    def lag(self) -> Lag:
        """Return how late the loop came to what was due, in seconds."""
        return self.watch.lag() if self.watch else Lag(0.0, 0.0, 0.0, 0)

    @property
    def lost(self) -> int:
        """How many tasks were destroyed before they had ended.

        Found by looking for the others: a `__del__` that counts them would cost every task.
        """
        return self._unended - len(self._unfinished())

    def totals(self) -> dict[TaskState, int]:
        """Return how many of the tasks watched are in each state now; the numbers add up to `created`."""
        lost, running = self.lost, int(self._running() is not None)
        return {
            TaskState.PENDING: self._unended - lost - running,
            TaskState.RUNNING: running,
            TaskState.COMPLETED: self.completed,
            TaskState.FAILED: self.failed,
            TaskState.CANCELLED: self.cancelled + lost,
        }

    def get_metrics(self) -> list[TaskMetrics]:
        """Return what is known of each task that has not ended and of the last ones that have, in order of creation."""
        if self.loop is None:
            return []
        now, running = self.now(), self._running()
        known = {watched.number: watched.metrics(now) for watched in [*self.finished, *self.failures]}
        for watched, task in self._unfinished():
            known[watched.number] = watched.metrics(now, task, running=watched is running)
        return [known[number] for number in sorted(known)]

    # For the parts.

    def around(self, context: Context | None) -> bool:
        """Return whether a task that is created in `context` (None: the current one) is one to watch."""
        return self in (_around.get() if context is None else context.get(_around, ()))

    def step_was_slow(self, watched: TimedWatched, began: float, ended: float, start: str, end: str) -> None:
        """Report a step of a watched task that blocked the loop."""
        if (watch := self.watch) is not None and watch.open:
            metrics = watched.metrics(ended, asyncio.current_task(self.loop))
            watch.step_ended(metrics.name, metrics.function, began, ended, start, end)

    @property
    def _unended(self) -> int:
        return self.created - self.completed - self.failed - self.cancelled

    def _unfinished(self) -> list[tuple[Watched, asyncio.Task[Any]]]:
        tasks = asyncio.all_tasks(self.loop) if self.loop else ()
        found = [(unwrap(task.get_coro(), self), task) for task in tasks]
        return [(watched, task) for watched, task in found if watched is not None and watched.state is None]

    def _step_began(self) -> float | None:
        running = self._running()
        return getattr(running, "begun", None)  # a task that is about to begin has not set it

    def _running(self) -> Watched | None:
        task = asyncio.current_task(self.loop) if self.loop else None
        watched = unwrap(task.get_coro(), self) if task else None
        return watched if watched is not None and watched.state is None else None


class _WatchingFactory(Layer):
    def __init__(self, before: Any, monitor: Watcher, kind: type[Watched]) -> None:
        super().__init__(before, before or plain_task, monitor)
        self._kind = kind

    def make(self, loop: asyncio.AbstractEventLoop, coro: Any, **kwargs: Any) -> Any:
        """Create a task. This is the factory, and not a `__call__`, which Python takes longer to find."""
        monitor: Any = self.owner
        # What is no coroutine goes on as it is, so that the error names it.
        is_coroutine = type(coro) is CoroutineType or asyncio.iscoroutine(coro)
        watching = is_coroutine and monitor.open and (monitor.everywhere or monitor.around(kwargs.get("context")))
        if watching:
            monitor.created = number = monitor.created + 1
            coro = self._kind(coro, monitor, number)
        try:
            if self.before is None:  # as plain_task() would, without the cost of two more calls
                return asyncio.Task(coro, loop=loop, **kwargs)
            return self.real(loop, coro, **kwargs)
        except BaseException as error:
            if watching:
                monitor.created -= 1  # there is no task
            leave_no_line(error)
            raise
