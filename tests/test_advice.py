"""What to do about an error of Python's: the same advice on every Python, whatever its words for the error are."""

import asyncio

import pytest

from course_lib.exercises import advice


async def gathers_a_list():
    await asyncio.gather([asyncio.sleep(0)])


async def gathers_a_tuple():
    await asyncio.gather((asyncio.sleep(0),))


async def gathers_a_number():
    await asyncio.gather(5)


async def task_of_a_future():
    await asyncio.create_task(asyncio.get_running_loop().create_future())


async def task_of_a_future_in_a_group():
    async with asyncio.TaskGroup() as group:
        group.create_task(asyncio.get_running_loop().create_future())


async def task_of_a_number():
    await asyncio.create_task(5)


async def result_too_early():
    asyncio.create_task(asyncio.sleep(0)).result()


async def exceptions_too_early():
    tasks = [asyncio.create_task(asyncio.sleep(0))]
    return [task.exception() for task in tasks]


async def result_set_twice():
    future = asyncio.get_running_loop().create_future()
    future.set_result(1)
    future.set_result(2)


async def awaits_a_function():
    await asyncio.sleep


async def awaits_a_list():
    results = [await each for each in [[]]]
    return results


async def awaits_what_failed():
    future = asyncio.get_running_loop().create_future()
    future.set_exception(TypeError("can't be used in 'await' expression"))
    await future


async def enters_a_lock():
    with asyncio.Lock():
        pass


async def enters_a_file_asynchronously(here=__file__):
    async with open(here):
        pass


async def enters_with_wrong_arguments():
    with asyncio.timeout():
        pass


async def adds_a_word():
    return 1 + "one"


async def raises_its_own():
    raise TypeError("unhashable type: 'list'")


async def reports_what_it_never_took():
    asyncio.Queue().task_done()


async def fills_a_full_queue():
    queue = asyncio.Queue(maxsize=1)
    for number in (1, 2):
        queue.put_nowait(number)


async def takes_from_an_empty_queue():
    asyncio.Queue().get_nowait()


async def raises_its_own_value_error():
    raise ValueError("task_done() called too many times")


RAISED = (TypeError, ValueError, asyncio.InvalidStateError, asyncio.QueueFull, asyncio.QueueEmpty, ExceptionGroup)


@pytest.mark.filterwarnings("ignore:coroutine")
@pytest.mark.parametrize(
    ("mistake", "told"),
    [
        (gathers_a_list, advice.ONE_BY_ONE),
        (gathers_a_tuple, advice.ONE_BY_ONE),
        (gathers_a_number, ""),
        (task_of_a_future, advice.UNDER_WAY),
        (task_of_a_future_in_a_group, advice.UNDER_WAY),
        (task_of_a_number, ""),
        (result_too_early, advice.NOT_DONE),
        (exceptions_too_early, advice.NOT_DONE),
        (result_set_twice, ""),
        (awaits_a_function, advice.NOT_AWAITABLE),
        (awaits_a_list, advice.NOT_AWAITABLE),
        (awaits_what_failed, ""),
        (enters_a_lock, advice.ASYNC_WITH),
        (enters_a_file_asynchronously, ""),
        (enters_with_wrong_arguments, ""),
        (adds_a_word, ""),
        (raises_its_own, ""),
        (reports_what_it_never_took, advice.TOO_OFTEN),
        (fills_a_full_queue, advice.FULL),
        (takes_from_an_empty_queue, advice.EMPTY),
        (raises_its_own_value_error, ""),
    ],
)
def test_the_advice_is_for_what_happened(mistake, told):
    """A mistake gets the advice that mends it; the same type or words of another cause get none."""
    with pytest.raises(RAISED) as caught:
        asyncio.run(mistake())
    error = caught.value
    assert advice.advice(error.exceptions[0] if isinstance(error, ExceptionGroup) else error) == told


def test_an_error_that_nobody_raised_gets_no_advice():
    """An error that was made and not raised has no line to look at."""
    assert advice.advice(TypeError("unhashable type: 'list'")) == ""
