"""`cancel_everywhere`: it cancels at each moment, and whatever goes wrong then is told with that moment."""

import asyncio
import re

import pytest

from course_lib.seeing import SimulationError
from course_lib.testing import CancellationError, LeakError, cancel_everywhere


class Bank:
    """Two accounts, and a lock around every transfer."""

    def __init__(self):
        self.mine, self.yours, self.lock = 100, 0, asyncio.Lock()

    def is_even(self):
        return self.mine + self.yours == 100


async def transfer(bank):
    async with bank.lock:
        await asyncio.sleep(1)
        bank.mine, bank.yours = bank.mine - 10, bank.yours + 10
        await asyncio.sleep(1)


def refusal(main, check=None, **how):
    """Return what is told of the first moment that goes wrong, with its notes."""
    with pytest.raises(CancellationError) as caught:
        cancel_everywhere(main, check, **how)
    return "\n".join([str(caught.value), *caught.value.__notes__])


def test_what_is_right_is_cancelled_at_each_moment():
    """A transfer that waits twice has three moments; at each it is cancelled once and, where it can be, twice."""
    tried = cancel_everywhere(transfer, Bank.is_even, make=Bank)
    assert tried.points == 3
    assert str(tried) == "cancelled at each of 3 moments, in 11 runs: it ended so, and left nothing"


def test_a_half_done_change_is_found():
    """What is done before a wait, and not undone by a cancellation there, does not pass the check."""

    async def pay(bank):
        bank.mine -= 10
        await asyncio.sleep(1)
        bank.yours += 10

    told = refusal(pay, Bank.is_even, make=Bank)
    assert told.startswith(
        "check returned False\n  cancelled at 0 s, as it came to wait\n    at test_testing_cancel.py, "
    )
    assert re.search(r"line \d+: await asyncio.sleep\(1\)\n", told) and re.search(r"pay +x +at 0 s, cancelled", told)


def test_a_check_that_raises_is_shown_as_the_cause():
    """The error of a check is told, and kept as the cause, for its own lines."""

    def check():
        raise ValueError("uneven")

    async def main():
        await asyncio.sleep(1)

    with pytest.raises(ValueError, match="uneven"):
        cancel_everywhere(main, check)  # also where nobody cancels

    cancelled = []

    async def notes():
        try:
            await asyncio.sleep(1)
        except asyncio.CancelledError:
            cancelled.append(1)
            raise

    with pytest.raises(CancellationError, match="then ValueError: uneven") as caught:
        cancel_everywhere(notes, lambda: check() if cancelled else None)
    assert isinstance(caught.value.__cause__, ValueError)


def test_an_asynchronous_check_waits_on_the_same_loop():
    """A lock that a cancellation leaves locked is found by a check that asks for it, and does not hang."""

    async def forgets(bank):
        await bank.lock.acquire()
        await asyncio.sleep(1)
        bank.lock.release()

    async def is_free(bank):
        async with bank.lock:
            pass

    assert cancel_everywhere(transfer, is_free, make=Bank).points == 3
    told = refusal(forgets, is_free, make=Bank)
    assert re.search(r"then every task waited, .*: check waits at line \d+ of is_free: async with bank.lock", told)


def test_a_swallowed_cancellation_is_found_and_may_be_allowed():
    """A task that returns all the same does not pass, unless `allow` says that it may."""

    async def swallows():
        try:
            await asyncio.sleep(1)
        except asyncio.CancelledError:
            return "stopped"

    assert "it returned 'stopped', and the cancellation was lost" in refusal(swallows)
    assert cancel_everywhere(swallows, allow=lambda task: task.result() == "stopped").points == 2


def test_another_exception_in_its_place_is_found():
    """A task that ends with an error of its own, when it is cancelled, does not pass."""

    async def fails():
        try:
            await asyncio.sleep(1)
        except asyncio.CancelledError:
            raise KeyError("mine") from None

    assert "it ended with KeyError: 'mine', not with CancelledError" in refusal(fails)


def test_a_task_that_is_left_is_found():
    """A cancellation that leaves a task behind does not pass, and the line that made the task is told."""

    async def leaves():
        await asyncio.shield(asyncio.create_task(asyncio.sleep(9), name="nine"))

    assert re.search(r"left behind:\n  task nine\n    made at .*create_task", refusal(leaves))


def test_a_generator_that_is_left_open_is_found():
    """Of a cancelled loop over a generator that nobody closes, the generator is told, and it alone."""

    async def numbers():
        for number in range(3):
            yield number

    async def loops():
        async for _ in numbers():
            await asyncio.sleep(1)

    told = refusal(loops)
    assert re.search(r"left behind:\n  async generator numbers\(\)\n    iterated at .*\n    stopped at ", told)
    assert "task " not in told and "_Counted" not in told


