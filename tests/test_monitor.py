"""EventLoopMonitor: every task is counted, in its right state, and nothing is changed by being watched."""

import asyncio
import collections.abc
import contextvars
import gc
import random
import sys
import traceback
import weakref
from collections import Counter

import pytest

from course_lib.monitor import EventLoopMonitor, TaskState
from course_lib.seeing import record, simulate

EAGER = [asyncio.eager_task_factory] if sys.version_info >= (3, 12) else []


async def trivial():
    pass


async def gives(value, seconds=0.0):
    await asyncio.sleep(seconds)
    return value


async def fails(seconds=0.0):
    await asyncio.sleep(seconds)
    raise ValueError("no such page")


async def waits_for_ever():
    await asyncio.get_running_loop().create_future()


def states(monitor):
    return {state.value: number for state, number in monitor.totals().items() if number}


def watch(main):
    """Run a coroutine function, called with a monitor, inside the monitor's block; return the monitor."""

    async def watched():
        async with EventLoopMonitor() as monitor:
            await main(monitor)
        return monitor

    return asyncio.run(watched())


# The article's defects, one by one.


def test_every_keyword_is_passed_on():
    """create_task takes a name and a context, and a Runner's tasks start, while a monitor watches."""
    variable = contextvars.ContextVar("variable")

    async def reads():
        return variable.get()

    async def main():
        context = contextvars.copy_context()
        context.run(variable.set, "from the context")
        task = asyncio.create_task(reads(), name="reader", context=context)
        return await task, task.get_name()

    with asyncio.Runner() as runner:
        monitor = EventLoopMonitor()
        monitor.start_monitoring(runner.get_loop())
        assert runner.run(main()) == ("from the context", "reader")
        monitor.stop_monitoring()
    assert [metrics.name for metrics in monitor.get_metrics()] == ["main", "reader"]
    assert states(monitor) == {"completed": 2}


def test_ids_are_never_used_again():
    """A thousand tasks, one after another, leave a thousand records with different ids."""

    async def main(monitor):
        for _ in range(1000):
            await asyncio.create_task(trivial())

    monitor = watch(main)
    assert len({metrics.task_id for metrics in monitor.get_metrics()}) == 1000


def test_an_exception_nobody_asked_for_is_still_reported():
    """Being watched does not count as asking for an exception: asyncio still says that nobody did."""
    reported = []

    async def main(monitor):
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: reported.append(context["message"]))
        task = asyncio.create_task(fails())
        await asyncio.wait([task])
        monitor.get_metrics()
        del task
        gc.collect()

    watch(main)
    assert reported == ["Task exception was never retrieved"]


def test_every_state_occurs():
    """The five states are all seen, and only the task that asks is running."""
    seen = []

    async def asks(monitor):
        await asyncio.sleep(0.01)
        seen.append(states(monitor))
        seen.append({metrics.name: metrics.state.value for metrics in monitor.get_metrics()})

    async def main(monitor):
        asker = asyncio.create_task(asks(monitor))
        waiting = asyncio.create_task(waits_for_ever())
        cancelled = asyncio.create_task(waits_for_ever(), name="cancelled")
        done, failed = asyncio.create_task(gives(1)), asyncio.create_task(fails())
        cancelled.cancel()
        assert states(monitor) == {"pending": 5}
        await asyncio.wait([asker, done, failed])
        waiting.cancel()

    watch(main)
    assert seen[0] == {"pending": 1, "running": 1, "completed": 1, "failed": 1, "cancelled": 1}
    assert seen[1] == {
        "asks": "running",
        "waits_for_ever": "pending",
        "cancelled": "cancelled",
        "gives": "completed",
        "fails": "failed",
    }


def test_no_task_and_no_result_is_kept_alive():
    """When a program drops a task, the task and its result are gone, though its record is not."""

    class Result:
        pass

    async def makes():
        return Result()

    async def main(monitor):
        task = asyncio.create_task(makes())
        result = weakref.ref(await task)
        watched = weakref.ref(task)
        del task
        await asyncio.sleep(0)
        gc.collect()
        assert (result(), watched()) == (None, None)
        assert [metrics.name for metrics in monitor.get_metrics()] == ["makes"]

    watch(main)


