"""Asynchronous streams: `merge` several into one, take them in `batches`, let them run ahead in a `buffer`.

Each returns a Stream, which is opened and closed by `async with`, and cannot be iterated over outside of one:

    async with batches(merge(first, second), size=100, seconds=1) as lists:
        async for items in lists:
            ...

However the block is left, its sources are closed by then and no task of theirs is running. An asynchronous generator
would not do: one that is left by `break` closes its sources later, whenever it is finalised, and a task group or time
limit around its `yield` strikes whatever the consumer is doing. So these are objects, and each source has one task for
its whole life: its clean-up runs where its steps ran, and nobody else's cancellation reaches into it.

Source: merge, chunks and timeout of aiostream, batched and scoped_iter of asyncstdlib, and PEP 533. What is different:

- iterating without `async with` is refused, where aiostream warns and asyncstdlib leaves it to the finaliser
- a source has one task, not a task for each item as in aiostream, so it may use time limits and task groups
- a source that is waited for when a batch is due goes on waiting: a limit on its next item would cancel it
- an `anext()` that is cancelled, or times out, loses no item, and the stream goes on
- an error that nobody was there to receive is raised on leaving, or reported: run ahead, but not swallowed
"""

from course_lib.streams.batching import batches
from course_lib.streams.buffering import buffer
from course_lib.streams.merging import merge
from course_lib.streams.stream import Stream

__all__ = ["Stream", "batches", "buffer", "merge"]
