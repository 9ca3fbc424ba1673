"""Cancel everywhere: at every point where a public coroutine function can wait, a cancellation gets through, cleanly.

Each scenario is run once to count its suspension points, and then once for each of them, cancelled there. A task can be
cancelled as it suspends, or as what it waits for arrives: in the second case the result and the cancellation meet.
"""

import asyncio
import inspect
from collections.abc import Coroutine
from contextlib import aclosing

import pytest

import course_lib.lifecycle
from course_lib.lifecycle import (
    CoroutineLifecycleManager,
    RetryManager,
    TimeoutManager,
    finish,
    managed_resource,
    retry_decorator,
    timeout_decorator,
    with_retry,
    with_timeout,
)
from course_lib.seeing import simulate


class Stepped(Coroutine):
    """A coroutine whose task is cancelled at its suspension points number `points`, counted from 1."""

    def __init__(self, coro, points=(), *, on_arrival=False):
        self.coro, self.points, self.on_arrival = coro, points, on_arrival
        self.count = 0

    def _step(self, step, *args):
        waits_for = step(*args)
        self.count += 1
        if self.count in self.points:
            task = asyncio.current_task()
            if self.on_arrival and waits_for is not None:
                # Before the task's own callback: it has its result, and has not been resumed.
                waits_for.add_done_callback(lambda _: task.cancel())
            else:
                task.cancel()
        return waits_for

    def send(self, value):
        return self._step(self.coro.send, value)

    def throw(self, *error):
        return self._step(self.coro.throw, *error)

    def close(self):
        self.coro.close()

    def __await__(self):
        raise NotImplementedError


class World:
    """What the scenarios use: a tracker, and a resource that counts how often it was opened and wholly closed."""

    def __init__(self):
        self.manager = CoroutineLifecycleManager()
        self.opened = self.closed = self.tries = 0

    async def open(self):
        await asyncio.sleep(1)
        self.opened += 1
        return self

    async def close(self, _):
        await asyncio.sleep(1)
        await asyncio.sleep(0)
        self.closed += 1

    async def work(self, fail=0):
        """Take 3 s and two more waits with an open resource, then fail as often as told."""
        async with managed_resource("resource", self.open, self.close):
            await asyncio.sleep(3)
            await asyncio.sleep(0)
            self.tries += 1
            if self.tries <= fail:
                raise OSError
            return "done"

    async def stream(self):
        async with managed_resource("resource", self.open, self.close):
            for number in range(3):
                await asyncio.sleep(1)
                yield number


async def resource(world):
    await world.work()


async def clean_up(world):
    await world.open()
    await finish(world.close(None))


async def in_time(world):
    await with_timeout(world.work(), 100)


async def too_late(world):
    assert await with_timeout(world.work(), 2, default="late") == "late"


async def two_limits(world):
    assert await with_timeout(with_timeout(world.work(), 3, default="inner"), 2, default="outer") == "outer"


async def timeout_class(world):
    await TimeoutManager.with_timeout(world.work(), 2)


async def decorated_timeout(world):
    assert await timeout_decorator(2, default="late")(world.work)() == "late"


async def retry(world):
    assert await with_retry(lambda: world.work(fail=2)) == "done"


async def retry_within(world):
    with pytest.raises(TimeoutError):
        await with_retry(lambda: world.work(fail=9), deadline=8, max_attempts=9)


async def retry_class(world):
    await RetryManager.with_retry(lambda: world.work(fail=1), 2, 1)


async def decorated_retry(world):
    await retry_decorator()(world.work)(fail=2)


async def tracked(world):
    await world.manager.track_coroutine()(world.work)()


async def tracked_generator(world):
    async with aclosing(world.manager.track_coroutine()(world.stream)()) as numbers:
        async for _ in numbers:
            await asyncio.sleep(1)


async def tracked_generator_left(world):
    async with aclosing(world.manager.track_coroutine()(world.stream)()) as numbers:
        await anext(numbers)


