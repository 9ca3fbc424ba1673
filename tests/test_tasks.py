"""TaskManager: tasks are held until they are done, every failure is told, and the block's end ends what is left."""

import asyncio
import gc
import inspect
import re
import threading
import weakref

import pytest
from test_lifecycle_cancel import cancelled_everywhere

from course_lib.lifecycle import finish
from course_lib.seeing import every_order, simulate, span
from course_lib.tasks import KEPT, TaskManager


async def work(seconds=1.0, result="done"):
    await asyncio.sleep(seconds)
    return result


async def fail(seconds=1.0, error=ValueError):
    await asyncio.sleep(seconds)
    raise error(f"after {seconds:g} s")


def now():
    return asyncio.get_running_loop().time()


def simulated(main):
    """Run on the virtual clock; return the result, or what main raised, the end in seconds, and what was logged."""

    async def outer():
        logged, begun = [], now()
        asyncio.get_running_loop().set_exception_handler(lambda _, context: logged.append((now() - begun, context)))
        try:
            ended = await main()
        except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001  # what was raised is what is asked
            ended = error
        left = asyncio.all_tasks() - {asyncio.current_task()}
        assert not left
        return ended, now() - begun, logged

    return simulate(outer).result


# --- the article's defect


async def wait_for_what_nobody_else_holds():
    await asyncio.get_running_loop().create_future()


def collected(add_and_count):
    """Return how many tasks are left after a garbage collection, and what the loop's exception handler was told."""
    told = []

    async def main():
        asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context["message"]))
        return await add_and_count()

    return asyncio.run(main()), told


def test_a_task_that_only_a_weak_set_holds_vanishes():
    """The article's way: a task that waits for a bare future is gone at the next garbage collection, half done."""

    async def article_s():
        tasks = weakref.WeakSet()
        tasks.add(asyncio.create_task(wait_for_what_nobody_else_holds()))
        await asyncio.sleep(0)
        gc.collect()
        return len(tasks)

    assert collected(article_s) == (0, ["Task was destroyed but it is pending!"])


@pytest.mark.parametrize("limit", [None, 1])
def test_a_task_that_a_manager_holds_stays(limit):
    """The same task in a TaskManager, and one behind it that waits for its turn, outlive a garbage collection."""

    async def ours():
        async with TaskManager(limit, at_end="cancel") as tasks:
            tasks.add_task(wait_for_what_nobody_else_holds())
            tasks.add_task(wait_for_what_nobody_else_holds())
            await asyncio.sleep(0)
            gc.collect()
            return len(tasks.tasks)

    assert collected(ours) == (2, [])


@pytest.mark.parametrize("kind", [TaskManager, asyncio.TaskGroup])
def test_a_block_whose_own_task_nobody_holds_vanishes_with_its_tasks(kind):
    """What holds the tasks must be held itself: of a block in a task that nobody holds, all is collected together."""

    async def block():
        async with kind() as tasks:
            (tasks.add_task if kind is TaskManager else tasks.create_task)(wait_for_what_nobody_else_holds())

    async def nobody_s():
        asyncio.get_running_loop().create_task(block())
        for _ in range(3):
            await asyncio.sleep(0)
        gc.collect()
        return len(asyncio.all_tasks())

    assert collected(nobody_s) == (1, ["Task was destroyed but it is pending!"] * 2)


def test_a_task_that_is_done_is_let_go():
    """What is done is not kept: neither the task nor its result, while the block goes on."""

    class Result:
        pass

    async def main():
        async with TaskManager() as tasks:
            task = weakref.ref(tasks.add_task(work(1, Result())))
            result = weakref.ref(await task())
            await asyncio.sleep(0)
            gc.collect()
            return task(), result(), tasks.tasks

    assert simulated(main)[0] == (None, None, [])


# --- the end of the block


