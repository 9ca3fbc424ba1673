"""Wrong answers to the exercises of lesson 8b, as learners write them: each must get its own sentence."""

import asyncio
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, contextmanager

from course_lib.exercises import lesson_08b as ex
from course_lib.exercises.lesson_08b import as_found
from course_lib.lifecycle import finish
from wrong_answers import told

# logged_in


@told(ex.logged_in, "There is no `yield` in your function")
async def a_coroutine_function(open_line, log_in):
    line = await open_line()
    try:
        await log_in(line)
    except BaseException:
        await line.close()
        raise
    return line


@told(ex.logged_in, "There is no `yield` in your function")
@asynccontextmanager
async def returns(open_line, log_in):
    line = await open_line()
    await log_in(line)
    return line


@told(ex.logged_in, "is a generator so far: the line above it, `@asynccontextmanager`")
async def without_the_decorator(open_line, log_in):
    line = await open_line()
    try:
        await log_in(line)
        yield line
    finally:
        await line.close()


@told(ex.logged_in, "which `async with` cannot enter: `@asynccontextmanager`, with its `a`")
@contextmanager
async def the_other_decorator(open_line, log_in):
    line = await open_line()
    try:
        await log_in(line)
        yield line
    finally:
        await line.close()


@told(ex.logged_in, "is a class, not a function: write it with `@asynccontextmanager`")
class Half:
    def __init__(self, open_line, log_in):
        pass

    async def __aexit__(self, *_):
        pass


@told(ex.logged_in, "has an `__aenter__`, and no `__aexit__`, which closes the line")
class OnlyEnters:
    def __init__(self, open_line, log_in):
        self.open_line, self.log_in = open_line, log_in

    async def __aenter__(self):
        line = await self.open_line()
        await self.log_in(line)
        return line


@told(ex.logged_in, "there is no `line` yet, and nothing to close. Put the `try` behind the line that opens")
class OpensInside:
    def __init__(self, open_line, log_in):
        self.open_line, self.log_in = open_line, log_in

    async def __aenter__(self):
        try:
            self.line = await self.open_line()
            await self.log_in(self.line)
        except BaseException:
            await self.line.close()
            raise
        return self.line

    async def __aexit__(self, *_):
        await self.line.close()


@told(ex.logged_in, "`__aexit__` is not called where `__aenter__` has not returned")
class OpenHalfWayIn:
    def __init__(self, open_line, log_in):
        self.open_line, self.log_in = open_line, log_in

    async def __aenter__(self):
        self.line = await self.open_line()
        await self.log_in(self.line)
        return self.line

    async def __aexit__(self, *_):
        await self.line.close()


@told(ex.logged_in, "`return` the line from `__aenter__`")
class GivesItself:
    def __init__(self, open_line, log_in):
        self.open_line, self.log_in = open_line, log_in

    async def __aenter__(self):
        self.line = await self.open_line()
        try:
            await self.log_in(self.line)
        except BaseException:
            await self.line.close()
            raise
        return self

    async def __aexit__(self, *_):
        await self.line.close()


@told(ex.logged_in, "and the line is still open: `__aexit__` has to close it, however the block ended")
class ClosesAfterFailuresOnly:
    def __init__(self, open_line, log_in):
        self.open_line, self.log_in = open_line, log_in

    async def __aenter__(self):
        self.line = await self.open_line()
        try:
            await self.log_in(self.line)
        except BaseException:
            await self.line.close()
            raise
        return self.line

    async def __aexit__(self, kind, error, traceback):
        if error is not None:
            await self.line.close()


@told(ex.logged_in, "takes a function and calls it in the end")
@asynccontextmanager
async def pushes_what_close_gave(open_line, log_in):
    async with AsyncExitStack() as stack:
        line = await open_line()
        stack.push_async_callback(line.close())
        await log_in(line)
        yield line


@told(ex.logged_in, "close() was cancelled before it had ended, and not by the check: is there a limit of yours?")
@asynccontextmanager
async def a_limit_around_all(open_line, log_in):
    async with asyncio.timeout(4.5):
        line = await open_line()
        try:
            await log_in(line)
            yield line
        finally:
            await line.close()


@told(ex.logged_in, "The block raised ValueError, and the line is still open")
@asynccontextmanager
async def without_try(open_line, log_in):
    line = await open_line()
    await log_in(line)
    yield line
    await line.close()


@told(ex.logged_in, "log_in(line) raised ConnectionError, and the line is still open")
@asynccontextmanager
async def the_try_too_late(open_line, log_in):
    line = await open_line()
    await log_in(line)
    try:
        yield line
    finally:
        await line.close()


@told(ex.logged_in, "The block raised ValueError, and the line is still open")
@asynccontextmanager
async def only_half_way_in(open_line, log_in):
    line = await open_line()
    try:
        await log_in(line)
    except BaseException:
        await line.close()
        raise
    yield line
    await line.close()


@told(ex.logged_in, "At 1.5 s, in log_in, somebody cancelled it, and the line is still open")
@asynccontextmanager
async def only_failures(open_line, log_in):
    line = await open_line()
    try:
        await log_in(line)
    except Exception:
        await line.close()
        raise
    try:
        yield line
    finally:
        await line.close()


