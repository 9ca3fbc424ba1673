"""Resources: what was acquired is released, whole, whatever happens in between and meanwhile."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from course_lib.lifecycle.checks import awaitable, check_function, check_number
from course_lib.lifecycle.timeouts import with_timeout

T = TypeVar("T")
RELEASE = 0.1  # seconds that the stand-in's release takes

_log = logging.getLogger(__name__)


@asynccontextmanager
async def managed_resource(
    resource_name: str,
    acquire: Callable[[], Awaitable[Any]] | None = None,
    release: Callable[[Any], Awaitable[Any]] | None = None,
    *,
    release_timeout: float = 10.0,
) -> AsyncIterator[Any]:
    """Acquire a resource for the length of a block, and release it to the end, also when cancelled, also twice.

    Args:
        resource_name: for the log.
        acquire: a coroutine function that gives the resource. Without it there is a stand-in, as in the article: a dict
            with name, data (a list) and open, whose release sets open to False and takes 0.1 s.
        release: a coroutine function that is given the resource.
        release_timeout: seconds after which a release is given up with TimeoutError.

    What the block raises is raised. A release that fails raises its own error; when the block was cancelled, the
    cancellation is raised and the error goes to the loop's exception handler. Raises TypeError and ValueError for
    arguments without sense. Source: article, section 3 (L541).
    """
    check_number("release_timeout", release_timeout, 0, "seconds", "a release needs some time, 10 is the default")
    for name, function in (("acquire", acquire), ("release", release)):
        if function is not None:
            check_function(name, function, "pass the coroutine function itself")
    if acquire is not None and release is None:
        raise TypeError("acquire is given and release is not, so nobody would release the resource: pass release too")
    # An acquire that is cancelled half-way has to clean up after itself: nobody else knows what it has.
    resource = await awaitable("what acquire returned", (acquire or _stand_in(resource_name))())
    _log.debug("acquired %s", resource_name)
    cancellation = None
    try:
        yield resource
    except asyncio.CancelledError as error:
        cancellation = error
        raise
    finally:
        try:
            await finish((release or _release_stand_in)(resource), release_timeout, cancellation)
        finally:
            del cancellation  # its traceback leads to this frame
        _log.debug("released %s", resource_name)


async def finish(cleanup: Awaitable[T], timeout: float = 10.0, cancellation: asyncio.CancelledError | None = None) -> T:
    """Run a clean-up to its end even if this task is cancelled meanwhile; then pass the cancellation on.

    The clean-up runs in a task of its own, which a cancellation of this one does not reach. (`asyncio.shield` alone
    keeps it alive, too, but does not wait for it.) One cancellation does reach it: that of `asyncio.run`, which in its
    end cancels every task of its loop. So a main that returns waits for its tasks first.

    Args:
        cleanup: a coroutine.
        timeout: seconds for the clean-up, after which it is cancelled.
        cancellation: one that is already on its way, to be raised in the end.

    Raises CancelledError if one came, and then hands what the clean-up raised to the loop's exception handler; else
    TimeoutError when the time was up, and whatever the clean-up raised.
    """
    task = asyncio.get_running_loop().create_task(with_timeout(cleanup, timeout), name="clean-up")
    try:
        return await uninterrupted(task, cancellation)
    finally:
        # The traceback of what is raised leads to this frame, which must not lead back to it: what a task held would
        # wait for the garbage collector.
        del cleanup, task, cancellation


async def uninterrupted(work: asyncio.Future[T], cancellation: asyncio.CancelledError | None = None) -> T:
    """Wait for a task or a future to its end even if this task is cancelled meanwhile; then pass the cancellation on.

    Args:
        work: what a cancellation must not reach, such as a job that runs in a thread.
        cancellation: one that is already on its way, to be raised in the end.

    Raises CancelledError if one came, and then hands what the work raised to the loop's exception handler; else
    whatever the work raised.
    """
    try:
        while not work.done():
            try:
                await asyncio.wait({work})  # which, unlike `await work`, leaves the work alone when it is cancelled
            except asyncio.CancelledError as error:
                cancellation = error.with_traceback(None)  # asyncio's frames, which from 3.14 on lead to this task
        if cancellation is None:
            return work.result()
        if not work.cancelled() and work.exception():
            message = "what a task waited for, to its end, failed while the task was being cancelled"
            work.get_loop().call_exception_handler({"message": message, "exception": work.exception(), "task": work})
        raise cancellation
    finally:
        del work, cancellation  # the traceback of what is raised leads to this frame


def _stand_in(name: str) -> Callable[[], Awaitable[dict[str, Any]]]:
    async def acquire() -> dict[str, Any]:
        return {"name": name, "data": [], "open": True}

    return acquire


async def _release_stand_in(resource: dict[str, Any]) -> None:
    await asyncio.sleep(RELEASE)
    resource["open"] = False
