"""Tracked calls: each is counted once, under its own number, with the right outcome, and nothing is kept alive."""

import asyncio
import gc
import inspect
import logging
import weakref
from contextlib import aclosing

import pytest

from course_lib.lifecycle import (
    CoroutineLifecycleManager,
    Outcome,
    RetryManager,
    TimeoutManager,
    retry_decorator,
    timeout_decorator,
    with_timeout,
)
from course_lib.seeing import simulate


@pytest.fixture
def manager():
    return CoroutineLifecycleManager()


def outcomes(manager):
    """The finished calls as (name, outcome), in order of their end; the totals agree."""
    calls = manager.log.finished
    statistics = manager.get_statistics()
    assert statistics["completed"] == len(calls) == sum(statistics[outcome] for outcome in Outcome)
    assert statistics["active"] == 0
    return [(call.name, call.outcome) for call in calls]


def test_five_calls_in_one_task_are_five(manager):
    """Tracked calls awaited one after another in one task are counted one by one (article, L384)."""

    @manager.track_coroutine("step")
    async def step(number):
        await asyncio.sleep(number)
        return number

    async def main():
        return [await step(number) for number in range(5)]

    assert simulate(main).result == [0, 1, 2, 3, 4]
    assert outcomes(manager) == [("step", "success")] * 5
    assert [call.duration for call in manager.log.finished] == [0, 1, 2, 3, 4]
    assert manager.get_statistics()["total_duration"] == 10
    assert manager.get_statistics()["avg_duration"] == 2


def test_durations_are_exact(manager):
    """A call from 0.1 s to 0.4 s took 0.3 s, and ten such calls 3 s: sums of floats do not show."""

    @manager.track_coroutine()
    async def step():
        await asyncio.sleep(0.3)

    async def main():
        await asyncio.sleep(0.1)
        for _ in range(10):
            await step()

    simulate(main)
    assert {call.duration for call in manager.log.finished} == {0.3}
    assert manager.get_statistics()["total_duration"] == 3


def test_recursion_keeps_every_level(manager):
    """A recursive call has its own record beside that of the outer call, which is still active (article, L384)."""
    seen = []

    @manager.track_coroutine()
    async def down(depth):
        seen.append(len(manager.get_active_coroutines()))
        await asyncio.sleep(1)
        if depth:
            await down(depth - 1)

    simulate(lambda: down(2))
    assert seen == [1, 2, 3]
    assert [call.duration for call in manager.log.finished] == [1, 2, 3]
    assert len({call.id for call in manager.log.finished}) == 3


def test_numbers_are_never_used_again(manager):
    """A thousand tasks one after another leave a thousand different numbers, though Python reuses their id()."""

    @manager.track_coroutine()
    async def nothing():
        pass

    async def main():
        for _ in range(1000):
            await asyncio.create_task(nothing())

    simulate(main)
    assert [call.id for call in manager.log.finished] == list(range(1, 1001))


@pytest.mark.parametrize(
    ("error", "outcome", "text"),
    [
        (ValueError("no such page"), "failed", "ValueError: no such page"),
        (KeyError(), "failed", "KeyError"),
        (TimeoutError("the server's"), "timeout", "TimeoutError: the server's"),
        (asyncio.CancelledError(), "cancelled", ""),
        (ExceptionGroup("two", [ValueError(), OSError()]), "failed", "ExceptionGroup: two (2 sub-exceptions)"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else None,
)
def test_what_is_raised_is_noted_and_passed_on(manager, error, outcome, text):
    """What a call raises reaches its caller as it is, and its outcome and text are noted."""

    @manager.track_coroutine()
    async def fails():
        await asyncio.sleep(1)
        raise error

    async def main():
        try:
            await fails()
        except BaseException as caught:  # noqa: BLE001  # that it comes through is what is tested
            return caught

    assert simulate(main).result is error
    assert outcomes(manager) == [("fails", outcome)]
    assert manager.log.finished[0].error == text
    assert manager.log.finished[0].duration == 1


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit, type("Stop", (BaseException,), {})])
def test_exceptions_that_are_not_exception_end_a_call(manager, kind):
    """A KeyboardInterrupt or the like is passed on and leaves no call active."""

    @manager.track_coroutine()
    async def stops():
        raise kind

    async def main():
        try:
            await stops()
        except BaseException as caught:  # noqa: BLE001  # that it comes through is what is tested
            return type(caught)

    assert simulate(main).result is kind
    assert outcomes(manager) == [("stops", "failed")]


