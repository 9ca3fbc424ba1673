"""Wrong answers to the exercises of lesson 3, as learners write them: each must get its own sentence."""

import asyncio

from course_lib.exercises import lesson_03 as ex
from course_lib.exercises.lesson_03 import as_found
from wrong_answers import told

# fetch_or_default


@told(ex.fetch_or_default, "you returned 'page': no default")
async def no_limit(fetch, seconds, default):
    try:
        return await fetch()
    except TimeoutError:
        return default


@told(ex.fetch_or_default, "your function raised TimeoutError; it should return the default")
async def late_is_an_error(fetch, seconds, default):
    async with asyncio.timeout(seconds):
        return await fetch()


@told(ex.fetch_or_default, "nobody will learn that the database gave up")
async def any_timeout_error(fetch, seconds, default):
    try:
        return await asyncio.wait_for(fetch(), seconds)
    except TimeoutError:
        return default


@told(ex.fetch_or_default, "The fetch raised ValueError, and you hid it")
async def any_exception(fetch, seconds, default):
    try:
        async with asyncio.timeout(seconds):
            return await fetch()
    except Exception:
        return default


@told(ex.fetch_or_default, 'returned "yesterday\'s page" instead of ending cancelled')
async def cancelled_is_late(fetch, seconds, default):
    try:
        async with asyncio.timeout(seconds) as limit:
            return await fetch()
    except TimeoutError:
        if limit.expired():
            return default
        raise
    except asyncio.CancelledError:
        return default


@told(ex.fetch_or_default, "this was still running: fetch")
async def leaves_it_running(fetch, seconds, default):
    task = asyncio.create_task(fetch())
    done, _ = await asyncio.wait({task}, timeout=seconds)
    return task.result() if done else default


@told(ex.fetch_or_default, "this was still running: fetch")
async def shields_it(fetch, seconds, default):
    task = asyncio.create_task(fetch())
    try:
        async with asyncio.timeout(seconds) as limit:
            return await asyncio.shield(task)
    except TimeoutError:
        if limit.expired():
            task.cancel()
            return default
        raise


@told(ex.fetch_or_default, "your function returned it at 2 s: do not wait on")
async def sleeps_first(fetch, seconds, default):
    task = asyncio.create_task(fetch())
    await asyncio.sleep(seconds)
    if task.done():
        return task.result()
    task.cancel()
    await asyncio.wait({task})
    return default


@told(ex.fetch_or_default, "Is a `return` missing on the way that your function took?")
async def forgets_return(fetch, seconds, default):
    try:
        async with asyncio.timeout(seconds):
            await fetch()
    except TimeoutError:
        return default


@told(ex.fetch_or_default, "You returned None at 0.75 s; the page came at 1 s, within the limit of 2 s: wait for it")
async def looks_too_early_at_the_page(fetch, seconds, default):
    task = asyncio.create_task(fetch())
    done, _ = await asyncio.wait([task], timeout=0.25)
    if done:
        return task.result()
    task.cancel()
    await asyncio.wait([task])


@told(ex.fetch_or_default, "With a limit of 3 s, a fetch that hangs was given up at 2.5 s")
async def own_limit(fetch, seconds, default):
    try:
        async with asyncio.timeout(2) as limit:
            return await fetch()
    except TimeoutError:
        if limit.expired():
            return default
        raise


@told(ex.fetch_or_default, "At 2.2 s, in the clean-up of a fetch that was too late, somebody")
async def late_or_cancelled(fetch, seconds, default):
    try:
        async with asyncio.timeout(seconds) as limit:
            return await fetch()
    except (TimeoutError, asyncio.CancelledError):
        if limit.expired():
            return default
        raise


@told(ex.fetch_or_default, "At 2.2 s, in the clean-up of a fetch that was too late, somebody")
async def late_or_anything(fetch, seconds, default):
    try:
        async with asyncio.timeout(seconds) as limit:
            return await fetch()
    except:  # the mistake: a cancellation comes here, too
        if limit.expired():
            return default
        raise


@told(ex.fetch_or_default, "call it: `fetch()`")
async def awaits_the_function(fetch, seconds, default):
    try:
        async with asyncio.timeout(seconds) as limit:
            return await fetch
    except TimeoutError:
        if limit.expired():
            return default
        raise


@told(ex.fetch_or_default, "Your code raised TypeError: ")
@told(ex.fetch_or_default, "entered or left needs `async with`")
async def plain_with(fetch, seconds, default):
    try:
        with asyncio.timeout(seconds) as limit:
            return await fetch()
    except TimeoutError:
        if limit.expired():
            return default
        raise