def test_the_monitor_is_no_task():
    """Watching adds no task to the loop, and the monitor does not count itself."""

    async def main(monitor):
        await asyncio.sleep(0.12)  # two of its timer's beats
        assert asyncio.all_tasks() == {asyncio.current_task()}

    assert watch(main).created == 0


@pytest.mark.parametrize("inner", [None, *EAGER, lambda loop, coro, **kw: asyncio.Task(coro, loop=loop, **kw)])
def test_the_task_factory_is_put_back(inner):
    """Whatever factory was there makes the tasks, and is there again afterwards, as is the selector's own select."""

    async def main():
        loop = asyncio.get_running_loop()
        loop.set_task_factory(inner)
        before = dict(vars(loop._selector))
        async with EventLoopMonitor() as monitor:
            await asyncio.create_task(trivial())
            await asyncio.gather(gives(1), gives(2))
        assert loop.get_task_factory() is inner
        assert vars(loop._selector) == before
        return monitor

    assert states(asyncio.run(main())) == {"completed": 3}


# What else may happen to a task.


def test_a_task_cancelled_before_its_first_step_counts_as_cancelled():
    """A task that never ran a line is cancelled, not pending for ever."""

    async def main(monitor):
        task = asyncio.create_task(trivial())
        task.cancel()
        await asyncio.wait([task])

    assert states(watch(main)) == {"cancelled": 1}


def test_a_task_cancelled_in_its_last_step_counts_as_cancelled():
    """A coroutine that returns with a cancellation on the way gives a cancelled task, and is counted as one."""

    async def cancels_itself():
        asyncio.current_task().cancel()
        return "dropped"

    async def main(monitor):
        task = asyncio.create_task(cancels_itself())
        await asyncio.wait([task])
        assert task.cancelled()

    assert states(watch(main)) == {"cancelled": 1}


def test_a_cancellation_that_is_refused_counts_as_completed():
    """What counts is how the task ended, not that somebody cancelled it."""

    async def refuses():
        try:
            await waits_for_ever()
        except asyncio.CancelledError:
            return "still here"

    async def main(monitor):
        task = asyncio.create_task(refuses())
        await asyncio.sleep(0)
        task.cancel()
        assert await task == "still here"

    assert states(watch(main)) == {"completed": 1}