def test_the_end_waits_for_what_is_left():
    """By default the block ends with its last task, and the results can be asked for."""

    async def main():
        async with TaskManager() as tasks:
            first, second = tasks.add_task(work(1, "a")), tasks.add_task(work(3, "b"))
            assert tasks.tasks == [first, second]
        assert tasks.tasks == []
        return first.result(), second.result()

    assert simulated(main) == (("a", "b"), 3, [])


def test_the_end_waits_for_what_is_added_meanwhile():
    """While the end waits, running tasks may add others, and these are waited for."""

    async def main():
        async with TaskManager() as tasks:

            async def more(depth):
                await asyncio.sleep(1)
                if depth:
                    tasks.add_task(more(depth - 1))

            tasks.add_task(more(3))

    assert simulated(main) == (None, 4, [])


async def cleans_up(log, seconds=2.0):
    try:
        await asyncio.sleep(100)
    finally:
        await asyncio.sleep(seconds)
        log.append("cleaned up")


def test_the_end_cancels_what_is_left():
    """With at_end="cancel" what is left is cancelled, and the block ends when it has cleaned up."""
    log = []

    async def main():
        async with TaskManager(at_end="cancel") as tasks:
            task, done = tasks.add_task(cleans_up(log)), tasks.add_task(work(1))
            await asyncio.sleep(1.5)
        return task.cancelled(), done.result()

    assert simulated(main) == ((True, "done"), 3.5, [])
    assert log == ["cleaned up"]


@pytest.mark.parametrize("at_end", ["wait", "cancel"])
@pytest.mark.parametrize("raised", [KeyError, asyncio.CancelledError])
def test_a_block_that_raises_cancels(at_end, raised):
    """What the block raises comes out as it is, after what was left is cancelled and cleaned up, whatever at_end."""
    log, error = [], raised("mine")

    async def main():
        async with TaskManager(at_end=at_end) as tasks:
            tasks.add_task(cleans_up(log))
            await asyncio.sleep(1)
            raise error

    ended, seconds, logged = simulated(main)
    assert ended is error and (seconds, logged, log) == (3, [], ["cleaned up"])


@pytest.mark.parametrize("at_end", ["wait", "cancel"])
@pytest.mark.parametrize("limit", [0.5, 1.5], ids=["in the block", "at its end"])
def test_a_time_limit_reaches_all_of_it(at_end, limit):
    """A time limit around the block cancels it, or its end, and the tasks with it, and is told as a time limit."""
    log = []

    async def main():
        async with asyncio.timeout(limit), TaskManager(at_end=at_end) as tasks:
            tasks.add_task(cleans_up(log))
            await asyncio.sleep(1)

    ended, seconds, _ = simulated(main)
    assert isinstance(ended, TimeoutError)
    assert (seconds, log) == (3 if at_end == "cancel" and limit > 1 else limit + 2, ["cleaned up"])


def test_a_second_cancellation_does_not_interrupt_the_clean_up():
    """Cancelled again while its tasks clean up, the end waits on, and is cancelled when all of them are."""
    log = []

    async def block():
        async with TaskManager() as tasks:
            tasks.add_task(cleans_up(log))
            tasks.add_task(cleans_up(log))

    async def main():
        task = asyncio.create_task(block())
        for _ in range(3):
            await asyncio.sleep(0.5)
            task.cancel()
        await asyncio.wait([task])
        return task.cancelled()

    assert simulated(main) == (True, 2.5, [])
    assert log == ["cleaned up"] * 2


# --- failures


def test_a_failure_is_logged_at_once_and_raised_at_the_end():
    """One failure stops nothing: it is logged as it happens, the others go on, and the end raises all failures."""

    async def main():
        async with TaskManager() as tasks:
            tasks.add_task(fail(1), name="first")
            tasks.add_task(fail(2, KeyError))
            going_on = tasks.add_task(work(3))
            await asyncio.sleep(2.5)
            assert not going_on.done()

    ended, seconds, logged = simulated(main)
    assert isinstance(ended, ExceptionGroup) and [type(error) for error in ended.exceptions] == [ValueError, KeyError]
    assert ended.message == "2 tasks of a TaskManager failed"
    assert seconds == 3
    assert [when for when, _ in logged] == [1, 2]
    assert logged[0][1]["message"] == "a task of a TaskManager failed"
    assert logged[0][1]["exception"] is ended.exceptions[0] and logged[0][1]["task"].get_name() == "first"


