"""Time limits: only their own timeout gives the default, which nobody shares; everything else is passed on."""

import asyncio
import contextlib
import gc
import threading
import warnings

import pytest

from course_lib.lifecycle import TimeoutManager, timeout_decorator, with_timeout
from course_lib.seeing import simulate


async def page(seconds, events=None):
    try:
        await asyncio.sleep(seconds)
        return "page"
    finally:
        if events is not None:
            await asyncio.sleep(0.5)
            events.append("cleaned up")


def test_in_time_the_result_is_returned():
    """Work that takes less than the limit gives its result, and the limit leaves no timer behind."""
    timeline = simulate(lambda: with_timeout(page(1), 2))
    assert (timeline.result, timeline.end) == ("page", 1)


def test_without_a_default_a_timeout_is_raised():
    """The plain function raises TimeoutError with the limit in its message, caused by the cancellation it sent."""
    with pytest.raises(TimeoutError, match=r"^not finished within 2 s$") as caught:
        simulate(lambda: with_timeout(page(5), 2))
    assert isinstance(caught.value.__cause__, asyncio.CancelledError)


def test_the_articles_face_returns_none():
    """TimeoutManager returns its default, None unless another is given, as in the article."""

    async def main():
        limited = TimeoutManager.timeout_decorator(2)(page)
        return await TimeoutManager.with_timeout(page(5), 2), await limited(5), await limited(1)

    timeline = simulate(main)
    assert (timeline.result, timeline.end) == ((None, None, "page"), 5)


def test_the_work_has_cleaned_up_when_the_default_comes():
    """On a timeout the work is cancelled, and its clean-up has run to its end before the default is returned."""
    events = []
    timeline = simulate(lambda: with_timeout(page(5, events), 2, default="late"))
    assert (timeline.result, timeline.end, events) == ("late", 2.5, ["cleaned up"])
    assert timeline.leaked == []


@pytest.mark.parametrize("seconds", [1, 2])
def test_the_callees_own_timeout_error_is_passed_on(seconds):
    """A TimeoutError that the work raises itself is never taken for ours, not even at our limit (article, L472)."""
    own = TimeoutError("the database's")

    async def callee():
        await asyncio.sleep(seconds)
        raise own

    with pytest.raises(TimeoutError) as caught:
        simulate(lambda: with_timeout(callee(), 2.000001, default="late"))
    assert caught.value is own


def test_a_timeout_error_raised_while_cleaning_up_is_the_callees():
    """A TimeoutError that the work raises in answer to our cancellation is its own, and is passed on."""
    own = TimeoutError("closing took too long")

    async def callee():
        try:
            await asyncio.sleep(5)
        finally:
            raise own

    with pytest.raises(TimeoutError) as caught:
        simulate(lambda: with_timeout(callee(), 2, default="late"))
    assert caught.value is own


def test_an_error_of_the_clean_up_is_passed_on():
    """Another exception raised while the work is being cancelled takes the place of the default."""

    async def callee():
        try:
            await asyncio.sleep(5)
        finally:
            raise ValueError("disk full")

    with pytest.raises(ValueError, match="disk full"):
        simulate(lambda: with_timeout(callee(), 2, default="late"))


def test_work_that_finishes_in_spite_of_it_gives_its_result():
    """Work that catches the limit's cancellation and returns is done, late, and its result is not thrown away."""

    async def stubborn():
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(5)
        await asyncio.sleep(1)
        return "after all"

    async def main():
        result = await with_timeout(stubborn(), 2, default="late")
        await asyncio.sleep(1)  # no cancellation is left over
        return result, asyncio.current_task().cancelling()

    timeline = simulate(main)
    assert (timeline.result, timeline.end) == (("after all", 0), 4)


@pytest.mark.parametrize("cancel_at", [1, 2])
def test_the_callers_cancellation_is_passed_on(cancel_at):
    """A cancellation by the caller, before the limit or at that very moment, ends the task cancelled."""

    async def main():
        task = asyncio.create_task(with_timeout(page(5), 2, default="late"))
        asyncio.get_running_loop().call_later(cancel_at, task.cancel)
        await asyncio.wait([task])
        return task.cancelled()

    assert simulate(main).result is True


def test_a_cancellation_as_the_work_finishes_is_not_lost():
    """A cancellation in the very step in which the work's result arrives still cancels (wait_for on 3.11 loses it)."""

    async def main():
        answer = asyncio.get_running_loop().create_future()

        async def work():
            return await answer

        task = asyncio.create_task(with_timeout(work(), 2, default="late"))
        await asyncio.sleep(1)
        answer.set_result("page")
        task.cancel()
        await asyncio.wait([task])
        return task.cancelled()

    assert simulate(main).result is True


