"""What a block of asynchronous code leaves behind: tasks, async generators, threads and sockets."""

import asyncio
import functools
import sys
import threading
from collections.abc import Callable, Coroutine
from typing import Any, ParamSpec, Self, TypeVar

from course_lib.diagnostics.findings import Finding
from course_lib.diagnostics.generators import Generators
from course_lib.diagnostics.places import Spot, origin_place, place_of, waiting_place
from course_lib.seeing.clock import clock_of_this_thread, real_monotonic
from course_lib.seeing.timeline.trace import task_name
from course_lib.testing.making import Makers

P = ParamSpec("P")
T = TypeVar("T")

DEPTH = 16  # calls between a coroutine that a library makes and the line of the user's that led there
TURNS = 10  # of the loop, for what is about to end
GRACE = 5.0  # real seconds for a thread that is about to end; a busy machine may need some
POLL = 0.01  # real seconds between two looks at it


class LeakError(AssertionError):
    """Something was left; `left` has an entry for each thing: what it is, where it waits, and where it was made."""

    def __init__(self, left: list[str]) -> None:
        super().__init__("\n".join(["left behind:", *left]))
        self.left = left


def no_leaks() -> "NoLeaks":
    """Return a block that nothing may be left of: `async with no_leaks(): ...`, or a decorator, `@no_leaks()`.

    At the end of the block LeakError is raised for the tasks, async generators, threads and sockets that were made
    inside it and are not ended. A socket or a thread that is about to end gets ten turns of the loop, and on a real
    clock a thread up to five seconds. The loop's own pool of threads is no leak. Where the block raises, that passes
    and nothing is looked at.
    """
    return NoLeaks()


class NoLeaks:
    """The block; see `no_leaks`."""

    # While it is open, and for the generators' hooks.
    open = False
    _depth = 0

    def __call__(self, function: Callable[P, Coroutine[Any, Any, T]]) -> Callable[P, Coroutine[Any, Any, T]]:
        """Return a coroutine function that does the same, and leaves nothing."""

        @functools.wraps(function)
        async def leaving_nothing(*args: P.args, **kwargs: P.kwargs) -> T:
            __tracebackhide__ = True
            async with NoLeaks():
                return await function(*args, **kwargs)

        return leaving_nothing

    async def __aenter__(self) -> Self:
        if self.open:
            raise RuntimeError("this block is open already: each block calls no_leaks() for itself")
        self.open, self.findings = True, _Dropped()
        self._loop = asyncio.get_running_loop()
        self._before = asyncio.all_tasks(self._loop)
        self._makers, self._generators = Makers(), Generators(self)  # type: ignore[arg-type]  # it adds findings
        self._makers.__enter__()
        self._generators.start()
        self._depth = sys.get_coroutine_origin_tracking_depth()
        sys.set_coroutine_origin_tracking_depth(max(DEPTH, self._depth))
        return self

    async def __aexit__(self, kind: Any, error: BaseException | None, traceback: Any) -> None:
        __tracebackhide__ = True
        try:
            left = [] if error is not None else await self._left()
        finally:
            self.open = False
            sys.set_coroutine_origin_tracking_depth(self._depth)
            self._generators.stop()
            self._makers.__exit__()
        if left:
            raise LeakError(left)

    async def _left(self) -> list[str]:
        # Looked at before anybody gets another turn: a task that will end by itself was not waited for.
        left = sorted(_task(task) for task in self._new_tasks())
        generators = [
            _sentence(f"async generator {generator.__name__}()", f"iterated at {where}" if where else "")
            for generator, where in self._generators.still_open()
        ]
        left += self.findings.told + sorted(generators)
        for _ in range(TURNS):
            if not (self._threads() or self._sockets()):
                break
            await asyncio.sleep(0)
        end = real_monotonic() + GRACE
        real = clock_of_this_thread() is None
        while real and self._threads() and real_monotonic() < end:  # noqa: ASYNC110  # nothing tells of a thread's end
            await asyncio.sleep(POLL)
        left += [_made(f"thread {thread.name}", spot) for thread, spot in self._threads()]
        left += [_made("socket", spot) for _, spot in self._sockets()]
        return left

    def _new_tasks(self) -> set["asyncio.Task[Any]"]:
        new = asyncio.all_tasks(self._loop) - self._before - {_current()}
        return {task for task in new if not is_errand(task.get_coro())}

    def _threads(self) -> list[tuple[threading.Thread, Spot | None]]:
        # The loop's pool is ended with the loop; there is no public way to it.
        pool = getattr(getattr(self._loop, "_default_executor", None), "_threads", ())
        return [(one, spot) for one, spot in self._makers.threads.alive() if one.is_alive() and one not in pool]

    def _sockets(self) -> list[tuple[Any, Spot | None]]:
        return [(one, spot) for one, spot in self._makers.sockets.alive() if one.fileno() != -1]


class _Dropped:
    """What the generators' hook finds: those that nobody holds any more, and that were not closed."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def add(self, finding: Finding, seconds: float = 0.0) -> None:
        self.told.append(_sentence(f"async {finding.who}", *finding.where))


def _current() -> "asyncio.Task[Any]":
    task = asyncio.current_task()
    if task is None:
        raise RuntimeError("no_leaks() is used inside a task: await it in a coroutine that the loop runs")
    return task


def is_errand(coro: Any) -> bool:
    """Return whether a task's coroutine closes an async generator that was dropped: the generator is what is left."""
    return type(coro).__name__.startswith("async_generator")


def _task(task: "asyncio.Task[Any]") -> str:
    coro: Any = task.get_coro()
    waits = waiting_place(coro)
    made = origin_place(coro)[0]
    return _sentence(f"task {task_name(task)}", f"waits at {waits}" if waits else "", f"made at {made}" if made else "")


def _made(what: str, spot: Spot | None) -> str:
    return _sentence(what, f"made at {place_of(spot)}" if spot else "made by code of a library")


def _sentence(what: str, *places: str) -> str:
    return "\n".join([f"  {what}", *(f"    {place}" for place in places if place)])