def test_on_failure_deals_with_failures():
    """With on_failure each failure is told there as it happens, nothing is logged, and the end raises nothing."""
    told = []

    async def main():
        async with TaskManager(on_failure=lambda task, error: told.append((now(), task, error))) as tasks:
            task = tasks.add_task(fail(1))
            tasks.add_task(work(2))
        assert told == [(1, task, task.exception())]

    assert simulated(main) == (None, 2, [])


def test_no_failure_is_lost_where_on_failure_raises():
    """When on_failure itself raises, both errors are logged, and the failure is raised at the end."""

    def on_failure(task, error):
        raise KeyError("on_failure's own")

    async def main():
        async with TaskManager(on_failure=on_failure) as tasks:
            tasks.add_task(fail(1))

    ended, _, logged = simulated(main)
    assert [type(error) for error in ended.exceptions] == [ValueError]
    assert [type(context["exception"]) for _, context in logged] == [KeyError, ValueError]


def test_the_block_s_own_error_comes_first():
    """When the block raises and tasks failed too, its own error comes out, with a note that says so."""

    async def main():
        async with TaskManager() as tasks:
            tasks.add_task(fail(1))
            await asyncio.sleep(2)
            raise KeyError("mine")

    ended, _, logged = simulated(main)
    assert isinstance(ended, KeyError) and len(logged) == 1
    assert ended.__notes__ == ["Meanwhile 1 task of a TaskManager failed, and went to the loop's exception handler."]


@pytest.mark.parametrize("seconds", [2, 4], ids=["in the block", "at its end"])
def test_no_failure_takes_the_place_of_a_cancellation(seconds):
    """A block that is cancelled ends cancelled, also where tasks failed, which was logged."""

    async def block():
        async with TaskManager() as tasks:
            tasks.add_task(fail(1))
            tasks.add_task(work(9))
            await asyncio.sleep(3)

    async def main():
        task = asyncio.create_task(block())
        await asyncio.sleep(seconds)
        task.cancel()
        await asyncio.wait([task])
        return task.cancelled()

    cancelled, ended, logged = simulated(main)
    assert cancelled and ended == seconds and len(logged) == 1


def test_a_clean_up_that_fails_is_a_failure():
    """A task that fails while the end cancels it has failed, and is told as any other."""

    async def cleans_up_badly():
        try:
            await asyncio.sleep(9)
        finally:
            raise OSError("disk full")

    async def main():
        async with TaskManager(at_end="cancel") as tasks:
            tasks.add_task(cleans_up_badly())
            await asyncio.sleep(1)

    ended, seconds, logged = simulated(main)
    assert [type(error) for error in ended.exceptions] == [OSError] and seconds == 1 and len(logged) == 1


def test_a_cancelled_task_has_not_failed():
    """A task that somebody cancels, or that cancels itself, is told nowhere."""

    async def main():
        async with TaskManager() as tasks:
            tasks.add_task(work(9)).cancel()
            tasks.add_task(fail(1, asyncio.CancelledError))

    assert simulated(main) == (None, 1, [])


def test_a_long_block_keeps_a_bounded_number_of_failures():
    """All failures are logged and counted; the first hundred are kept to be raised."""

    async def main():
        async with TaskManager() as tasks:
            for _ in range(KEPT + 20):
                tasks.add_task(fail(1))

    ended, _, logged = simulated(main)
    assert (len(logged), len(ended.exceptions)) == (KEPT + 20, KEPT)
    assert ended.message == "120 tasks of a TaskManager failed; the first 100 are here, all were logged"


