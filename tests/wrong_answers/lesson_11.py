"""Tests as learners write them in lesson 11, weak ones and wrong ones."""

import asyncio
import inspect
import random
import time
import traceback
from contextlib import suppress
from datetime import datetime
from time import sleep

import pytest

from course_lib.exercises import lesson_11 as ex
from course_lib.seeing import span
from wrong_answers import told

DOWN = OSError("down")


def fake(answers, times=None):
    """Return a call that takes a second, and gives each of these in turn."""
    answers = list(answers)
    loop = asyncio.get_running_loop()
    start = loop.time()

    async def call():
        if times is not None:
            times.append(loop.time() - start)
        await asyncio.sleep(1)
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer.with_traceback(None)  # else it grows, and keeps the tasks of all runs
        return answer

    return call


# Nothing is tested


@told(ex.test_retry, "Your test passes whatever it is given: there is no `assert` in it.")
async def asserts_nothing(retry):
    await retry(fake([DOWN, "answer"]), attempts=3, pause=1)


@told(ex.test_retry, "it returns True, and nobody looks at what a test returns. Write `assert` where `return` stands.")
async def returns_the_comparison(retry):
    with suppress(OSError, AttributeError):
        return (await retry(fake([DOWN, "answer"]), attempts=3, pause=1)) is not None


@told(ex.test_retry, "Your test passes whatever it is given: it never calls `retry`.")
async def never_calls_it(retry):
    assert retry


@told(ex.test_retry, "it calls `retry`, and what a call gives never begins.")
@told(ex.test_retry, "A coroutine was made and never awaited, so its code never ran.")
async def never_awaits_it(retry):
    assert retry(fake([DOWN, "answer"]), attempts=3, pause=1)


@told(ex.test_retry, "it never calls `retry`. A coroutine was made and never awaited")
async def never_awaits_its_scenes(retry):
    async def scene():
        assert await retry(fake([DOWN, "answer"]), attempts=3, pause=1) == "answer"

    scene()


@told(ex.test_retry, "Your test skips itself")
async def skips(retry):
    pytest.skip("later")


# An assertion that nobody hears of


@told(ex.test_retry, "of catches_its_own_assertion, and the test passed all the same: something caught the Asser")
async def catches_its_own_assertion(retry):
    times = []
    try:
        assert await retry(fake([DOWN, DOWN, DOWN, 0], times), attempts=4, pause=1) == 0
        assert times == [0, 2, 5, 10]
    except Exception:
        pass


@told(ex.test_retry, "an `assert` of yours failed, at line")
async def gathers_its_failures(retry):
    async def scene():
        times = []
        assert await retry(fake([DOWN, DOWN, DOWN, 0], times), attempts=4, pause=1) == 0
        assert times == [0, 2, 5, 10]

    await asyncio.gather(scene(), return_exceptions=True)


@told(ex.test_retry, "a task that nobody awaits")
async def asserts_in_a_task_of_its_own(retry):
    async def scene():
        times = []
        assert await retry(fake([DOWN, DOWN, DOWN, 0], times), attempts=4, pause=1) == 0
        assert times == [0, 2, 5, 10]

    task = asyncio.create_task(scene())
    await asyncio.sleep(60)
    assert task.done()


# An assertion that says nothing


@told(ex.test_retry, "is of a tuple, which is always true, whatever stands in it. Leave its parentheses out.")
async def asserts_a_tuple(retry):
    assert (await retry(fake([DOWN, 0]), attempts=3, pause=1) == 0, "no answer")  # noqa: F631


@told(ex.test_retry, "is of a generator, which is always true, whatever it would give. Write `all(...)` around it.")
async def asserts_a_generator(retry):
    times = []
    assert await retry(fake([DOWN, 0], times), attempts=3, pause=1) == 0
    assert (time == wanted for time, wanted in zip(times, [0, 2], strict=True))


@told(ex.test_retry, "`assert task.cancelled`, at line ")
@told(ex.test_retry, "of forgets_the_call, is of a method, which is always true. Call it: `task.cancelled()`.")
async def forgets_the_call(retry):
    task = asyncio.create_task(retry(fake([DOWN, 0]), attempts=3, pause=1))
    await asyncio.sleep(0.5)
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled


@told(ex.test_retry, "is always true: `'no answer'` is. What an assertion says when it fails stands behind a comma.")
async def writes_or_for_a_comma(retry):
    assert await retry(fake([DOWN, 0]), attempts=3, pause=1) == 0 or "no answer"