@told(ex.fetch_or_default, "`fetch` takes no argument: call it without, `fetch()`")
async def passes_the_limit(fetch, seconds, default):
    try:
        return await fetch(seconds)
    except TimeoutError:
        return default


@told(ex.fetch_or_default, "you never called it. To start it, call it: `fetch()`")
async def shields_the_function(fetch, seconds, default):
    try:
        async with asyncio.timeout(seconds) as limit:
            return await asyncio.shield(fetch)
    except TimeoutError:
        if limit.expired():
            return default
        raise


@told(ex.fetch_or_default, "you raised ExceptionGroup instead of it")
async def fetches_in_a_group(fetch, seconds, default):
    try:
        async with asyncio.timeout(seconds) as limit:
            async with asyncio.TaskGroup() as group:
                task = group.create_task(fetch())
        return task.result()
    except TimeoutError:
        if limit.expired():
            return default
        raise


@told(ex.fetch_or_default, "raised another TimeoutError instead of it: raise the fetch's own")
async def raises_its_own(fetch, seconds, default):
    try:
        async with asyncio.timeout(seconds) as limit:
            return await fetch()
    except TimeoutError:
        if limit.expired():
            return default
        raise TimeoutError("late") from None


@told(ex.fetch_or_default, "When it was cancelled at 1 s, this was still running: fetch")
async def waits_unprotected(fetch, seconds, default):
    task = asyncio.create_task(fetch())
    done, _ = await asyncio.wait({task}, timeout=seconds)
    if done:
        return task.result()
    task.cancel()
    await asyncio.wait({task})
    return default


@told(ex.fetch_or_default, "awaiting a cancelled task raises CancelledError")
async def awaits_the_cancelled(fetch, seconds, default):
    task = asyncio.create_task(fetch())
    done, _ = await asyncio.wait({task}, timeout=seconds)
    if done:
        return task.result()
    task.cancel()
    await task
    return default


# work_through


told(ex.work_through, "it went on with job 2: it cannot be stopped")(as_found.work_through)


@told(ex.work_through, "When the worker was cancelled while it handled a job, close() never ran")
async def no_finally(get_job, handle, close):
    handled = 0
    while (job := await get_job()) is not None:
        try:
            await handle(job)
            handled += 1
        except Exception:
            continue
    await close()
    return handled


@told(ex.work_through, "it stopped, but returned 0 as if it had come to its end")
async def breaks_when_cancelled(get_job, handle, close):
    handled = 0
    while True:
        try:
            job = await get_job()
            if job is None:
                break
            await handle(job)
            handled += 1
        except asyncio.CancelledError:
            break
        except Exception:
            continue
    await close()
    return handled


@told(ex.work_through, "One bad job ended the whole worker")
async def a_failure_ends_it(get_job, handle, close):
    handled = 0
    try:
        while (job := await get_job()) is not None:
            await handle(job)
            handled += 1
        return handled
    finally:
        await close()


@told(ex.work_through, "close() ran 2 times")
async def closes_twice(get_job, handle, close):
    handled = 0
    try:
        while (job := await get_job()) is not None:
            try:
                await handle(job)
                handled += 1
            except Exception:
                pass
        return handled
    except asyncio.CancelledError:
        await close()
        raise
    finally:
        await close()


@told(ex.work_through, "this was still running: close")
async def closes_in_the_background(get_job, handle, close):
    handled = 0
    try:
        while (job := await get_job()) is not None:
            try:
                await handle(job)
                handled += 1
            except Exception:
                pass
        return handled
    finally:
        asyncio.create_task(close())  # noqa: RUF006  # the mistake


@told(ex.work_through, "only a failing handle(job) is to be survived")
async def hides_the_end(get_job, handle, close):
    handled = 0
    try:
        while True:
            try:
                job = await get_job()
                if job is None:
                    return handled
                await handle(job)
                handled += 1
            except Exception:
                continue
    finally:
        await close()


@told(ex.work_through, "you returned 4; count the good ones")
async def counts_failures(get_job, handle, close):
    handled = 0
    try:
        while (job := await get_job()) is not None:
            handled += 1
            try:
                await handle(job)
            except Exception:
                pass
        return handled
    finally:
        await close()


