"""The concurrency models: each makes the calls of a workload in its own way, and is otherwise like the others.

A model has so many workers: one for the sequential one, threads, processes or tasks elsewhere. Calls are handed to
workers as these become free.
"""

import asyncio
import importlib.util
import sys
import sysconfig
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, AsyncExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from course_lib.comparison import calls
from course_lib.comparison.pool import Pool, interpreters, processes
from course_lib.comparison.running import Job, OnALoop, OnALoopWithAPool, OneByOne, Running, Submitted, on_the_loop
from course_lib.comparison.usage import cores
from course_lib.comparison.workload import Workload

AT_ONCE = 10  # waits that threads and asyncio have under way at once, unless the caller chooses


@contextmanager
def _sequential(job: Job) -> Iterator[Running]:
    if job.workload.function:
        yield OneByOne(job)
    else:  # one await after another is sequential, too
        with _asyncio(Job(job.workload, 1)) as running:
            yield running


@contextmanager
def _threads(job: Job) -> Iterator[Running]:
    with ThreadPoolExecutor(job.workers) as executor:
        yield Submitted(_in_threads(executor, job))


@contextmanager
def _processes(job: Job) -> Iterator[Running]:
    with processes(_function(job), job.workers, job.start_method) as pool:
        yield Submitted(pool)


@contextmanager
def _interpreters(job: Job) -> Iterator[Running]:
    with interpreters(_function(job), job.workers) as pool:
        yield Submitted(pool)


@contextmanager
def _asyncio(job: Job, loop_factory: Callable[[], asyncio.AbstractEventLoop] | None = None) -> Iterator[Running]:
    work, stack = job.workload, AsyncExitStack()
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        call = work.async_function or partial(on_the_loop, _function(job))
        if work.opening:
            call = partial(call, runner.run(_enter(stack, work.opening)))
        try:
            yield OnALoop(runner, call, job.workers)
        finally:
            runner.run(stack.aclose())


async def _enter(stack: AsyncExitStack, opening: Callable[[], AbstractAsyncContextManager[Any]]) -> Any:
    return await stack.enter_async_context(opening())  # called here: aiohttp makes a session only on a running loop


@contextmanager
def _uvloop(job: Job) -> Iterator[Running]:
    import uvloop  # type: ignore[import-not-found,unused-ignore]  # where it is installed

    with _asyncio(job, uvloop.new_event_loop) as running:
        yield running


@contextmanager
def _to_thread(job: Job) -> Iterator[Running]:
    # The loop's own executor has only a few threads more than there are cores: too few for an equal comparison.
    with asyncio.Runner() as runner, ThreadPoolExecutor(job.workers) as executor:
        yield OnALoopWithAPool(runner, job.workers, _in_threads(executor, job))


@contextmanager
def _asyncio_processes(job: Job) -> Iterator[Running]:
    # The processes first: forked later, they would inherit an open loop.
    with processes(_function(job), job.workers, job.start_method) as pool, asyncio.Runner() as runner:
        yield OnALoopWithAPool(runner, job.workers, pool)


def _in_threads(executor: Executor, job: Job) -> Pool:
    function = _function(job)
    return Pool(executor, function, partial(calls.watched, function), pack=_as_it_is, unpack=_as_it_is)


def _as_it_is(value: Any) -> Any:
    return value


def _function(job: Job) -> calls.Function:
    assert job.workload.function
    return job.workload.function


def _nothing(workload: Workload) -> str:
    return ""


def _needs_plain(workload: Workload) -> str:
    return "" if workload.function else "it calls a plain function, and the workload has only a coroutine function"


def _needs_interpreters(workload: Workload) -> str:
    if sys.version_info < (3, 14):
        return f"it needs Python 3.14 or newer, and this is {sys.version_info.major}.{sys.version_info.minor}"
    return _needs_plain(workload)


def _needs_free_threads(workload: Workload) -> str:
    if not sysconfig.get_config_var("Py_GIL_DISABLED"):
        return "it needs a free-threaded build of Python, and this build has a GIL"
    return _needs_plain(workload)


def _needs_uvloop(workload: Workload) -> str:
    return "" if importlib.util.find_spec("uvloop") else "uvloop is not installed"


@dataclass(frozen=True)
class Model:
    """A way to make many calls.

    open: starts it for a job
    absent: says why it cannot make a workload's calls here; empty when it can
    by_core: whether it has a worker a core, unless the caller chooses, because its workers are there to compute
    environment: variables for its process
    """

    open: Callable[[Job], Any]
    absent: Callable[[Workload], str] = _needs_plain
    by_core: bool = False
    environment: Mapping[str, str] = field(default_factory=dict)


# On a free-threaded build the GIL can be switched on and off, so that threads are compared with and without it.
_GIL = {switch: {"PYTHON_GIL": switch} if sysconfig.get_config_var("Py_GIL_DISABLED") else {} for switch in "01"}

MODELS: dict[str, Model] = {
    "sequential": Model(_sequential, _nothing),
    "threads": Model(_threads, environment=_GIL["1"]),
    "processes": Model(_processes, by_core=True),
    "asyncio": Model(_asyncio, _nothing),
    "asyncio + threads": Model(_to_thread),
    "asyncio + processes": Model(_asyncio_processes, by_core=True),
    "interpreters": Model(_interpreters, _needs_interpreters, by_core=True),
    "free threads": Model(_threads, _needs_free_threads, by_core=True, environment=_GIL["0"]),
    "uvloop": Model(_uvloop, _needs_uvloop),
}
"""Every model by name. The last three depend on the Python that runs; where they are absent, the reason is told."""


def workers_of(name: str, workload: Workload, chosen: int | None) -> int:
    """Return how many workers a model has for a workload: never more than there are calls."""
    if name == "sequential":
        return 1
    wanted = chosen or (cores() if MODELS[name].by_core else AT_ONCE)
    return max(1, min(wanted, len(workload.items)))