@told(ex.test_retry, "`assert times == [0, 2]`, at line ")
@told(ex.test_retry, "of asserts_after_return, is never reached: a `return` stands before it.")
async def asserts_after_return(retry):
    times = []
    assert await retry(fake([DOWN, 0], times), attempts=3, pause=1) == 0
    return
    assert times == [0, 2]


@told(ex.test_retry, "`assert len(times) == 3`, at line ")
@told(ex.test_retry, "of asserts_where_the_block_ends, is never reached: what stands before it raises, and ends the b")
@told(ex.test_retry, "Got away: it calls once more than it may; ")
async def asserts_where_the_block_ends(retry):
    times = []
    with pytest.raises(OSError, match="down"):  # noqa: PT012  # which is the mistake
        await retry(fake([DOWN] * 9, times), attempts=3, pause=1)
        assert len(times) == 3


@told(ex.test_retry, "is never reached: what stands before it raises, and ends the block. Put it behind the block.")
async def asserts_where_the_try_ends(retry):
    times = []
    try:
        await retry(fake([DOWN] * 9, times), attempts=3, pause=1)
        assert len(times) == 3
    except OSError:
        pass


@told(ex.test_retry, "Your test catches 1 of 8 bugs. Got away: it calls once more than it may; it takes every")
@told(ex.test_retry, "About the first: Let every call fail, and count them")
async def fails_where_nothing_is_raised(retry):
    try:
        await retry(fake([DOWN] * 9), attempts=3, pause=1)
        assert False, "no failure"  # noqa: B011, PT015
    except OSError:
        pass


# Weak ones


@told(ex.test_retry, "Your test catches 0 of 8 bugs.")
async def happy_path(retry):
    assert await retry(fake(["answer"]), attempts=3, pause=1) == "answer"


@told(
    ex.test_retry, "Got away: it calls once more than it may; it returns None when every attempt has failed; it takes"
)
@told(ex.test_retry, "; and 5 more. About the first: ")
@told(ex.test_retry, "About the first: Let every call fail, and count them")
async def one_failure(retry):
    assert await retry(fake([DOWN, "answer"]), attempts=2, pause=1) == "answer"


@told(ex.test_retry, "Your test catches 4 of 8 bugs. Got away: it takes every exception for a failure of the line")
async def no_cancellation(retry):
    times = []
    assert await retry(fake([DOWN, DOWN, DOWN, 0], times), attempts=4, pause=1) == 0
    assert times == [0, 2, 5, 10]
    start = asyncio.get_running_loop().time()
    with pytest.raises(OSError, match="down"):
        await retry(fake([DOWN, DOWN, DOWN]), attempts=2, pause=1)
    assert asyncio.get_running_loop().time() - start == 3


@told(ex.test_retry, "Got away: it goes on when it is cancelled during a pause. A cancellation strikes wherever")
async def cancels_a_call_alone(retry):
    await no_cancellation(retry)
    with pytest.raises(ValueError, match="no number"):
        await retry(fake([ValueError("no number"), "answer"]), attempts=2, pause=1)
    times = []
    task = asyncio.create_task(retry(fake([DOWN, "answer"], times), attempts=2, pause=1))
    await asyncio.sleep(0.5)
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()
    other = asyncio.create_task(retry(fake([DOWN, "answer"]), attempts=2, pause=1))
    start = asyncio.get_running_loop().time()
    await asyncio.sleep(1.5)
    assert asyncio.get_running_loop().time() == start + 1.5
    await other


# By chance, by memory, by what is not promised


@told(ex.test_retry, "With one seed your test catches that `retry` pauses 1, 2, 3 times `pause`, and not 1, 2, 4, and")
async def draws_how_often_it_fails(retry):
    failures, times = [DOWN] * (3 if random.random() < 0.5 else 0), []
    assert await retry(fake([*failures, 0], times), attempts=4, pause=1) == 0
    assert times in ([0], [0, 2, 5, 10])


@told(ex.test_retry, "What it draws at random it does not always test: write the cases down.")
async def draws_a_pause(retry):
    assert await retry(fake([DOWN, 0]), attempts=2, pause=random.random()) == 0


@told(ex.test_retry, "It draws at random: write the cases down, or try all of them in each run.")
async def draws_what_it_expects(retry):
    assert await retry(fake([DOWN, 0]), attempts=2, pause=1) == (1 if random.random() > 0.5 else 0)