async def everything(world):
    track, limit, again = world.manager.track_coroutine(), timeout_decorator(30), retry_decorator(delay=0.5)
    await track(limit(again(track(timeout_decorator(5.5)(world.work)))))(fail=1)


SCENARIOS = {
    resource: [managed_resource],
    clean_up: [finish],
    in_time: [with_timeout],
    too_late: [with_timeout],
    two_limits: [with_timeout],
    timeout_class: [TimeoutManager.with_timeout],
    decorated_timeout: [timeout_decorator],
    retry: [with_retry],
    retry_within: [with_retry],
    retry_class: [RetryManager.with_retry],
    decorated_retry: [retry_decorator],
    tracked: [CoroutineLifecycleManager.track_coroutine],
    tracked_generator: [CoroutineLifecycleManager.track_coroutine],
    tracked_generator_left: [CoroutineLifecycleManager.track_coroutine],
    everything: [],
}


def run(scenario, points=(), *, on_arrival=False):
    """Run a scenario, cancelled at `points` (0: before its first step); return World, task and step count."""
    world = World()

    async def main():
        stepped = Stepped(scenario(world), points, on_arrival=on_arrival)
        task = asyncio.get_running_loop().create_task(stepped, name="scenario")
        if 0 in points:
            task.cancel()
        await asyncio.wait([task])
        left = asyncio.all_tasks() - {asyncio.current_task()}
        assert not left, f"left running: {left}"
        return task, stepped.count

    timeline = simulate(main)
    assert timeline.notes == []
    task, count = timeline.result
    assert world.opened == world.closed
    assert world.manager.get_active_coroutines() == []
    statistics = world.manager.get_statistics()
    assert statistics["completed"] == sum(
        statistics[name] for name in ("success", "failed", "cancelled", "timeout", "closed")
    )
    return world, task, count


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.__name__)
@pytest.mark.parametrize("on_arrival", [False, True], ids=["as it suspends", "as the result arrives"])
@pytest.mark.parametrize("times", [1, 2, 3], ids=["once", "twice", "three times"])
def test_cancelled_anywhere(scenario, on_arrival, times):
    """Cancelled at any suspension point, and the ones after, a task ends cancelled, cleaned up, and leaks nothing."""
    world, task, count = run(scenario)
    assert task.exception() is None and world.opened > 0
    assert count >= 2
    for point in range(count + 1):
        world, task, _ = run(scenario, range(point, point + times), on_arrival=on_arrival)
        assert task.cancelled(), f"the cancellation at point {point} of {count} was swallowed: {task}"


def test_every_public_coroutine_function_is_cancelled():
    """No public coroutine function of the package, nor of its classes, is missing from these scenarios."""
    covered = {function for functions in SCENARIOS.values() for function in functions}
    for name in course_lib.lifecycle.__all__:
        thing = getattr(course_lib.lifecycle, name)
        members = vars(thing).values() if inspect.isclass(thing) else [thing]
        for member in members:
            function = getattr(member, "__func__", member)
            if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(
                inspect.unwrap(function) if callable(function) else None
            ):
                assert function in covered, name


def test_the_driver_sees_a_swallowed_cancellation():
    """A scenario that swallows its cancellation, or loses its clean-up, does not pass."""

    async def swallows(world):
        try:
            await asyncio.sleep(1)
        except asyncio.CancelledError:
            pass

    async def loses(world):
        await world.open()
        try:
            await asyncio.sleep(1)
        finally:
            await world.close(None)

    assert not run(swallows, [1])[1].cancelled()
    with pytest.raises(AssertionError):
        run(loses, [2, 3])


def test_the_driver_sees_a_leaked_task():
    """A scenario that leaves a task behind does not pass."""

    async def leaks(world):
        task = asyncio.create_task(asyncio.sleep(9))
        await asyncio.shield(task)

    with pytest.raises(AssertionError, match="left running"):
        run(leaks, [1])