@told(ex.work_through, "Is a `return` missing?")
async def forgets_the_count(get_job, handle, close):
    try:
        while (job := await get_job()) is not None:
            try:
                await handle(job)
            except Exception:
                pass
    finally:
        await close()


@told(ex.work_through, "it stopped, but returned 0 as if it had come to its end")
async def returns_in_finally(get_job, handle, close):
    handled = 0
    try:
        while (job := await get_job()) is not None:
            try:
                await handle(job)
                handled += 1
            except Exception:
                pass
    finally:
        await close()
        return handled  # noqa: B012  # the mistake: it swallows whatever was on its way


@told(ex.work_through, "At 1 s the worker asked for the next job, and had not handled")
async def collects_them_first(get_job, handle, close):
    jobs = []
    try:
        while (job := await get_job()) is not None:
            jobs.append(job)
        results = await asyncio.gather(*(handle(job) for job in jobs), return_exceptions=True)
        return sum(not isinstance(result, Exception) for result in results)
    finally:
        await close()


@told(ex.work_through, "One bad job ended the whole worker: its handle raised OSError")
async def survives_one_kind(get_job, handle, close):
    handled = 0
    try:
        while (job := await get_job()) is not None:
            try:
                await handle(job)
                handled += 1
            except ValueError:
                pass
        return handled
    finally:
        await close()


@told(ex.work_through, "get_job() raised ValueError, and your function returned 2")
async def hides_some_ends(get_job, handle, close):
    handled = 0
    try:
        while True:
            try:
                job = await get_job()
                if job is None:
                    return handled
                await handle(job)
                handled += 1
            except ConnectionError:
                raise
            except Exception:
                continue
    finally:
        await close()


@told(ex.work_through, "0 and 1, and you returned 0: only None ends the work")
async def falsy_is_none(get_job, handle, close):
    handled = 0
    try:
        while job := await get_job():
            try:
                await handle(job)
                handled += 1
            except Exception:
                pass
        return handled
    finally:
        await close()


@told(ex.work_through, "It had not ended after 60 s. A coroutine was made and never")
async def forgets_to_await_the_job(get_job, handle, close):
    handled = 0
    try:
        while (job := get_job()) is not None:
            try:
                await handle(job)
                handled += 1
            except Exception:
                pass
        return handled
    finally:
        await close()


@told(ex.work_through, "It had not ended after 60 s.")
async def continues_after_none(get_job, handle, close):
    handled = 0
    try:
        while True:
            job = await get_job()
            if job is None:
                continue
            try:
                await handle(job)
                handled += 1
            except Exception:
                pass
    finally:
        await close()


@told(ex.work_through, "close() was called and not awaited")
async def forgets_to_await_close(get_job, handle, close):
    handled = 0
    try:
        while (job := await get_job()) is not None:
            try:
                await handle(job)
                handled += 1
            except Exception:
                pass
        return handled
    finally:
        close()


# first_answer


@told(ex.first_answer, "source b was not asked at the beginning")
async def one_after_another(sources):
    errors = []
    for source in sources:
        try:
            return await source()
        except Exception as error:
            errors.append(error)
    raise ExceptionGroup("no source answered", errors)


@told(ex.first_answer, "Source b answers first, after 1 s; you returned 'a'")
async def waits_for_all(sources):
    results = await asyncio.gather(*(source() for source in sources), return_exceptions=True)
    for result in results:
        if not isinstance(result, BaseException):
            return result
    raise BaseExceptionGroup("no source answered", [result for result in results if isinstance(result, BaseException)])


@told(ex.first_answer, "this was still running: source")
async def forgets_the_losers(sources):
    errors = []
    for finished in asyncio.as_completed([source() for source in sources]):
        try:
            return await finished
        except Exception as error:
            errors.append(error)
    raise ExceptionGroup("no source answered", errors)


@told(ex.first_answer, "this was still running: source a, source c")
async def cancels_and_goes(sources):
    tasks = [asyncio.create_task(source()) for source in sources]
    errors = []
    try:
        for finished in asyncio.as_completed(tasks):
            try:
                return await finished
            except Exception as error:
                errors.append(error)
        raise ExceptionGroup("no source answered", errors)
    finally:
        for task in tasks:
            task.cancel()


@told(ex.first_answer, "You cancelled source a and source c, but did not wait until they had ended")
async def cancels_and_returns(sources):
    tasks = [asyncio.create_task(source()) for source in sources]
    done, rest = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in rest:
        task.cancel()
    return done.pop().result()