@told(ex.test_retry, "It draws at random: write the cases down, or try all of them in each run.")
async def draws_what_seldom_fails(retry):
    await ex.solutions.test_retry(retry)
    assert random.random() < 0.9


CALLS = []


@told(ex.test_retry, "Does it keep something from run to run, in a global, or in a default argument?")
async def counts_in_a_global(retry):
    async def call():
        CALLS.append("call")
        if len(CALLS) == 1:
            raise DOWN.with_traceback(None)
        return 0

    assert await retry(call, attempts=3, pause=1) == 0
    assert len(CALLS) == 2


@told(ex.test_retry, "Your test was run twice with the very same `retry`: it passed once, and failed once.")
async def counts_the_trials(retry, seen=CALLS):
    seen.append("trial")
    assert seen.count("trial") < 20


@told(ex.test_retry, "It is one that runs each call in a task of its own, and needs more turns of the loop")
@told(ex.test_retry, "Your test asks for more than is promised")
async def counts_turns_of_the_loop(retry):
    called = []

    async def call():
        called.append(1)
        await asyncio.sleep(1)
        called.append(2)

    task = asyncio.create_task(retry(call, attempts=1, pause=1))
    await asyncio.sleep(0)
    assert called == [1]
    await task


@told(ex.test_retry, "`assert times == [0, 1, 3]` (times = [0.0, 2.0, 5.0]).")
@told(ex.test_retry, "Either the task promises something else, or your own code (the clock, your `call`) is not what")
async def forgets_that_a_call_takes_time(retry):
    times = []
    await retry(fake([DOWN, DOWN, 0], times), attempts=3, pause=1)
    assert times == [0, 1, 3]


@told(ex.test_retry, "your test ends with OSError: down (at line ")
@told(ex.test_retry, "No right function passes. Either the task promises something else")
async def expects_one_more_attempt(retry):
    assert await retry(fake([DOWN, DOWN, 0]), attempts=2, pause=1) == 0


@told(ex.test_retry, "`assert times == [0, 2]` (times = [3.0, 5.0]). These times are all 3 s late.")
@told(ex.test_retry, "note `loop.time()` where the scene starts, and count from there.")
async def counts_from_the_first_scene(retry):
    loop, times = asyncio.get_running_loop(), []
    await retry(fake([DOWN, 0]), attempts=2, pause=1)

    async def call():
        times.append(loop.time())
        await asyncio.sleep(1)
        if len(times) < 2:
            raise DOWN.with_traceback(None)

    await retry(call, attempts=3, pause=1)
    assert times == [0, 2]


@told(ex.test_retry, "(times = [0.0, 0.10000000000000009, 0.30000000000000004]). They differ by the rounding of floats")
@told(ex.test_retry, "by the rounding of floats alone: let your times be whole seconds, or use `pytest.approx(...)`.")
async def counts_in_tenths(retry):
    await asyncio.sleep(0.7)
    loop, times = asyncio.get_running_loop(), []
    start = loop.time()

    async def call():
        times.append(loop.time() - start)
        if len(times) < 3:
            raise DOWN.with_traceback(None)

    await retry(call, attempts=3, pause=0.1)
    assert times == [0, 0.1, 0.3]


@told(ex.test_retry, "`assert took == 0.3` (took = 0.30000000000000004). They differ by the rounding of floats alone")
async def takes_tenths(retry):
    loop, answers = asyncio.get_running_loop(), [DOWN, DOWN, 0]

    async def call():
        if isinstance(answer := answers.pop(0), Exception):
            raise answer.with_traceback(None)

    await asyncio.sleep(0.7)
    start = loop.time()
    await retry(call, attempts=3, pause=0.1)
    took = loop.time() - start
    assert took == 0.3


@told(ex.test_retry, "`assert times == {0, 1}` (times = {1.0, 2.0}). No right function passes.")
async def collects_times_in_a_set(retry):
    loop, times = asyncio.get_running_loop(), set()

    async def call():
        times.add(loop.time())
        if len(times) < 2:
            raise DOWN.with_traceback(None)

    await asyncio.sleep(1)
    await retry(call, attempts=2, pause=1)
    assert times == {0, 1}