def test_a_clean_up_that_cannot_bear_a_second_cancellation_is_found():
    """Cancelled once it cleans up; cancelled again as it does, it does not."""

    async def work(bank):
        bank.mine -= 10
        try:
            await asyncio.sleep(1)
        except asyncio.CancelledError:
            await asyncio.sleep(1)
            bank.mine += 10
            raise
        bank.yours += 10

    cancel_everywhere(work, Bank.is_even, make=Bank, times=1)
    told = refusal(work, Bank.is_even, make=Bank)
    assert told.startswith("check returned False\n  cancelled at 0 s, as it came to wait\n    at ")
    assert "\n  cancelled again at 0 s, as it came to wait\n    at " in told


def test_a_result_that_is_lost_as_it_meets_the_cancellation_is_found():
    """Cancelled as what it waits for arrives, a task that does not look at it has lost it: that is found."""

    class Delivery:
        def __init__(self):
            self.arrival, self.taken = asyncio.get_running_loop().create_future(), []

        def is_taken(self):
            return self.taken or self.arrival.cancelled() or not self.arrival.done()

    async def take(delivery):
        timer = asyncio.get_running_loop().call_later(1, delivery.arrival.set_result, "item")
        try:
            delivery.taken.append(await delivery.arrival)
        finally:
            timer.cancel()

    told = refusal(take, lambda delivery: bool(delivery.is_taken()), make=Delivery)
    assert told.startswith("check returned False\n  cancelled at 1 s, as what it waited for arrived\n    at ")


def test_moments_are_those_of_every_task():
    """Main is cancelled also as a task of its own suspends, which main does not notice."""
    struck = []

    async def main():
        async def child():
            for _ in range(3):
                await asyncio.sleep(1)

        task = asyncio.create_task(child())
        try:
            await task
        except asyncio.CancelledError:
            struck.append(asyncio.get_running_loop().time())
            raise
        finally:
            task.cancel()
            await asyncio.wait({task})

    tried = cancel_everywhere(main, times=1)
    assert tried.points == 6 and {0, 1, 2, 3} == set(struck)


def test_how_long_it_may_take_is_counted_from_the_first_cancellation():
    """With `within`, a clean-up that takes longer does not pass."""

    async def slow():
        try:
            await asyncio.sleep(5)
        finally:
            await asyncio.sleep(2)

    assert cancel_everywhere(slow, within=2, times=1).points == 3
    assert "it ended 2 s later, and may take 1.5 s (within)" in refusal(slow, within=1.5, times=1)


def test_what_goes_wrong_without_a_cancellation_is_raised_as_it_is():
    """Main's own failure, and what it leaves anyway, is no matter of cancellation."""

    async def fails():
        await asyncio.sleep(1)
        raise KeyError("mine")

    async def leaves():
        asyncio.get_running_loop().call_soon(held.append, asyncio.create_task(asyncio.sleep(9)))
        await asyncio.sleep(1)

    held = []
    with pytest.raises(KeyError, match="mine"):
        cancel_everywhere(fails)
    with pytest.raises(LeakError):
        cancel_everywhere(leaves)


def test_a_main_that_never_waits_is_refused():
    """There is no moment at which it could be cancelled: that is no pass."""

    async def main(): ...

    with pytest.raises(ValueError, match="suspended 0 times: there is no moment"):
        cancel_everywhere(main)


def test_too_many_moments_are_refused():
    """A program that suspends more often than `most` is refused before it is run for minutes."""

    async def main():
        for _ in range(5):
            await asyncio.sleep(1)

    with pytest.raises(ValueError, match="suspended 5 times: more than most=4 moments"):
        cancel_everywhere(main, most=4)
    assert cancel_everywhere(main, most=5).points == 6


def test_a_main_that_does_not_do_the_same_each_time_is_refused():
    """One that suspends less in a later run was not cancelled there: that is no pass."""
    runs = []

    async def main():
        runs.append(1)
        for _ in range(4 if len(runs) == 1 else 1):
            await asyncio.sleep(1)

    with pytest.raises(SimulationError, match="does not do the same each time: it was to be cancelled at moment 2"):
        cancel_everywhere(main)


@pytest.mark.parametrize(("how", "told"), [({"times": 0}, "times=0: pass a whole number"), ({"most": 0}, "most=0")])
def test_arguments_without_sense_are_refused(how, told):
    """Numbers below 1 are told with what they may be."""
    with pytest.raises(ValueError, match=told):
        cancel_everywhere(transfer, make=Bank, **how)


def test_a_coroutine_in_mains_place_is_refused():
    """The function itself is asked for, since it is called anew for each run."""
    with pytest.raises(TypeError, match=r"pass the function itself"):
        cancel_everywhere(transfer(Bank()))
