"""The functions that learners' tests must let pass keep what the tasks of lesson 11 promise, also when cancelled."""

import asyncio

import pytest

from course_lib.exercises import lesson_11
from course_lib.testing import cancel_everywhere, in_virtual_time


def rights(exercise):
    functions = [right.code.function for right in exercise.subject.rights]
    return pytest.mark.parametrize("function", functions, ids=lambda function: function.__name__)


@rights(lesson_11.test_retry)
def test_retry_ends_cancelled_wherever_it_is_cancelled(function):
    """Cancelled during a call, or during a pause, each of them ends cancelled, and leaves nothing."""

    async def main():
        answers = [OSError("down"), OSError("down"), 0]

        async def call():
            await asyncio.sleep(1)
            if isinstance(answer := answers.pop(0), Exception):
                raise answer
            return answer

        return await function(call, 3, 1)

    assert cancel_everywhere(main).points > 4


@rights(lesson_11.test_limited)
def test_run_limited_ends_its_calls_wherever_it_is_cancelled(function):
    """Cancelled at any moment, each of them ends when its calls have cleaned up, undisturbed, and leaves nothing."""

    def make():
        cancelled, cleaned = [], []

        async def work():
            try:
                await asyncio.sleep(1)
            except asyncio.CancelledError:
                cancelled.append("work")
                await asyncio.sleep(0.25)
                cleaned.append("work")
                raise

        return work, cancelled, cleaned

    def main(made):
        work, _, _ = made
        return function([work] * 4, 2)

    def all_have_cleaned_up(made):
        _, cancelled, cleaned = made
        return cancelled == cleaned

    assert cancel_everywhere(main, all_have_cleaned_up, make=make, times=1).points > 4


@rights(lesson_11.test_limited)
def test_run_limited_lets_its_calls_clean_up_when_one_fails(function):
    """A failure, too, cancels each of the others once, with calls in line and without."""

    @in_virtual_time
    async def scene(*seconds):
        begun, ended = [], []

        def call(number, after):
            async def work():
                begun.append(number)
                try:
                    await asyncio.sleep(after)
                    raise OSError(number)
                except asyncio.CancelledError:
                    await asyncio.sleep(1)
                    raise
                finally:
                    ended.append(number)

            return work

        with pytest.raises(OSError, match="0"):
            await function([call(*each) for each in enumerate(seconds)], 2)
        assert sorted(begun) == sorted(ended)
        assert asyncio.get_running_loop().time() == 2

    scene(1, 9)
    scene(1, 9, 9)


@rights(lesson_11.test_share)
def test_share_goes_on_wherever_an_asker_is_cancelled(function):
    """Whoever is cancelled, and whenever, the load ends, its value is kept, and a failure is not."""

    def make():
        async def load(key):
            await asyncio.sleep(1)
            if key in broken:
                raise OSError(key)
            return key

        broken = {"c"}
        return function(load), broken

    async def main(made):
        get, _ = made

        async def ask(key):
            return await asyncio.gather(get(key), return_exceptions=True)

        await asyncio.gather(*map(ask, ["a", "a", "b", "c", "c"]))

    async def it_can_be_asked_again(made):
        get, broken = made
        await asyncio.sleep(3)
        broken.clear()
        assert [await get("a"), await get("c")] == ["a", "c"]

    assert cancel_everywhere(main, it_can_be_asked_again, make=make, times=1).points > 4


@rights(lesson_11.test_pool)
def test_a_pool_loses_nothing_wherever_a_borrower_is_cancelled(function):
    """Whenever its borrowers are cancelled, once or twice, both connections can be borrowed after it."""

    def make():
        opened = []

        async def connect():
            opened.append(connection := object())
            await asyncio.sleep(1)
            return connection

        return function(connect, 2)

    async def main(borrow):
        async def use(seconds):
            async with borrow():
                await asyncio.sleep(seconds)

        await asyncio.gather(use(1), use(2), use(1))

    async def both_are_there(borrow):
        async with asyncio.timeout(3), borrow() as one, borrow() as other:
            assert one is not other

    assert cancel_everywhere(main, both_are_there, make=make).points > 4