@told(ex.test_retry, "`assert numbers == [0, 1]` (numbers = [1, 2]). No right function passes.")
async def numbers_its_calls_from_0(retry):
    numbers = []

    async def call():
        numbers.append(len(numbers) + 1)
        if len(numbers) < 2:
            raise DOWN.with_traceback(None)

    await retry(call, attempts=2, pause=1)
    assert numbers == [0, 1]


@told(ex.test_retry, "`assert task.cancelled()` (task = cancelled but not yet ended). `cancel()` only asks, and")
@told(
    ex.test_retry, "a task ends when its turn comes: `await asyncio.wait(...)` with what you cancelled, and look then."
)
async def looks_before_it_has_ended(retry):
    task = asyncio.create_task(retry(fake([DOWN, 0]), attempts=3, pause=1))
    await asyncio.sleep(0.5)
    task.cancel()
    assert task.cancelled()


@told(ex.test_retry, "your test ends with NameError")
@told(ex.test_retry, "That is an error of the test: no implementation passes.")
async def has_a_slip(retry):
    assert await retry(fake([0]), attempts=1, pause=1) == anwser  # noqa: F821


@told(ex.test_retry, "asyncio.run() cannot be called from a running event loop")
@told(ex.test_retry, "That is an error of the test")
async def runs_a_loop_of_its_own(retry):
    asyncio.run(retry(fake([0]), attempts=1, pause=1))


@told(ex.test_retry, "the task says `retry(call, attempts, pause)`")
async def calls_it_otherwise(retry):
    assert await retry(fake([0]), 3) == 0


@told(
    ex.test_retry, "of waits_for_an_event_that_nobody_sets, `await called.wait()`. Nothing that is promised ends that."
)
async def waits_for_an_event_that_nobody_sets(retry):
    called = asyncio.Event()
    task = asyncio.create_task(retry(fake([0]), 3, 1))
    await called.wait()
    assert await task == 0


@told(ex.test_retry, "your test does not come to an end")
async def polls_for_what_never_comes(retry):
    times = []
    task = asyncio.create_task(retry(fake([0], times), 3, 1))
    while len(times) < 2:
        await asyncio.sleep(0.1)
    await task


@told(ex.test_retry, "It passes in the usual order of the same answers, and fails in this one.")
async def takes_a_span_for_a_second(retry):
    answers = [DOWN, "answer"]
    done = []

    async def call():
        with span("call"):
            await asyncio.sleep(1)
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer.with_traceback(None)
        return answer

    async def other():
        with span("other"):
            await asyncio.sleep(9)
        done.append("other")

    beside = asyncio.create_task(other())
    assert await retry(call, attempts=2, pause=1) == "answer"
    assert done == []
    await beside


# Sleeps in earnest, and threads


@told(ex.test_retry, "Your test sleeps: `time.sleep` holds the whole loop")
async def sleeps_on_the_loop(retry):
    task = asyncio.create_task(retry(fake([0]), 3, 1))
    time.sleep(0.1)
    assert await task == 0


@told(ex.test_retry, "Your test sleeps: `time.sleep` holds the whole loop")
async def sleeps_in_earnest(retry):
    task = asyncio.create_task(retry(fake([0]), 3, 1))
    sleep(0.1)
    assert await task == 0


@told(ex.test_retry, "has no place on the virtual clock")
async def waits_in_a_thread(retry):
    task = asyncio.create_task(retry(fake([0]), 3, 1))
    await asyncio.to_thread(time.sleep, 2)
    assert await task == 0


@told(ex.test_retry, "When your test had ended, this was still running: retry. Whoever")
async def leaves_it_running(retry):
    times = []
    asyncio.create_task(retry(fake([DOWN, 0], times), 3, 1))  # noqa: RUF006  # which is the mistake
    await asyncio.sleep(0.5)
    assert times == [0]


@told(ex.test_retry, "your test ends, and leaves open what it began: answers. Close it, by `aclose()`")
async def leaves_a_generator_open(retry):
    async def answers():
        for answer in (DOWN, 0):
            await asyncio.sleep(1)
            yield answer

    given = answers()

    async def call():
        if isinstance(answer := await anext(given), Exception):
            raise answer.with_traceback(None)
        return answer

    assert await retry(call, 3, 1) == 0


# Looks inside


@told(ex.test_retry, "Your test looks at `getsource`.")
async def reads_the_source(retry):
    assert "except OSError" in inspect.getsource(retry)


