"""The grading of learners' tests: what counts as caught, what counts as nothing, and that a test cannot tell."""

import asyncio
import random
import sys
import warnings

import pytest
from wrong_answers import wrong_answers

from course_lib.exercises import framework, lesson_11, proving
from course_lib.exercises.framework import Wrong
from course_lib.exercises.implementations import Bug, Code, Right
from course_lib.exercises.lesson_11 import under_test
from course_lib.exercises.proving import Subject
from course_lib.exercises.trials import tried
from course_lib.exercises.veil import Seen, veiled
from course_lib.seeing import span


async def double(call):
    return 2 * await call()


async def double_in_turn(call):
    await asyncio.sleep(0)
    return await call() * 2


BUGS = [
    Bug("adds one", "Two is twice one, and one more; three is not.", Code(double, [("2 *", "1 +")])),
    Bug("raises KeyError", "Call it at all.", Code(double, [("return", "raise KeyError('no')\n    return")])),
]
DOUBLE = Subject(rights=[Right(Code(double), "is shown"), Right(Code(double_in_turn), "takes a turn")], bugs=BUGS)


async def three():
    await asyncio.sleep(1)
    return 3


def outcome(test, function=double, **kwargs):
    return tried(test, lambda: function, "double", 1, **kwargs)


def told(test, subject=DOUBLE):
    with pytest.raises(Wrong) as wrong:
        subject.prove(test)
    return str(wrong.value)


# What counts as caught


def test_a_test_that_catches_each_bug_is_praised():
    """A test that fails with each bug, and lets the right functions pass, gets the praise with their number."""

    async def test(double):
        assert await double(three) == 6

    assert DOUBLE.prove(test) == "It catches all 2 bugs, and lets 2 right functions pass."


def test_an_exception_out_of_the_implementation_is_caught():
    """What pytest shows red is caught: a KeyError that a bug raises, though no assertion failed."""

    async def test(double):
        await double(three)

    assert "Your test catches 1 of 2 bugs. Got away: it adds one. Two is twice one" in told(test)


def test_an_error_of_the_tests_own_counts_and_is_told():
    """An IndexError in the test itself is red in pytest, too; the praise says that an assert would say more."""

    async def test(double):
        results = ["", "", "", "", "", "", "six"]
        try:
            answer = await double(three)
        except KeyError:
            answer = 7
        results[answer + (0 if answer == 6 else 9)].upper()

    praise = DOUBLE.prove(test)
    assert "Once it was an error of the test's own that said so, IndexError: an `assert` before it" in praise


def test_what_a_fake_raises_on_purpose_is_no_error_of_the_test():
    """An exception that the learner's stand-in raises by `raise` is not held against the test."""

    async def test(double):
        async def fails():
            raise OSError("down")

        with pytest.raises(OSError, match="down"):
            await double(fails)
        assert await double(three) == 6

    assert "of the test's own" not in DOUBLE.prove(test)


@pytest.mark.parametrize(
    ("kind", "wait"),
    [("deadlock", "loop.create_future()"), ("endless", "poll()"), ("failed", "fail()")],
)
def test_a_deadlock_and_a_run_without_end_are_red(kind, wait):
    """A test that a bug keeps from ending is as red as one whose assertion fails."""

    async def poll():
        while True:
            await asyncio.sleep(0.1)

    async def fail():
        pytest.fail("on purpose")

    async def test(double):
        loop = asyncio.get_running_loop()
        await {"loop.create_future()": loop.create_future, "poll()": poll, "fail()": fail}[wait]()

    trial = outcome(test)
    assert trial.kind == kind and trial.red


def test_what_is_left_running_is_not_red():
    """A task that a bug leaves running is no failed test, as in pytest; the search for a failing order goes on."""

    async def leaves(call):
        leaves.task = asyncio.ensure_future(asyncio.sleep(99))
        return 6

    async def test(double):
        assert await double(three) == 6
        ends = []

        async def one(name):
            with span(name):
                await asyncio.sleep(1 if name == "a" else 2)
            ends.append(name)

        await asyncio.gather(one("a"), one("b"))
        assert ends == ["a", "b"]

    trial = outcome(test, leaves)
    assert trial.kind == "failed" and trial.elsewhere and trial.notes.left == ("sleep",)


def test_a_skip_is_not_red():
    """A test that skips itself, or expects to fail, has caught nothing."""

    async def test(double):
        pytest.skip("another time")

    trial = outcome(test)
    assert not trial.red and trial.notes.skipped


