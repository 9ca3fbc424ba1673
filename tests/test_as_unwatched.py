"""What is watched is as it would be unwatched: no error keeps a frame of the watcher, and no task's memory stays."""

import asyncio
import gc
import sys
import traceback
import weakref
from contextlib import AsyncExitStack

import pytest

from course_lib.monitor import EventLoopMonitor
from course_lib.seeing import record, simulate


def quiet_monitor(**options):
    """Return a monitor whose thread takes no look in a test: while it does, it holds what it looks at."""
    return EventLoopMonitor(slow=1000, **options)


# Of the coroutine below one that a factory makes, when the task is cancelled before its first step.
pytestmark = pytest.mark.filterwarnings("ignore:coroutine .* was never awaited")

WATCHERS = {
    "nothing": [],
    "record": [record],
    "the monitor": [quiet_monitor],
    "the monitor with steps": [lambda: quiet_monitor(steps=True)],
    "a monitor in a recording": [record, quiet_monitor],
    "a recording in two monitors": [quiet_monitor, lambda: quiet_monitor(steps=True), record],
}


async def awaiting(loop, coro, **kwargs):
    return await coro


def awaiting_factory(loop, coro, **kwargs):
    """Make a task of a coroutine that awaits the one it is given, as some libraries do."""
    return asyncio.Task(awaiting(loop, coro), loop=loop, **kwargs)


FACTORIES = {"no factory": None, "a factory that awaits": awaiting_factory}
if sys.version_info >= (3, 12):
    FACTORIES["eager tasks"] = asyncio.eager_task_factory


def run(main, watchers, factory=None):
    """Run a coroutine function inside watchers, on a loop with a task factory."""

    async def watched():
        asyncio.get_running_loop().set_task_factory(factory)
        async with AsyncExitStack() as stack:
            for watcher in watchers:
                await stack.enter_async_context(watcher())
            return await main()

    return asyncio.run(watched())


@pytest.fixture(params=WATCHERS)
def watchers(request):
    return WATCHERS[request.param]


@pytest.fixture(params=FACTORIES)
def factory(request):
    return FACTORIES[request.param]


# Memory.


class Load(bytearray):
    """Memory whose end can be seen."""


@pytest.fixture
def no_collector():
    gc.collect()
    gc.disable()
    yield
    gc.enable()


async def waits(load):
    await asyncio.sleep(3600)


async def raises(load):
    await asyncio.sleep(0)
    raise ValueError("no such page")


async def raises_at_once(load):
    raise ValueError("no such page")


async def raises_again(load):
    try:
        await asyncio.sleep(3600)
    except asyncio.CancelledError:
        raise


async def raises_something_else(load):
    try:
        await asyncio.sleep(3600)
    except asyncio.CancelledError as error:
        raise ValueError("no such page") from error


async def refuses(load):
    try:
        await asyncio.sleep(3600)
    except asyncio.CancelledError:
        return len(load)


async def cleans_up(load):
    try:
        await asyncio.sleep(3600)
    finally:
        await asyncio.sleep(0)


async def runs_out_of_time(load):
    async with asyncio.timeout(0):
        await asyncio.sleep(3600)


async def fails_in_a_group(load):
    async with asyncio.TaskGroup() as group:
        group.create_task(waits(load))
        group.create_task(raises(load))


KINDS = [
    waits, raises, raises_at_once, raises_again, raises_something_else, refuses, cleans_up, runs_out_of_time,
    fails_in_a_group,
]  # fmt: skip


async def gone_after_each(kind, steps, cancel=True):
    """Start, cancel and await tasks one after another; return whether the memory of each went with it."""
    gone = []
    for _ in range(3):
        load = Load(10)
        seen = weakref.ref(load)
        task = asyncio.create_task(kind(load))
        del load
        for _ in range(steps):
            await asyncio.sleep(0)
        if cancel:
            task.cancel()
        await asyncio.wait([task])
        assert task.done()
        if not task.cancelled():
            task.exception()
        del task
        await asyncio.sleep(0)
        gone.append(seen() is None)
    return gone


CANCELLED = [(kind, steps) for kind in KINDS for steps in (0, 1, 2)]
ENDING = [(kind, 0) for kind in (raises, raises_at_once, runs_out_of_time, fails_in_a_group)]
ENDS = [*((*case, True) for case in CANCELLED), *((*case, False) for case in ENDING)]


def freed_by_python(ends, factory):
    """Leave out what Python itself, with no watcher, leaves to the garbage collector."""
    left = [end for end in ends if all(run(lambda end=end: gone_after_each(*end), [], factory))]
    assert len(left) > 20
    return left


def test_the_memory_of_an_ended_task_goes_with_it(watchers, factory, no_collector):
    """Whatever a cancelled or failed task held is gone when the task is, without the garbage collector."""
    for end in freed_by_python(ENDS, factory):
        assert all(run(lambda end=end: gone_after_each(*end), watchers, factory)), end