def test_a_task_that_vanishes_is_counted():
    """A pending task that nobody holds is destroyed as ever, and counted as cancelled and as lost."""
    reported = []

    async def main(monitor):
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: reported.append(context["message"]))
        task = asyncio.create_task(waits_for_ever())
        await asyncio.sleep(0)
        del task
        gc.collect()
        assert states(monitor) == {"cancelled": 1}
        assert monitor.lost == 1

    watch(main)
    assert reported == ["Task was destroyed but it is pending!"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_what_ends_the_program_counts_as_failed(error):
    """A task that leaves with KeyboardInterrupt or SystemExit has failed, and the exception goes on."""
    monitor = EventLoopMonitor()

    async def leaves():
        raise error

    async def main():
        monitor.start_monitoring()
        await asyncio.create_task(leaves())

    with pytest.raises(error):
        asyncio.run(main())
    assert monitor.failed == 1


def test_what_is_no_coroutine_is_refused_as_ever():
    """create_task names what it was given, and nothing is counted."""

    async def main(monitor):
        with pytest.raises(TypeError, match="a coroutine was expected, got 5"):
            await asyncio.create_task(5)

    assert watch(main).created == 0


@pytest.mark.parametrize("steps", [False, True])
def test_a_coroutine_of_another_kind_is_watched(steps):
    """An object that is a coroutine only by its methods, and has no name, is counted, and a task of it shows itself."""

    class Other(collections.abc.Coroutine):
        def __init__(self):
            self.inner = gives(1)
            self.send, self.throw, self.close = self.inner.send, self.inner.throw, self.inner.close

        def __await__(self):
            return self.inner.__await__()

        def send(self, value):
            raise NotImplementedError

        throw = close = send

    async def main():
        async with EventLoopMonitor(steps=steps) as monitor:
            task = asyncio.create_task(Other())
            assert "without __name__" in repr(task)
            assert await task == 1
        return monitor

    monitor = asyncio.run(main())
    assert states(monitor) == {"completed": 1}
    assert monitor.get_metrics()[0].function == "Other"


def test_a_factory_that_refuses_leaves_no_trace():
    """When the task factory below raises, no task was created, and none is counted."""

    def refuses(loop, coro, **kwargs):
        coro.close()
        raise RuntimeError("no more tasks")

    async def main():
        loop = asyncio.get_running_loop()
        loop.set_task_factory(refuses)
        async with EventLoopMonitor() as monitor:
            with pytest.raises(RuntimeError, match="no more tasks"):
                await loop.create_task(trivial())
        loop.set_task_factory(None)
        return monitor

    monitor = asyncio.run(main())
    gc.collect()
    assert (monitor.created, states(monitor)) == (0, {})


def test_a_failure_is_described():
    """A failed task's record says what it raised, in words: it holds no exception."""

    async def main(monitor):
        await asyncio.wait([asyncio.create_task(fails(), name="page 7")])

    (metrics,) = watch(main).get_metrics()
    assert (metrics.name, metrics.function, metrics.error) == ("page 7", "fails", "ValueError: no such page")


def test_tracebacks_and_stacks_are_as_without_a_monitor():
    """Neither a failed task's traceback nor a waiting task's stack shows a line of the monitor."""

    async def main(monitor):
        failed, waiting = asyncio.create_task(fails()), asyncio.create_task(waits_for_ever())
        await asyncio.wait([failed])
        names = [frame.name for frame in traceback.extract_tb(failed.exception().__traceback__)]
        assert names == ["fails"]
        assert [frame.f_code.co_name for frame in waiting.get_stack()] == ["waits_for_ever"]
        assert f"{waits_for_ever.__qualname__}() running at" in repr(waiting)
        waiting.cancel()

    watch(main)


def test_a_task_says_where_it_waits():
    """An unfinished task's record has the line it waits at, or that it has not begun."""

    async def main(monitor):
        task = asyncio.create_task(waits_for_ever())
        assert monitor.get_metrics()[0].place == "not begun"
        await asyncio.sleep(0)
        place = monitor.get_metrics()[0].place
        assert place.endswith("of waits_for_ever: await asyncio.get_running_loop().create_future()")
        task.cancel()

    watch(main)


# Sums.


async def tree(random_, depth=0):
    """Run a random tree of tasks, some of which fail, are cancelled, cancel themselves, or are gathered or grouped."""
    children = [asyncio.create_task(tree(random_, depth + 1)) for _ in range(random_.randrange(4) if depth < 4 else 0)]
    for child in children:
        if random_.random() < 0.2:
            child.cancel()
        for _ in range(random_.randrange(3)):
            await asyncio.sleep(0)
    try:
        if random_.random() < 0.5:
            await asyncio.gather(*children, return_exceptions=random_.random() < 0.5)
        elif random_.random() < 0.5 and depth < 4:
            async with asyncio.TaskGroup() as group:
                for _ in range(random_.randrange(3)):
                    group.create_task(tree(random_, depth + 1))
        if random_.random() < 0.2:
            raise ValueError(depth)
        if random_.random() < 0.1:
            asyncio.current_task().cancel()
        await asyncio.sleep(0)
    finally:
        if children:
            await asyncio.wait(children)


def outcome(task):
    if not task.done():
        return TaskState.RUNNING if task is asyncio.current_task() else TaskState.PENDING
    if task.cancelled():
        return TaskState.CANCELLED
    return TaskState.FAILED if task.exception() else TaskState.COMPLETED


# Python 3.12.1's TaskGroup refuses a coroutine when it is shutting down, and forgets to close it.
@pytest.mark.filterwarnings("ignore:coroutine 'tree' was never awaited")
@pytest.mark.parametrize("eager", [False, *([True] if EAGER else [])])
@pytest.mark.parametrize("steps", [False, True])
@pytest.mark.parametrize("seed", range(25))
def test_the_states_add_up_to_the_tasks_created(seed, steps, eager):
    """In random trees of tasks, at every look, each state's number is that of the tasks in it, and they add up."""
    made = []

    def keeps(loop, coro, **kwargs):
        task = EAGER[0](loop, coro, **kwargs) if eager else asyncio.Task(coro, loop=loop, **kwargs)
        made.append(task)
        return task

    async def main():
        loop, looks = asyncio.get_running_loop(), 0
        loop.set_task_factory(keeps)
        async with EventLoopMonitor(steps=steps, keep=5) as monitor:
            root = asyncio.create_task(tree(random.Random(seed)))
            while not root.done():
                looks += 1
                assert Counter(monitor.totals()) == Counter(map(outcome, made))
                await asyncio.sleep(0)
            await asyncio.wait(made)
            assert sum(monitor.totals().values()) == monitor.created == len(made)
            assert Counter(monitor.totals()) == Counter(map(outcome, made))
            assert len(monitor.get_metrics()) <= 10
        loop.set_task_factory(None)

    asyncio.run(main())


def test_records_are_bounded_and_totals_exact():
    """Of many ended tasks the last ones are remembered, failures on their own, and all are counted."""

    async def main():
        async with EventLoopMonitor(keep=10) as monitor:
            await asyncio.wait([asyncio.create_task(fails())])
            for _ in range(5):
                await asyncio.gather(*(trivial() for _ in range(100)))
        return monitor

    monitor = asyncio.run(main())
    assert states(monitor) == {"completed": 500, "failed": 1}
    assert [metrics.task_id for metrics in monitor.get_metrics()] == ["task-1", *(f"task-{n}" for n in range(492, 502))]


# Which tasks.


def test_a_block_watches_what_is_created_inside():
    """As a block, a monitor leaves alone the tasks of others on the same loop, as Jupyter's kernel has them."""

    async def kernel(go):
        await go.wait()
        await asyncio.create_task(trivial(), name="kernel's")

    async def cell():
        await asyncio.create_task(trivial(), name="inner")

    async def main():
        go = asyncio.Event()
        other = asyncio.create_task(kernel(go))
        async with EventLoopMonitor() as monitor:
            go.set()
            await asyncio.create_task(cell(), name="outer")
            await other
        await asyncio.create_task(trivial(), name="later")
        return monitor

    assert [metrics.name for metrics in asyncio.run(main()).get_metrics()] == ["outer", "inner"]


def test_start_monitoring_watches_the_whole_loop():
    """Between start_monitoring(loop) and stop_monitoring() every task of the loop is watched, whoever creates it."""

    async def other(go):
        await go.wait()
        await asyncio.create_task(trivial(), name="other's")

    async def main():
        go = asyncio.Event()
        task = asyncio.create_task(other(go))
        monitor = EventLoopMonitor()
        monitor.start_monitoring(asyncio.get_running_loop())
        go.set()
        await task
        monitor.stop_monitoring()
        await asyncio.create_task(trivial(), name="later")
        return monitor

    assert [metrics.name for metrics in asyncio.run(main()).get_metrics()] == ["other's"]


def test_nested_monitors_see_the_same_tasks():
    """A monitor inside another's block sees the tasks of its own block; the outer one sees those, too."""

    async def main():
        async with EventLoopMonitor() as outer:
            await asyncio.create_task(trivial(), name="before")
            async with EventLoopMonitor(steps=True) as inner:
                await asyncio.gather(gives(1), gives(2))
                assert [metrics.function for metrics in inner.get_metrics()] == ["gives", "gives"]
        return outer, inner

    outer, inner = asyncio.run(main())
    assert (states(outer), states(inner)) == ({"completed": 3}, {"completed": 2})


@pytest.mark.parametrize("first_ends_first", [True, False])
def test_monitors_end_in_any_order(first_ends_first):
    """Of two monitors on one loop either may end first; the factory and select are their own again afterwards."""

    async def main():
        loop = asyncio.get_running_loop()
        selects = vars(loop._selector).get("select")
        monitors = [EventLoopMonitor(), EventLoopMonitor()]
        for monitor in monitors:
            monitor.start_monitoring(loop)
        await asyncio.create_task(trivial())
        for monitor in monitors if first_ends_first else monitors[::-1]:
            monitor.stop_monitoring()
            await asyncio.create_task(trivial())
        assert loop.get_task_factory() is None
        assert vars(loop._selector).get("select") is selects
        return sorted(monitor.completed for monitor in monitors)

    assert asyncio.run(main()) == [1, 2]


def test_a_recording_inside_a_monitor_works():
    """record() and a monitor on one loop see the same task, whichever of the two is inside."""

    async def main():
        async with EventLoopMonitor() as monitor, record() as inner:
            await asyncio.create_task(gives(1), name="both")
        async with record() as outer, EventLoopMonitor() as second:
            await asyncio.create_task(gives(1), name="both")
        assert asyncio.get_running_loop().get_task_factory() is None
        return monitor, inner, outer, second

    monitor, inner, outer, second = asyncio.run(main())
    assert [lane.name for lane in inner] == [lane.name for lane in outer] == ["both"]
    assert states(monitor) == states(second) == {"completed": 1}


def test_a_factory_that_awaits_what_it_is_given_is_no_hindrance():
    """Where another task factory wraps each coroutine in one of its own, ends and unfinished tasks are still seen."""

    async def hooked(coro):
        return await coro

    async def main():
        loop = asyncio.get_running_loop()
        loop.set_task_factory(lambda loop, coro, **kwargs: asyncio.Task(hooked(coro), loop=loop, **kwargs))
        async with EventLoopMonitor() as monitor:
            waiting = asyncio.create_task(waits_for_ever(), name="waiting")
            cancelled = asyncio.create_task(waits_for_ever(), name="cancelled")
            assert await asyncio.create_task(gives("value"), name="done") == "value"
            cancelled.cancel()
            await asyncio.wait([asyncio.create_task(fails(), name="failed"), cancelled])
            seen = {metrics.name: metrics.state.value for metrics in monitor.get_metrics()}
            waiting.cancel()
        loop.set_task_factory(None)
        return seen

    seen = asyncio.run(main())
    assert seen == {"waiting": "pending", "cancelled": "cancelled", "done": "completed", "failed": "failed"}


if EAGER:

    def test_an_eager_task_that_never_waits_is_counted():
        """A task that ends inside create_task is counted as it ended."""

        async def main():
            loop = asyncio.get_running_loop()
            loop.set_task_factory(EAGER[0])
            async with EventLoopMonitor() as monitor:
                assert asyncio.create_task(trivial()).done()
                assert states(monitor) == {"completed": 1}

        asyncio.run(main())


# Starting and stopping.


def test_a_monitor_starts_once():
    """A second start is refused with what to do instead; a second stop does nothing."""

    async def main():
        monitor = EventLoopMonitor()
        monitor.start_monitoring()
        with pytest.raises(RuntimeError, match="make a new one"):
            monitor.start_monitoring()
        monitor.stop_monitoring()
        monitor.stop_monitoring()

    asyncio.run(main())


def test_a_monitor_needs_a_loop():
    """Without a loop given or running, start_monitoring says to pass one."""
    with pytest.raises(RuntimeError, match="pass one"):
        EventLoopMonitor().start_monitoring()


@pytest.mark.parametrize(
    ("options", "hint"),
    [
        ({"slow": 0}, "slow=0: pass seconds, more than 0"),
        ({"slow": float("nan")}, "slow=nan"),
        ({"keep": -1}, "keep=-1: pass how many ended tasks to remember, 0 or more"),
        ({"keep": 1.5}, "keep=1.5"),
    ],
)
def test_senseless_options_are_refused(options, hint):
    """A senseless option is named, with its value and what is allowed."""
    with pytest.raises(ValueError, match=hint.replace(".", r"\.")):
        EventLoopMonitor(**options)


def test_a_monitor_that_was_never_started_is_empty():
    """Before it starts, a monitor knows nothing and says so."""
    monitor = EventLoopMonitor()
    monitor.stop_monitoring()
    assert (monitor.get_metrics(), states(monitor), monitor.blocks, monitor.lag().samples) == ([], {}, [], 0)


def test_tasks_that_end_after_the_block_are_counted_then():
    """A task that outlives the block stays pending until it ends."""

    async def main():
        async with EventLoopMonitor() as monitor:
            task = asyncio.create_task(gives(1, 0.01))
        before = states(monitor)
        await task
        return before, states(monitor)

    assert asyncio.run(main()) == ({"pending": 1}, {"completed": 1})


# Time, exactly.


async def two_steps():
    await asyncio.sleep(1)
    import time

    time.sleep(0.25)
    await asyncio.sleep(2)


def test_in_a_simulation_times_are_exact():
    """On a virtual clock, waiting to start, running and suspended are exact, and so is the longest step."""

    async def main():
        async with EventLoopMonitor() as monitor:
            await asyncio.create_task(two_steps())
        return monitor

    (metrics,) = simulate(main).result.get_metrics()
    assert (metrics.start_time, metrics.end_time, metrics.duration) == (0, 3.25, 3.25)
    assert (metrics.waiting_to_start, metrics.running, metrics.suspended) == (0, 0.25, 3)
    assert metrics.longest_step.seconds == 0.25
    assert metrics.longest_step.resumed_from.endswith("of two_steps: await asyncio.sleep(1)")
    assert metrics.longest_step.reached.endswith("of two_steps: await asyncio.sleep(2)")


def test_waiting_for_the_first_step_is_told_apart():
    """A task that was created before a blocking step began it after that."""

    async def main():
        import time

        async with EventLoopMonitor() as monitor:
            task = asyncio.create_task(gives(1, 2))
            time.sleep(0.5)
            await task
        return monitor

    (metrics,) = simulate(main).result.get_metrics()
    assert (metrics.waiting_to_start, metrics.running, metrics.suspended) == (0.5, 0, 2)


def test_in_real_time_the_parts_add_up():
    """With step timing, waiting to start, running and suspended make up the duration of every task."""

    async def main():
        async with EventLoopMonitor(steps=True) as monitor:
            await asyncio.gather(trivial(), gives(1), fails(), gives(2, 0.02), return_exceptions=True)
        return monitor

    for metrics in asyncio.run(main()).get_metrics():
        parts = metrics.waiting_to_start + metrics.running + metrics.suspended
        assert parts == pytest.approx(metrics.duration, abs=1e-7)
        assert 0 <= metrics.longest_step.seconds <= metrics.running + 1e-9


def test_without_step_timing_nothing_is_claimed():
    """Where steps are not timed, what they would tell is None."""

    async def main(monitor):
        await asyncio.create_task(trivial())

    (metrics,) = watch(main).get_metrics()
    assert (metrics.waiting_to_start, metrics.running, metrics.suspended, metrics.longest_step) == (None,) * 4


def test_a_step_is_placed_in_a_function_that_the_task_awaits():
    """The places of a step are the innermost lines of the program's own code."""
    import time

    async def helper():
        await asyncio.sleep(1)
        time.sleep(0.1)
        await asyncio.sleep(1)

    async def outer():
        await helper()

    async def main():
        async with EventLoopMonitor() as monitor:
            await asyncio.create_task(outer())
        return monitor

    (metrics,) = simulate(main).result.get_metrics()
    assert "of helper: await asyncio.sleep(1)" in metrics.longest_step.resumed_from
    assert "of helper: await asyncio.sleep(1)" in metrics.longest_step.reached
    assert metrics.longest_step.resumed_from != metrics.longest_step.reached
