"""`in_virtual_time` and `in_every_order`: a test written with `async def` as a plain function."""

import asyncio
import inspect
import io
import re
import time
import unittest
import warnings
from contextlib import nullcontext

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from course_lib.seeing import DeadlockError, SimulationError, span
from course_lib.testing import (
    LeakError,
    OrderError,
    OrdersWarning,
    VirtualTimeWarning,
    in_every_order,
    in_virtual_time,
)


def now():
    return asyncio.get_running_loop().time()


def raised_by(test, kind=AssertionError):
    """Return what a test raises, as text with its notes."""
    with pytest.raises(kind) as caught:
        test()
    return "\n".join([str(caught.value), *getattr(caught.value, "__notes__", [])])


# --- in virtual time


def test_an_hour_takes_no_time():
    """Each test's clock begins at 0, and a sleep costs nothing."""

    @in_virtual_time
    async def test():
        await asyncio.sleep(3600)
        return now(), time.monotonic()

    assert test() == test() == (3600, 3600)


def test_a_decorated_test_is_a_plain_function_of_the_same_arguments():
    """Whoever collects tests sees no coroutine function, and the names of the fixtures that it takes."""

    @in_virtual_time
    async def test(tmp_path, *, word="x"):
        """Say it."""
        return tmp_path, word

    assert not inspect.iscoroutinefunction(test)
    assert list(inspect.signature(test).parameters) == ["tmp_path", "word"] and test.__doc__ == "Say it."
    assert test(1, word=2) == (1, 2)


@pytest.mark.parametrize("decorator", [in_virtual_time, in_every_order, in_virtual_time(limit=3)])
def test_what_is_not_asynchronous_is_refused(decorator):
    """A function without `async` needs no clock: it is told so when it is decorated."""
    with pytest.raises(TypeError, match=r"before plain, which is not written with async def"):

        @decorator
        def plain(): ...


def test_a_failure_is_shown_by_the_tests_own_lines_and_drawn():
    """The traceback of a failure holds lines of the test alone, and its notes the swimlane."""

    @in_virtual_time
    async def test():
        task = asyncio.create_task(asyncio.sleep(2), name="helper")
        await task
        raise ValueError("wrong")

    with pytest.raises(ValueError, match="wrong") as caught:
        test()
    lines = [entry.name for entry in caught.traceback if not entry.locals.get("__tracebackhide__")]
    assert lines[-1] == "test" and "simulate" not in lines
    assert re.search(r"helper +-+\| +0 to 2 s", "\n".join(caught.value.__notes__))


def test_a_task_that_is_left_fails_the_test_where_it_was_made():
    """A test that ends before its task does fails, and says where the task waits and where it was made."""

    held = []

    @in_virtual_time
    async def test():
        async def work():
            await asyncio.sleep(9)

        held.append(asyncio.create_task(work(), name="left"))
        await asyncio.sleep(1)

    told = raised_by(test, LeakError)
    assert re.search(r"task left\n.*waits at test_testing.py, line \d+: await asyncio.sleep\(9\)\n", told)
    assert re.search(r"made at test_testing.py, line \d+: held.append\(asyncio.create_task\(work\(\)", told)


def test_an_exception_that_nobody_asked_for_fails_the_test():
    """A task that failed, and whose exception nobody asked for, is told."""

    @in_virtual_time
    async def test():
        async def fail():
            raise ValueError("lost")

        task = asyncio.create_task(fail())
        await asyncio.sleep(1)
        del task

    assert "nobody asked for the exception of fail: ValueError: lost" in raised_by(test, LeakError)


def test_a_deadlock_fails_the_test_at_the_line_that_waits():
    """A test that can never end does not hang, and its traceback ends at the line where it waits."""

    @in_virtual_time
    async def test():
        await asyncio.Event().wait()

    with pytest.raises(DeadlockError) as caught:
        test()
    assert "Event().wait()" in str(caught.traceback[-1].statement)


def test_real_time_is_a_warning_that_names_the_line():
    """What takes real time, the virtual clock cannot see: a warning says which line it was."""

    @in_virtual_time
    async def test():
        until = time.process_time() + 0.2  # processor time is never virtual
        while time.process_time() < until:
            pass

    with pytest.warns(VirtualTimeWarning, match="blocked the loop: line") as caught:
        test()
    assert caught[0].filename == __file__


def test_a_failure_of_the_test_is_not_hidden_by_what_it_leaves():
    """Where a test fails and leaves a task as well, the failure is told."""

    @in_virtual_time
    async def test():
        task = asyncio.create_task(asyncio.sleep(9))
        raise ValueError("mine", task.done())

    assert raised_by(test, ValueError).startswith("('mine', False)")


def test_a_test_can_be_skipped_from_inside():
    """pytest.skip() inside the test passes through."""

    @in_virtual_time
    async def test():
        pytest.skip("not here")

    with pytest.raises(pytest.skip.Exception, match="not here"):
        test()


def test_hypothesis_draws_the_arguments():
    """Under @given a decorated test is drawn for as any other, each example on a clock of its own."""
    drawn = []

    @settings(max_examples=20, deadline=None, database=None)
    @given(st.integers(0, 3600))
    @in_virtual_time
    async def test(seconds):
        await asyncio.sleep(seconds)
        drawn.append(now() == seconds)

    test()
    assert len(drawn) > 1 and all(drawn)