@pytest.mark.parametrize(
    ("outer", "inner", "result", "end"),
    [(3, 1, "inner", 1), (1, 3, "outer", 1), (2, 2, "outer", 2)],
    ids=["inner first", "outer first", "together"],
)
def test_nested_limits(outer, inner, result, end):
    """The limit that is up first gives its default; when two are up together, the outer one does."""
    timeline = simulate(lambda: with_timeout(with_timeout(page(9), inner, default="inner"), outer, default="outer"))
    assert (timeline.result, timeline.end) == (result, end)


def test_inside_a_task_group_the_group_is_not_disturbed():
    """A timeout inside a TaskGroup's task is over when the default comes: the group goes on."""

    async def main():
        async with asyncio.TaskGroup() as group:
            late = group.create_task(with_timeout(page(9), 1, default="late"))
            good = group.create_task(page(2))
        return late.result(), good.result()

    assert simulate(main).result == ("late", "page")


def test_each_caller_gets_a_default_of_its_own():
    """What one caller does to a default={...} reaches neither the next caller nor who gave it (article, L478)."""
    given = {"error": "timeout", "seen": []}
    limited = timeout_decorator(1, default=given)(page)

    async def main():
        first = await limited(5)
        first["seen"].append("first")
        given["seen"].append("given")
        return first, await limited(5), await with_timeout(page(5), 1, given)

    first, second, third = simulate(main).result
    assert first == {"error": "timeout", "seen": ["first"]}
    assert second == {"error": "timeout", "seen": []}
    assert third == given and third is not given


def test_a_default_that_is_no_container_is_returned_as_it_is():
    """A marker such as object(), known by its identity, is not copied."""
    marker = object()
    assert simulate(lambda: with_timeout(page(5), 1, default=marker)).result is marker


def test_a_default_factory_makes_each_default():
    """default_factory is called at each timeout, and only then."""
    made = []
    limited = timeout_decorator(1, default_factory=lambda: made.append("made") or len(made))(page)

    async def main():
        return [await limited(seconds) for seconds in (5, 0.5, 5)]

    assert simulate(main).result == [1, "page", 2]


def test_a_task_or_future_can_be_limited():
    """A task given to with_timeout is cancelled and awaited when the time is up."""

    async def main():
        task = asyncio.create_task(page(5, events := []))
        return await with_timeout(task, 1, default="late"), task.cancelled(), events

    assert simulate(main).result == ("late", True, ["cleaned up"])


def test_no_time_at_all():
    """With 0 seconds the work begins, and is cancelled at its first wait; what needs no wait succeeds."""

    async def main():
        return await with_timeout(page(1), 0, default="late"), await with_timeout(asyncio.sleep(0, "at once"), 9)

    assert simulate(main).result == ("late", "at once")


REFUSED = [
    ({"timeout": -1}, ValueError, r"timeout=-1: .*0 or more; .*max\(0, left\)"),
    ({"timeout": float("nan")}, ValueError, "timeout=nan: pass a finite number of seconds"),
    ({"timeout": float("inf")}, ValueError, "for no limit leave the limit out"),
    ({"timeout": "5"}, TypeError, "timeout='5': pass a number of seconds"),
    ({"timeout": True}, TypeError, "timeout=True"),
    ({"timeout": None}, TypeError, "timeout=None"),
    ({"timeout": 1, "default": 1, "default_factory": dict}, TypeError, "default=1 and default_factory are both given"),
    ({"timeout": 1, "default": {"lock": threading.Lock()}}, TypeError, "cannot be copied .* pass default_factory"),
    ({"timeout": 1, "default_factory": 5}, TypeError, "default_factory is 5, which cannot be called: pass a function"),
    ({"timeout": 1, "default_factory": page}, TypeError, "never be awaited: use plain def"),
]


@pytest.mark.parametrize(("arguments", "kind", "hint"), REFUSED)
def test_arguments_without_sense_are_refused(arguments, kind, hint):
    """A refusal names the parameter, the value and the next step, and leaves no coroutine unawaited."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with pytest.raises(kind, match=hint):
            simulate(lambda: with_timeout(page(1), **arguments))
        gc.collect()
    assert [str(warning.message) for warning in caught] == []
    seconds = arguments["timeout"]
    rest = {name: value for name, value in arguments.items() if name != "timeout"}
    with pytest.raises(kind, match=hint.replace("timeout=", "seconds=")):
        timeout_decorator(seconds, **rest)


def test_what_cannot_be_limited_is_refused():
    """A function in place of a coroutine, and an async generator function, are refused with what to write."""

    async def stream():
        yield 1

    with pytest.raises(TypeError, match="which cannot be awaited: call it"):
        simulate(lambda: with_timeout(page, 1))
    with pytest.raises(TypeError, match=r"stream is an async generator function.* with_timeout\(anext\(stream\)"):
        timeout_decorator(1)(stream)
    with pytest.raises(TypeError, match="already called"):
        timeout_decorator(1)(page(1))