@told(ex.logged_in, "The block raised ValueError, and your context manager swallowed it")
@asynccontextmanager
async def swallows(open_line, log_in):
    line = await open_line()
    try:
        await log_in(line)
        yield line
    except Exception:
        pass
    finally:
        await line.close()


@told(ex.logged_in, "At 2.5 s, in the block, somebody cancelled it, and your context manager swallowed that")
@asynccontextmanager
async def swallows_a_cancellation(open_line, log_in):
    line = await open_line()
    try:
        await log_in(line)
        yield line
    except asyncio.CancelledError:
        pass
    finally:
        await line.close()


@told(ex.logged_in, "close() was called and not awaited")
@asynccontextmanager
async def does_not_await_close(open_line, log_in):
    line = await open_line()
    try:
        await log_in(line)
        yield line
    finally:
        line.close()


@told(ex.logged_in, "The block began before log_in(line) had ended")
@asynccontextmanager
async def does_not_await_the_login(open_line, log_in):
    line = await open_line()
    try:
        log_in(line)
        yield line
    finally:
        await line.close()


@told(ex.logged_in, "The `await` before `open_line()` is missing")
@asynccontextmanager
async def opens_without_await(open_line, log_in):
    line = open_line()
    try:
        await log_in(line)
        yield line
    finally:
        line.close()


@told(ex.logged_in, "log_in was given nothing: give it the line, `await log_in(line)`.")
@asynccontextmanager
async def logs_in_on_nothing(open_line, log_in):
    line = await open_line()
    try:
        await log_in()
        yield line
    finally:
        await line.close()


@told(ex.logged_in, "you never called it: `line = await open_line()`")
@asynccontextmanager
async def does_not_call(open_line, log_in):
    line = await open_line
    try:
        await log_in(line)
        yield line
    finally:
        await line.close()


@told(ex.logged_in, "Nobody has logged in")
@asynccontextmanager
async def does_not_log_in(open_line, log_in):
    line = await open_line()
    try:
        yield line
    finally:
        await line.close()


@told(ex.logged_in, "What `as` binds was None: `yield` the line")
@asynccontextmanager
async def yields_nothing(open_line, log_in):
    line = await open_line()
    try:
        await log_in(line)
        yield
    finally:
        await line.close()


@told(ex.logged_in, "What `as` binds was None: `yield` the line")
@asynccontextmanager
async def yields_the_answer_to_the_login(open_line, log_in):
    line = await open_line()
    try:
        yield await log_in(line)
    finally:
        await line.close()


@told(ex.logged_in, "there is no `line` yet, and nothing to close. Put the `try` behind the line that opens")
@asynccontextmanager
async def opens_inside(open_line, log_in):
    try:
        line = await open_line()
        await log_in(line)
        yield line
    finally:
        await line.close()


@told(ex.logged_in, "the line was closed 2 times")
@asynccontextmanager
async def closes_twice(open_line, log_in):
    line = await open_line()
    try:
        await log_in(line)
        yield line
    except BaseException:
        await line.close()
        raise
    finally:
        await line.close()


@told(ex.logged_in, "raised RuntimeError: who wrote the `async with` has to learn of it, and of nothing else")
@asynccontextmanager
async def raises_its_own(open_line, log_in):
    line = await open_line()
    try:
        await log_in(line)
        yield line
    except Exception as error:
        raise RuntimeError("no login") from error
    finally:
        await line.close()


@told(ex.logged_in, "The line was closed before the block began")
@asynccontextmanager
async def closes_before(open_line, log_in):
    line = await open_line()
    try:
        await log_in(line)
    finally:
        await line.close()
    yield line


# use_all


told(ex.use_all, "left a, b, c, in this order")(as_found.use_all)


@told(ex.use_all, "`AsyncExitStack` has to be called, and what it gives is entered: `AsyncExitStack(...)`")
async def enters_the_class_of_stacks(resources, work):
    async with AsyncExitStack as stack:
        return await work([await stack.enter_async_context(each) for each in resources])


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


@told(ex.use_all, "a, b, c had been left when the work began")
async def works_behind_the_block(resources, work):
    async with AsyncExitStack() as stack:
        values = [await stack.enter_async_context(resource) for resource in resources]
    return await work(values)


@told(ex.use_all, "a, b, c had been left when the work began")
async def awaits_the_work_behind_the_block(resources, work):
    async with AsyncExitStack() as stack:
        working = work([await stack.enter_async_context(resource) for resource in resources])
    return await working


@told(ex.use_all, "`await stack.enter_async_context(...)`")
async def enters_without_waiting(resources, work):
    async with AsyncExitStack() as stack:
        values = [stack.enter_context(resource) for resource in resources]
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


@told(ex.use_all, "cannot wait: `async with`")
async def the_other_stack(resources, work):
    with ExitStack() as stack:
        return await work([stack.enter_context(resource) for resource in resources])


@told(ex.use_all, "You entered c, b, a: enter all of them, in the order they come in")
async def enters_in_reverse(resources, work):
    async with AsyncExitStack() as stack:
        values = [await stack.enter_async_context(resource) for resource in reversed(resources)]
        return await work(values[::-1])


