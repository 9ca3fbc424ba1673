"""record(): what it sees of the running loop, and that the program runs as it would without it."""

import asyncio
import contextvars
import gc
import io
import sys
import threading
import time
import traceback
import weakref
from collections.abc import Coroutine

import pytest

from course_lib.seeing import Outcome, State, record, simulate, span


async def fetch(seconds=0.0):
    await asyncio.sleep(seconds)
    return seconds


async def computes():
    """Hold the loop for as long as a recording calls blocking, measured by the recording's own clock."""
    until = time.perf_counter() + 0.06
    while time.perf_counter() < until:
        pass


def names(timeline):
    return [lane.name for lane in timeline]


@pytest.fixture(autouse=True)
def leaves_no_trace():
    async def patched():
        selector = asyncio.get_running_loop()._selector
        return "select" in vars(selector), asyncio.get_running_loop().get_task_factory()

    yield
    assert asyncio.run(patched()) == (False, None)


def state_of_the_loop():
    loop = asyncio.get_running_loop()
    return "select" in vars(loop._selector), loop.get_task_factory()


def test_tasks_get_lanes_with_their_ends():
    """Each task made inside the block has a lane: done, cancelled, failed, or left running."""

    async def fails():
        raise ValueError("no such page")

    async def main():
        async with record() as timeline:
            left = asyncio.create_task(fetch(60), name="left")
            cancelled = asyncio.create_task(fetch(60), name="cancelled")
            failed = asyncio.create_task(fails(), name="failed")
            await asyncio.create_task(fetch(), name="done")
            cancelled.cancel()
            await asyncio.wait([cancelled, failed])
        assert left in asyncio.all_tasks(), "what still runs goes on"
        left.cancel()
        assert isinstance(failed.exception(), ValueError)
        return timeline

    timeline = asyncio.run(main())
    assert {lane.name: lane.outcome for lane in timeline} == {
        "left": Outcome.LEFT,
        "cancelled": Outcome.CANCELLED,
        "failed": Outcome.FAILED,
        "done": Outcome.DONE,
    }
    assert timeline["failed"].error == "ValueError: no such page"
    assert not timeline.virtual
    assert all(0 <= lane.start <= lane.end <= timeline.end for lane in timeline)
    assert timeline["left"].end == timeline.end


def test_a_long_step_is_blocking_and_a_wait_is_waiting():
    """A step that holds the loop is drawn as blocking in its own lane; a sleep is not."""

    async def main():
        async with record() as timeline:
            await asyncio.create_task(computes())
            await asyncio.create_task(fetch(0.06))
        return timeline

    timeline = asyncio.run(main())
    assert 0.06 <= timeline["computes"].blocked <= timeline.blocked
    assert timeline["fetch"].spans[-2].state is State.WAITING
    assert timeline["fetch"].blocked == 0 or timeline["fetch"].seconds > 0.11, "unless the machine held it up"


def test_stretches_without_tasks_are_told_apart_by_the_loop():
    """Awaiting one after another makes no task: for a span, the loop's selector tells waiting from blocking."""

    async def main():
        async with record() as timeline:
            with span("waits"):
                await asyncio.sleep(0.06)
            with span("computes"):
                await computes()
        return timeline

    timeline = asyncio.run(main())
    assert names(timeline) == ["waits", "computes"]
    assert not any(lane.is_task for lane in timeline)
    assert timeline["computes"].blocked >= 0.05
    assert State.WAITING in {stretch.state for stretch in timeline["waits"].spans}
    assert timeline["waits"].end <= timeline["computes"].start


def test_a_span_in_a_task_shows_what_the_task_did():
    """A span inside a task takes over the task's own waiting and blocking; in a thread it is running throughout."""

    async def work():
        with span("first"):
            await computes()
        with span("second"):
            await asyncio.sleep(0)

    def in_thread():
        with span("thread"):
            time.sleep(0.001)

    async def main():
        async with record() as timeline:
            await asyncio.create_task(work())
            await asyncio.to_thread(in_thread)
        return timeline

    timeline = asyncio.run(main())
    assert names(timeline) == ["work", "first", "second", "thread"]
    assert timeline["first"].blocked >= 0.05
    assert [stretch.state for stretch in timeline["thread"].spans] == [State.RUNNING]