def test_the_memory_of_an_ended_task_goes_with_it_in_a_simulation(no_collector):
    """In a simulation, too, what a cancelled or failed task held is gone when the task is."""
    for end in freed_by_python(ENDS, None):
        assert all(simulate(lambda end=end: gone_after_each(*end)).result), end


# Tracebacks.


def place(frame):
    """Return where a line stands; asyncio calls a task factory on another line than its own Task."""
    return frame.filename, frame.name, frame.lineno if frame.filename == __file__ else None


def shown(error, seen=()):
    """Return everything that is printed of an error: its lines, its causes, and the errors in it."""
    if error is None or error in seen:
        return None
    seen = (*seen, error)
    return (
        type(error).__name__,
        [place(frame) for frame in traceback.extract_tb(error.__traceback__)],
        shown(error.__cause__, seen),
        shown(error.__context__, seen),
        [shown(inner, seen) for inner in getattr(error, "exceptions", ())],
    )


async def errors_of_tasks():
    """Return what is shown of the errors of tasks that end in every way."""
    found = []
    for kind in KINDS:
        for steps in (0, 1, 2):
            for cancel in (True, False):
                if not cancel and kind in (waits, raises_again, raises_something_else, refuses, cleans_up):
                    continue
                task = asyncio.create_task(kind(b""))
                for _ in range(steps):
                    await asyncio.sleep(0)
                if cancel:
                    task.cancel()
                try:
                    await task
                    found.append(None)
                except (ValueError, TimeoutError, asyncio.CancelledError, ExceptionGroup) as error:
                    found.append(shown(error))
    return found


async def errors_inside_tasks():
    """Return what is shown of errors that tasks themselves catch: of others, of a time limit, of a group."""
    found = []

    async def catches(awaitable):
        try:
            await awaitable
        except BaseException as error:
            found.append(shown(error))
            raise

    async def limited():
        async with asyncio.timeout(0):
            await asyncio.sleep(3600)

    async def generator():
        yield 1
        raise ValueError("no such page")

    async def consumer():
        async for _ in generator():
            await asyncio.sleep(0)

    shared = asyncio.get_running_loop().create_future()
    makers = [
        lambda: catches(limited()),
        lambda: catches(asyncio.wait_for(asyncio.sleep(3600), 0)),
        lambda: catches(asyncio.create_task(raises(b""))),
        lambda: catches(asyncio.gather(raises(b""), waits(b""))),
        lambda: catches(asyncio.shield(asyncio.create_task(raises_at_once(b"")))),
        lambda: catches(fails_in_a_group(b"")),
        lambda: catches(consumer()),
        lambda: catches(shared),
        lambda: catches(shared),
    ]
    tasks = [asyncio.create_task(make()) for make in makers]
    shared.set_exception(ValueError("shared"))
    found += [shown(error) for error in await asyncio.gather(*tasks, return_exceptions=True)]
    return found


async def errors_logged():
    """Return what is shown of the errors that the loop's exception handler is told of."""
    told = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda loop, context: told.append((context["message"], shown(context["exception"]))))

    def callback():
        raise ValueError("in a callback")

    loop.call_soon(callback)
    for kind in (raises, raises_at_once, fails_in_a_group, runs_out_of_time):
        task = asyncio.create_task(kind(b""))
        await asyncio.wait([task])
        del task
        gc.collect()
    loop.set_exception_handler(None)
    return told


async def errors_of_what_is_no_coroutine():
    """Return what is shown of the error that create_task raises for what is no coroutine."""
    try:
        await asyncio.create_task(3)
    except TypeError as error:
        return shown(error)


PROGRAMS = [errors_of_tasks, errors_inside_tasks, errors_logged, errors_of_what_is_no_coroutine]


@pytest.mark.parametrize("program", PROGRAMS)
def test_errors_are_shown_as_ever(program, watchers, factory):
    """An error's lines, causes, contexts and inner errors are the same watched and unwatched, caught and logged."""
    assert run(program, watchers, factory) == run(program, [], factory)


@pytest.mark.parametrize("program", PROGRAMS)
def test_errors_are_shown_as_ever_in_a_simulation(program):
    """In a simulation, too, an error's lines are those of the program alone."""
    assert simulate(program, limit=300).result == run(program, [])  # four full collections, in a large process


def test_an_error_that_leaves_the_watchers_block_is_shown_as_ever(watchers):
    """What the block of a recording or a monitor raises passes out of it with the lines it would have without."""

    async def outside(watchers):
        try:
            async with AsyncExitStack() as stack:
                for watcher in watchers:
                    await stack.enter_async_context(watcher())
                await raises(b"")
        except ValueError as error:
            return [frame.name for frame in traceback.extract_tb(error.__traceback__) if frame.filename == __file__]

    assert asyncio.run(outside(watchers)) == ["outside", "raises"]