@told(ex.first_answer, "You returned None at 0.75 s; the first answer came at 1 s: wait for it")
async def looks_too_early(sources):
    tasks = [asyncio.create_task(source()) for source in sources]
    done, rest = await asyncio.wait(tasks, timeout=0.25)
    for task in rest:
        task.cancel()
    await asyncio.wait(tasks)
    for task in done:
        return task.result()


@told(ex.first_answer, "Source b failed, and that ended everything")
async def first_to_end(sources):
    tasks = [asyncio.create_task(source()) for source in sources]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        return done.pop().result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@told(ex.first_answer, "Source b failed, and that ended everything")
async def in_a_group(sources):
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(source()) for source in sources]
        done, rest = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in rest:
            task.cancel()
    return done.pop().result()


@told(ex.first_answer, "you raised OSError: raise an ExceptionGroup of their errors")
async def last_error_only(sources):
    tasks = [asyncio.create_task(source()) for source in sources]
    failure = Exception("no sources")
    try:
        for finished in asyncio.as_completed(tasks):
            try:
                return await finished
            except Exception as error:
                failure = error
        raise failure
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@told(ex.first_answer, "tells only of this: OSError('a')")
async def drops_an_error(sources):
    tasks = [asyncio.create_task(source()) for source in sources]
    errors = []
    try:
        for finished in asyncio.as_completed(tasks):
            try:
                return await finished
            except Exception as error:
                errors = [error]
        raise ExceptionGroup("no source answered", errors)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@told(ex.first_answer, "When it was cancelled at 0.5 s, this was still running")
async def cleans_up_after_success_only(sources):
    tasks = [asyncio.create_task(source()) for source in sources]
    errors = []
    for finished in asyncio.as_completed(tasks):
        try:
            answer = await finished
        except Exception as error:
            errors.append(error)
        else:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            return answer
    raise ExceptionGroup("no source answered", errors)


@told(ex.first_answer, "instead of ending cancelled")
async def treats_cancellation_as_failure(sources):
    tasks = [asyncio.create_task(source()) for source in sources]
    errors = []
    try:
        for finished in asyncio.as_completed(tasks):
            try:
                return await finished
            except BaseException as error:
                errors.append(error)
        raise BaseExceptionGroup("no source answered", errors)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@told(ex.first_answer, "you returned None: raise an ExceptionGroup of their errors")
async def gives_up_silently(sources):
    tasks = [asyncio.create_task(source()) for source in sources]
    try:
        for finished in asyncio.as_completed(tasks):
            try:
                return await finished
            except Exception:
                pass
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@told(ex.first_answer, "ended cancelled: awaiting a cancelled task raises CancelledError.")
async def awaits_each_loser(sources):
    tasks = [asyncio.create_task(source()) for source in sources]
    errors = []
    try:
        for finished in asyncio.as_completed(tasks):
            try:
                return await finished
            except Exception as error:
                errors.append(error)
        raise ExceptionGroup("no source answered", errors)
    finally:
        for task in tasks:
            task.cancel()
            await task


@told(ex.first_answer, "gather stops at the first CancelledError; pass `return_exceptions")
async def gathers_the_losers(sources):
    tasks = [asyncio.create_task(source()) for source in sources]
    errors = []
    try:
        for finished in asyncio.as_completed(tasks):
            try:
                return await finished
            except Exception as error:
                errors.append(error)
        raise ExceptionGroup("no source answered", errors)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks)


@told(ex.first_answer, "call it: `source()`")
async def groups_the_functions(sources):
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(source) for source in sources]
        done, rest = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in rest:
            task.cancel()
    return done.pop().result()


@told(ex.first_answer, "call it: `source()`")
async def waits_for_functions(sources):
    done, _ = await asyncio.wait(sources, return_when=asyncio.FIRST_COMPLETED)
    return done.pop().result()


@told(ex.first_answer, "call it: `source()`")
async def makes_tasks_of_functions(sources):
    tasks = [asyncio.create_task(source) for source in sources]
    done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    return done.pop().result()


# What passes where a check has one kind of failure, one order, no falsy value, and no look at the time of the end.


@told(ex.fetch_or_default, "Whether the limit has expired does not say whose exception it is")
async def asks_the_limit(fetch, seconds, default):
    try:
        async with asyncio.timeout(seconds) as limit:
            return await fetch()
    except TimeoutError:
        if limit.expired():
            return default
        raise


