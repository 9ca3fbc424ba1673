"""The checks are checked: of the small changes of a right answer, none passes without a reason."""

import ast
import random

import pytest
from mutants import cases, lessons, stale
from mutants_that_pass import REASONS
from mutations import mutants

from course_lib.exercises import lesson_01, lesson_03

EXERCISES, SEED = 20, 20
# Every worker makes the sample, to know the tests: of some exercises, since the mutants of all take it long to make.
MADE = [
    list(cases(exercise))
    for exercise in random.Random(SEED).sample([e for lesson in lessons() for e in lesson.EXERCISES], EXERCISES)
]
SAMPLED = [case for made in MADE for case in random.Random(SEED).sample(made, min(2, len(made)))]
EXCUSED = random.Random(SEED).sample([case for made in MADE for case in made if case.reason], 13)


def made_of(source):
    (function,) = ast.parse(source).body
    return {mutant.name: mutant.source for mutant in mutants(function)}


@pytest.mark.parametrize("case", SAMPLED, ids=lambda case: f"{case.exercise.name}: {case.name}")
def test_a_mutant_is_refused_or_has_a_reason(case):
    """A small change of a reference solution does not pass its check, unless it is written down why nobody could tell.

    These are a sample; `python tests/mutants.py` judges all.
    """
    verdict = case.judge()
    assert not verdict.passed or case.reason, case.source


@pytest.mark.parametrize("case", EXCUSED, ids=lambda case: f"{case.exercise.name}: {case.name}")
def test_a_reason_is_needed(case):
    """What has a reason to pass does pass: a reason that nobody needs any more is taken out."""
    verdict = case.judge()
    assert verdict.passed, f"{verdict.sentence}\n{case.source}"


def test_every_reason_is_for_a_mutant_that_is_made():
    """The table of reasons names exercises that there are, and changes that are made of their solutions."""
    exercises = {exercise.name: exercise for lesson in lessons() for exercise in lesson.EXERCISES}
    assert set(REASONS) <= set(exercises)
    assert not [name for exercise in REASONS for name in stale(exercises[exercise])]


def test_the_changes_are_those_of_asynchronous_code():
    """An await, a finally, a lock, a cancel, a class of exceptions and a return_exceptions are dropped or changed."""
    made = made_of("""
async def work(tasks, lock, items):
    try:
        async with lock:
            await use(items)
    except Exception as error:
        raise
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
""")
    for change in (
        "drop await: - await use(items) + use(items)",
        "drop finally: `for task in tasks:`",
        "drop `lock` from `async with lock:`",
        "drop `task.cancel()`",
        "drop `raise`",
        "catch another class: - except Exception as error: + except ConnectionError as error:",
        "catch another class: - except Exception as error: + except BaseException as error:",
        "swap `for task in tasks:` and `await asyncio.gather(*tasks, return_exceptions=True)`",
        "a pause before `await use(items)`",
    ):
        assert change in made
    assert "drop return_exceptions: " in " ".join(made)


def test_gather_becomes_a_loop_and_a_loop_gather():
    """What runs together is also tried one after another, and the reverse."""
    assert "[await f(x) for x in xs]" in str(
        made_of("async def a(xs): return await asyncio.gather(*(f(x) for x in xs))")
    )
    assert "asyncio.gather(*(f(x) for x in xs))" in str(made_of("async def a(xs):\n for x in xs:\n  await f(x)"))


def test_a_mutant_differs_from_its_reference_and_from_the_others():
    """Every mutant is another program, and has a name of its own."""
    made = list(cases(lesson_03.first_answer))
    assert len({case.source for case in made}) == len({case.name for case in made}) == len(made)
    assert ast.unparse(ast.parse(made[0].source)) == made[0].source


def test_a_mutant_is_judged_as_a_learners_answer_is():
    """A mutant that awaits nothing gets the sentence that a learner gets."""
    case = next(case for case in cases(lesson_01.fetch_all) if case.name.startswith("drop return_exceptions"))
    assert "which left your function: the pages that did arrive are lost" in case.judge().sentence