# --- in every order


def test_a_race_is_found_and_its_order_drawn():
    """A test fails as it does in the first order that fails, with the order in words and drawn."""

    async def test():
        seen = []

        async def fetch(number):
            with span(f"fetch {number}"):
                await asyncio.sleep(number)
            seen.append(number)

        await asyncio.gather(fetch(1), fetch(2))
        assert seen == [1, 2]

    told = raised_by(in_every_order(test))
    assert "1 choice off the usual order:\n  fetch 2; fetch 1\n" in told
    assert re.search(r"fetch 2 +-+\|", told)
    assert told.splitlines()[-1].startswith("key: ")  # the drawing does not say again what failed


def test_a_program_without_a_race_passes_in_every_order():
    """Where no order fails, the test passes, and nothing is warned of."""

    async def test():
        lock, balance = asyncio.Lock(), 60

        async def pay(number):
            nonlocal balance
            async with lock:
                before = balance
                with span(f"bank {number}"):
                    await asyncio.sleep(1)
                if before >= 50:
                    balance = before - 50

        await asyncio.gather(pay(1), pay(2))
        assert balance == 10

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        in_every_order(test)()


def test_a_deadlock_in_one_order_is_found():
    """An order in which the program can go no further fails, with the line that waits."""

    async def test():
        first, second = asyncio.Lock(), asyncio.Lock()

        async def take(name, one, other):
            with span(f"ask {name}"):
                await asyncio.sleep(1)
            async with one:
                with span(f"work {name}"):
                    await asyncio.sleep(1)
                async with other:
                    pass

        async with asyncio.TaskGroup() as group:
            group.create_task(take("a", first, second))
            await asyncio.sleep(0)
            group.create_task(take("b", second, first))

    assert re.search(r"deadlock: .* waits at line \d+ of take: async with other", raised_by(in_every_order(test)))


def test_a_leak_in_one_order_is_found():
    """A task that is left in one order only fails the test, and is named."""

    async def test():
        async def answer(name, seconds):
            with span(name):
                await asyncio.sleep(seconds)

        fast = asyncio.create_task(answer("fast", 1), name="fast")
        await answer("slow", 2)
        assert fast is not None

    assert "task fast" in raised_by(in_every_order(test), LeakError)


@pytest.mark.parametrize(
    ("how", "told"),
    [
        ({}, "there is one order only"),
        ({"outside": "fetch"}, None),
        ({"outside": "fetch", "orders": 3, "more": 0}, "not all"),
    ],
)
def test_what_was_not_tried_is_a_warning(how, told):
    """A test with one order, or with more than were run, passes with a warning that says so."""

    async def fetch(number):
        with span(f"fetch {number}") if how else nullcontext():
            await asyncio.sleep(number)

    @in_every_order(**how)
    async def test():
        await asyncio.gather(*map(fetch, range(1, 4)))

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        test()
    assert [bool(told) and told in str(one.message) and one.category is OrdersWarning for one in caught] == (
        [True] if told else []
    )


def test_a_test_with_a_memory_is_refused():
    """State from outside of the test, which differs from run to run, is no pass and no failure, but an error."""
    runs = []

    @in_every_order
    async def test():
        runs.append(1)
        for number in range(len(runs)):
            with span(f"fetch {number}"):
                await asyncio.sleep(1)
        assert len(runs) < 2

    with pytest.raises(SimulationError):
        test()


# --- with unittest


def test_unittest_runs_them_as_methods():
    """A decorated method of a TestCase is a test of it, fails as others do, and shows no lines but its own."""

    class Cases(unittest.TestCase):
        def setUp(self):
            self.seconds = 60

        @in_virtual_time
        async def test_passes(self):
            """An hour passes."""
            await asyncio.sleep(self.seconds)
            assert now() == 60

        @in_virtual_time
        async def test_fails(self):
            """Not so many seconds."""
            self.assertEqual(self.seconds, 61)  # noqa: PT009  # as those write it who use unittest

    said = io.StringIO()
    result = unittest.TextTestRunner(said).run(unittest.defaultTestLoader.loadTestsFromTestCase(Cases))
    assert (result.testsRun, len(result.failures), result.errors) == (2, 1, [])
    assert "self.assertEqual(self.seconds, 61)" in result.failures[0][1]


def test_unittest_runs_them_beside_tests_on_a_loop_of_its_own():
    """IsolatedAsyncioTestCase runs its own tests on its loop, and these on their clock."""

    class Cases(unittest.IsolatedAsyncioTestCase):
        async def test_real(self):
            """On the loop of unittest."""
            assert now() > 0

        @in_virtual_time
        async def test_virtual(self):
            """On a clock of its own."""
            assert now() == 0

    result = unittest.TextTestRunner(io.StringIO()).run(unittest.defaultTestLoader.loadTestsFromTestCase(Cases))
    assert result.testsRun == 2 and result.wasSuccessful()


def test_a_deadlock_in_every_order_names_the_line():
    """An OrderError ends its traceback at the line where the test waits."""

    @in_every_order
    async def test():
        await asyncio.Event().wait()

    with pytest.raises(OrderError) as caught:
        test()
    assert "Event().wait()" in str(caught.traceback[-1].statement)
