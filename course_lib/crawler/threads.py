"""A thread that a cancellation can stop: asyncio cannot end one, so the work itself has to be told."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


async def in_thread(work: Callable[[], T], stop: Callable[[], object]) -> T:
    """Run `work()` in a thread of the loop's pool and return what it returns.

    work: raises or returns soon after `stop` was called
    stop: called when this task is cancelled, in the loop's thread, perhaps before `work` has begun
    Raises what the work raised, StopIteration as RuntimeError. A cancellation is raised once the thread has ended:
    nothing goes on behind its back.
    """

    def called() -> T:
        try:
            return work()
        except StopIteration as error:  # which no future carries: on Python 3.11 nobody would be told
            raise RuntimeError("work raised StopIteration") from error

    job = asyncio.get_running_loop().run_in_executor(None, called)
    cancellation = None
    try:
        while not job.done():
            try:
                await asyncio.wait({job})  # unlike `await job`, leaves the job alone when it is cancelled
            except asyncio.CancelledError as error:
                cancellation = error.with_traceback(None)  # asyncio's frames, which from 3.14 on lead to this task
                stop()
        if cancellation is not None:
            job.exception()  # seen: the cancellation matters more
            raise cancellation
        return job.result()
    finally:
        del job, cancellation  # the traceback of what is raised leads to this frame
