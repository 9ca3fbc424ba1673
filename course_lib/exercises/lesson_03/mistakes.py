"""Wrong answers to the exercises of lesson 3, as learners write them: each must get its own sentence."""

import asyncio

# fetch_or_default


async def no_limit(fetch, seconds, default):
    try:
        return await fetch()
    except TimeoutError:
        return default


async def late_is_an_error(fetch, seconds, default):
    async with asyncio.timeout(seconds):
        return await fetch()


async def any_timeout_error(fetch, seconds, default):
    try:
        return await asyncio.wait_for(fetch(), seconds)
    except TimeoutError:
        return default


async def any_exception(fetch, seconds, default):
    try:
        async with asyncio.timeout(seconds):
            return await fetch()
    except Exception:
        return default


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


async def leaves_it_running(fetch, seconds, default):
    task = asyncio.create_task(fetch())
    done, _ = await asyncio.wait({task}, timeout=seconds)
    return task.result() if done else default


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


async def sleeps_first(fetch, seconds, default):
    task = asyncio.create_task(fetch())
    await asyncio.sleep(seconds)
    if task.done():
        return task.result()
    task.cancel()
    await asyncio.wait({task})
    return default


async def forgets_return(fetch, seconds, default):
    try:
        async with asyncio.timeout(seconds):
            await fetch()
    except TimeoutError:
        return default


async def own_limit(fetch, seconds, default):
    try:
        async with asyncio.timeout(2) as limit:
            return await fetch()
    except TimeoutError:
        if limit.expired():
            return default
        raise


async def late_or_cancelled(fetch, seconds, default):
    try:
        async with asyncio.timeout(seconds) as limit:
            return await fetch()
    except (TimeoutError, asyncio.CancelledError):
        if limit.expired():
            return default
        raise


async def late_or_anything(fetch, seconds, default):
    try:
        async with asyncio.timeout(seconds) as limit:
            return await fetch()
    except:  # the mistake: a cancellation comes here, too
        if limit.expired():
            return default
        raise


async def awaits_the_function(fetch, seconds, default):
    try:
        async with asyncio.timeout(seconds) as limit:
            return await fetch
    except TimeoutError:
        if limit.expired():
            return default
        raise


async def plain_with(fetch, seconds, default):
    try:
        with asyncio.timeout(seconds) as limit:
            return await fetch()
    except TimeoutError:
        if limit.expired():
            return default
        raise


async def passes_the_limit(fetch, seconds, default):
    try:
        return await fetch(seconds)
    except TimeoutError:
        return default


async def shields_the_function(fetch, seconds, default):
    try:
        async with asyncio.timeout(seconds) as limit:
            return await asyncio.shield(fetch)
    except TimeoutError:
        if limit.expired():
            return default
        raise


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


async def raises_its_own(fetch, seconds, default):
    try:
        async with asyncio.timeout(seconds) as limit:
            return await fetch()
    except TimeoutError:
        if limit.expired():
            return default
        raise TimeoutError("late") from None


async def waits_unprotected(fetch, seconds, default):
    task = asyncio.create_task(fetch())
    done, _ = await asyncio.wait({task}, timeout=seconds)
    if done:
        return task.result()
    task.cancel()
    await asyncio.wait({task})
    return default


async def awaits_the_cancelled(fetch, seconds, default):
    task = asyncio.create_task(fetch())
    done, _ = await asyncio.wait({task}, timeout=seconds)
    if done:
        return task.result()
    task.cancel()
    await task
    return default


# work_through


async def as_found(get_job, handle, close):
    handled = 0
    while True:
        try:
            job = await get_job()
            if job is None:
                break
            await handle(job)
            handled += 1
        except BaseException:
            continue  # one bad job must not stop the worker
    await close()
    return handled


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


async def a_failure_ends_it(get_job, handle, close):
    handled = 0
    try:
        while (job := await get_job()) is not None:
            await handle(job)
            handled += 1
        return handled
    finally:
        await close()


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


async def forgets_the_count(get_job, handle, close):
    try:
        while (job := await get_job()) is not None:
            try:
                await handle(job)
            except Exception:
                pass
    finally:
        await close()


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


async def collects_them_first(get_job, handle, close):
    jobs = []
    try:
        while (job := await get_job()) is not None:
            jobs.append(job)
        results = await asyncio.gather(*(handle(job) for job in jobs), return_exceptions=True)
        return sum(not isinstance(result, Exception) for result in results)
    finally:
        await close()


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


async def one_after_another(sources):
    errors = []
    for source in sources:
        try:
            return await source()
        except Exception as error:
            errors.append(error)
    raise ExceptionGroup("no source answered", errors)


async def waits_for_all(sources):
    results = await asyncio.gather(*(source() for source in sources), return_exceptions=True)
    for result in results:
        if not isinstance(result, BaseException):
            return result
    raise BaseExceptionGroup("no source answered", [result for result in results if isinstance(result, BaseException)])


async def forgets_the_losers(sources):
    errors = []
    for finished in asyncio.as_completed([source() for source in sources]):
        try:
            return await finished
        except Exception as error:
            errors.append(error)
    raise ExceptionGroup("no source answered", errors)


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


async def first_to_end(sources):
    tasks = [asyncio.create_task(source()) for source in sources]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        return done.pop().result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def in_a_group(sources):
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(source()) for source in sources]
        done, rest = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in rest:
            task.cancel()
    return done.pop().result()


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


async def groups_the_functions(sources):
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(source) for source in sources]
        done, rest = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in rest:
            task.cancel()
    return done.pop().result()


async def waits_for_functions(sources):
    done, _ = await asyncio.wait(sources, return_when=asyncio.FIRST_COMPLETED)
    return done.pop().result()


async def makes_tasks_of_functions(sources):
    tasks = [asyncio.create_task(source) for source in sources]
    done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    return done.pop().result()
