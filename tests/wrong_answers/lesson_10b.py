"""Wrong answers to the exercises of lesson 10b, as learners write them: each must get its own sentence."""

import asyncio
from contextlib import suppress

from course_lib.exercises import lesson_10b as ex
from wrong_answers import told

# run_limited


@told(ex.run_limited, "A limit ends your wait, and nothing else: end the program, and wait for its end")
async def the_limit_alone(start, seconds, grace):
    process = await start()
    async with asyncio.timeout(seconds):
        return await process.communicate()


@told(ex.run_limited, "The program had ended; nobody had waited for its end")
async def kills_and_leaves(start, seconds, grace):
    process = await start()
    try:
        async with asyncio.timeout(seconds):
            return await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()


@told(ex.run_limited, "The program's time was up at 5 s, and nobody asked it to end. `terminate()` first")
async def the_lessons_own(start, seconds, grace):
    process = await start()
    try:
        async with asyncio.timeout(seconds):
            return await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()


@told(ex.run_limited, "the program was asked to end at 5 s. It does not listen, and nobody killed it")
async def asks_and_believes(start, seconds, grace):
    process = await start()
    try:
        async with asyncio.timeout(seconds):
            return await process.communicate()
    finally:
        if process.returncode is None:
            process.terminate()
            await process.communicate()


@told(ex.run_limited, "Were its pipes read meanwhile? `wait()` only waits; `communicate()` reads, too")
async def waits_and_does_not_read(start, seconds, grace):
    process = await start()
    try:
        async with asyncio.timeout(seconds):
            await process.wait()
        return await process.communicate()
    except TimeoutError:
        process.terminate()
        with suppress(TimeoutError):
            async with asyncio.timeout(grace):
                await process.wait()
        raise
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()


@told(ex.run_limited, "within its grace of 3 s; you killed it at 8 s. Its pipes must be read meanwhile")
async def does_not_read_the_last_words(start, seconds, grace):
    process = await start()
    try:
        async with asyncio.timeout(seconds):
            return await process.communicate()
    except TimeoutError:
        process.terminate()
        with suppress(TimeoutError):
            async with asyncio.timeout(grace):
                await process.wait()
        raise
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()


@told(ex.run_limited, "within its grace of 3 s; you killed it at 5 s")
async def asks_and_kills_at_once(start, seconds, grace):
    process = await start()
    try:
        async with asyncio.timeout(seconds):
            return await process.communicate()
    except TimeoutError:
        process.terminate()
        raise
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()


@told(ex.run_limited, "and your function ended at 8 s. Wait for its end, for `grace` at most")
async def sleeps_through_the_grace(start, seconds, grace):
    process = await start()
    try:
        async with asyncio.timeout(seconds):
            return await process.communicate()
    except TimeoutError:
        process.terminate()
        await asyncio.gather(process.communicate(), asyncio.sleep(grace))
        raise
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()


@told(ex.run_limited, "The program had ended; nobody had waited for its end")
async def looks_at_the_status(start, seconds, grace):
    loop = asyncio.get_running_loop()
    process = await start()
    up = loop.time() + seconds
    reading = asyncio.create_task(process.communicate())
    try:
        while loop.time() < up:
            await asyncio.sleep(1 / 64)
            if reading.done():
                return reading.result()
        process.terminate()
        while process.returncode is None and loop.time() < up + grace:
            await asyncio.sleep(1 / 64)
        raise TimeoutError
    finally:
        reading.cancel()
        await asyncio.wait([reading])
        if process.returncode is None:
            process.kill()
            while process.returncode is None:
                await asyncio.sleep(1 / 64)


@told(ex.run_limited, "your function was cancelled at 2 s, and the program was still running")
async def forgets_who_is_cancelled(start, seconds, grace):
    process = await start()
    try:
        async with asyncio.timeout(seconds):
            return await process.communicate()
    except TimeoutError:
        process.terminate()
        try:
            async with asyncio.timeout(grace):
                await process.communicate()
        except TimeoutError:
            process.kill()
            await process.communicate()
        raise