def test_an_error_that_is_no_exception_is_told_too():
    """A BaseException of somebody's own is raised at the end, in a group that says what it is."""

    class Own(BaseException):
        pass

    caught = []

    async def main():
        try:
            async with TaskManager() as tasks:
                tasks.add_task(fail(1, Own))
        except BaseExceptionGroup as group:
            caught.extend(group.exceptions)

    assert len(simulated(main)[2]) == 1
    assert [type(error) for error in caught] == [Own]


def test_system_exit_in_a_task_ends_the_program():
    """SystemExit in a task ends asyncio.run() with it; other tasks clean up, those with finish() also where it waits.

    asyncio.run() and the end of the block both cancel them, in an order that depends on addresses: a clean-up that
    waits may be interrupted, as in a TaskGroup.
    """
    log = []

    async def leave():
        raise SystemExit(3)

    async def cleans_up_in_a_task_of_its_own():
        try:
            await asyncio.sleep(100)
        finally:
            await finish(write())

    async def write():
        for _ in range(5):
            await asyncio.sleep(0)
        log.append("written")

    async def main():
        async with TaskManager() as tasks:
            for _ in range(3):
                tasks.add_task(cleans_up_in_a_task_of_its_own())
            tasks.add_task(leave())

    with pytest.raises(SystemExit, match="3"):
        asyncio.run(main())
    assert log == ["written"] * 3


@pytest.mark.parametrize("ending", [None, KeyError, asyncio.CancelledError, "cancelled at the end"])
def test_failures_are_freed_without_the_garbage_collector(ending):
    """When the block's ending has been dealt with, nothing keeps the failures of its tasks, whose frames hold much."""

    class Own(Exception):
        pass

    async def fails(tasks):  # its frame, and so its error, leads to the manager
        await asyncio.sleep(0)
        raise Own

    errors = []

    async def block():
        held_by_the_block = Own()
        errors.append(weakref.ref(held_by_the_block))
        async with TaskManager() as tasks:
            await asyncio.wait([tasks.add_task(fails(tasks))])
            if ending == "cancelled at the end":
                tasks.add_task(work(9))
                asyncio.get_running_loop().call_soon(asyncio.current_task().cancel)
            elif ending is not None:
                raise ending

    async def main():
        asyncio.get_running_loop().set_exception_handler(lambda _, said: errors.append(weakref.ref(said["exception"])))
        gc.disable()
        try:
            await asyncio.wait([asyncio.create_task(ended())])
            return [error() for error in errors]
        finally:
            gc.enable()

    async def ended():
        try:
            await block()
        except (ExceptionGroup, KeyError, asyncio.CancelledError):
            pass

    assert asyncio.run(main()) == [None, None]


# --- a limit


def test_with_a_limit_tasks_wait_for_their_turn():
    """With limit=2 never more than two run, in the order in which they were added."""
    begun, running, peak = [], 0, 0

    async def job(number):
        nonlocal running, peak
        begun.append(number)
        running += 1
        peak = max(peak, running)
        await asyncio.sleep(1)
        running -= 1

    async def main():
        async with TaskManager(2) as tasks:
            for number in range(5):
                tasks.add_task(job(number))
            assert len(tasks.tasks) == 5

    assert simulated(main) == (None, 3, [])
    assert begun == [0, 1, 2, 3, 4] and peak == 2


def test_what_fails_or_is_cancelled_gives_up_its_place():
    """A failure and a cancellation, of a task that runs or that waits, let the next one run."""

    async def main():
        async with TaskManager(1, on_failure=lambda task, error: None) as tasks:
            tasks.add_task(fail(1))
            runs, waits, last = (tasks.add_task(work(2)) for _ in range(3))
            waits.cancel()
            asyncio.get_running_loop().call_later(2, runs.cancel)
            return await last

    assert simulated(main) == ("done", 4, [])