def test_an_error_that_cannot_be_printed_is_passed_on(manager):
    """An exception whose text cannot be made takes part under its type's name."""

    class Odd(Exception):
        def __str__(self):
            raise RuntimeError

    @manager.track_coroutine()
    async def fails():
        raise Odd

    with pytest.raises(Odd):
        simulate(fails)
    assert manager.log.finished[0].error == "Odd"


def test_a_cancelled_task_is_no_success(manager):
    """A cancelled call is cancelled, in the record and for its task (article, L588 counts it as a success)."""

    @manager.track_coroutine()
    async def sleeps():
        await asyncio.sleep(10)

    async def main():
        task = asyncio.create_task(sleeps())
        await asyncio.sleep(1)
        task.cancel()
        (result,) = await asyncio.gather(task, return_exceptions=True)
        return task.cancelled(), isinstance(result, Exception)

    assert simulate(main).result == (True, False)
    assert outcomes(manager) == [("sleeps", "cancelled")]


def stacks(manager):
    """Every order of the three decorators around a function that takes 5 s, with a limit of 2 s."""

    async def slow():
        await asyncio.sleep(5)

    track, retry = manager.track_coroutine("slow"), retry_decorator(max_attempts=1)
    for limit in (TimeoutManager.timeout_decorator(2), timeout_decorator(2), timeout_decorator(2, default={"a": 1})):
        yield track(limit(slow))
        yield limit(track(slow))
        yield track(limit(retry(slow)))
        yield track(retry(limit(slow)))
        yield retry(track(limit(slow)))
        yield limit(retry(track(slow)))
        yield retry(limit(track(slow)))
        yield limit(track(retry(slow)))


@pytest.mark.parametrize("number", range(24))
def test_a_timeout_is_a_timeout_in_any_order(manager, number):
    """A timeout, with or without default, is recorded as one, however the decorators are stacked (article, L556)."""
    function = list(stacks(manager))[number]

    async def main():
        try:
            await function()
        except TimeoutError:
            pass

    assert simulate(main).end == 2
    assert outcomes(manager) == [("slow", "timeout")]


def test_a_limit_inside_the_function_is_its_own_affair(manager):
    """A call that lives with a timeout in its inside, also of another decorated function, is a success."""

    @timeout_decorator(1, default="late")
    async def part():
        await asyncio.sleep(5)

    @manager.track_coroutine()
    @timeout_decorator(10, default="later")
    async def whole():
        return await part(), await with_timeout(asyncio.sleep(5), 1, default="too late")

    assert simulate(whole).result == ("late", "too late")
    assert outcomes(manager) == [("whole", "success")]


def test_the_call_after_a_timeout_is_judged_for_itself(manager):
    """A success that follows a timeout of the same function in the same task is a success."""

    @manager.track_coroutine()
    @timeout_decorator(2, default=None)
    async def wait(seconds):
        await asyncio.sleep(seconds)

    async def main():
        for seconds in (5, 1, 5):
            await wait(seconds)

    simulate(main)
    assert [outcome for _, outcome in outcomes(manager)] == ["timeout", "success", "timeout"]