@told(ex.run_limited, "your function returned None: raise TimeoutError")
async def returns_nothing_when_late(start, seconds, grace):
    process = await start()
    try:
        async with asyncio.timeout(seconds):
            return await process.communicate()
    except TimeoutError:
        process.terminate()
        with suppress(TimeoutError):
            async with asyncio.timeout(grace):
                await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()


@told(ex.run_limited, "your function raised ProcessLookupError: it asked or killed a program that had ended")
async def kills_the_dead(start, seconds, grace):
    process = await start()
    try:
        async with asyncio.timeout(seconds):
            return await process.communicate()
    except TimeoutError:
        process.terminate()
        with suppress(TimeoutError):
            async with asyncio.timeout(grace):
                await process.communicate()
        raise
    finally:
        process.kill()
        await process.communicate()


@told(ex.run_limited, "it was asked to end at 5 s, and was not killed")
async def forgets_it_in_its_grace(start, seconds, grace):
    process = await start()
    try:
        async with asyncio.timeout(seconds):
            return await process.communicate()
    except TimeoutError:
        process.terminate()
        try:
            async with asyncio.timeout(grace):
                await process.communicate()
        except TimeoutError:
            process.kill()
            await process.communicate()
        raise
    except asyncio.CancelledError:
        process.kill()
        await process.communicate()
        raise


@told(ex.run_limited, "Your code raised TypeError")
async def awaits_what_is_no_coroutine(start, seconds, grace):
    process = await start()
    try:
        async with asyncio.timeout(seconds):
            return await process.communicate()
    except TimeoutError:
        await process.terminate()
        async with asyncio.timeout(grace):
            await process.communicate()
        process.kill()
        await process.communicate()
        raise


# serve


@told(ex.serve, "an item that is put back goes to the end of the queue")
async def puts_it_back(queue, work, stop, grace):
    jobs = {}
    stopped = asyncio.create_task(stop.wait())
    taking = asyncio.create_task(queue.get())
    try:
        while True:
            await asyncio.wait({taking, stopped}, return_when=asyncio.FIRST_COMPLETED)
            if stop.is_set():
                break
            jobs[asyncio.create_task(work(taking.result()))] = taking.result()
            taking = asyncio.create_task(queue.get())
        if not taking.cancel():
            queue.put_nowait(taking.result())
        late = set()
        if jobs:
            _, late = await asyncio.wait(jobs, timeout=grace)
        return [item for job, item in jobs.items() if job in late]
    finally:
        tasks = [stopped, taking, *jobs]
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


@told(ex.serve, "in the order in which they were taken")
async def names_them_as_they_end(queue, work, stop, grace):
    jobs, given_up = [], []

    async def do(item):
        try:
            await work(item)
        except asyncio.CancelledError:
            given_up.append(item)
            raise

    stopped = asyncio.create_task(stop.wait())
    taking = asyncio.create_task(queue.get())
    try:
        while not stop.is_set():
            await asyncio.wait({taking, stopped}, return_when=asyncio.FIRST_COMPLETED)
            if taking.done():
                jobs.append(asyncio.create_task(do(taking.result())))
                taking = asyncio.create_task(queue.get())
        taking.cancel()
        if jobs:
            await asyncio.wait(jobs, timeout=grace)
    finally:
        tasks = [stopped, taking, *jobs]
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
    return given_up


@told(ex.serve, "The item [] came at")
async def skips_what_is_falsy(queue, work, stop, grace):
    jobs = {}
    stopped = asyncio.create_task(stop.wait())
    taking = asyncio.create_task(queue.get())
    try:
        while not stop.is_set():
            await asyncio.wait({taking, stopped}, return_when=asyncio.FIRST_COMPLETED)
            if taking.done():
                if item := taking.result():
                    jobs[asyncio.create_task(work(item))] = item
                taking = asyncio.create_task(queue.get())
        taking.cancel()
        late = set()
        if jobs:
            _, late = await asyncio.wait(jobs, timeout=grace)
        return [item for job, item in jobs.items() if job in late]
    finally:
        tasks = [stopped, taking, *jobs]
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


