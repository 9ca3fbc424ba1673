"""A task that has failed or was cancelled is let go at once: no error leads, by its traceback, back to itself.

An error whose traceback holds a frame that holds the error lives on until the garbage collector runs, and with it all
that the frames of its task held. A million cancelled requests must not wait for that.
"""

import asyncio
import gc
import weakref

import pytest
from redis.exceptions import ResponseError

from course_lib.crawler.crawler import _end
from course_lib.crawler.threads import in_thread
from course_lib.database.bulk import _both
from course_lib.database.connecting import _ask
from course_lib.database.flights import Flights
from course_lib.database.sessions import Sessions
from course_lib.lifecycle import (
    finish,
    managed_resource,
    retry_decorator,
    timeout_decorator,
    track,
    with_retry,
    with_timeout,
)
from course_lib.lifecycle.tracking import CallLog
from course_lib.seeing import simulate
from course_lib.streams import batches, buffer, merge
from course_lib.tasks import TaskManager


class Memory:
    """What a task's frame holds."""


async def hold(work, seen):
    memory = Memory()
    seen.append(weakref.ref(memory))
    await work()


def still_held(work, *, cancel_at=()):
    """Return whether what a task held outlives it, without a collector; it is cancelled at each of these turns."""
    told = []

    async def main():
        loop, seen = asyncio.get_running_loop(), []
        loop.set_exception_handler(lambda _, said: told.append(said["message"]))
        task = asyncio.create_task(hold(work, seen))
        for turn in range(max(cancel_at, default=0) + 1):
            if turn in cancel_at:
                task.cancel()
            await asyncio.sleep(0)
        await asyncio.wait([task])
        assert task.cancelled() if cancel_at else task.exception(), "it was to fail"
        del task
        for _ in range(5):  # the loop's own references to what ran last
            await asyncio.sleep(0)
        return seen[0]() is not None

    gc.collect()
    gc.disable()
    try:
        return asyncio.run(main())
    finally:
        gc.enable()


async def turns(number):
    for _ in range(number):
        await asyncio.sleep(0)


async def failing():
    await turns(1)
    raise OSError("no answer")


async def release(_):
    await turns(20)


async def failing_release(_):
    await failing()


async def acquire():
    return "room"


async def numbers():
    try:
        for number in range(100):
            yield number
            await asyncio.sleep(0)
    finally:
        await turns(20)


async def broken():
    yield 1
    raise OSError("the source broke")


async def in_room():
    async with managed_resource("room", acquire, release):
        await asyncio.sleep(60)


async def in_room_that_fails():
    async with managed_resource("room", acquire, release):
        await failing()


async def in_room_with_a_failing_release():
    async with managed_resource("room", acquire, failing_release):
        await turns(1)


async def in_broken_room():
    async with managed_resource("room", acquire, failing_release):
        await asyncio.sleep(60)


async def in_tasks():
    async with TaskManager() as tasks:
        tasks.add_task(release(None))


async def in_tasks_that_fail():
    async with TaskManager() as tasks:
        tasks.add_task(failing())


def over(make):
    async def consume():
        async with make() as stream:
            async for _ in stream:
                await asyncio.sleep(0)

    return consume


async def share_a_failure():
    await Flights().share("key", failing)


async def share_a_long_query():
    await Flights().share("key", lambda: asyncio.sleep(60))


async def end_a_slow_task():
    task = asyncio.create_task(release(None))
    await asyncio.sleep(0)
    await _end(task)


def work_in_a_thread():
    raise OSError("no answer")


class FullPool:
    async def acquire(self):
        await asyncio.sleep(60)

    def get_max_size(self):
        return 1


async def borrow_from_a_full_pool():
    async with Sessions(FullPool(), 0).borrow("a query"):
        pass


class Connection:
    def __init__(self, replies):
        self.replies = replies

    def exchange(self, commands, answer):
        answer(self.__dict__.pop("replies"))


log = CallLog()
FAILS = {
    "finish": lambda: finish(failing()),
    "finish, too late": lambda: finish(asyncio.sleep(60), 0),
    "managed_resource, a failing block": in_room_that_fails,
    "managed_resource, a failing release": in_room_with_a_failing_release,
    "with_timeout": lambda: with_timeout(asyncio.sleep(60), 0),
    "with_timeout, a failing work": lambda: with_timeout(failing(), 60),
    "timeout_decorator": lambda: timeout_decorator(0)(failing)(),
    "with_retry": lambda: with_retry(failing, 3, 0),
    "with_retry, a deadline": lambda: with_retry(failing, 3, 0, deadline=60),
    "retry_decorator": lambda: retry_decorator(2, 0)(failing)(),
    "track": lambda: track(log)(failing)(),
    "TaskManager": in_tasks_that_fail,
    "merge": over(lambda: merge(numbers(), broken())),
    "batches": over(lambda: batches(broken(), size=3)),
    "buffer": over(lambda: buffer(broken(), 3)),
    "in_thread": lambda: in_thread(work_in_a_thread, int),
    "bulk insert, the connection fails": lambda: _both(failing(), turns(3)),
    "bulk insert, the rows fail": lambda: _both(turns(3), failing()),
    "a connection to Redis": lambda: _ask(Connection(OSError("gone")), []),
    "a refusal by Redis": lambda: _ask(Connection([b"OK", ResponseError("no")]), []),
    "a shared query": share_a_failure,
    "a full pool": borrow_from_a_full_pool,
}
CANCELLED = {
    "finish": lambda: finish(turns(20)),
    "with_timeout": lambda: with_timeout(asyncio.sleep(60), 60),
    "with_retry": lambda: with_retry(failing, 3, 60, jitter=None),
    "track": lambda: track(log)(finish)(turns(20)),
    "TaskManager": in_tasks,
    "merge": over(lambda: merge(numbers(), numbers())),
    "batches": over(lambda: batches(numbers(), size=3)),
    "buffer": over(lambda: buffer(numbers(), 3)),
    "a shared query": share_a_long_query,
    "a crawler's task": end_a_slow_task,
}
# Not more than once: with a second cancellation, on 3.13 contextlib's own frames lead to the first.
CANCELLED_ONCE = {
    "managed_resource": in_room,
    "managed_resource, a failing release": in_broken_room,
}


@pytest.mark.parametrize("work", FAILS.values(), ids=FAILS)
def test_a_task_that_failed_is_let_go(work):
    """What a task held is gone as soon as the task and its error are, without the garbage collector."""
    assert not still_held(work)


@pytest.mark.parametrize("turns", [(3,), (3, 6), (3, 6, 9)], ids=["once", "twice", "three times"])
@pytest.mark.parametrize("work", CANCELLED.values(), ids=CANCELLED)
def test_a_task_that_was_cancelled_is_let_go(work, turns):
    """So it is for one that was cancelled, also during its clean-up."""
    assert not still_held(work, cancel_at=turns)


@pytest.mark.parametrize("work", CANCELLED_ONCE.values(), ids=CANCELLED_ONCE)
def test_a_task_that_was_cancelled_in_a_block_is_let_go(work):
    """So it is for one that was cancelled in the block of a context manager."""
    assert not still_held(work, cancel_at=(3,))


def test_a_simulation_that_failed_is_let_go():
    """What the program of a simulation held is gone as soon as the simulation's error is."""
    seen = []

    def simulate_a_failure():
        try:
            simulate(lambda: hold(failing, seen))
        except OSError:
            return
        raise AssertionError("it was to fail")

    gc.collect()
    gc.disable()
    try:
        simulate_a_failure()
        assert seen[0]() is None
    finally:
        gc.enable()