@told(ex.test_retry, "Your test looks at `extract_stack`.")
async def looks_at_who_calls(retry):
    async def call():
        assert "OSError" in str(traceback.extract_stack())

    await retry(call, attempts=1, pause=1)


@told(ex.test_retry, "Your test looks at `__name__`.")
async def asks_its_name(retry):
    assert getattr(retry, "__name__", "retry") == "retry"


@told(ex.test_retry, "Your test looks at `__defaults__`.")
async def asks_its_defaults_and_hides_it(retry):
    with suppress(AttributeError):
        assert retry.__defaults__ is None


@told(ex.test_retry, "Your test looks at `repr(retry)`. What a test says must not depend on how `retry` is written")
async def looks_at_its_text(retry):
    await ex.solutions.test_retry(retry)
    assert "retry" in repr(retry)


@told(ex.test_retry, "Your test looks at `type(retry)`.")
async def looks_at_its_type(retry):
    assert type(retry).__name__ != "Mock"


# Other clocks


@told(ex.test_retry, "Your test looks at `process_time`, a clock that goes on as the machine does, and not as the virt")
@told(ex.test_retry, "Use `asyncio.get_running_loop().time()`.")
async def looks_at_the_processors_time(retry):
    start = time.process_time()
    await ex.solutions.test_retry(retry)
    assert time.process_time() - start < 1


@told(ex.test_retry, "Your test looks at `datetime.now`, a clock that goes on as the machine does")
async def looks_at_the_date(retry):
    start = datetime.now()
    await ex.solutions.test_retry(retry)
    assert (datetime.now() - start).seconds < 1


# run_limited


class Calls:
    """Calls that note how many of them are under way."""

    def __init__(self):
        self.now = self.most = 0

    def __call__(self, seconds, answer, clean_up=0):
        async def work():
            self.now += 1
            self.most = max(self.most, self.now)
            try:
                await asyncio.sleep(seconds)
            except asyncio.CancelledError:
                await asyncio.sleep(clean_up)
                raise
            finally:
                self.now -= 1
            if isinstance(answer, Exception):
                raise answer.with_traceback(None)
            return answer

        return work


@told(ex.test_limited, "Your test catches 1 of 10 bugs. Got away: it lets one more than `limit` run")
async def looks_at_the_answers_alone(run_limited):
    call = Calls()
    assert await run_limited([call(3, "a"), call(1, "b"), call(1, "c")], 2) == ["a", "b", "c"]


@told(ex.test_limited, "Got away: it runs one after another; it works in batches")
@told(ex.test_limited, "A function that is never above the limit may be far below it.")
async def is_content_below_the_limit(run_limited):
    call = Calls()
    assert await run_limited([call(3, "a"), call(1, "b"), call(1, "c")], 2) == ["a", "b", "c"]
    assert call.most <= 2


@told(
    ex.test_limited, "Got away: it works in batches, and waits for the slowest of each; it returns the results in the"
)
@told(ex.test_limited, "Calls that all take the same time cannot show it. Let the first take 3 s")
async def all_calls_alike(run_limited):
    call = Calls()
    assert await run_limited([call(1, number) for number in range(4)], 2) == [0, 1, 2, 3]
    assert call.most == 2
    assert asyncio.get_running_loop().time() == 2


async def answers_and_time(run_limited):
    call = Calls()
    assert await run_limited([call(3, "a"), call(1, "b"), call(1, "c"), call(1, "d")], 2) == ["a", "b", "c", "d"]
    assert call.most == 2
    assert asyncio.get_running_loop().time() == 3
    assert await run_limited([], 2) == []


@told(
    ex.test_limited,
    "Got away: it lets the failure out in an ExceptionGroup; it leaves the others running when one fails",
)
@told(ex.test_limited, "Who writes `except OSError` does not catch a group")
async def expects_any_exception(run_limited):
    await answers_and_time(run_limited)
    call = Calls()
    with pytest.raises(Exception):  # noqa: B017, PT011  # which is the mistake
        await run_limited([call(1, DOWN), call(9, "b"), call(9, "c")], 2)


@told(
    ex.test_limited,
    "Got away: it cancels the others when one fails, and does not wait for their end; it leaves its calls",
)
@told(ex.test_limited, "Who is cancelled may need time to clean up.")
async def gives_them_time_to_end(run_limited):
    await answers_and_time(run_limited)
    call = Calls()
    with pytest.raises(OSError, match="down"):
        await run_limited([call(1, DOWN), call(9, "b"), call(9, "c")], 2)
    await asyncio.sleep(1)
    assert call.now == 0