def test_a_task_in_a_queue_goes_by_the_name_of_its_work():
    """In logs and debuggers a task under a limit shows the coroutine that was added."""

    async def main():
        async with TaskManager(1) as tasks:
            return repr(tasks.add_task(work(), name="mine"))

    text, _, _ = simulated(main)
    assert "coro=<work()" in text and "'mine'" in text


def test_with_a_limit_nothing_else_changes_in_any_order(recwarn):
    """Whatever ends first: at most two at once, every result and failure told once, and nothing left over."""

    async def main():
        running, peak, told = 0, 0, []

        async def job(number):
            nonlocal running, peak
            running += 1
            peak = max(peak, running)
            with span(f"job {number}"):
                await asyncio.sleep(1)
            running -= 1
            if number == 1:
                raise ValueError
            if number == 2:
                tasks.add_task(job(4))

        async with TaskManager(2, on_failure=lambda task, error: told.append(type(error))) as tasks:
            for number in range(4):
                tasks.add_task(job(number))
        return peak, told, tasks.tasks, running

    found = every_order(main, lambda ended: ended == (2, [ValueError], [], 0))
    assert found.complete and not found.failures, str(found)
    assert found.orders > 10


@pytest.mark.parametrize("limit", [None, 1, 2])
def test_the_end_cancels_what_is_left_in_any_order(limit, recwarn):
    """Whichever tasks are done when the block ends, each one is done or cancelled, and no coroutine is forgotten."""

    async def main():
        async def job(number):
            with span(f"job {number}"):
                await asyncio.sleep(1)

        async with TaskManager(limit, at_end="cancel") as tasks:
            every = [tasks.add_task(job(number)) for number in range(3)]
            with span("block"):
                await asyncio.sleep(1)
        return all(task.done() for task in every) and not tasks.tasks

    found = every_order(main, bool)
    assert found.complete and not found.failures, str(found)
    gc.collect()
    assert not recwarn.list


@pytest.mark.parametrize("begun", [False, True], ids=["before the first turn", "later"])
@pytest.mark.parametrize("limit", [None, 1])
def test_what_never_begins_is_no_forgotten_coroutine(limit, begun, recwarn):
    """A task that is cancelled before its turn, or before its first step, leaves no warning about a missing await."""

    async def main():
        async with TaskManager(limit, at_end="cancel") as tasks:
            for _ in range(3):
                tasks.add_task(work(9))
            if begun:
                await asyncio.sleep(1)

    simulated(main)
    gc.collect()
    assert not recwarn.list


# --- tasks that somebody else started


def test_a_task_from_elsewhere_is_taken_over():
    """A task made with create_task, running or done, is held, told of, and ended as the others are."""

    async def main():
        running, failed = asyncio.create_task(work(9), name="old"), asyncio.create_task(fail(0))
        await asyncio.wait([failed])
        async with TaskManager(at_end="cancel") as tasks:
            assert tasks.add_task(running, name="new") is running
            assert tasks.add_task(running) is running
            tasks.add_task(failed)
            assert tasks.tasks == [running] and running.get_name() == "new"
        return running.cancelled()

    ended, _, logged = simulated(main)
    assert isinstance(ended, ExceptionGroup) and len(logged) == 1


def test_a_manager_does_not_wait_for_the_task_that_ends_it():
    """A task that adds itself, or is added and closes the manager, does not wait for itself, nor cancel itself."""

    async def main():
        async with TaskManager(at_end="cancel") as tasks:
            tasks.add_task(asyncio.current_task())
            task = tasks.add_task(work(9))
        return task.cancelled()

    assert simulated(main) == (True, 0, [])


