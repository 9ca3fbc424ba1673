"""A value of the learner's in a sentence: as it is, or what kind of thing it is, never a text cut in the middle."""

import asyncio

import pytest

from course_lib.exercises.shown import shown
from course_lib.seeing import simulate


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("page", "'page'"),
        (("a", None), "('a', None)"),
        (lambda: 0, "a function"),
        ([print, len], "a list of two functions"),
        ((n for n in "ab"), "a generator"),
        ((set(), set()), "(set(), set())"),
        (tuple({f"{n} {m} is long" for m in range(3)} for n in range(2)), "a tuple of two sets"),
        ("x" * 100, "'" + "x" * 75 + " ..."),
    ],
)
def test_a_value_is_shown_in_a_few_words(value, text):
    """A short repr is told whole; of objects whose repr tells a learner nothing, the kind and how many."""
    assert shown(value) == text


def test_tasks_and_coroutines_are_told_by_their_kind():
    """Their reprs are paths and addresses."""

    async def main():
        task, coro = asyncio.create_task(asyncio.sleep(0)), asyncio.sleep(0)
        texts = shown(task), shown(coro), shown([task, task]), shown(asyncio.get_running_loop().create_future())
        await task
        await coro
        return texts

    assert simulate(main).result == ("a task", "a coroutine", "a list of two tasks", "a future")
