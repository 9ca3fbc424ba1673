"""Resources: released whole, once, whatever happens in the block and during the release; nothing is swallowed."""

import asyncio

import pytest

from course_lib.lifecycle import finish, managed_resource
from course_lib.seeing import simulate


class Room:
    """A resource whose release takes 2 s; `events` tells what happened to it, and when."""

    def __init__(self, error=None):
        self.events, self.error = [], error

    def note(self, what):
        self.events.append((what, asyncio.get_running_loop().time()))

    async def acquire(self):
        await asyncio.sleep(1)
        self.note("acquired")
        return self

    async def release(self, resource):
        assert resource is self
        self.note("releasing")
        await asyncio.sleep(2)
        if self.error:
            raise self.error
        self.note("released")

    async def use(self, seconds=5):
        async with managed_resource("room", self.acquire, self.release):
            await asyncio.sleep(seconds)
        return "used"


def cancelled_at(room, *times):
    """Cancel room.use() at each of these times; return whether its task ended cancelled, and the timeline."""

    async def main():
        task = asyncio.create_task(room.use())
        for time in times:
            asyncio.get_running_loop().call_later(time, task.cancel)
        await asyncio.wait([task])
        return task.cancelled()

    timeline = simulate(main)
    assert timeline.leaked == []
    return timeline.result, timeline


def test_the_articles_form():
    """`async with managed_resource("name") as resource` gives a dict with name and data, as in the article."""

    async def main():
        async with managed_resource("data-1") as resource:
            resource["data"].append("processed")
            inside = dict(resource)
        return inside, resource["open"]

    timeline = simulate(main)
    assert timeline.result == ({"name": "data-1", "data": ["processed"], "open": True}, False)
    assert timeline.end == 0.1


def test_a_resource_is_acquired_and_released():
    """The resource is acquired before the block and released after it."""
    room = Room()
    assert simulate(room.use).result == "used"
    assert room.events == [("acquired", 1), ("releasing", 6), ("released", 8)]


def test_what_the_block_raises_is_raised_after_the_release():
    """An exception of the block reaches the caller once the resource is released."""
    room = Room()

    async def main():
        async with managed_resource("room", room.acquire, room.release):
            raise ValueError("in the block")

    with pytest.raises(ValueError, match="in the block"):
        simulate(main)
    assert room.events[-1] == ("released", 3)


@pytest.mark.parametrize("times", [(2,), (2, 3), (2, 2.5, 3, 3.5), (2, 2, 2), (2, 4)])
def test_a_release_is_not_interrupted(times):
    """However often the task is cancelled, the release runs to its end, and then the task ends cancelled."""
    room = Room()
    cancelled, timeline = cancelled_at(room, *times)
    assert cancelled
    assert room.events == [("acquired", 1), ("releasing", 2), ("released", 4)]
    assert timeline.end == 4


def test_a_cancellation_during_a_normal_release_is_passed_on():
    """A first cancellation that arrives while the resource is being released is passed on after it."""
    room = Room()
    assert cancelled_at(room, 7)[0]
    assert room.events[-1] == ("released", 8)


def test_what_was_not_acquired_is_not_released():
    """A cancellation while acquiring releases nothing: there is nothing."""
    room = Room()
    assert cancelled_at(room, 0.5)[0]
    assert room.events == []


def test_a_limit_around_it_waits_for_the_release():
    """asyncio.timeout around the block raises its TimeoutError once the resource is released."""
    room = Room()

    async def main():
        async with asyncio.timeout(2):
            await room.use()

    with pytest.raises(TimeoutError) as caught:
        simulate(main)
    assert room.events[-1] == ("released", 4)
    assert caught.value.timeline.end == 4


def test_a_release_that_fails_raises():
    """The error of a release is raised, with that of the block as its context."""
    room = Room(OSError("stuck"))

    async def main():
        async with managed_resource("room", room.acquire, room.release):
            raise ValueError("in the block")

    with pytest.raises(OSError, match="stuck") as caught:
        simulate(main)
    assert isinstance(caught.value.__context__, ValueError)


@pytest.mark.parametrize("times", [(2,), (7,), (2, 3)])
def test_a_release_that_fails_swallows_no_cancellation(times):
    """When a release fails in a cancelled task, the task ends cancelled and the loop's handler gets the error."""
    cancelled, timeline = cancelled_at(Room(OSError("stuck")), *times)
    assert cancelled
    assert [note for note in timeline.notes if "clean-up failed" in note and "OSError: stuck" in note]


def test_a_release_has_a_time_limit():
    """A release that takes longer than release_timeout is cancelled, and TimeoutError raised."""
    room = Room()

    async def main():
        async with managed_resource("room", room.acquire, room.release, release_timeout=1):
            pass

    with pytest.raises(TimeoutError, match="not finished within 1 s") as caught:
        simulate(main)
    assert room.events == [("acquired", 1), ("releasing", 1)]
    assert caught.value.timeline.end == 2


def test_finish_returns_what_the_clean_up_returns():
    """finish() gives the clean-up's result, or raises its error."""

    async def fails():
        raise OSError("stuck")

    assert simulate(lambda: finish(asyncio.sleep(1, "clean"))).result == "clean"
    with pytest.raises(OSError, match="stuck"):
        simulate(lambda: finish(fails()))


def test_a_clean_up_cancelled_by_the_loops_end_is_passed_on():
    """When the clean-up's own task is cancelled, as at the end of asyncio.run, whoever waits is cancelled too."""

    async def main():
        waits = asyncio.create_task(finish(asyncio.sleep(5)))
        await asyncio.sleep(1)
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
        await asyncio.wait([waits])
        return waits.cancelled()

    timeline = simulate(main)
    assert (timeline.result, timeline.end) == (True, 1)


@pytest.mark.parametrize(
    ("arguments", "kind", "hint"),
    [
        ({"acquire": Room().acquire}, TypeError, "release is not, so nobody would release the resource: pass release"),
        ({"release": 5}, TypeError, "release is 5, which cannot be called: pass the coroutine function itself"),
        ({"acquire": 5}, TypeError, "acquire is 5"),
        ({"release_timeout": -1}, ValueError, "release_timeout=-1: .*10 is the default"),
        ({"acquire": dict, "release": Room().release}, TypeError, r"acquire returned is \{\}, which cannot be awaited"),
    ],
)
def test_arguments_without_sense_are_refused(arguments, kind, hint):
    """What cannot work is refused before the block, with the parameter, the value and the next step."""

    async def main():
        async with managed_resource("room", **arguments):
            raise AssertionError("the block ran")

    with pytest.raises(kind, match=hint):
        simulate(main)