@pytest.mark.skipif(not hasattr(asyncio, "eager_task_factory"), reason="Python 3.11 has no eager tasks")
@pytest.mark.parametrize("limit", [None, 1])
def test_eager_tasks_are_held_and_told_of_as_well(limit):
    """Where tasks begin, and perhaps end, inside add_task, results and failures are the same."""

    async def at_once(error=None):
        if error:
            raise error
        return "at once"

    async def main():
        asyncio.get_running_loop().set_task_factory(asyncio.eager_task_factory)
        asyncio.get_running_loop().set_exception_handler(lambda _, context: logged.append(context["exception"]))
        async with TaskManager(limit) as tasks:
            results.extend([tasks.add_task(at_once()), tasks.add_task(work(0)), tasks.add_task(at_once(OSError()))])

    results, logged = [], []
    with pytest.raises(ExceptionGroup) as caught:
        asyncio.run(main())
    *done, failed = results
    assert [task.result() for task in done] == ["at once", "done"]
    assert [failed.exception()] == logged == list(caught.value.exceptions)


# --- what is refused


def refused(call, kind):
    """Return the text of what `call`, a coroutine function, raises; and no coroutine is left without an await."""
    with pytest.raises(kind) as caught:
        asyncio.run(call())
    return str(caught.value)


async def numbers():
    yield 1


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: work, r"task=<function work .* neither a coroutine nor a task: call it, add_task\(work\(\)\)"),
        (numbers, "go(es)? through it with async for"),
        (lambda: asyncio.get_running_loop().create_future(), "add a coroutine that awaits it"),
        (lambda: None, r"task=None is neither .* written with async def, add_task\(work\(\)\)"),
    ],
)
def test_what_is_no_coroutine_is_refused(make, told):
    """A function, an asynchronous generator, a future or a plain value is refused, with what to pass instead."""

    async def main():
        async with TaskManager() as tasks:
            tasks.add_task(make())

    assert re.search(told, refused(main, TypeError))


def add_before():
    async def main():
        TaskManager().add_task(work())

    return main


def add_after():
    async def main():
        async with TaskManager() as tasks:
            pass
        tasks.add_task(work())

    return main


def add_where_no_loop_runs():
    async def main():
        async with TaskManager() as tasks:
            await asyncio.to_thread(lambda: tasks.add_task(work()))

    return main


def add_in_another_loop():
    async def main():
        async def add():
            tasks.add_task(work())

        async with TaskManager() as tasks:
            await asyncio.to_thread(lambda: asyncio.run(add()))

    return main


def enter_twice():
    async def main():
        async with TaskManager() as tasks, tasks:
            pass

    return main


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (add_before, r"before the block: call it inside async with TaskManager\(\) as tasks"),
        (add_after, "after the end of the block: add it before, or open another TaskManager"),
        (add_where_no_loop_runs, "where no event loop runs: .* from a thread, loop.call_soon_threadsafe"),
        (add_in_another_loop, "in another event loop: call it in a coroutine of the block's loop"),
        (enter_twice, "has had its block: make a new one"),
    ],
)
def test_what_comes_at_the_wrong_place_or_time_is_refused(make, told, recwarn):
    """Outside of the block, or of its loop, nothing is added: the error says where to, and the coroutine is closed."""
    assert re.search(told, refused(make(), RuntimeError))
    gc.collect()
    assert not recwarn.list


def test_adding_while_the_tasks_are_cancelled_is_refused(recwarn):
    """A task that, being cancelled, adds another one gets an error that says what to do, and fails with it."""

    async def main():
        async with TaskManager(at_end="cancel") as tasks:

            async def adds_in_its_clean_up():
                try:
                    await asyncio.sleep(9)
                finally:
                    tasks.add_task(work())

            tasks.add_task(adds_in_its_clean_up())
            await asyncio.sleep(1)

    ended, _, logged = simulated(main)
    (error,) = ended.exceptions
    assert isinstance(error, RuntimeError) and len(logged) == 1
    assert re.search("tasks of this TaskManager are being cancelled: do what is left to do in the task", str(error))
    gc.collect()
    assert not recwarn.list