@told(ex.test_limited, "Your test catches 9 of 10 bugs. Got away: it leaves its calls running when it is cancelled.")
async def cancels_nothing(run_limited):
    await answers_and_time(run_limited)
    call = Calls()
    with pytest.raises(OSError, match="down"):
        await run_limited([call(1, DOWN), call(9, "b", 1), call(9, "c", 1)], 2)
    assert call.now == 0


@told(ex.test_limited, "It is one that has `limit` workers, who take one call after another; others pass.")
async def counts_the_tasks(run_limited):
    call = Calls()
    task = asyncio.create_task(run_limited([call(1, "a"), call(1, "b"), call(1, "c")], 2))
    await asyncio.sleep(0.5)
    assert len(asyncio.all_tasks()) == 5
    await task


@told(ex.test_limited, "It is one that begins a call when another has ended, a turn of the loop later; others pass.")
async def begins_and_ends_at_the_same_time(run_limited):
    call = Calls()
    task = asyncio.create_task(run_limited([call(1, "a"), call(1, "b"), call(1, "c")], 2))
    await asyncio.sleep(1)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert call.now == 1
    await task


@told(ex.test_limited, "`assert begun == ['good', 'bad']` (begun = ['good', 'bad', 'next']).")
@told(ex.test_limited, "It is one that the task shows; others pass. Your test asks for more than is promised")
async def expects_that_none_begins_after_a_failure(run_limited):
    begun = []

    def call(name):
        async def work():
            begun.append(name)
            if name == "bad":
                await asyncio.sleep(1)
                raise DOWN.with_traceback(None)
            await asyncio.sleep(9)

        return work

    with pytest.raises(OSError, match="down"):
        await run_limited([call("good"), call("bad"), call("next")], 2)
    assert begun == ["good", "bad"]


@told(ex.test_limited, "your test ends with ValueError: second (at line ")
@told(ex.test_limited, "It passes in one order, and fails in another: what happens at the same time may come in either")
@told(ex.test_limited, "so may the tasks of a set. Assert nothing that depends on which is first, or let one be later.")
async def lets_two_fail_at_the_same_time(run_limited):
    call = Calls()
    with pytest.raises(OSError, match="down"):
        await run_limited([call(1, DOWN), call(1, ValueError("second"))], 2)


@told(ex.test_limited, "tasks = cancelled but not yet ended). `cancel()` only asks")
async def looks_before_they_have_ended(run_limited):
    call = Calls()
    tasks = [asyncio.create_task(run_limited([call(9, "a"), call(9, "b")], 2)) for _ in range(2)]
    await asyncio.sleep(0.5)
    for task in tasks:
        task.cancel()
    assert all(task.cancelled() for task in tasks)


# share


class Loads:
    """A load that takes a second, and the keys it was asked for."""

    def __init__(self, **answers):
        self.answers, self.keys = answers, []

    async def __call__(self, key):
        self.keys.append(key)
        await asyncio.sleep(1)
        if isinstance(self.answers[key], Exception):
            raise self.answers[key].with_traceback(None)
        return self.answers[key]


def make_load(**answers):
    """Return a load, a coroutine function, and the list of the keys it was asked for."""
    loads = Loads(**answers)

    async def load(key):
        return await loads(key)

    return load, loads


@told(ex.test_share, "Your test catches 1 of 9 bugs. Got away: it loads a key twice when two ask at the same time")
@told(ex.test_share, "Askers that come one after another cannot show it.")
async def asks_one_after_another(share):
    load, loads = make_load(a="apple")
    get = share(load)
    assert await get("a") == await get("a") == "apple"
    assert loads.keys == ["a"]


@told(ex.test_share, "Got away: it keeps nothing; ")
async def asks_together_alone(share):
    load, loads = make_load(a="apple")
    get = share(load)
    assert await asyncio.gather(get("a"), get("a")) == ["apple", "apple"]
    assert loads.keys == ["a"]


async def answers_and_loads(share):
    load, loads = make_load(a="apple", b=0)
    get = share(load)
    for _ in range(2):
        assert await asyncio.gather(get("a"), get("a"), get("b")) == ["apple", "apple", 0]
    assert loads.keys == ["a", "b"]
    assert asyncio.get_running_loop().time() == 1


