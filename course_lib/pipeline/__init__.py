"""Stages joined by bounded queues: `async for result in pipeline(fetch, parse)(urls)` (article, going further, 3).

    pages = pipeline(stage(fetch, at_once=8), parse)
    async with pages(urls) as results:
        async for page in results:
            ...

The promise: each item of the source ends in exactly one place. It is a result, handed out once; or the hook
`on_failure` was called with it, once; or the run ended before its turn, because a stage or the source failed, or
because the consumer left. Results keep the order of their items wherever every stage is ordered, which is what a stage
is unless told otherwise; then a run that fails has handed out exactly what a plain loop would have before it raised.
However a run ends, no task is left and the source is closed.

The limits: a stage works on `at_once` items, and `waiting` more may wait for it. A result that nobody takes holds up
the last stage, that one the stage before it, and so on to the source, which is asked for no further item. So the items
under way are never more than the sum of these numbers, however long the source is.

What is not promised: items that were under way when a run ended early are gone, and a stage may have worked on them;
where that must not be, keep each in a store until it is done (lesson 9b). A stage that blocks the loop holds up all of
them: call `asyncio.to_thread` in it.
"""

from course_lib.pipeline.pipelines import Pipeline, pipeline
from course_lib.pipeline.results import Results
from course_lib.pipeline.stages import Failure, Stage, stage

__all__ = ["Failure", "Pipeline", "Results", "Stage", "pipeline", "stage"]