def test_the_default_of_an_inner_limit_counts_through_an_outer_one(manager):
    """With two limits on one function, the default of the inner one makes the call a timeout."""

    @manager.track_coroutine()
    @timeout_decorator(9)
    @timeout_decorator(2, default="late")
    async def slow():
        await asyncio.sleep(5)

    assert simulate(slow).result == "late"
    assert outcomes(manager) == [("slow", "timeout")]


def test_a_default_deeper_in_a_recursion_is_not_the_outer_calls(manager):
    """A function that gets the default from a call of itself and then finishes in time is a success."""

    @timeout_decorator(3, default="late")
    async def down(depth):
        if depth == 0:
            await asyncio.sleep(9)
        return await limited(depth - 1)

    limited = timeout_decorator(1, default="late")(down)
    outer = manager.track_coroutine("outer")(down)
    assert simulate(lambda: outer(1)).result == "late"
    assert outcomes(manager) == [("outer", "success")]


@pytest.mark.parametrize(
    ("cancel_at", "outcome"), [(1, "cancelled"), (2, "cancelled"), (2.5, "cancelled"), (9, "timeout")]
)
def test_a_cancellation_is_told_from_a_timeout(manager, cancel_at, outcome):
    """A call inside a limit that somebody cancels, even as the time is up, was cancelled."""

    @manager.track_coroutine()
    async def slow():
        try:
            await asyncio.sleep(5)
        finally:
            await asyncio.sleep(1)  # still cleaning up when the second request comes at 2.5

    async def main():
        task = asyncio.create_task(with_timeout(slow(), 2))
        asyncio.get_running_loop().call_later(cancel_at, task.cancel)
        await asyncio.wait([task])
        return task.cancelled()

    assert simulate(main).result is (outcome == "cancelled")
    assert outcomes(manager) == [("slow", outcome)]


def test_a_cancellation_swallowed_earlier_does_not_count(manager):
    """A timeout in a task that swallowed a cancellation between two limits is a timeout."""

    @manager.track_coroutine()
    async def slow():
        await asyncio.sleep(5)

    async def main():
        await with_timeout(asyncio.sleep(1), 2)
        asyncio.current_task().cancel()
        try:
            await asyncio.sleep(1)
        except asyncio.CancelledError:
            pass
        return await with_timeout(slow(), 2, default="late")

    async def in_a_task():
        return (await asyncio.gather(main(), return_exceptions=True))[0]

    simulate(in_a_task)
    assert outcomes(manager) == [("slow", "timeout")]


def test_a_child_task_of_a_timed_out_call_was_cancelled(manager):
    """A limit ends only its own task; the children of its TaskGroup were cancelled by the group."""

    @manager.track_coroutine()
    async def child():
        await asyncio.sleep(5)

    @manager.track_coroutine()
    async def parent():
        async with asyncio.TaskGroup() as group:
            group.create_task(child())

    assert simulate(lambda: with_timeout(parent(), 2, default="late")).result == "late"
    assert outcomes(manager) == [("child", "cancelled"), ("parent", "timeout")]


def test_tasks_share_no_state(manager):
    """Two tasks that use one decorated function at the same time get their own result and outcome."""
    tries = {"a": 0, "b": 0}

    @manager.track_coroutine()
    @TimeoutManager.timeout_decorator(5.0, default={"error": "timeout"})
    @RetryManager.retry_decorator(max_attempts=3, delay=0.5)
    async def work(name, seconds):
        tries[name] += 1
        await asyncio.sleep(seconds)
        if tries[name] == 1:
            raise OSError(name)
        return name

    async def main():
        return await asyncio.gather(work("a", 1), work("b", 4))

    assert simulate(main).result == ["a", {"error": "timeout"}]
    assert tries == {"a": 2, "b": 2}
    assert [outcome for _, outcome in outcomes(manager)] == ["success", "timeout"]


# Async generators.