@told(
    ex.test_share, "Got away: it tells a failure to the first asker, and lets the others wait for ever; it loads again"
)
async def one_asker_fails(share):
    await answers_and_loads(share)
    load, loads = make_load(c=DOWN)
    get = share(load)
    with pytest.raises(OSError, match="down"):
        await get("c")
    loads.answers["c"] = "cherry"
    assert await get("c") == "cherry"


async def failures(share):
    await answers_and_loads(share)
    load, loads = make_load(c=DOWN)
    get = share(load)
    assert await asyncio.gather(get("c"), get("c"), return_exceptions=True) == [DOWN, DOWN]
    loads.answers["c"] = "cherry"
    assert await get("c") == "cherry"
    assert loads.keys == ["c", "c"]


@told(
    ex.test_share,
    "Got away: it cancels the load, and with it all who wait, when one of them is cancelled; it lets the oth",
)
async def no_asker_is_cancelled(share):
    await failures(share)


@told(
    ex.test_share, "Got away: it lets the others wait for ever when the first asker is cancelled. You cancelled one who"
)
async def the_second_is_cancelled(share):
    await failures(share)
    load, _ = make_load(a="apple")
    get = share(load)
    askers = [asyncio.create_task(get("a")) for _ in range(2)]
    await asyncio.sleep(0.5)
    askers[1].cancel()
    await asyncio.wait(askers)
    assert askers[0].result() == "apple"


@told(ex.test_share, "this was still running: load. Whoever comes next would find it.")
@told(ex.test_share, "Await what you start, or cancel it and await that; what `share` started, give the time to end.")
async def the_only_asker_is_cancelled(share):
    load, _ = make_load(a="apple")
    asker = asyncio.create_task(share(load)("a"))
    await asyncio.sleep(0.5)
    asker.cancel()
    await asyncio.wait([asker])
    assert asker.cancelled()