def test_a_span_marks_how_it_ended():
    """Exceptions pass through a span and mark its lane."""

    async def spanned(name):
        with span(name):
            await asyncio.sleep(60)

    async def main():
        async with record() as timeline:
            with pytest.raises(ValueError, match="no such page"), span("fails"):
                raise ValueError("no such page")
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(spanned("is cancelled"), 0.001)
        return timeline

    timeline = asyncio.run(main())
    assert timeline["fails"].outcome is Outcome.FAILED
    assert timeline["is cancelled"].outcome is Outcome.CANCELLED


def test_outside_a_recording_a_span_does_nothing():
    """span() needs no recording, and no loop."""
    with span("alone"):
        pass


def test_the_loop_is_as_it_was():
    """Task factory and selector are put back, also after an exception and after a cancellation."""

    async def main():
        def own(loop, coro, **kwargs):
            return asyncio.Task(coro, loop=loop, **kwargs)

        loop = asyncio.get_running_loop()
        loop.set_task_factory(own)
        before = state_of_the_loop()
        with pytest.raises(ZeroDivisionError):
            async with record():
                raise ZeroDivisionError

        async def recording():
            async with record():
                await asyncio.sleep(60)

        task = asyncio.create_task(recording())
        await asyncio.sleep(0)
        assert state_of_the_loop() != before
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()
        assert state_of_the_loop() == before

    asyncio.run(main())


def test_recordings_nest():
    """A recording inside a recording: the outer one sees everything, the inner one its own block."""

    async def main():
        async with record() as outer:
            await asyncio.create_task(fetch(), name="before")
            async with record() as inner:
                with span("stretch"):
                    await asyncio.create_task(fetch(), name="inside")
            await asyncio.create_task(fetch(), name="after")
        return outer, inner, state_of_the_loop()

    outer, inner, state = asyncio.run(main())
    assert names(outer) == ["before", "stretch", "inside", "after"]
    assert names(inner) == ["stretch", "inside"]
    assert state == (False, None)


def test_recordings_may_overlap():
    """Two tasks that record at the same time each see their own tasks, whichever ends first."""

    async def one(name, begins, ends):
        await begins.wait()
        async with record() as timeline:
            await asyncio.create_task(fetch(), name=name)
            await ends.wait()
            await asyncio.create_task(fetch(), name=f"{name} again")
        return timeline

    async def main(first_ends):
        begin, end = [asyncio.Event(), asyncio.Event()], [asyncio.Event(), asyncio.Event()]
        tasks = [asyncio.create_task(one(name, begin[n], end[n])) for n, name in enumerate("ab")]
        for event in begin:
            event.set()
            for _ in range(5):
                await asyncio.sleep(0)
        for n in (first_ends, 1 - first_ends):
            end[n].set()
            await asyncio.wait([tasks[n]])
        return [task.result() for task in tasks], state_of_the_loop()

    for first_ends in (0, 1):
        timelines, state = asyncio.run(main(first_ends))
        assert [names(timeline) for timeline in timelines] == [["a", "a again"], ["b", "b again"]]
        assert state == (False, None)


def test_a_factory_installed_inside_is_left_in_place():
    """Somebody who wraps the task factory during a recording keeps it afterwards, and it still makes tasks."""

    async def main():
        loop = asyncio.get_running_loop()
        made = []
        async with record() as timeline:
            ours = loop.get_task_factory()

            def theirs(loop, coro, **kwargs):
                made.append(coro.__name__)
                return ours(loop, coro, **kwargs)

            loop.set_task_factory(theirs)
            await asyncio.create_task(fetch())
        assert loop.get_task_factory() is theirs
        await asyncio.create_task(fetch())
        loop.set_task_factory(None)
        return names(timeline), made

    assert asyncio.run(main()) == (["fetch"], ["fetch", "fetch"])


def test_tasks_of_other_contexts_are_not_seen():
    """The loop's other tasks, such as a notebook kernel's own, stay out of the picture."""

    async def main():
        tick = asyncio.Event()

        async def kernel():
            await tick.wait()
            await asyncio.create_task(fetch(), name="the kernel's own")

        task = asyncio.create_task(kernel())
        async with record() as timeline:
            tick.set()
            await task
            await asyncio.create_task(fetch(), name="ours", context=contextvars.copy_context())
            await asyncio.create_task(fetch(), name="elsewhere", context=contextvars.Context())
        return names(timeline)

    assert asyncio.run(main()) == ["ours"]


