"""Wrong answers to the exercises of lesson 8b, as learners write them: each must get its own sentence."""

import asyncio
from contextlib import AsyncExitStack, ExitStack

from course_lib.exercises import lesson_08b as ex
from course_lib.exercises.lesson_08b import as_found
from wrong_answers import told

# connect


@told(ex.connect, "log_in(line) raised ConnectionError, and the line is still open")
async def one_after_the_other(open_line, log_in):
    line = await open_line()
    await log_in(line)
    return line


@told(ex.connect, "At 1.5 s, in log_in, somebody cancelled your function, and the line is still open")
async def only_failures(open_line, log_in):
    line = await open_line()
    try:
        await log_in(line)
    except Exception:
        await line.close()
        raise
    return line


@told(ex.connect, "All went well, and you closed the line")
async def closes_always(open_line, log_in):
    line = await open_line()
    try:
        await log_in(line)
        return line
    finally:
        await line.close()


@told(ex.connect, "and your function returned <the line>: the caller has to learn of it")
async def swallows(open_line, log_in):
    line = await open_line()
    try:
        await log_in(line)
    except BaseException:
        await line.close()
    return line


@told(ex.connect, "close() was called and not awaited")
async def does_not_await_close(open_line, log_in):
    line = await open_line()
    try:
        await log_in(line)
    except BaseException:
        line.close()
        raise
    return line


@told(ex.connect, "You returned before log_in(line) had ended")
async def does_not_await_the_login(open_line, log_in):
    line = await open_line()
    log_in(line)
    return line


@told(ex.connect, "log_in was given")
async def opens_without_await(open_line, log_in):
    line = open_line()
    try:
        await log_in(line)
    except BaseException:
        await (await line).close()
        raise
    return await line


@told(ex.connect, "you never called it: `line = await open_line()`")
async def does_not_call(open_line, log_in):
    line = await open_line
    await log_in(line)
    return line


@told(ex.connect, "`return`")
async def forgets_return(open_line, log_in):
    line = await open_line()
    try:
        await log_in(line)
    except BaseException:
        await line.close()
        raise


@told(ex.connect, "Your function returned None: that is what `await log_in(line)` gave")
async def returns_the_answer_to_the_login(open_line, log_in):
    line = await open_line()
    try:
        return await log_in(line)
    except BaseException:
        await line.close()
        raise


@told(ex.connect, "open_line() raised OSError, and your function raised UnboundLocalError")
async def opens_inside(open_line, log_in):
    try:
        line = await open_line()
        await log_in(line)
    except BaseException:
        await line.close()
        raise
    return line


@told(ex.connect, "the line was closed 2 times")
async def closes_twice(open_line, log_in):
    line = await open_line()
    try:
        await log_in(line)
    except asyncio.CancelledError:
        await line.close()
        raise
    except Exception:
        await line.close()
        raise
    finally:
        if not asyncio.current_task().cancelling():
            await asyncio.sleep(0)
        else:
            await line.close()
    return line


@told(ex.connect, "raised RuntimeError: the caller has to learn of it, and of nothing else")
async def raises_its_own(open_line, log_in):
    line = await open_line()
    try:
        await log_in(line)
    except Exception as error:
        await line.close()
        raise RuntimeError("no login") from error
    return line


# use_all


told(ex.use_all, "left a, b, c, in this order")(as_found.use_all)


@told(ex.use_all, "and none left. Nobody leaves a, b, c")
async def leaves_none(resources, work):
    values = [await resource.__aenter__() for resource in resources]
    return await work(values)


@told(ex.use_all, "a was left with None where an `async with` would have told it")
async def tells_nothing(resources, work):
    values, entered = [], []
    try:
        for resource in resources:
            values.append(await resource.__aenter__())
            entered.append(resource)
        return await work(values)
    finally:
        for resource in reversed(entered):
            await resource.__aexit__(None, None, None)


@told(ex.use_all, "Leaving b failed: a, b, c had been entered, and c, b left. Nobody leaves a")
async def stops_at_the_first_failure(resources, work):
    entered, error = [], None
    try:
        values = []
        for resource in resources:
            values.append(await resource.__aenter__())
            entered.append(resource)
        return await work(values)
    except BaseException as raised:
        error = raised
        raise
    finally:
        for resource in reversed(entered):
            await resource.__aexit__(type(error) if error else None, error, error and error.__traceback__)


@told(ex.use_all, "Entering c failed: a, b had been entered, and none left")
async def enters_outside(resources, work):
    values = [await resource.__aenter__() for resource in resources]
    async with AsyncExitStack() as stack:
        for resource in resources:
            stack.push_async_exit(resource)
        return await work(values)


