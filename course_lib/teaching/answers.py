"""An answer key: each exercise's solution, other right answers, and the plainest wrong ones, with what they hear.

The others are those of tests/right_answers and tests/wrong_answers. A wrong one stands there under a part of the
sentence that its check must say; the first of an exercise are the plainest. They are read as text: none is run.
"""

import ast
import importlib
import inspect
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from course_lib.exercises.framework import Exercise
from course_lib.paths import REPO

PLAINEST = 3
"""How many wrong answers of an exercise to show."""

OTHERS = 2
"""How many right answers that are written in another way."""

WRONG_ANSWERS = REPO / "tests" / "wrong_answers"
RIGHT_ANSWERS = REPO / "tests" / "right_answers"
CHOSEN = "A check makes calls of its own: the names, values and seconds in what it says are theirs.\n"


@dataclass(frozen=True)
class WrongAnswer:
    """A wrong answer: its code, and a part of the sentence that the check says to it."""

    code: str
    sentence: str


def exercises(number: str) -> list[Exercise]:
    """Return the exercises of the lesson of this number ("05b"); none where it has none."""
    try:
        module = importlib.import_module(f"course_lib.exercises.lesson_{number}")
    except ModuleNotFoundError:
        return []
    return list(module.EXERCISES)


def wrong_answers(number: str, folder: Path = WRONG_ANSWERS) -> dict[str, list[WrongAnswer]]:
    """Return the recorded wrong answers of a lesson by the names of its exercises, each in the order of its file."""
    found = defaultdict[str, list[WrongAnswer]](list)
    for (exercise, sentence), code in _recorded(folder / f"lesson_{number}.py", "told"):
        if isinstance(exercise, ast.Attribute) and isinstance(sentence, ast.Constant):
            found[exercise.attr].append(WrongAnswer(code, str(sentence.value)))
    return found


def right_answers(number: str, folder: Path = RIGHT_ANSWERS) -> dict[str, list[str]]:
    """Return the recorded right answers of a lesson, other than the solutions, by the names of its exercises."""
    found = defaultdict[str, list[str]](list)
    for (exercise, *_), code in _recorded(folder / f"lesson_{number}.py", "right"):
        if isinstance(exercise, ast.Attribute):
            found[exercise.attr].append(code)
    return found


def _recorded(file: Path, record: str) -> Iterator[tuple[list[ast.expr], str]]:
    """Yield what the decorator `record` is given, and the code below it, for each answer in a file."""
    if not file.exists():
        return
    text = file.read_text(encoding="utf-8")
    lines = text.splitlines()
    for node in ast.parse(text).body:
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            continue
        records = [each for each in node.decorator_list if isinstance(each, ast.Call) and _name(each.func) == record]
        for each in records:
            begin = max(each.end_lineno or each.lineno for each in records)  # a decorator below belongs to the answer
            yield each.args, "\n".join(lines[begin : node.end_lineno])


def key(number: str) -> str:
    """Return the answer key of the lesson of this number, as text."""
    return "\n".join(_key(number)) or "This lesson has no exercises."


def _key(number: str) -> Iterator[str]:
    wrong, right = wrong_answers(number), right_answers(number)
    if exercises(number):
        yield CHOSEN
    for place, exercise in enumerate(exercises(number), start=1):
        yield f"{'=' * 76}\nExercise {place}: {exercise.name}\n{'=' * 76}\n\n{exercise.task}\n"
        yield f"--- A solution\n\n{inspect.getsource(exercise.reference)}"
        for code in right[exercise.name][:OTHERS]:
            yield f"--- Also right\n\n{code}\n"
        heard = set[str]()
        for answer in wrong[exercise.name]:
            if answer.sentence not in heard and len(heard) < PLAINEST:
                heard.add(answer.sentence)
                yield f'--- Wrong. The check says: "... {answer.sentence} ..."\n\n{answer.code}\n'


def _name(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else ""