def test_a_bug_that_one_seed_catches_has_got_away():
    """What a test catches by luck is told as luck."""

    async def test(double):
        if random.random() < 0.5:
            assert await double(three) == 6
        await double(three)

    assert "With one seed your test catches that `double` adds one, and with another it does not." in told(test)


# A test cannot tell


def test_a_veiled_function_tells_nothing_but_what_a_call_gives():
    """Under the veil every function has one look, one name, and a coroutine with that name; none is the same twice."""
    seen = Seen()
    one, other = veiled(double, "double", seen), veiled(double_in_turn, "double", seen)
    assert repr(one) == repr(other) == "<function double>"
    assert one is not other and one != veiled(double, "double", seen)
    coroutine = other(three)
    assert coroutine.__name__ == coroutine.__qualname__ == "double"
    assert (seen.calls, seen.begun, seen.looked_at) == (1, 0, "")
    coroutine.close()


@pytest.mark.parametrize("name", ["__code__", "__name__", "__module__", "__doc__", "__closure__", "__wrapped__"])
def test_who_looks_at_a_veiled_function_is_noted(name):
    """What is asked of the function besides a call is noted, whatever becomes of the answer."""
    seen = Seen()
    with pytest.raises(AttributeError) if name not in ("__module__", "__doc__") else warnings.catch_warnings():
        getattr(veiled(double, "double", seen), name)
    assert seen.looked_at == name


def test_what_a_veiled_function_makes_is_veiled():
    """A function, or a context manager, that the implementation gives looks like that of any other."""
    seen = Seen()

    async def load(key):
        return key

    get = veiled(under_test.share, "share", seen)(load)
    assert repr(get) == "<function get>" and type(get).__name__ == "Function"
    pool = veiled(under_test.make_pool, "make_pool", seen)

    async def scene():
        async with pool(connect, 1)() as connection:
            return await get(connection)

    async def connect():
        return "connection"

    assert asyncio.run(scene()) == "connection"
    assert type(pool(connect, 1)()).__name__ == "_Block"


def test_a_call_with_other_arguments_fails_where_it_is_made():
    """A wrong call raises TypeError in the test's own line, and is noted as it was written."""
    seen = Seen()
    with pytest.raises(TypeError, match=r"^double\(call\): "):
        veiled(double, "double", seen)(three, 3, times=2)
    assert seen.misused == "double(three, 3, times=2)"


def test_each_run_has_an_implementation_of_its_own():
    """What an implementation keeps in its module is not there in the next run."""
    code = Code(
        double,
        [("return 2 * await call()", "kept = globals().setdefault('kept', []); kept.append(1); return len(kept)")],
    )
    made = [code.make(), code.make()]
    assert [asyncio.run(function(three)) for function in made * 2] == [1, 1, 2, 2]


def test_a_change_must_be_one():
    """A bug whose changed text does not stand in the function, or stands there twice, is a mistake of ours."""
    with pytest.raises(ValueError, match=r"which stands 0 times"):
        Code(double, [("thrice", "")]).make()


# A trial


def test_what_differs_from_run_to_run_in_a_message_is_no_difference():
    """An exception that shows an address or a task's number is the same one when it comes again."""

    async def test(double):
        task = asyncio.create_task(asyncio.sleep(1))
        try:
            assert not task, f"{object()} {task!r}"
        finally:
            await task

    trial = outcome(test)
    assert trial.kind == "failed" and isinstance(trial.error, AssertionError)
    assert trial.text.startswith("AssertionError: <object object>")


def test_random_numbers_are_left_as_they_were():
    """A trial draws from its own seed, and leaves Python's random numbers, and a trace function, alone."""

    async def test(double):
        assert random.random() > 1

    random.seed(7)
    wanted = random.random()
    random.seed(7)
    before = sys.gettrace()
    assert outcome(test, watch=True).notes.drew
    assert (random.random(), sys.gettrace()) == (wanted, before)


def test_an_assertion_that_nobody_hears_of_is_seen_when_it_is_looked_for():
    """Where an assertion fails and is caught, the trial notes the function and the line."""

    async def test(double):
        try:
            assert await double(three) == 7
        except Exception:  # noqa: BLE001  # which is the mistake
            pass

    assert outcome(test).notes.swallowed is None
    where, line = outcome(test, watch=True).notes.swallowed
    assert (where, line - test.__code__.co_firstlineno) == ("test", 2)