@told(ex.fetch_or_default, "and you hid it: only lateness gives the default")
async def hides_one_kind(fetch, seconds, default):
    failed = []
    try:
        async with asyncio.timeout(seconds):
            try:
                return await fetch()
            except TimeoutError as error:
                failed.append(error)
    except (TimeoutError, ArithmeticError):
        return default
    raise failed[0]


@told(ex.fetch_or_default, "within the limit of")
async def falsy_is_no_page(fetch, seconds, default):
    failed = []
    try:
        async with asyncio.timeout(seconds):
            try:
                return await fetch() or default
            except TimeoutError as error:
                failed.append(error)
    except TimeoutError:
        return default
    raise failed[0]


@told(ex.fetch_or_default, "somebody cancelled your function, and it ended at")
async def lets_it_end_by_itself(fetch, seconds, default):
    task = asyncio.create_task(fetch())
    try:
        await asyncio.wait([task], timeout=seconds)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise
    if not task.done():
        task.cancel()
        try:
            await asyncio.wait([task])
        finally:
            await asyncio.wait([task])
        return default if task.cancelled() else task.result()
    return task.result()


@told(ex.work_through, "it waited for something else, too")
async def pauses_between_jobs(get_job, handle, close):
    handled = 0
    try:
        while (job := await get_job()) is not None:
            try:
                await handle(job)
                handled += 1
            except Exception:
                await asyncio.sleep(0.1)
        return handled
    finally:
        await close()


@told(ex.work_through, "Stop at once")
async def finishes_the_job_first(get_job, handle, close):
    handled = 0
    try:
        while (job := await get_job()) is not None:
            task = asyncio.create_task(handle(job))
            try:
                await asyncio.shield(task)
                handled += 1
            except asyncio.CancelledError:
                await asyncio.wait([task])
                raise
            except Exception:
                pass
        return handled
    finally:
        await close()


@told(ex.work_through, "One bad job ended the whole worker: its handle raised")
async def survives_many_kinds(get_job, handle, close):
    handled = 0
    try:
        while (job := await get_job()) is not None:
            try:
                await handle(job)
                handled += 1
            except (ValueError, OSError, LookupError, RuntimeError, ArithmeticError):
                pass
        return handled
    finally:
        await close()


@told(ex.work_through, "only a failing handle(job) is to be survived")
async def survives_one_kind_of_end(get_job, handle, close):
    handled = 0
    try:
        while True:
            try:
                job = await get_job()
            except RuntimeError:
                return handled
            if job is None:
                return handled
            try:
                await handle(job)
                handled += 1
            except Exception:
                pass
    finally:
        await close()


async def _raced(sources, failure, is_answer=lambda answer: True):
    tasks = [asyncio.create_task(source()) for source in sources]
    errors = []
    try:
        for finished in asyncio.as_completed(tasks):
            try:
                if is_answer(answer := await finished):
                    return answer
            except failure as error:
                errors.append(error)
        raise ExceptionGroup("no source answered", errors)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@told(ex.first_answer, "A failure of a source, of whatever class, is no answer and no end")
async def one_kind_of_failure(sources):
    return await _raced(sources, OSError)


@told(ex.first_answer, "which is not the first answer")
async def falsy_is_no_answer(sources):
    return await _raced(sources, Exception, bool)


@told(ex.first_answer, "which is not the first answer")
async def pops_one_of_two(sources):
    pending = {asyncio.create_task(source()) for source in sources}
    everyone, errors = set(pending), []
    try:
        while pending:
            done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
            task = done.pop()
            if not task.exception():
                return task.result()
            errors.append(task.exception())
        raise ExceptionGroup("no source answered", errors)
    finally:
        for task in everyone:
            task.cancel()
        await asyncio.gather(*everyone, return_exceptions=True)


@told(ex.first_answer, "cancel the others then")
async def cancels_one_after_another(sources):
    tasks = [asyncio.create_task(source()) for source in sources]
    errors = []
    try:
        for finished in asyncio.as_completed(tasks):
            try:
                return await finished
            except Exception as error:
                errors.append(error)
        raise ExceptionGroup("no source answered", errors)
    finally:
        for task in tasks:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


@told(ex.first_answer, "and you returned it at")
async def looks_every_quarter_of_a_second(sources):
    tasks = [asyncio.create_task(source()) for source in sources]
    try:
        while True:
            for task in tasks:
                if task.done() and not task.exception():
                    return task.result()
            if all(task.done() for task in tasks):
                raise ExceptionGroup("all failed", [task.exception() for task in tasks])
            await asyncio.sleep(0.25)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