@told(ex.use_all, "You left a resource before all had been entered")
async def one_at_a_time(resources, work):
    values = []
    for resource in resources:
        async with resource as value:
            values.append(value)
    return await work(values)


@told(ex.use_all, "give it one list, of what entering each resource gave")
async def hands_over_the_resources(resources, work):
    async with AsyncExitStack() as stack:
        for resource in resources:
            await stack.enter_async_context(resource)
        return await work(resources)


@told(ex.use_all, "give it one list, of what entering each resource gave")
async def hands_over_one_by_one(resources, work):
    async with AsyncExitStack() as stack:
        return await work(*[await stack.enter_async_context(resource) for resource in resources])


@told(ex.use_all, "You never called work")
async def never_works(resources, work):
    async with AsyncExitStack() as stack:
        return [await stack.enter_async_context(resource) for resource in resources]


@told(ex.use_all, "`return`")
async def works_for_nothing(resources, work):
    async with AsyncExitStack() as stack:
        await work([await stack.enter_async_context(resource) for resource in resources])


@told(ex.use_all, "the error that came last is raised, OSError")
async def the_first_error_wins(resources, work):
    first = None
    try:
        async with AsyncExitStack() as stack:
            values = [await stack.enter_async_context(resource) for resource in resources]
            try:
                return await work(values)
            except Exception as error:
                first = error
                raise
    except Exception:
        if first:
            raise first from None
        raise


@told(ex.use_all, "Your code raised")
async def the_other_stack(resources, work):
    with ExitStack() as stack:
        return await work([stack.enter_context(resource) for resource in resources])


@told(ex.use_all, "You entered c, b, a: enter all of them, in the order they come in")
async def enters_in_reverse(resources, work):
    async with AsyncExitStack() as stack:
        values = [await stack.enter_async_context(resource) for resource in reversed(resources)]
        return await work(values[::-1])


@told(ex.use_all, "It ended at")
async def enters_together(resources, work):
    async with AsyncExitStack() as stack:
        values = await asyncio.gather(*(stack.enter_async_context(resource) for resource in resources))
        return await work(values)


# leave


@told(ex.leave, "and that cut close() short")
async def only_a_limit(close, seconds):
    async with asyncio.timeout(seconds):
        return await close()


@told(ex.leave, "this was still running: close")
async def shields(close, seconds):
    async with asyncio.timeout(seconds):
        return await asyncio.shield(close())


@told(ex.leave, "and after the limit of 2 s nobody cancelled it")
async def for_ever(close, seconds):
    task, cancellation = asyncio.create_task(close()), None
    while not task.done():
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError as error:
            cancellation = error
    if cancellation is not None:
        raise cancellation
    return task.result()


@told(ex.leave, "when close() has ended, pass the cancellation on")
async def forgets_the_cancellation(close, seconds):
    task = asyncio.create_task(asyncio.wait_for(close(), seconds))
    while not task.done():
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError:
            pass
    return task.result()


@told(ex.leave, "this was still running: wait_for")
async def cancelled_only_once(close, seconds):
    task = asyncio.create_task(asyncio.wait_for(close(), seconds))
    try:
        await asyncio.wait([task])
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise
    return task.result()


@told(ex.leave, "`return`")
async def returns_nothing(close, seconds):
    task, cancellation = asyncio.create_task(asyncio.wait_for(close(), seconds)), None
    while not task.done():
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError as error:
            cancellation = error
    if cancellation is not None:
        raise cancellation


@told(ex.leave, "close() raised OSError, and your function returned None")
async def failures_do_not_matter(close, seconds):
    task, cancellation = asyncio.create_task(asyncio.wait_for(close(), seconds)), None
    while not task.done():
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError as error:
            cancellation = error
    if cancellation is not None:
        raise cancellation
    return None if task.exception() else task.result()


@told(ex.leave, "You called close 2 times")
async def closes_again(close, seconds):
    try:
        return await asyncio.wait_for(close(), seconds)
    except asyncio.CancelledError:
        await close()
        raise


@told(ex.leave, "you never called it: `close()` gives what to await")
async def does_not_call_close(close, seconds):
    return await asyncio.wait_for(close, seconds)


@told(ex.leave, "it raised TimeoutError: when close() has ended, pass the cancellation on")
async def the_failure_first(close, seconds):
    task, cancellation = asyncio.create_task(asyncio.wait_for(close(), seconds)), None
    while not task.done():
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError as error:
            cancellation = error
    result = task.result()
    if cancellation is not None:
        raise cancellation
    return result