def test_a_test_that_cannot_end_is_told_once_and_soon(monkeypatch):
    """A loop that never comes back to the event loop is stopped with the first implementation."""

    async def test(double):
        while True:
            pass

    monkeypatch.setattr(framework, "LIMIT", 0.2)
    made = []
    monkeypatch.setattr(Code, "make", lambda code: made.append(code) or double)
    assert "With a right `double` your test does not come to an end" in told(test)
    assert set(made) == {DOUBLE.rights[0].code}


def test_what_the_names_in_an_assertion_stand_for_is_told():
    """An assertion that fails with a right function is shown in one line, with the plain values in it."""

    async def test(double):
        answers = [await double(three)]
        assert answers == [
            7,
        ], "not so"

    assert "`assert answers == [7]` (answers = [6]). No right function passes. Either the task" in told(test)


def test_a_broken_repr_at_a_failed_assertion_is_left_out():
    """A value that cannot be shown keeps no other from being told, and no test from its verdict."""

    class Broken:
        def __repr__(self):
            raise ValueError("no text")

    async def test(double):
        broken, answer = [Broken()], await double(three)
        assert not broken and answer

    assert "`assert not broken and answer` (answer = 6). No right function" in told(test)


def test_a_right_test_that_draws_is_told_what_was_not_tried():
    """A test that catches everything, and draws, is praised with the number of draws that it had."""

    async def test(double):
        random.random()
        assert await double(three) == 6

    assert DOUBLE.prove(test).endswith(
        "It draws at random, and 42 draws were tried: what comes more seldom was not. Better write the cases down."
    )


def test_a_right_test_with_too_many_orders_is_told_so():
    """A test whose spans can end in more orders than are run is praised with the number that was."""

    async def test(double):
        async def wait(number):
            with span(f"wait {number}"):
                await asyncio.sleep(1)

        await asyncio.gather(*map(wait, range(5)))
        assert await double(three) == 6

    assert DOUBLE.prove(test).endswith("There are more orders than the 24 in which it was run.")


def test_a_right_test_with_an_assertion_that_nobody_reaches_is_told_so():
    """What says nothing is named also where the rest of the test is enough."""

    async def test(double):
        assert await double(three) == 6
        with pytest.raises(ZeroDivisionError):  # noqa: PT012  # which is the mistake
            1 / await double(zero)
            assert double is None

    async def zero():
        return 0

    assert ". But `assert double is None`, at line " in DOUBLE.prove(test)


def test_a_bug_is_tried_in_the_same_orders_whatever_the_seed():
    """Whether a test catches a bug is no luck of the course's: no order with a bug is drawn."""
    assert proving.WITH_BUGS["more"] == 0


def test_what_a_test_prints_is_shown_once():
    """What the learner's test prints with a right implementation stands under the verdict, once."""

    async def prints(retry):
        print("here")

    assert lesson_11.test_retry.judge(prints).printed == "here\n"


def test_a_test_under_a_decorator_is_graded_as_it_is_written():
    """A decorator that makes a plain function of the test, to run it by itself, is looked through."""

    def alone(test):
        def run(retry):
            return asyncio.run(test(retry))

        run.__wrapped__ = test
        return run

    assert lesson_11.test_retry.judge(alone(lesson_11.solutions.test_retry)).passed


# The exercises


@pytest.mark.parametrize("exercise", lesson_11.EXERCISES, ids=lambda each: each.name)
def test_every_bug_is_one_that_some_test_misses(exercise):
    """Each bug gets away from some recorded test that lets the right functions pass: none is caught by everybody."""
    recorded = [each for each in wrong_answers() if each.exercise is exercise]
    weak = [each.function for each in recorded if "Got away" in each.sentence or "test catches" in each.sentence]
    columns = list(zip(*(exercise.subject.caught(test) for test in weak), strict=True))
    assert len(columns) == len(exercise.subject.bugs) >= 8
    assert not [bug.what for bug, column in zip(exercise.subject.bugs, columns, strict=True) if all(column)]


@pytest.mark.parametrize("exercise", lesson_11.EXERCISES, ids=lambda each: each.name)
def test_the_right_functions_are_three(exercise):
    """Three implementations of different styles must pass, the first of which is the one that the task shows."""
    rights = exercise.subject.rights
    assert len(rights) == 3
    assert rights[0].code.source.strip() in exercise.task