@told(ex.serve, "Look first at do #1, which had failed: TypeError")
async def keeps_items_in_a_set(queue, work, stop, grace):
    under_way = {}

    async def do(item):
        under_way[item] = asyncio.current_task()
        await work(item)
        del under_way[item]

    jobs = []
    stopped = asyncio.create_task(stop.wait())
    taking = asyncio.create_task(queue.get())
    try:
        while not stop.is_set():
            await asyncio.wait({taking, stopped}, return_when=asyncio.FIRST_COMPLETED)
            if taking.done():
                jobs.append(asyncio.create_task(do(taking.result())))
                taking = asyncio.create_task(queue.get())
        taking.cancel()
        if jobs:
            await asyncio.wait(jobs, timeout=grace)
        return list(under_way)
    finally:
        tasks = [stopped, taking, *jobs]
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


@told(ex.serve, "Wait for `stop` and for the queue together")
async def looks_twice_a_second(queue, work, stop, grace):
    jobs = {}
    try:
        while not stop.is_set():
            try:
                item = await asyncio.wait_for(queue.get(), 0.5)
            except TimeoutError:
                continue
            jobs[asyncio.create_task(work(item))] = item
        late = set()
        if jobs:
            _, late = await asyncio.wait(jobs, timeout=grace)
        return [item for job, item in jobs.items() if job in late]
    finally:
        for job in jobs:
            job.cancel()
        if jobs:
            await asyncio.wait(jobs)


@told(ex.serve, "`stop` was set at 2.5 s: who waits in `queue.get()` alone does not hear of it")
async def looks_when_an_item_comes(queue, work, stop, grace):
    jobs = {}
    try:
        while not stop.is_set():
            item = await queue.get()
            jobs[asyncio.create_task(work(item))] = item
        _, late = await asyncio.wait(jobs, timeout=grace)
        return [item for job, item in jobs.items() if job in late]
    finally:
        for job in jobs:
            job.cancel()
        if jobs:
            await asyncio.wait(jobs)


@told(ex.serve, "a job was cancelled at 2.5 s: what is under way has so many seconds to finish")
async def cancels_at_once(queue, work, stop, grace):
    jobs = {}
    stopped = asyncio.create_task(stop.wait())
    taking = asyncio.create_task(queue.get())
    try:
        while not stop.is_set():
            await asyncio.wait({taking, stopped}, return_when=asyncio.FIRST_COMPLETED)
            if taking.done():
                jobs[asyncio.create_task(work(taking.result()))] = taking.result()
                taking = asyncio.create_task(queue.get())
        return [item for job, item in jobs.items() if not job.done()]
    finally:
        tasks = [stopped, taking, *jobs]
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


@told(ex.serve, "A job that had not ended 2 s after `stop`, which came at 2.5 s, was not cancelled")
async def waits_for_all(queue, work, stop, grace):
    stopped = asyncio.create_task(stop.wait())
    taking = asyncio.create_task(queue.get())
    async with asyncio.TaskGroup() as jobs:
        while not stop.is_set():
            await asyncio.wait({taking, stopped}, return_when=asyncio.FIRST_COMPLETED)
            if taking.done():
                jobs.create_task(work(taking.result()))
                taking = asyncio.create_task(queue.get())
        taking.cancel()
    return []