@told(ex.test_share, "It is one that gives each asker a future of its own, a turn of the loop later; others pass.")
async def looks_after_two_turns(share):
    load, loads = make_load(a="apple")
    asker = asyncio.create_task(share(load)("a"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert loads.keys == ["a"]
    await asker


@told(ex.test_share, "(got = [OSError('down'), OSError('down')]). They look the same, and are not equal: an exception")
@told(ex.test_share, "is equal to itself alone. Compare the classes, or what `str` gives.")
async def compares_with_other_exceptions(share):
    load, _ = make_load(a=DOWN)
    get = share(load)
    got = await asyncio.gather(get("a"), get("a"), return_exceptions=True)
    assert got == [OSError("down"), OSError("down")]


@told(ex.test_share, "it calls `get`, and what a call gives never begins.")
async def never_awaits_what_it_made(share):
    load, _ = make_load(a="apple")
    get = share(load)
    assert get("a")


@told(ex.test_share, "it calls `share`, and never what that gives.")
async def never_calls_what_it_made(share):
    load, _ = make_load(a="apple")
    assert share(load)


@told(ex.test_share, "`assert log == ['ended']` (log = []).")
async def expects_the_load_to_be_cancelled(share):
    log = []

    async def load(key):
        try:
            await asyncio.sleep(9)
        finally:
            log.append("ended")

    asker = asyncio.create_task(share(load)("a"))
    await asyncio.sleep(0.5)
    asker.cancel()
    await asyncio.wait([asker])
    assert log == ["ended"]


@told(ex.test_share, "`assert len(loads) == number` (number = 2, loads = ['a']).")
async def goes_on_loading_when_it_has_failed(share):
    loads, number = [], 2

    async def load(key):
        loads.append(key)
        await asyncio.sleep(9)

    get = share(load)
    askers = [asyncio.create_task(get(key)) for key in "aa"]
    try:
        await asyncio.sleep(1)
        assert len(loads) == number
    finally:
        loads.append("more")
        await asyncio.wait(askers)


@told(ex.test_share, "Your test looks at `__closure__`.")
async def looks_into_the_closure(share):
    load, _ = make_load(a="apple")
    assert share(load).__closure__


# make_pool


class Connections:
    """A connect that takes a second, how often it was called, and what is lent; `use` borrows."""

    def __init__(self, failures=0):
        self.opened, self.lent, self.failures = 0, [], failures

    def connect(self):
        async def opening():
            self.opened += 1
            number = self.opened
            await asyncio.sleep(1)
            if number <= self.failures:
                raise DOWN.with_traceback(None)
            return number

        return opening()

    async def use(self, borrow, seconds, error=None):
        async with borrow() as connection:
            assert connection not in self.lent
            self.lent.append(connection)
            try:
                await asyncio.sleep(seconds)
                if error:
                    raise error
            finally:
                self.lent.remove(connection)


@told(ex.test_pool, "your test waits for something that never happens, at line ")
@told(ex.test_pool, "of holds_the_only_one, `async with borrow(), borrow():`. Nothing that is promised ends that.")
async def holds_the_only_one(make_pool):
    borrow = make_pool(Connections().connect, 1)
    async with borrow(), borrow():
        pass


@told(
    ex.test_pool, "Your test catches 0 of 10 bugs. Got away: it opens one connection more than `size`; it opens another"
)
async def one_borrower(make_pool):
    made = Connections()
    borrow = make_pool(made.connect, 1)
    await made.use(borrow, 1)
    await made.use(borrow, 1)
    assert made.opened == 1


@told(
    ex.test_pool, "Got away: it opens another connection although one is idle; it gives one connection to two borrowers"
)
@told(ex.test_pool, "With `size=1` it cannot be seen.")
async def three_together(make_pool):
    made = Connections()
    borrow = make_pool(made.connect, 2)
    await asyncio.gather(made.use(borrow, 1), made.use(borrow, 9), made.use(borrow, 1))
    assert made.opened == 2
    assert asyncio.get_running_loop().time() == 10


async def lends(make_pool):
    made = Connections()
    borrow = make_pool(made.connect, 2)
    await made.use(borrow, 1)
    await made.use(borrow, 1)
    assert made.opened == 1
    start = asyncio.get_running_loop().time()
    for _ in range(2):
        await asyncio.gather(made.use(borrow, 1), made.use(borrow, 9), made.use(borrow, 1))
    assert made.opened == 2
    made = Connections()
    borrow = make_pool(made.connect, 2)
    start = asyncio.get_running_loop().time()
    await asyncio.gather(made.use(borrow, 1), made.use(borrow, 9))
    assert asyncio.get_running_loop().time() == start + 10
    with pytest.raises(ValueError, match="mine"):
        await made.use(borrow, 1, ValueError("mine"))
    await asyncio.gather(made.use(borrow, 1), made.use(borrow, 1))
    assert made.opened == 2


@told(
    ex.test_pool, "Got away: it loses the connection when the block is cancelled; it loses a place when `connect` fails"
)
@told(ex.test_pool, "CancelledError is no Exception.")
async def nothing_is_cancelled(make_pool):
    await lends(make_pool)


@told(
    ex.test_pool,
    "Got away: it loses a place when a borrower is cancelled while it connects; it raises UnboundLocalError",
)
async def cancels_a_block_alone(make_pool):
    await lends(make_pool)
    made = Connections()
    borrow = make_pool(made.connect, 1)
    task = asyncio.create_task(made.use(borrow, 9))
    await asyncio.sleep(2)
    task.cancel()
    await asyncio.wait([task])
    await made.use(borrow, 1)
    assert made.opened == 1
    made = Connections(failures=1)
    borrow = make_pool(made.connect, 1)
    with pytest.raises(OSError, match="down"):
        await made.use(borrow, 1)
    await made.use(borrow, 1)


@told(ex.test_pool, "it calls `borrow`, and what a call gives never begins. Enter it, by `async with`.")
async def never_enters(make_pool):
    assert make_pool(Connections().connect, 1)()


@told(ex.test_pool, "`assert a != b` (a = 2, b = 2). No right function passes.")
@told(ex.test_pool, "or your own code (the clock, your `connect`) is not what you think")
async def names_its_connections_late(make_pool):
    number = 0

    async def connect():
        nonlocal number
        number += 1
        await asyncio.sleep(1)
        return number

    borrow = make_pool(connect, 2)
    ready = asyncio.Barrier(2)

    async def use():
        async with borrow() as connection:
            await ready.wait()
            return connection

    a, b = await asyncio.gather(use(), use())
    assert a != b


@told(ex.test_pool, "`assert made.opened == 2`. No right function passes. Either the task promises something else")
async def expects_it_to_open_all_at_the_start(make_pool):
    made = Connections()
    await made.use(make_pool(made.connect, 2), 1)
    assert made.opened == 2
