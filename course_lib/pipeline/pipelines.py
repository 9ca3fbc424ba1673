"""Stages joined, to be called with a source."""

from collections.abc import AsyncIterable, Callable, Iterable
from dataclasses import dataclass
from typing import Any

from course_lib.lifecycle.checks import check_hook
from course_lib.pipeline.results import Results
from course_lib.pipeline.stages import Failure, Function, Stage, stage
from course_lib.streams.checks import check_source


@dataclass(frozen=True)
class Pipeline:
    """Stages one after another, made by `pipeline`; call it with a source for a run of its own."""

    stages: tuple[Stage, ...]
    on_failure: Callable[[Failure], object] | None

    def __call__(self, source: AsyncIterable[Any] | Iterable[Any]) -> Results:
        """Return the results of a run over the source's items; it begins when they are iterated over.

        Args:
            source: an asynchronous iterable or a plain one, such as a list or a generator that does not block. It
                belongs to the run, which closes it.

        Raises TypeError for what cannot be iterated over, and for text, whose characters are hardly what was meant.
        """
        if isinstance(source, str | bytes):
            raise TypeError(f"source={source!r:.60} is one text: pass a list of them, [{source!r:.60}]")
        if not isinstance(source, Iterable):
            check_source("source", source)
        return Results(self.stages, source, self.on_failure)


def pipeline(*stages: Stage | Function, on_failure: Callable[[Failure], object] | None = None) -> Pipeline:
    """Join stages into a pipeline, with a bounded queue in front of each.

    Args:
        stages: each a `stage(...)`, or a function, which stands for `stage(function)`.
        on_failure: a plain function, called with a Failure for an item on which a stage failed; the item is then set
            aside and the run goes on. `failures.append` keeps them in a list. Without it the first failure ends the
            run: what came before is handed out, then it is raised. What on_failure raises ends the run likewise. A
            source that fails always does.

    Raises ValueError without stages, TypeError for what is no function.
    """
    if not stages:
        raise ValueError("stages is empty: pass one function or more, pipeline(fetch, parse)")
    if on_failure is not None:
        check_hook("on_failure", on_failure)
    return Pipeline(tuple(each if isinstance(each, Stage) else stage(each) for each in stages), on_failure)
