"""Several sources, one stream."""

from collections.abc import AsyncIterable, AsyncIterator
from typing import TypeVar

from course_lib.streams.checks import check_source
from course_lib.streams.stream import Stream

T = TypeVar("T")


def merge(*sources: AsyncIterable[T]) -> Stream[T]:
    """Return a stream of the items of all sources, as they come; it ends when all have ended.

    Each source runs ahead by one item at most, so a slow consumer slows all of them down. Each item comes once; those
    of one source keep their order. When a source fails, the others are stopped and closed at once; the items that had
    come are handed out, and then, when all are closed, the error is raised. What a source that is itself a stream still
    holds when it is stopped is dropped.

    Args:
        sources: asynchronous iterables; with none, the stream is empty. They belong to the stream, which closes them.

    Raises TypeError for what is no asynchronous iterable, ValueError for one iterator given twice. Source: merge
    of aiostream.
    """
    for place, source in enumerate(sources):
        check_source(f"sources[{place}]", source)
        if isinstance(source, AsyncIterator) and any(source is other for other in sources[:place]):
            raise ValueError(
                f"sources[{place}]={source!r:.60} is given twice, and only one can ask it for its next item: "
                "make two iterators"
            )
    return Stream("merge", sources, 1)