def test_keywords_are_passed_on():
    """name= and context= of create_task work as without a recording."""
    who = contextvars.ContextVar("who", default="nobody")

    async def ask():
        return who.get(), asyncio.current_task().get_name()

    async def main():
        context = contextvars.copy_context()
        context.run(who.set, "somebody")
        async with record():
            return await asyncio.create_task(ask(), name="asks", context=context)

    assert asyncio.run(main()) == ("somebody", "asks")


def test_a_task_group_is_recorded():
    """TaskGroup's tasks have lanes, under the names it gave them."""

    async def main():
        async with record() as timeline, asyncio.TaskGroup() as group:
            group.create_task(fetch(), name="one")
            group.create_task(fetch())
        return names(timeline)

    assert asyncio.run(main()) == ["one", "fetch"]


@pytest.mark.skipif(sys.version_info < (3, 12), reason="eager tasks came with Python 3.12")
def test_eager_tasks_are_recorded():
    """With an eager task factory underneath, tasks that end at once are drawn, and spans keep their owner."""

    async def main():
        asyncio.get_running_loop().set_task_factory(asyncio.eager_task_factory)

        async def parent():
            child = asyncio.create_task(at_once())
            with span("stretch"):
                await computes()
            with span("parent"):  # named as the task it lies in, so that it gets no lane of its own
                pass
            assert child.done()

        async def at_once():
            return 5

        async with record() as timeline:
            await asyncio.create_task(parent())
            await asyncio.create_task(fetch())
        return timeline

    timeline = asyncio.run(main())
    assert names(timeline) == ["parent", "at_once", "stretch", "fetch"]
    assert timeline["stretch"].blocked >= 0.05
    assert {lane.outcome for lane in timeline} == {Outcome.DONE}


def test_exceptions_pass_through_untouched():
    """What a task raises reaches who awaits it, the same object, with no line of ours in its traceback."""
    error = ValueError("no such page")

    async def fails():
        await asyncio.sleep(0)
        raise error

    async def main():
        async with record():
            await asyncio.create_task(fails())

    with pytest.raises(ValueError, match="no such page") as caught:
        asyncio.run(main())
    assert caught.value is error
    files = {frame.filename for frame in traceback.extract_tb(error.__traceback__)}
    assert not any(file.endswith("trace.py") for file in files)


def test_an_error_that_cannot_be_printed_breaks_nothing():
    """An exception whose str() raises is recorded by its type."""

    class Odd(Exception):
        def __str__(self):
            raise RuntimeError("no words")

    async def fails():
        raise Odd

    async def main():
        async with record() as timeline:
            with pytest.raises(Odd):
                await asyncio.create_task(fails())
        return timeline["fails"].error

    assert asyncio.run(main()) == "Odd"


def test_nothing_is_kept_alive():
    """A recording holds neither tasks nor their results nor their errors, while it runs and afterwards."""

    class Result:
        pass

    async def main():
        seen = []

        async def work():
            result = Result()
            seen.append(weakref.ref(result))
            await asyncio.sleep(0)
            return result

        async with record() as timeline:
            task = asyncio.create_task(work())
            seen.append(weakref.ref(task))
            await task
            del task
            await asyncio.sleep(0)  # asyncio itself holds the task that woke this one for the rest of the step
            gc.collect()
            during = [reference() for reference in seen]
        return timeline, during

    timeline, during = asyncio.run(main())
    assert during == [None, None]
    assert names(timeline) == ["work"]


def test_a_task_that_goes_on_is_recorded_no_more():
    """A task that outlives the recording costs it nothing: no step is noted after the end."""

    async def ticks(turns):
        for _ in range(turns):
            await asyncio.sleep(0)
        return "done"

    async def main():
        async with record() as timeline:
            task = asyncio.create_task(ticks(1000))
            await asyncio.sleep(0)
            recorder = asyncio.get_running_loop().get_task_factory().owner
        noted = len(recorder.log)
        assert await task == "done"
        return noted == len(recorder.log), timeline["ticks"].outcome

    assert asyncio.run(main()) == (True, Outcome.LEFT)