def test_a_task_of_another_loop_is_refused_and_left_alone():
    """A task that another loop runs is refused by its name, and not cancelled."""
    there, made, end = [], threading.Event(), threading.Event()

    async def elsewhere():
        there.append(asyncio.create_task(asyncio.to_thread(end.wait), name="theirs"))
        made.set()
        return await there[0]

    async def main():
        other = asyncio.create_task(asyncio.to_thread(lambda: asyncio.run(elsewhere())))
        await asyncio.to_thread(made.wait)
        try:
            async with TaskManager() as tasks:
                tasks.add_task(there[0])
        finally:
            end.set()
            assert await other is True

    assert "task 'theirs' is of another event loop: pass a coroutine" in refused(main, ValueError)


def test_a_refused_coroutine_that_runs_already_goes_on():
    """A coroutine that a task runs is refused without being closed under it."""

    async def main():
        running = work(0)
        task = asyncio.create_task(running)
        await asyncio.sleep(0)
        try:
            TaskManager().add_task(running)
        finally:
            assert await task == "done"

    assert "before the block" in refused(main, RuntimeError)


def test_with_a_limit_a_running_task_is_refused():
    """What runs already cannot wait for its turn, and goes on outside of the manager."""

    async def main():
        task = asyncio.create_task(work(0), name="early")
        try:
            async with TaskManager(1) as tasks:
                tasks.add_task(task)
        finally:
            assert await task == "done"

    assert "task 'early' runs already, so that it cannot wait for its turn" in refused(main, ValueError)


@pytest.mark.parametrize(
    ("arguments", "kind", "told"),
    [
        ({"limit": 0}, ValueError, "limit=0: pass 1 or more; None sets no limit"),
        ({"limit": 1.5}, TypeError, "limit=1.5: pass a whole number"),
        ({"limit": True}, TypeError, "limit=True: pass a whole number"),
        ({"at_end": "stop"}, ValueError, """at_end='stop': pass "wait" or "cancel","""),
        ({"at_end": []}, ValueError, """at_end=[]: pass "wait" or "cancel","""),
        ({"on_failure": work}, TypeError, "on_failure=work is a coroutine function, which would never be awaited"),
        ({"on_failure": 1}, TypeError, "on_failure is 1, which cannot be called"),
    ],
)
def test_arguments_without_sense_are_refused(arguments, kind, told):
    """Each argument is checked when the manager is made, with what it may be."""
    with pytest.raises(kind, match=re.escape(told)):
        TaskManager(**arguments)


# --- cancelled everywhere


async def waits_for_all(world):
    async with TaskManager() as tasks:
        tasks.add_task(world.work())
        tasks.add_task(world.work())
        await asyncio.sleep(2)


async def cancels_the_rest(world):
    async with TaskManager(at_end="cancel") as tasks:
        tasks.add_task(world.work())
        await asyncio.sleep(3)


async def takes_turns(world):
    async with TaskManager(1) as tasks:
        tasks.add_task(world.work())
        await tasks.add_task(world.work())
        tasks.add_task(world.work())


async def has_failures(world):
    async with TaskManager(on_failure=lambda task, error: None) as tasks:
        tasks.add_task(world.work(fail=9))
        await asyncio.sleep(1)
        tasks.add_task(world.work(fail=9))
        tasks.add_task(world.work(fail=0))


async def one_in_another(world):
    async with TaskManager() as tasks:
        tasks.add_task(takes_turns(world))
        await cancels_the_rest(world)


SCENARIOS = [waits_for_all, cancels_the_rest, takes_turns, has_failures, one_in_another]


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.__name__)
def test_cancelled_anywhere(scenario, recwarn):
    """Cancelled at any moment, and again as it ends, a block ends cancelled, its tasks ended and cleaned up."""
    assert cancelled_everywhere(scenario).opened > 0
    gc.collect()
    assert not recwarn.list


def test_every_coroutine_function_of_a_manager_is_cancelled():
    """A manager waits nowhere but at its block's beginning and end, which is what the scenarios go through."""
    waits = {name for name, member in vars(TaskManager).items() if inspect.iscoroutinefunction(member)}
    assert {name for name in waits if name.startswith("__") or not name.startswith("_")} == {"__aenter__", "__aexit__"}
