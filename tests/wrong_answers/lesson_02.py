"""Wrong answers to the exercises of lesson 2, as learners write them: each must get its own sentence."""

import asyncio
import time

from course_lib.exercises import lesson_02 as ex
from course_lib.exercises.lesson_02 import as_found
from wrong_answers import told

# in_chunks


@told(ex.in_chunks, "All 100 items were worked on before anyone else had a turn")
async def in_one_go(items, work):
    return [work(item) for item in items]


@told(
    ex.in_chunks,
    "`asyncio.sleep(0)`, gives the loop back: a coroutine that never suspends runs like a plain function",
)
async def awaits_without_waiting(items, work):
    async def pause():
        pass

    results = []
    for item in items:
        results.append(work(item))
        await pause()
    return results


@told(ex.in_chunks, "The event loop was blocked for 1 s")
async def sleeps_on_the_loop(items, work):
    results = []
    for item in items:
        results.append(work(item))
        time.sleep(0.01)
    return results


@told(ex.in_chunks, "You slept for 10 s")
async def sleeps_for_long(items, work):
    results = []
    for item in items:
        results.append(work(item))
        await asyncio.sleep(0.1)
    return results


@told(ex.in_chunks, "tasks made together run in one round")
async def a_task_for_each_item(items, work):
    async def one(item):
        return work(item)

    return await asyncio.gather(*(one(item) for item in items))


@told(ex.in_chunks, "Others waited while 25 items were worked on in one step; 10 at most")
async def chunks_too_long(items, work):
    results = []
    for first in range(0, len(items), 25):
        results += [work(item) for item in items[first : first + 25]]
        await asyncio.sleep(0)
    return results


@told(ex.in_chunks, "Of 37 items, work() was called for 30")
async def loses_the_rest(items, work):
    results = []
    for first in range(0, len(items) - 9, 10):
        results += [work(item) for item in items[first : first + 10]]
        await asyncio.sleep(0)
    return results


# ask


@told(ex.ask, "Your function returned before the answer was there")
async def returns_what_start_returns(start):
    answers = []
    start(answers.append, answers.append)
    return answers


@told(ex.ask, "You returned the future itself")
async def returns_the_future(start):
    future = asyncio.get_running_loop().create_future()
    start(future.set_result, future.set_exception)
    return future


@told(ex.ask, "you noticed at 1.6 s, because you looked at times of your own")
async def polls_now_and_then(start):
    answers = []
    start(answers.append, answers.append)
    while not answers:
        await asyncio.sleep(0.4)
    return answers[0]


@told(
    ex.ask,
    "the virtual clock stands still, and a real processor would be at 100 %. Let the callback wake you: a future.",
)
@told(ex.ask, "did not come to an end")
async def polls_without_end(start):
    answers = []
    start(answers.append, answers.append)
    while not answers:
        await asyncio.sleep(0)
    return answers[0]


@told(ex.ask, "nobody woke your task")
async def forgets_the_error(start):
    future = asyncio.get_running_loop().create_future()
    start(future.set_result, print)
    return await future


@told(ex.ask, "your function returned ConnectionError('no answer'): raise it")
async def returns_the_error(start):
    future = asyncio.get_running_loop().create_future()
    start(future.set_result, future.set_result)
    return await future


@told(ex.ask, "You returned at 1 s; the answer came at 1.2345678 s")
async def sleeps_for_a_second(start):
    answers = []
    start(answers.append, answers.append)
    await asyncio.sleep(1)
    if answers:
        return answers[0]


# count_tasks


told(ex.count_tasks, "take **kwargs, and pass them on")(as_found.count_tasks)


@told(ex.count_tasks, "The id of a task that is gone is given to the next one")
async def counts_ids(main):
    loop = asyncio.get_running_loop()
    before = loop.get_task_factory()
    tasks, failed = set(), []

    async def watched(coro):
        try:
            return await coro
        except Exception as error:
            failed.append(repr(error))
            raise

    def factory(loop, coro, **kwargs):
        task = asyncio.Task(watched(coro), loop=loop, **kwargs)
        tasks.add(id(task))
        return task

    loop.set_task_factory(factory)
    try:
        await main()
    finally:
        loop.set_task_factory(before)
    return len(tasks), len(failed)


def _with_callback(main, on_done, put_back):
    async def run():
        loop = asyncio.get_running_loop()
        before = loop.get_task_factory()
        counts = [0, 0]

        def factory(loop, coro, **kwargs):
            counts[0] += 1
            task = asyncio.Task(coro, loop=loop, **kwargs)
            task.add_done_callback(lambda task: on_done(task, counts))
            return task

        loop.set_task_factory(factory)
        await main()
        if put_back:
            loop.set_task_factory(before)
        return tuple(counts)

    return run()