@told(ex.use_all, "Entering has to be awaited, `enter_async_context(...)` too")
async def does_not_await_entering(resources, work):
    async with AsyncExitStack() as stack:
        return await work([stack.enter_async_context(resource) for resource in resources])


@told(ex.use_all, "the first error, ValueError, is lost")
async def raises_what_it_kept(resources, work):
    entered, values, error, result = [], [], None, None
    try:
        for resource in resources:
            values.append(await resource.__aenter__())
            entered.append(resource)
        result = await work(values)
    except BaseException as raised:
        error = raised
    for resource in reversed(entered):
        try:
            await resource.__aexit__(type(error) if error else None, error, error and error.__traceback__)
        except BaseException as raised:
            error = raised
    if error:
        raise error
    return result


@told(ex.use_all, "You left them at once")
async def leaves_together(resources, work):
    values = [await resource.__aenter__() for resource in resources]
    try:
        return await work(values)
    finally:
        await asyncio.gather(*(resource.__aexit__(None, None, None) for resource in reversed(resources)))


@told(ex.use_all, "You entered them at once")
async def enters_together(resources, work):
    async with AsyncExitStack() as stack:
        values = await asyncio.gather(*(stack.enter_async_context(resource) for resource in resources))
        return await work(values)


# leave


@told(ex.leave, "and that cut close() short")
async def only_a_limit(close, seconds):
    async with asyncio.timeout(seconds):
        return await close()


@told(ex.leave, "After the limit of 2 s you waited no longer, and close() ran on")
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


@told(ex.leave, "your time limit struck the waiting, which goes on, and not close(): put the limit inside the task")
async def a_limit_around_the_waiting(close, seconds):
    async with asyncio.timeout(seconds):
        return await for_ever(close, seconds)


@told(ex.leave, "the limit is 2 s, and you gave close() up at 10 s")
async def leaves_the_limit_to_finish(close, seconds):
    return await finish(close())


@told(ex.leave, "when close() has ended, pass the cancellation on")
async def forgets_the_cancellation(close, seconds):
    task = asyncio.create_task(asyncio.wait_for(close(), seconds))
    while not task.done():
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError:
            pass
    return task.result()


@told(ex.leave, "Do not cancel it: go on waiting, however often you are cancelled")
async def shields_a_limit(close, seconds):
    async def limited():
        async with asyncio.timeout(seconds):
            return await close()

    return await asyncio.shield(limited())


@told(ex.leave, "Do not cancel it: go on waiting, however often you are cancelled")
async def waits_once_more(close, seconds):
    task = asyncio.ensure_future(asyncio.wait_for(close(), seconds))
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise


@told(ex.leave, "The limit is 2 s in all, from the start, and close() had 3 s")
async def begins_the_limit_anew(close, seconds):
    task, cancellation = asyncio.create_task(close()), None
    while not task.done():
        try:
            await asyncio.wait([task], timeout=seconds)
            if not task.done():
                task.cancel()
                await asyncio.wait([task])
                if cancellation is None:
                    raise TimeoutError
        except asyncio.CancelledError as error:
            cancellation = error
    if cancellation is not None:
        raise cancellation
    return task.result()


@told(ex.leave, "close() was given up after 2 s, and who waits for it is to get a TimeoutError")
async def ends_as_the_task_did(close, seconds):
    task, cancellation = asyncio.create_task(close()), None
    timer = asyncio.get_running_loop().call_later(seconds, task.cancel)
    while not task.done():
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError as error:
            cancellation = error
    timer.cancel()
    if cancellation is not None:
        raise cancellation
    return task.result()


@told(ex.leave, "that of your own time limit: put the limit inside the task")
async def catches_its_own_limit(close, seconds):
    task, cancellation = asyncio.create_task(close()), None
    async with asyncio.timeout(seconds):
        while not task.done():
            try:
                await asyncio.wait([task])
            except asyncio.CancelledError as error:
                cancellation = error
    if cancellation is not None:
        raise cancellation
    return task.result()


@told(ex.leave, "You cancelled close(), and ended before it had")
async def does_not_wait_for_its_end(close, seconds):
    task = asyncio.create_task(close())
    done, _ = await asyncio.wait([task], timeout=seconds)
    if not done:
        task.cancel()
        raise TimeoutError
    return task.result()


@told(ex.leave, "you were cancelled at 2.25 s, while you waited for its end: go on waiting")
async def waits_once_for_its_end(close, seconds):
    loop = asyncio.get_running_loop()
    end, cancellation = loop.time() + seconds, None
    task = asyncio.create_task(close())
    while not task.done() and loop.time() < end:
        try:
            await asyncio.wait([task], timeout=end - loop.time())
        except asyncio.CancelledError as error:
            cancellation = error
    if not task.done():
        task.cancel()
        await asyncio.wait([task])
    if cancellation is not None:
        raise cancellation
    if task.cancelled():
        raise TimeoutError
    return task.result()


@told(ex.leave, "Do not cancel it: go on waiting, however often you are cancelled")
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
