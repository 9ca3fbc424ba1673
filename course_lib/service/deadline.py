"""A deadline that is passed on: one limit for all that is done for a request, however many calls that takes.

    async with within(2.0):                      # the request has two seconds
        await first()
        await second(timeout=time_left(10.0))    # its own limit, or what is left of the two seconds

A limit for each call would let three calls take three limits. And whoever calls another process tells it how many
seconds are left, not until when: no two machines' clocks agree.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from contextvars import ContextVar

from course_lib.lifecycle.checks import check_number

# By the loop's clock. A context variable, because a task inherits it from whoever starts it.
_end: ContextVar[float | None] = ContextVar("the deadline of this request", default=None)


class DeadlineExceeded(TimeoutError):
    """The time of the whole request is over, not that of one call."""


@asynccontextmanager
async def within(seconds: float) -> AsyncIterator[None]:
    """Give a block so many seconds, or what is left of the block around it, whichever is less.

    Args:
        seconds: from now on, 0 or more.

    Raises DeadlineExceeded when they are over; TypeError and ValueError for what is no time. A TimeoutError of the
    block's own, and a cancellation, come out as they are.

    Source: "Deadlines", the documentation of gRPC.
    """
    check_number("seconds", seconds, 0, "seconds", "0 is over at the first wait")
    end = asyncio.get_running_loop().time() + seconds
    around = _end.get()
    if around is not None:
        end = min(end, around)
    before = _end.set(end)
    try:
        async with asyncio.timeout_at(end) as limit:
            yield
    except TimeoutError as error:
        if not limit.expired() or isinstance(error, DeadlineExceeded):
            raise
        raise DeadlineExceeded("the time for this request is over: ask again, or give it more seconds") from None
    finally:
        _end.reset(before)


def time_left(most: float) -> float:
    """Return the seconds that may be waited: `most`, or what is left of the deadline, if there is one and it is nearer.

    Args:
        most: seconds, 0 or more.

    Raises DeadlineExceeded when nothing is left: what would be asked for now, nobody would wait for; TypeError and
    ValueError for what is no time.
    """
    check_number("most", most, 0, "seconds", "what one call may take by itself")
    end = _end.get()
    if end is None:
        return most
    left = end - asyncio.get_running_loop().time()
    if left <= 0:
        raise DeadlineExceeded("the time for this request is over: nothing more is asked for on its behalf")
    return min(most, left)