def tracked_stream(manager, events):
    @manager.track_coroutine("stream")
    async def stream(count):
        try:
            for number in range(count):
                await asyncio.sleep(1)
                try:
                    events.append((yield number))
                except ValueError as error:
                    events.append(repr(error))
        finally:
            await asyncio.sleep(1)
            events.append("closed")

    return stream


def test_an_async_generator_is_one_call(manager):
    """A tracked async generator gives its items, and is one call from its first step to its end."""
    events = []
    stream = tracked_stream(manager, events)

    async def main():
        return [(number, len(manager.get_active_coroutines())) async for number in stream(3)]

    assert simulate(main).result == [(0, 1), (1, 1), (2, 1)]
    assert outcomes(manager) == [("stream", "success")]
    assert manager.log.finished[0].duration == 4
    assert events == [None, None, None, "closed"]


def test_an_async_generator_cannot_tell_that_it_is_tracked(manager):
    """Values sent and exceptions thrown reach the generator, and its answers come back."""
    events = []
    stream = tracked_stream(manager, events)

    async def main():
        async with aclosing(stream(4)) as numbers:
            return await anext(numbers), await numbers.asend("hello"), await numbers.athrow(ValueError("no"))

    assert simulate(main).result == (0, 1, 2)
    assert events == ["hello", "ValueError('no')", "closed"]
    assert outcomes(manager) == [("stream", "closed")]


def test_a_generator_left_early_is_closed_with_its_clean_up(manager):
    """Leaving a tracked generator early runs its clean-up inside the call, whose outcome is "closed"."""
    events = []
    stream = tracked_stream(manager, events)

    async def main():
        async with aclosing(stream(3)) as numbers:
            async for _ in numbers:
                break
        return list(events)

    assert simulate(main).result == ["closed"]
    assert outcomes(manager) == [("stream", "closed")]
    assert manager.log.finished[0].duration == 2


def test_a_generator_that_fails_or_is_cancelled_says_so(manager):
    """An exception in a tracked generator, its own or a cancellation, is passed on and noted."""

    @manager.track_coroutine()
    async def stream():
        yield 1
        raise ValueError("no more")

    @manager.track_coroutine()
    async def slow():
        await asyncio.sleep(5)
        yield 1

    async def main():
        with pytest.raises(ValueError, match="no more"):
            async for _ in stream():
                pass
        with pytest.raises(TimeoutError):
            await with_timeout(anext(slow()), 1)
        task = asyncio.create_task(anext(slow()))
        await asyncio.sleep(1)
        task.cancel()
        await asyncio.wait([task])
        return task.cancelled()

    assert simulate(main).result
    assert outcomes(manager) == [("stream", "failed"), ("slow", "timeout"), ("slow", "cancelled")]


# What is kept.


def test_finished_calls_are_bounded_and_totals_exact():
    """However many calls there were, `keep` of them are kept and all of them counted (article, L429 keeps all)."""
    manager = CoroutineLifecycleManager(keep=10)

    @manager.track_coroutine()
    async def work(number):
        await asyncio.sleep(0.1)
        if number % 4 == 0:
            raise OSError

    async def main():
        await asyncio.gather(*(work(number) for number in range(1000)), return_exceptions=True)

    simulate(main)
    assert [call.id for call in manager.log.finished] == list(range(991, 1001))
    assert manager.get_statistics() == {
        "active": 0, "completed": 1000, "success": 750, "failed": 250, "cancelled": 0, "timeout": 0, "closed": 0,
        "total_duration": 100, "avg_duration": 0.1,
    }  # fmt: skip


def test_no_result_error_or_task_is_kept_alive(manager):
    """What a call returned or raised, and its task, can be collected as soon as nobody else holds it."""

    class Big(Exception):
        pass

    @manager.track_coroutine()
    async def work(fail):
        big = Big()
        if fail:
            raise big
        return big

    async def main():
        gone = []
        for fail in (True, False):
            task = asyncio.create_task(work(fail))
            await asyncio.wait([task])
            gone += [weakref.ref(task), weakref.ref(task.exception() or task.result())]
        del task
        await asyncio.sleep(0)
        gc.collect()
        return [reference() for reference in gone]

    assert simulate(main).result == [None] * 4


