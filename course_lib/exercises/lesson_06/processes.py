"""A stand-in for a pool of processes: what a real one would refuse, it refuses, in a sentence."""

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from course_lib.exercises.framework import Wrong
from course_lib.exercises.lesson_06.scenes import PROCESS, running_loop
from course_lib.seeing.clock.loop import VirtualClockLoop

Wait = Callable[[float | None], Any]


class Processes(ThreadPoolExecutor):
    """Stands in for a ProcessPoolExecutor: its workers are threads, whose sleeping is computing, on virtual time."""

    def __init__(self, workers: int) -> None:
        super().__init__(workers, thread_name_prefix=PROCESS)
        self.closed = False

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> "Future[Any]":
        """Submit a job; one that does not come through the loop is shown to the virtual clock, too."""
        loop = _loop_here()
        if through_the_loop(fn, loop):
            return super().submit(fn, *args, **kwargs)
        _check_sent(fn, *args)
        return shown(loop, self, super().submit, lambda: fn(*args, **kwargs))

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Note that the learner closed it."""
        self.closed = True
        super().shutdown(wait, cancel_futures=cancel_futures)

    def send_home(self) -> None:
        """End its workers."""
        super().shutdown(wait=False)


def through_the_loop(fn: Callable[..., Any], loop: VirtualClockLoop) -> bool:
    """Return whether what a pool is given is a job that the loop has shown to its clock already."""
    return getattr(fn, "__func__", None) is type(loop.clock).run_job


def shown(
    loop: VirtualClockLoop,
    pool: ThreadPoolExecutor,
    submit: Callable[..., "Future[Any]"],
    work: Callable[[], Any],
    note: Callable[[], object] = int,
) -> "Future[Any]":
    """Submit a job that does not come through the loop so that the virtual clock knows of it, as of the loop's own.

    note: is called when somebody waits for it without `await`, and blocks the loop
    """
    clock = loop.clock
    future: Any = submit(clock.run_job, clock.job_submitted(pool), work)
    tell = future._invoke_callbacks

    def tell_and_report() -> None:
        tell()  # the loop first: the clock could jump in between
        clock.job_reported(pool)

    future._invoke_callbacks = tell_and_report

    def finishing(wait: Wait, over: Callable[[], bool]) -> Wait:
        """Return `wait` so that it lets the jobs come to their end first, unless what it waits for is `over`."""

        def finish_and_wait(timeout: float | None = None) -> Any:
            if not over() and timeout != 0:
                note()
                _loop_here().clock.finish(pool)  # which blocks the loop, in virtual time
            return wait(timeout)

        return finish_and_wait

    future.result = finishing(future.result, future.done)
    future.exception = finishing(future.exception, future.done)
    future._waiters = _Waiters(finishing)
    return future  # type: ignore[no-any-return]


class _Waiters(list[Any]):
    """Those who wait for a future: `wait` and `as_completed` of concurrent.futures enter one, and wait for its event.

    It is the event that is waited for without the locks of the futures, which the jobs need to come to their end.
    """

    def __init__(self, finishing: Callable[[Wait, Callable[[], bool]], Wait]) -> None:
        super().__init__()
        self._finishing = finishing

    def append(self, waiter: Any) -> None:
        waiter.event.wait = self._finishing(waiter.event.wait, waiter.event.is_set)
        super().append(waiter)


@contextmanager
def as_real_processes() -> Iterator[None]:
    """Refuse, while this is open, what the loop is to hand to Processes and could not hand to real ones."""
    run_in_executor = VirtualClockLoop.run_in_executor

    def send(
        loop: VirtualClockLoop, executor: Executor | None, func: Callable[..., Any], *args: Any
    ) -> asyncio.Future[Any]:
        if isinstance(executor, Processes):
            _check_sent(func, *args)
        return run_in_executor(loop, executor, func, *args)

    with patch.object(VirtualClockLoop, "run_in_executor", send):
        yield


def _check_sent(*sent: Any) -> None:
    # A function is sent by its name, and looked up by it over there: one with <lambda> or <locals> in it is not found.
    for each in sent:
        if "<" in getattr(getattr(each, "func", each), "__qualname__", ""):  # a partial is sent with its function
            raise Wrong(
                "A lambda, or a function inside a function, cannot be sent to another process. Hand the pool `crunch` "
                "itself, and the job: `crunch, job`."
            )


def _loop_here() -> VirtualClockLoop:
    loop = running_loop()
    if not isinstance(loop, VirtualClockLoop):
        raise Wrong(
            "You used the pool from a thread, which this check cannot follow. Hand it the jobs on the loop: "
            "`loop.run_in_executor(pool, crunch, job)`."
        )
    return loop
