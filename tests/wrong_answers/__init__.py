"""Wrong answers as learners write them, by lesson: each with its exercise and a part of the sentence it must get."""

import importlib
import pkgutil
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from course_lib.exercises.framework import Answer, Exercise


@dataclass(frozen=True)
class WrongAnswer:
    """A wrong answer to an exercise, and a part of the sentence it must get."""

    exercise: Exercise
    function: Answer
    sentence: str


_recorded: list[WrongAnswer] = []


def told(exercise: Exercise, sentence: str) -> Callable[[Any], Any]:
    """Record a function as a wrong answer to `exercise`, which must be told `sentence`, or more than that."""

    def record(function: Any) -> Any:
        _recorded.append(WrongAnswer(exercise, function, sentence))
        return function

    return record


def wrong_answers() -> Iterator[WrongAnswer]:
    """Give all that are recorded, lesson by lesson, each in the order of its file."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SyntaxWarning)  # that `return` in `finally` is wrong is why it stands there
        for module in pkgutil.iter_modules(__path__):
            importlib.import_module(f"{__name__}.{module.name}")
    # Two sentences for one function stand over it in reading order, and are recorded from the inside out.
    yield from _recorded