@told(ex.count_tasks, "`task.exception()` counts as asking")
async def asks_for_the_exception(main):
    def on_done(task, counts):
        if not task.cancelled() and task.exception():
            counts[1] += 1

    return await _with_callback(main, on_done, put_back=True)


@told(ex.count_tasks, "which is no failure; you counted 3 failed")
async def cancelled_is_failed(main):
    def on_done(task, counts):
        counts[1] += task.cancelled() or task._exception is not None

    return await _with_callback(main, on_done, put_back=True)


@told(ex.count_tasks, "the task factory that was there before was not back")
async def leaves_the_factory(main):
    def on_done(task, counts):
        counts[1] += not task.cancelled() and task._exception is not None

    return await _with_callback(main, on_done, put_back=False)


@told(ex.count_tasks, "did not run in it: pass the keywords on")
async def drops_the_keywords(main):
    loop = asyncio.get_running_loop()
    before = loop.get_task_factory()
    counts = [0, 0]

    async def watched(coro):
        try:
            return await coro
        except Exception:
            counts[1] += 1
            raise

    def factory(loop, coro, **kwargs):
        counts[0] += 1
        return asyncio.Task(watched(coro), loop=loop)

    loop.set_task_factory(factory)
    try:
        await main()
    finally:
        loop.set_task_factory(before)
    return tuple(counts)


@told(ex.count_tasks, "its exception must go on after you saw it")
async def swallows_the_exception(main):
    loop = asyncio.get_running_loop()
    before = loop.get_task_factory()
    counts = [0, 0]

    async def watched(coro):
        try:
            return await coro
        except Exception:
            counts[1] += 1

    def factory(loop, coro, **kwargs):
        counts[0] += 1
        return asyncio.Task(watched(coro), loop=loop, **kwargs)

    loop.set_task_factory(factory)
    try:
        await main()
    finally:
        loop.set_task_factory(before)
    return tuple(counts)


@told(ex.count_tasks, "do it in a `finally`")
async def no_finally(main):
    loop = asyncio.get_running_loop()
    before = loop.get_task_factory()
    counts = [0, 0]

    async def watched(coro):
        try:
            return await coro
        except Exception:
            counts[1] += 1
            raise

    def factory(loop, coro, **kwargs):
        counts[0] += 1
        return asyncio.Task(watched(coro), loop=loop, **kwargs)

    loop.set_task_factory(factory)
    await main()
    loop.set_task_factory(before)
    return tuple(counts)


@told(ex.count_tasks, "A task lost its result")
async def loses_the_result(main):
    loop = asyncio.get_running_loop()
    before = loop.get_task_factory()
    counts = [0, 0]

    async def watched(coro):
        try:
            await coro
        except Exception:
            counts[1] += 1
            raise

    def factory(loop, coro, **kwargs):
        counts[0] += 1
        return asyncio.Task(watched(coro), loop=loop, **kwargs)

    loop.set_task_factory(factory)
    try:
        await main()
    finally:
        loop.set_task_factory(before)
    return tuple(counts)


@told(ex.count_tasks, "main() was not awaited to its end")
async def never_awaits_main(main):
    return 8, 1


@told(ex.count_tasks, "you counted 0. While main ran, the factory was still")
async def counts_after_the_end(main):
    await main()
    loop = asyncio.get_running_loop()
    counts = [0, 0]

    def factory(loop, coro, **kwargs):
        counts[0] += 1
        return asyncio.Task(coro, loop=loop, **kwargs)

    loop.set_task_factory(factory)
    return tuple(counts)


@told(ex.count_tasks, "you counted 0. The factory is called once for each task: count there")
async def counts_elsewhere(main):
    loop = asyncio.get_running_loop()
    before = loop.get_task_factory()

    def factory(loop, coro, **kwargs):
        return asyncio.Task(coro, loop=loop, **kwargs)

    loop.set_task_factory(factory)
    try:
        await main()
    finally:
        loop.set_task_factory(before)
    return len(asyncio.all_tasks()) - 1, 0


@told(ex.count_tasks, "create_task asks the factory again: make the task with asyncio")
async def asks_the_factory_again(main):
    loop = asyncio.get_running_loop()
    before = loop.get_task_factory()
    counts = [0, 0]

    def factory(loop, coro, **kwargs):
        counts[0] += 1
        return loop.create_task(coro, **kwargs)

    loop.set_task_factory(factory)
    try:
        await main()
    finally:
        loop.set_task_factory(before)
    return tuple(counts)