@told(ex.serve, "and its work began at 2 s: begin at once, however many are under way")
async def one_after_another(queue, work, stop, grace):
    given_up = []
    while not stop.is_set():
        taking = asyncio.create_task(queue.get())
        stopped = asyncio.create_task(stop.wait())
        await asyncio.wait({taking, stopped}, return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        if taking.done():
            try:
                async with asyncio.timeout(grace):
                    await work(taking.result())
            except TimeoutError:
                given_up.append(taking.result())
        taking.cancel()
    return given_up


@told(ex.serve, "An item was taken out of the queue, and never begun: it is lost")
async def takes_on_during_the_grace(queue, work, stop, grace):
    jobs = {}
    stopped = asyncio.create_task(stop.wait())
    taking = asyncio.create_task(queue.get())
    try:
        while not stop.is_set():
            await asyncio.wait({taking, stopped}, return_when=asyncio.FIRST_COMPLETED)
            if taking.done():
                jobs[asyncio.create_task(work(taking.result()))] = taking.result()
                taking = asyncio.create_task(queue.get())
        if jobs:
            await asyncio.wait(jobs, timeout=grace)
        return [item for job, item in jobs.items() if not job.done()]
    finally:
        tasks = [stopped, taking, *jobs]
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


@told(ex.serve, "an item was taken out of the queue when `stop` came, and never begun: it is lost")
async def loses_one(queue, work, stop, grace):
    jobs = {}
    stopped = asyncio.create_task(stop.wait())
    taking = asyncio.create_task(queue.get())
    try:
        while True:
            await asyncio.wait({taking, stopped}, return_when=asyncio.FIRST_COMPLETED)
            if stop.is_set():
                break
            jobs[asyncio.create_task(work(taking.result()))] = taking.result()
            taking = asyncio.create_task(queue.get())
        taking.cancel()
        if jobs:
            await asyncio.wait(jobs, timeout=grace)
        return [item for job, item in jobs.items() if not job.done()]
    finally:
        tasks = [stopped, taking, *jobs]
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


@told(ex.serve, "your list is ['item 1', 'item 2', 'item 3']")
async def names_all(queue, work, stop, grace):
    jobs = {}
    stopped = asyncio.create_task(stop.wait())
    taking = asyncio.create_task(queue.get())
    try:
        while not stop.is_set():
            await asyncio.wait({taking, stopped}, return_when=asyncio.FIRST_COMPLETED)
            if taking.done():
                jobs[asyncio.create_task(work(taking.result()))] = taking.result()
                taking = asyncio.create_task(queue.get())
        taking.cancel()
        if jobs:
            await asyncio.wait(jobs, timeout=grace)
        return list(jobs.values())
    finally:
        tasks = [stopped, taking, *jobs]
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


@told(ex.serve, "this was still running")
async def cancels_and_does_not_wait(queue, work, stop, grace):
    jobs = {}
    stopped = asyncio.create_task(stop.wait())
    taking = asyncio.create_task(queue.get())
    while not stop.is_set():
        await asyncio.wait({taking, stopped}, return_when=asyncio.FIRST_COMPLETED)
        if taking.done():
            jobs[asyncio.create_task(work(taking.result()))] = taking.result()
            taking = asyncio.create_task(queue.get())
    taking.cancel()
    late = set()
    if jobs:
        _, late = await asyncio.wait(jobs, timeout=grace)
    for job in late:
        job.cancel()
    return [item for job, item in jobs.items() if job in late]


@told(ex.serve, "begin at once, however many are under way")
async def asks_now_and_then(queue, work, stop, grace):
    jobs = {}
    while not stop.is_set():
        await asyncio.sleep(0.25)
        while not queue.empty() and not stop.is_set():
            item = queue.get_nowait()
            jobs[asyncio.create_task(work(item))] = item
    late = set()
    if jobs:
        _, late = await asyncio.wait(jobs, timeout=grace)
    given_up = [item for job, item in jobs.items() if job in late]
    for job in late:
        job.cancel()
    if late:
        await asyncio.wait(late)
    return given_up


# talk


@told(ex.talk, "and with nothing else taken off")
async def takes_off_too_much(reader, writer, answer, patience):
    try:
        while True:
            try:
                async with asyncio.timeout(patience):
                    line = await reader.readline()
            except TimeoutError:
                return
            if not line.endswith(b"\n"):
                return
            writer.write(await answer(line.rstrip(b"\r\n")) + b"\n")
            await writer.drain()
    finally:
        writer.close()
        await writer.wait_closed()


@told(ex.talk, "`writer.drain()` was cancelled at")
async def limits_the_drain(reader, writer, answer, patience):
    try:
        while True:
            try:
                async with asyncio.timeout(patience):
                    line = await reader.readline()
            except TimeoutError:
                return
            if not line.endswith(b"\n"):
                return
            writer.write(await answer(line[:-1]) + b"\n")
            try:
                async with asyncio.timeout(patience):
                    await writer.drain()
            except TimeoutError:
                return
    finally:
        writer.close()
        await writer.wait_closed()


@told(ex.talk, "`answer` was cancelled at 3 s: the limit is for the wait for a line")
async def limits_the_answer(reader, writer, answer, patience):
    try:
        while True:
            async with asyncio.timeout(patience):
                line = await reader.readline()
                if not line.endswith(b"\n"):
                    return
                told = await answer(line[:-1])
            writer.write(told + b"\n")
            await writer.drain()
    except TimeoutError:
        return
    finally:
        writer.close()
        await writer.wait_closed()


@told(ex.talk, "the connection was still open: its client waits for ever")
async def never_closes(reader, writer, answer, patience):
    while line := await reader.readline():
        writer.write(await answer(line[:-1]) + b"\n")
        await writer.drain()


@told(ex.talk, "The client says nothing more, and does not end: with patience=3 nobody is waited for")
async def waits_for_ever(reader, writer, answer, patience):
    try:
        while (line := await reader.readline()).endswith(b"\n"):
            writer.write(await answer(line[:-1]) + b"\n")
            await writer.drain()
    finally:
        writer.close()
        await writer.wait_closed()


@told(ex.talk, "a line without its end is not answered")
async def answers_the_broken_line(reader, writer, answer, patience):
    try:
        while True:
            try:
                async with asyncio.timeout(patience):
                    line = await reader.readline()
            except TimeoutError:
                return
            if not line:
                return
            writer.write(await answer(line.removesuffix(b"\n")) + b"\n")
            await writer.drain()
    finally:
        writer.close()
        await writer.wait_closed()


@told(ex.talk, "`answer` raised TimeoutError, and your function returned None: that is no end of the client's patience")
async def takes_its_timeout_for_ours(reader, writer, answer, patience):
    try:
        while True:
            async with asyncio.timeout(patience):
                line = await reader.readline()
            if not line.endswith(b"\n"):
                return
            writer.write(await answer(line[:-1]) + b"\n")
            await writer.drain()
    except TimeoutError:
        return
    finally:
        writer.close()
        await writer.wait_closed()


@told(ex.talk, "Close the writer in a `finally`")
async def closes_at_the_end(reader, writer, answer, patience):
    while True:
        try:
            async with asyncio.timeout(patience):
                line = await reader.readline()
        except TimeoutError:
            break
        if not line.endswith(b"\n"):
            break
        writer.write(await answer(line[:-1]) + b"\n")
        await writer.drain()
    writer.close()
    await writer.wait_closed()


@told(ex.talk, "before the connection was closed: `await writer.wait_closed()` after `writer.close()`")
async def closes_and_leaves(reader, writer, answer, patience):
    try:
        while True:
            try:
                async with asyncio.timeout(patience):
                    line = await reader.readline()
            except TimeoutError:
                return
            if not line.endswith(b"\n"):
                return
            writer.write(await answer(line[:-1]) + b"\n")
            await writer.drain()
    finally:
        writer.close()


@told(ex.talk, "An answer was written before the one before it was drained")
async def never_drains(reader, writer, answer, patience):
    try:
        while True:
            try:
                async with asyncio.timeout(patience):
                    line = await reader.readline()
            except TimeoutError:
                return
            if not line.endswith(b"\n"):
                return
            writer.write(await answer(line[:-1]) + b"\n")
    finally:
        writer.close()
        await writer.wait_closed()


@told(ex.talk, "Without its end of line, and with nothing else taken off")
async def gives_the_end_of_line_too(reader, writer, answer, patience):
    try:
        while True:
            try:
                async with asyncio.timeout(patience):
                    line = await reader.readline()
            except TimeoutError:
                return
            if not line.endswith(b"\n"):
                return
            writer.write(await answer(line) + b"\n")
            await writer.drain()
    finally:
        writer.close()
        await writer.wait_closed()


@told(ex.talk, "An empty line is a line, too")
async def ends_at_an_empty_line(reader, writer, answer, patience):
    try:
        while True:
            try:
                async with asyncio.timeout(patience):
                    line = (await reader.readline()).strip()
            except TimeoutError:
                return
            if not line:
                return
            writer.write(await answer(line) + b"\n")
            await writer.drain()
    finally:
        writer.close()
        await writer.wait_closed()


@told(ex.talk, "The patience is for the wait for one line, anew for each")
async def one_limit_for_all(reader, writer, answer, patience):
    try:
        async with asyncio.timeout(patience):
            while (line := await reader.readline()).endswith(b"\n"):
                writer.write(await answer(line[:-1]) + b"\n")
                await writer.drain()
    except TimeoutError:
        pass
    finally:
        writer.close()
        await writer.wait_closed()


@told(ex.talk, "your function raised TimeoutError at 5 s: a client that says nothing is no error; close, and return")
async def takes_silence_for_an_error(reader, writer, answer, patience):
    try:
        while True:
            async with asyncio.timeout(patience):
                line = await reader.readline()
            if not line.endswith(b"\n"):
                return
            writer.write(await answer(line[:-1]) + b"\n")
            await writer.drain()
    finally:
        writer.close()
        await writer.wait_closed()


@told(ex.talk, "a connection carries bytes")
async def writes_text(reader, writer, answer, patience):
    try:
        while line := await reader.readline():
            writer.write((await answer(line[:-1])).decode() + "\n")
            await writer.drain()
    finally:
        writer.close()
        await writer.wait_closed()


@told(ex.talk, "The connection was then still open")
async def enters_the_writer(reader, writer, answer, patience):
    async with writer:
        while True:
            try:
                async with asyncio.timeout(patience):
                    line = await reader.readline()
            except TimeoutError:
                return
            if not line.endswith(b"\n"):
                return
            writer.write(await answer(line[:-1]) + b"\n")
            await writer.drain()


@told(ex.talk, "`writer.close(...)` was called, and gave nothing that can be awaited")
async def awaits_its_close(reader, writer, answer, patience):
    try:
        while True:
            try:
                async with asyncio.timeout(patience):
                    line = await reader.readline()
            except TimeoutError:
                return
            if not line.endswith(b"\n"):
                return
            writer.write(await answer(line[:-1]) + b"\n")
            await writer.drain()
    finally:
        await writer.close()


@told(ex.serve, "Your code raised TypeError")
async def sorts_what_was_given_up(queue, work, stop, grace):
    jobs = {}
    stopped = asyncio.create_task(stop.wait())
    taking = asyncio.create_task(queue.get())
    try:
        while not stop.is_set():
            await asyncio.wait({taking, stopped}, return_when=asyncio.FIRST_COMPLETED)
            if taking.done():
                job = asyncio.create_task(work(taking.result()))
                jobs[job] = taking.result()
                job.add_done_callback(jobs.pop)
                taking = asyncio.create_task(queue.get())
        taking.cancel()
        if jobs:
            await asyncio.wait(jobs, timeout=grace)
        return sorted(jobs.values())
    finally:
        tasks = [stopped, taking, *jobs]
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