def test_tasks_can_be_looked_into():
    """get_coro, get_stack and print_stack show the program's own coroutine, as debuggers need it."""

    async def waits():
        await asyncio.sleep(60)

    async def main():
        async with record():
            task = asyncio.create_task(waits())
            await asyncio.sleep(0)
            out = io.StringIO()
            task.print_stack(file=out)
            coro = task.get_coro()
            seen = coro.__name__, coro.__qualname__, coro.cr_running, len(task.get_stack()), asyncio.iscoroutine(coro)
            task.cancel()
            await asyncio.wait([task])
        return seen, out.getvalue()

    (name, qualname, running, frames, is_coroutine), stack = asyncio.run(main())
    assert (name, running, frames, is_coroutine) == ("waits", False, 1, True)
    assert qualname.endswith("<locals>.waits")
    assert "await asyncio.sleep(60)" in stack


def test_a_coroutine_that_never_ran_is_still_warned_about(recwarn):
    """Recording does not hide Python's warning about a coroutine that nobody awaited."""

    async def main():
        async with record():
            fetch()
            gc.collect()

    asyncio.run(main())
    assert ["never awaited" in str(warning.message) for warning in recwarn] == [True]


def test_recording_works_in_virtual_time():
    """record() inside a simulation reads the simulation's clock, and both see the tasks."""

    async def main():
        async with record() as timeline:
            await asyncio.create_task(fetch(3600), name="an hour")
        return timeline["an hour"].seconds

    timeline = simulate(main)
    assert timeline.result == 3600
    assert timeline["an hour"].end == 3600


def test_recordings_in_two_threads_do_not_meet():
    """Two loops in two threads are recorded at once without seeing each other."""
    both = threading.Barrier(2)
    seen = {}

    async def main(name):
        async with record() as timeline:
            await asyncio.to_thread(both.wait)
            await asyncio.create_task(fetch(), name=name)
        return [lane.name for lane in timeline if lane.name != "to_thread"]

    def run(name):
        seen[name] = asyncio.run(main(name))

    threads = [threading.Thread(target=run, args=(name,)) for name in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == {"a": ["a"], "b": ["b"]}


def test_a_wrong_threshold_is_refused():
    """blocking must be more than 0 seconds, and the error says so."""

    async def main(blocking):
        async with record(blocking=blocking):
            pass

    for blocking in (0, -1, float("nan")):
        with pytest.raises(ValueError, match=r"more than 0 \(0.05 is the default\)"):
            asyncio.run(main(blocking))


def test_a_function_that_was_not_called_is_named_as_without_a_recording():
    """create_task(fetch), without the call, raises asyncio's own TypeError inside a recording, too."""

    async def fetch():
        await asyncio.sleep(0)

    async def main():
        async with record():
            with pytest.raises(TypeError, match="a coroutine was expected"):
                asyncio.create_task(fetch)  # noqa: RUF006  # it makes none

    asyncio.run(main())


def test_a_task_factory_that_awaits_what_it_is_given_is_seen_through():
    """Where another task factory awaits the traced coroutine instead of stepping it, its steps are recorded."""

    def awaiting_factory(loop, coro, **kwargs):
        async def around():
            return await coro

        return asyncio.Task(around(), loop=loop, **kwargs)

    async def main():
        asyncio.get_running_loop().set_task_factory(awaiting_factory)
        async with record() as timeline:
            await asyncio.create_task(asyncio.sleep(0), name="inner")
        return timeline

    assert [(lane.name, lane.outcome) for lane in asyncio.run(main())] == [("inner", Outcome.DONE)]


def test_a_private_coroutine_that_is_not_pythons_own_is_recorded():
    """A coroutine compiled by Cython has no Python code to look at, and makes a task inside a recording too."""

    class Compiled(Coroutine):
        __name__ = "_compiled"

        def send(self, value):
            raise StopIteration("result")

        def throw(self, *error):
            raise error[0]

        def close(self):
            pass

        def __await__(self):
            return iter(())

    async def main():
        async with record() as timeline:
            result = await asyncio.create_task(Compiled())
        return result, [lane.name for lane in timeline]

    assert asyncio.run(main()) == ("result", ["_compiled"])