@told(ex.count_tasks, "Return two numbers, created and failed; you returned a tuple of two lists")
async def returns_the_lists(main):
    loop = asyncio.get_running_loop()
    before = loop.get_task_factory()
    tasks, failed = [], []

    def factory(loop, coro, **kwargs):
        task = asyncio.Task(coro, loop=loop, **kwargs)
        tasks.append(task)
        return task

    loop.set_task_factory(factory)
    try:
        await main()
    finally:
        loop.set_task_factory(before)
    return tasks, failed


@told(ex.in_chunks, "work() was called in another thread")
async def in_threads(items, work):
    return [await asyncio.to_thread(work, item) for item in items]


@told(ex.in_chunks, "work() was called in another thread")
async def in_threads_at_once(items, work):
    return await asyncio.gather(*(asyncio.to_thread(work, item) for item in items), return_exceptions=True)


@told(ex.in_chunks, "but not in the order of the items")
async def backwards(items, work):
    results = []
    for number, item in enumerate(reversed(items), start=1):
        results.append(work(item))
        if number % 10 == 0:
            await asyncio.sleep(0)
    return results[::-1]


@told(ex.ask, "you noticed at 1.24 s, because you looked at times of your own")
async def polls_quickly(start):
    answers, errors = [], []
    start(answers.append, errors.append)
    while not answers and not errors:
        await asyncio.sleep(0.01)
    if errors:
        raise errors[0]
    return answers[0]


@told(ex.ask, "The callback <lambda> failed: TypeError: polls_for_what_failed")
async def polls_for_what_failed(start):
    answers = []
    start(lambda: answers.append("the answer"), answers.append)
    while not answers:
        await asyncio.sleep(0.5)
    return answers[0]


@told(ex.ask, "you noticed at 2 s, because you looked at times of your own")
async def sleeps_then_looks(start):
    answers = []
    start(answers.append, answers.append)
    await asyncio.sleep(2)
    return answers[0]


@told(ex.ask, "Your function returned before the answer was there")
async def looks_too_early(start):
    answers = []
    start(answers.append, answers.append)
    await asyncio.sleep(1)
    return answers


@told(ex.ask, "The callback Future.set_exception failed: TypeError")
async def swaps_the_callbacks(start):
    future = asyncio.get_running_loop().create_future()
    start(future.set_exception, future.set_result)
    return await future


@told(ex.ask, "The callback <lambda> failed: TypeError: callback_without_pa")
async def callback_without_parameter(start):
    future = asyncio.get_running_loop().create_future()
    start(future.set_result, lambda: future.cancel())
    return await future


@told(ex.ask, "The exception was there after 1.2345678 s, and you noticed at 1.5 s")
async def polls_for_errors(start):
    future = asyncio.get_running_loop().create_future()
    errors = []
    start(future.set_result, errors.append)
    while not future.done():
        if errors:
            raise errors[0]
        await asyncio.wait({future}, timeout=0.5)
    return future.result()


@told(ex.ask, "your function was cancelled: raise that exception")
async def cancels_itself(start):
    future = asyncio.get_running_loop().create_future()
    start(future.set_result, lambda error: future.cancel())
    return await future


# What passes where a check has numbers that fit, one kind of failure, and no look at the clock.


@told(ex.in_chunks, "Of 123 items, work() was called for 100")
async def a_hundred_items(items, work):
    results = []
    for first in range(0, 100, 10):
        results += [work(item) for item in items[first : first + 10]]
        await asyncio.sleep(0)
    return results


@told(ex.in_chunks, "work() was called for")
async def works_on_the_numbers(items, work):
    results = []
    for number in range(len(items)):
        results.append(work(number))
        await asyncio.sleep(0)
    return results


@told(ex.in_chunks, "it is your caller's, who may still need it")
async def empties_the_list(items, work):
    results = []
    while items:
        for _ in range(min(10, len(items))):
            results.append(work(items.pop(0)))
        await asyncio.sleep(0)
    return results


@told(ex.in_chunks, "The results are not those of work()")
async def drops_the_falsy(items, work):
    results = []
    for item in items:
        if (result := work(item)) is not None:
            results.append(result)
        await asyncio.sleep(0)
    return results


@told(ex.ask, "that is what `start(future.set_result, future.set_exception)` gave")
async def returns_start(start):
    future = asyncio.get_running_loop().create_future()
    return start(future.set_result, future.set_exception)


@told(ex.ask, "`start(...)` was called, and gave nothing that can be awaited")
async def awaits_start(start):
    future = asyncio.get_running_loop().create_future()
    await start(future.set_result, future.set_exception)
    return await future


@told(ex.ask, "In on_result, the assignment makes a variable of its own; `nonlocal answer`")
async def sets_a_variable_of_its_own(start):
    event, answer = asyncio.Event(), None

    def on_result(value):
        answer = value  # noqa: F841  # the mistake
        event.set()

    start(on_result, lambda error: event.set())
    await event.wait()
    return answer


