"""Which typical learner's test catches which seeded bug? python tests/tests_table.py [NAME of an exercise ...]

For each exercise whose answer is a test: the recorded tests, weak ones, right ones and the reference, one a line. A
column is a bug: x is caught, . gets away. A test that says nothing of any function, since it refuses a right one or
was refused itself, has its verdict there.
"""

import sys
import warnings
from collections.abc import Iterator
from dataclasses import dataclass

from right_answers import right_answers
from wrong_answers import wrong_answers

from course_lib.exercises import lesson_11
from course_lib.exercises.framework import Answer
from course_lib.exercises.proving import TestExercise

NAME, VERDICT = 36, 60  # columns


@dataclass(frozen=True)
class Row:
    """A recorded test, and which bugs it catches; none where `refused` says why that means nothing."""

    test: Answer
    caught: tuple[bool, ...]
    refused: str = ""

    def __str__(self) -> str:
        marks = " ".join(f"{'x' if caught else '.':>2}" for caught in self.caught)
        return f"{self.test.__name__:<{NAME}.{NAME}} {marks or self.refused}"


def rows(exercise: TestExercise) -> Iterator[Row]:
    """Give a row for each test that is recorded for an exercise, the weak ones first."""
    recorded = [*wrong_answers(), *right_answers()]
    tests = dict.fromkeys(each.function for each in recorded if each.exercise is exercise)
    for test in [*tests, exercise.reference]:
        verdict = exercise.judge(test)
        says = verdict.passed or "of yours failed" in verdict.sentence or "passes whatever" in verdict.sentence
        if says or verdict.sentence.startswith(("Your test catches", "With one seed")):
            yield Row(test, tuple(exercise.subject.caught(test)))
        else:
            yield Row(test, (), f"{verdict.sentence[:VERDICT]}...")


def main() -> None:
    """Print the tables."""
    warnings.simplefilter("ignore")  # of what the weak ones never await
    for exercise in lesson_11.EXERCISES:
        if sys.argv[1:] and exercise.name not in sys.argv[1:]:
            continue
        print(f"{exercise.name}: {len(exercise.subject.bugs)} bugs\n")
        for number, bug in enumerate(exercise.subject.bugs, 1):
            print(f"{number:>3}  {bug.what}")
        print(f"\n{'':<{NAME}} {' '.join(f'{number + 1:>2}' for number in range(len(exercise.subject.bugs)))}")
        for row in rows(exercise):
            print(row)
        print()


if __name__ == "__main__":
    main()
