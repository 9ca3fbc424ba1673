"""Cancel everywhere: at every point where a public coroutine function can wait, a cancellation gets through, cleanly.

Each scenario goes through `cancel_everywhere`, with a world that says whether all is cleaned up.
"""

import asyncio
import inspect
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
from course_lib.testing import cancel_everywhere


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

    def check(self):
        assert self.opened == self.closed
        assert self.manager.get_active_coroutines() == []
        statistics = self.manager.get_statistics()
        assert statistics["completed"] == sum(
            statistics[name] for name in ("success", "failed", "cancelled", "timeout", "closed")
        )


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


def cancelled_everywhere(scenario):
    """Cancel a scenario at every moment, up to three times; return the world of the run that nobody cancelled."""
    worlds = []

    def world():
        worlds.append(World())
        return worlds[-1]

    cancel_everywhere(scenario, World.check, make=world, times=3)
    return worlds[0]


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.__name__)
def test_cancelled_anywhere(scenario):
    """Cancelled at any moment, and again as it cleans up, a task ends cancelled, cleaned up, and leaks nothing."""
    assert cancelled_everywhere(scenario).opened > 0


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
