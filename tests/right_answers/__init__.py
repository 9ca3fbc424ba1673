"""Right answers in styles other than the reference's, by lesson: what the task does not forbid must pass."""

import importlib
import pkgutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from course_lib.exercises.framework import Answer, Exercise


@dataclass(frozen=True)
class RightAnswer:
    """A right answer to an exercise."""

    exercise: Exercise
    function: Answer


_recorded: list[RightAnswer] = []


def right(exercise: Exercise) -> Callable[[Any], Any]:
    """Record a function as a right answer to `exercise`."""

    def record(function: Any) -> Any:
        _recorded.append(RightAnswer(exercise, function))
        return function

    return record


def right_answers() -> Iterator[RightAnswer]:
    """Give all that are recorded, lesson by lesson, each in the order of its file."""
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")
    yield from _recorded