@told(ex.ask, "which is an answer like any other")
async def takes_none_for_no_answer(start):
    event, found = asyncio.Event(), []

    def on_end(value):
        found.append(value)
        event.set()

    start(on_end, on_end)
    await event.wait()
    if isinstance(found[0], Exception):
        raise found[0]
    return found[0] or "no answer"


@told(ex.ask, "raise it")
async def one_kind_of_error(start):
    future = asyncio.get_running_loop().create_future()
    start(future.set_result, future.set_exception)
    try:
        return await future
    except OSError:
        raise
    except Exception as error:
        return error


_shared: list = []


@told(ex.ask, "each call needs variables and a future of its own")
async def shares_between_calls(start):
    if not _shared or _shared[0].done() or _shared[0].get_loop() is not asyncio.get_running_loop():
        _shared[:] = [asyncio.get_running_loop().create_future()]
    future = _shared[0]
    start(lambda answer: future.done() or future.set_result(answer), lambda e: future.done() or future.set_exception(e))
    return await future


async def _counted(main, watched, closing=True, guard=None):
    loop = asyncio.get_running_loop()
    before, counts = loop.get_task_factory(), [0, 0]

    def factory(loop, coro, **kwargs):
        counts[0] += 1
        task = asyncio.Task(watched(coro, counts), loop=loop, **kwargs)
        if closing:
            task.add_done_callback(lambda _: coro.close())
        return task

    loop.set_task_factory(factory)
    try:
        await (guard(main) if guard else main())
    finally:
        loop.set_task_factory(before)
    return tuple(counts)


async def _passes_on(coro, counts):
    try:
        return await coro
    except Exception:
        counts[1] += 1
        raise


@told(ex.count_tasks, "A task was cancelled, and did not end cancelled")
async def swallows_a_cancellation(main):
    async def watched(coro, counts):
        try:
            return await coro
        except asyncio.CancelledError:
            return None
        except Exception:
            counts[1] += 1
            raise

    return await _counted(main, watched)


@told(ex.count_tasks, "A task failed with ValueError, and whoever awaits it gets RuntimeError")
async def raises_another(main):
    async def watched(coro, counts):
        try:
            return await coro
        except Exception as error:
            counts[1] += 1
            raise RuntimeError("a task failed") from error

    return await _counted(main, watched)


@told(ex.count_tasks, "main() raised ZeroDivisionError, and your function returned")
async def eats_mains_error(main):
    async def guard(main):
        try:
            await main()
        except Exception:
            pass

    return await _counted(main, _passes_on, guard=guard)


@told(ex.count_tasks, "was cancelled while main() ran, and did not end cancelled")
async def eats_its_own_cancellation(main):
    async def guard(main):
        try:
            await main()
        except asyncio.CancelledError:
            pass

    return await _counted(main, _passes_on, guard=guard)


@told(ex.count_tasks, "Close it when the task is done")
async def leaves_a_coroutine_unawaited(main):
    return await _counted(main, _passes_on, closing=False)


@told(ex.count_tasks, "counting must not wait for anything")
async def waits_for_the_last(main):
    async def guard(main):
        await main()
        await asyncio.sleep(0.1)

    return await _counted(main, _passes_on, guard=guard)


@told(ex.count_tasks, "What failed raised")
async def counts_one_kind(main):
    async def watched(coro, counts):
        try:
            return await coro
        except ValueError:
            counts[1] += 1
            raise

    return await _counted(main, watched)


@told(ex.count_tasks, "`nonlocal created` says that the outer one is meant")
async def forgets_nonlocal(main):
    loop = asyncio.get_running_loop()
    before, created = loop.get_task_factory(), 0

    def factory(loop, coro, **kwargs):
        created += 1  # noqa: F823, F841  # the mistake
        return asyncio.Task(coro, loop=loop, **kwargs)

    loop.set_task_factory(factory)
    try:
        await main()
    finally:
        loop.set_task_factory(before)
    return created, 1


@told(ex.count_tasks, "A later one passes more of them: take **kwargs")
async def names_the_keywords(main):
    loop = asyncio.get_running_loop()
    before, counts = loop.get_task_factory(), [0, 0]

    def factory(loop, coro, context=None, name=None, eager_start=None):
        counts[0] += 1
        task = asyncio.Task(_passes_on(coro, counts), loop=loop, context=context, name=name)
        task.add_done_callback(lambda _: coro.close())
        return task

    loop.set_task_factory(factory)
    try:
        await main()
    finally:
        loop.set_task_factory(before)
    return tuple(counts)


@told(ex.ask, "TimeoutError")
async def waits_for_ten_seconds(start):
    future = asyncio.get_running_loop().create_future()
    start(future.set_result, future.set_exception)
    return await asyncio.wait_for(future, 10)
