"""Does any check let a slip pass? python tests/mutants.py [lesson ...] [--only NAME] [--sample N --seed S]

Each small change of each reference solution (tests/mutations.py) is judged by the exercise's own check; where the
answer is a test, it is the function under test that is changed, and the reference test that judges. One that passes is
a survivor: the check does not look, or the change changes nothing that a caller could see. What is the latter stands in
tests/mutants_that_pass.py, with the reason. Any other makes the command fail, and so does a reason that is no longer
needed.

Of the libraries for this, Cosmic Ray and mutmut change files and run a test suite for each change, in a process of its
own: half a second at least, where a check needs some milliseconds. They know numbers, comparisons and exceptions, and
nothing of `await`, `finally`, `async with` and cancellation.
"""

import argparse
import ast
import gc
import importlib
import inspect
import pkgutil
import random
import sys
import time
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from types import ModuleType
from unittest import mock

from mutants_that_pass import REASONS
from mutations import mutants

import course_lib.exercises
from course_lib.exercises import framework
from course_lib.exercises.framework import Answer, Exercise, Verdict
from course_lib.exercises.proving import TestExercise

LIMIT = 0.5  # real seconds that one run of a mutant may take: some go round for ever


@dataclass(frozen=True)
class Case:
    """A mutant of an exercise's reference solution."""

    exercise: Exercise
    name: str
    source: str

    def function(self) -> Answer:
        """Return the mutant, in a module like the one of the solutions."""
        home = inspect.getmodule(original(self.exercise))
        assert home is not None
        names = dict(vars(home))
        exec(compile(self.source, f"<mutant of {self.exercise.name}>", "exec"), names)
        return names[original(self.exercise).__name__]

    def judge(self) -> Verdict:
        """Return what the exercise's check says of the mutant."""
        with mock.patch.object(framework, "LIMIT", LIMIT), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of a coroutine that the mutant before this one never awaited
            if isinstance(self.exercise, TestExercise):
                failed = self.exercise.subject.fails(self.exercise.reference, self.function)
                return Verdict(not failed, "the reference test fails" if failed else "the reference test passes")
            return self.exercise.judge(self.function())

    @property
    def reason(self) -> str:
        """Why it may pass; empty where it must not."""
        reasons = REASONS.get(self.exercise.name, {})
        return next((reason for reason, names in reasons.items() if self.name in names), "")


def original(exercise: Exercise) -> Answer:
    """Return the function that is changed: the reference, or the function under test."""
    return exercise.subject.rights[0].code.function if isinstance(exercise, TestExercise) else exercise.reference


def lessons(names: Sequence[str] = ()) -> list[ModuleType]:
    """Return the modules of exercises, all or those named, such as lesson_03 or 03."""
    found = [module.name for module in pkgutil.iter_modules(course_lib.exercises.__path__)]
    wanted = {f"lesson_{name.removeprefix('lesson_')}" for name in names}
    if unknown := wanted - set(found):
        raise SystemExit(f"{', '.join(sorted(unknown))}: there are {', '.join(n for n in found if 'lesson' in n)}")
    return [
        importlib.import_module(f"course_lib.exercises.{name}")
        for name in found
        if name.startswith("lesson_") and (not wanted or name in wanted)
    ]


def cases(exercise: Exercise) -> Iterator[Case]:
    """Give every mutant of an exercise's reference solution."""
    (function,) = ast.parse(inspect.getsource(original(exercise))).body
    for mutant in mutants(function):
        try:
            compile(mutant.source, "", "exec")
        except SyntaxError:
            continue  # an `await` that a change has put into a plain function
        yield Case(exercise, mutant.name, mutant.source)


def all_cases(names: Sequence[str] = (), only: str = "") -> list[Case]:
    """Return every mutant of the lessons named, or of the one exercise `only`."""
    return [
        case
        for lesson in lessons(names)
        for exercise in lesson.EXERCISES
        if only in ("", exercise.name)
        for case in cases(exercise)
    ]


def stale(exercise: Exercise) -> list[str]:
    """Return the mutants that have a reason to pass, and are no longer made."""
    made = {case.name for case in cases(exercise)}
    return [name for names in REASONS.get(exercise.name, {}).values() for name in names if name not in made]


def main() -> int:
    """Judge mutants, print those that pass, by exercise, and return 1 where that has no reason."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("lessons", nargs="*", help="such as 03; all without it")
    parser.add_argument("--only", default="", help="the one exercise to judge")
    parser.add_argument("--sample", type=int, help="judge so many, drawn at random")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--killed", action="store_true", help="print what each of the others was told, too")
    given = parser.parse_args()
    chosen = all_cases(given.lessons, given.only)
    if given.sample is not None:
        chosen = random.Random(given.seed).sample(chosen, min(given.sample, len(chosen)))
    failed, begun = False, time.perf_counter()
    for exercise in dict.fromkeys(case.exercise.name for case in chosen):
        mine = [case for case in chosen if case.exercise.name == exercise]
        judged = [(case, case.judge()) for case in mine]
        passed = [case for case, verdict in judged if verdict.passed]
        unexplained = [case for case in passed if not case.reason]
        lost = [f"no longer made: {name}" for name in stale(mine[0].exercise)]
        lost += [f"no longer passes: {case.name}" for case, verdict in judged if case.reason and not verdict.passed]
        failed = failed or bool(unexplained or lost)
        print(
            f"{mine[0].exercise.lesson} {exercise}: {len(mine)} mutants, {len(passed)} pass, "
            f"{len(unexplained)} of them without a reason",
            flush=True,
        )
        for case in unexplained:
            print(f"    {case.name}")
        for line in lost:
            print(f"    a reason {line}")
        for case, verdict in judged if given.killed else ():
            if not verdict.passed:
                print(f"    {case.name}\n        {verdict.sentence}")
        with warnings.catch_warnings(action="ignore"):  # what a mutant never awaited
            gc.collect()
    print(f"{len(chosen)} mutants in {time.perf_counter() - begun:.0f} s")
    return failed


if __name__ == "__main__":
    sys.exit(main())
