"""A source that runs ahead."""

from collections.abc import AsyncIterable
from typing import TypeVar

from course_lib.streams.checks import check_size, check_source
from course_lib.streams.stream import Stream

T = TypeVar("T")


def buffer(source: AsyncIterable[T], size: int) -> Stream[T]:
    """Return a stream of the source's items that runs ahead of its consumer by at most `size` of them.

    An error of the source comes after the items before it.

    Args:
        source: an asynchronous iterable. It belongs to the stream, which closes it.
        size: how many items may have come and not been taken, 1 or more.

    Raises TypeError for what is no asynchronous iterable, TypeError and ValueError for another size. Source: a bounded
    asyncio.Queue between two tasks, as in the library reference; here it is closed, and errors pass through it.
    """
    check_source("source", source)
    check_size(size, "to let nothing run ahead, iterate over the source itself")
    return Stream("buffer", [source], size)