def test_a_pending_task_is_not_kept_alive(manager):
    """A task that waits for what nobody holds vanishes as it would without tracking, and its call is closed."""

    @manager.track_coroutine()
    async def waits():
        await asyncio.get_running_loop().create_future()

    async def main():
        asyncio.create_task(waits()).set_name("nobody's")
        await asyncio.sleep(1)
        active = len(manager.get_active_coroutines())
        gc.collect()
        return active

    assert simulate(main).result == 1
    assert outcomes(manager) == [("waits", "closed")]


def test_active_calls_tell_name_start_and_task(manager):
    """The active calls are listed in order of their beginning, each with its name, start time and task."""

    @manager.track_coroutine("data")
    async def work():
        await asyncio.sleep(5)

    async def main():
        first = asyncio.create_task(work())
        await asyncio.sleep(1)
        second = asyncio.create_task(work())
        await asyncio.sleep(1)
        active = manager.get_active_coroutines()
        assert [entry["task"] for entry in active] == [first, second]
        await asyncio.wait([first, second])
        return [(entry["id"], entry["name"], entry["start_time"]) for entry in active]

    assert simulate(main).result == [(1, "data", 0), (2, "data", 1)]


def test_a_coroutine_never_awaited_is_no_call(manager):
    """A coroutine that is made and not awaited never began, so there is no record of it."""

    @manager.track_coroutine()
    async def work():
        pass

    work().close()
    assert outcomes(manager) == []
    assert manager.get_statistics()["avg_duration"] == 0


def test_a_tracked_function_keeps_its_face(manager):
    """A tracked function has its name, its docstring and its kind, and methods can be tracked."""

    class Store:
        @manager.track_coroutine()
        async def load(self, key):
            """Load."""
            return key

    assert Store.load.__name__ == "load" and Store.load.__doc__ == "Load."
    assert inspect.iscoroutinefunction(Store.load)
    assert simulate(lambda: Store().load("key")).result == "key"
    assert outcomes(manager) == [("load", "success")]


def test_nothing_is_logged_above_info(manager, caplog):
    """A failing call is not logged as an error: that is for who handles it to decide."""
    caplog.set_level(logging.DEBUG, "course_lib.lifecycle")

    @manager.track_coroutine()
    async def fails():
        raise KeyError

    with pytest.raises(KeyError):
        simulate(fails)
    records = [record for record in caplog.records if record.name.startswith("course_lib.lifecycle")]
    assert records and max(record.levelno for record in records) <= logging.INFO


@pytest.mark.parametrize(
    ("make", "kind", "hint"),
    [
        (lambda: CoroutineLifecycleManager(keep=-1), ValueError, "keep=-1: pass 0 or more"),
        (lambda: CoroutineLifecycleManager(keep=1.5), TypeError, "keep=1.5: pass a whole number"),
        (
            lambda: CoroutineLifecycleManager().track_coroutine(print),
            TypeError,
            r"with parentheses, track_coroutine\(\)",
        ),
        (
            lambda: CoroutineLifecycleManager().track_coroutine()(5),
            TypeError,
            "decorate a function written with async def",
        ),
    ],
)
def test_arguments_without_sense_are_refused(make, kind, hint):
    """What cannot work is refused at once, with the parameter, the value and the next step."""
    with pytest.raises(kind, match=hint):
        make()


def test_tracking_a_plain_function_is_refused_when_called(manager):
    """A function that returns no awaitable is told of when it is called, and the call has failed."""
    with pytest.raises(TypeError, match="5, which cannot be awaited: is it written with async def"):
        simulate(manager.track_coroutine("five")(lambda: 5))
    assert outcomes(manager) == [("five", "failed")]
