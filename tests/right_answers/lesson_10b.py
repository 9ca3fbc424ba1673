"""Right answers to the exercises of lesson 10b, in other styles than the solutions."""

import asyncio

from course_lib.exercises import lesson_10b as ex
from right_answers import right

# run_limited


@right(ex.run_limited)
async def waits_for_a_task(start, seconds, grace):
    process = await start()
    reading = asyncio.create_task(process.communicate())
    try:
        await asyncio.wait([reading], timeout=seconds)
        if reading.done():
            return reading.result()
        process.terminate()
        await asyncio.wait([reading], timeout=grace)
        raise TimeoutError(f"no end after {seconds} s")
    finally:
        if process.returncode is None:
            process.kill()
        await reading


@right(ex.run_limited)
async def nested_limits(start, seconds, grace):
    process = await start()
    try:
        try:
            return await asyncio.wait_for(process.communicate(), seconds)
        except TimeoutError:
            process.terminate()
            await asyncio.wait_for(process.communicate(), grace)
            raise
    except BaseException:
        if process.returncode is None:
            process.kill()
        await process.wait()
        raise


@right(ex.run_limited)
async def one_limit_moved(start, seconds, grace):
    process = await start()
    asked = False
    try:
        while True:
            try:
                async with asyncio.timeout(grace if asked else seconds):
                    written = await process.communicate()
                if asked:
                    raise TimeoutError
                return written
            except TimeoutError:
                if asked:
                    raise
                asked = True
                process.terminate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


# serve


@right(ex.serve)
async def cancels_the_taker(queue, work, stop, grace):
    jobs = {}

    async def take():
        while True:
            item = await queue.get()
            jobs[asyncio.create_task(work(item))] = item

    taker = asyncio.create_task(take())
    try:
        await stop.wait()
        taker.cancel()
        await asyncio.wait([taker])
        late = set()
        if jobs:
            _, late = await asyncio.wait(jobs, timeout=grace)
        return [item for job, item in jobs.items() if job in late]
    finally:
        for task in [taker, *jobs]:
            task.cancel()
        await asyncio.wait([taker, *jobs])


@right(ex.serve)
async def each_says_what_it_gave_up(queue, work, stop, grace):
    jobs, given_up = [], {}

    async def do(number, item):
        try:
            await work(item)
        except asyncio.CancelledError:
            given_up[number] = item
            raise

    stopped = asyncio.ensure_future(stop.wait())
    try:
        while not stop.is_set():
            taking = asyncio.ensure_future(queue.get())
            try:
                await asyncio.wait([taking, stopped], return_when="FIRST_COMPLETED")
                if taking.done():
                    jobs.append(asyncio.ensure_future(do(len(jobs), taking.result())))
            finally:
                taking.cancel()
                await asyncio.wait([taking])
        if jobs:
            await asyncio.wait(jobs, timeout=grace)
    finally:
        for task in [stopped, *jobs]:
            task.cancel()
        await asyncio.wait([stopped, *jobs])
    return [given_up[number] for number in sorted(given_up)]


@right(ex.serve)
async def a_limit_around_the_group(queue, work, stop, grace):
    begun = []

    async def take(group):
        while True:
            item = await queue.get()
            begun.append((item, group.create_task(work(item))))

    try:
        async with asyncio.timeout(None) as limit, asyncio.TaskGroup() as group:
            taker = group.create_task(take(group))
            if not stop.is_set():
                await stop.wait()
            taker.cancel()
            limit.reschedule(asyncio.get_running_loop().time() + grace)
    except TimeoutError:
        pass
    return [item for item, job in begun if job.cancelled()]


# talk


@right(ex.talk)
async def reads_until_the_end_of_line(reader, writer, answer, patience):
    try:
        while True:
            try:
                line = await asyncio.wait_for(reader.readuntil(b"\n"), patience)
            except (TimeoutError, asyncio.IncompleteReadError):
                break
            writer.writelines([await answer(line[:-1]), b"\n"])
            await writer.drain()
    finally:
        writer.close()
        await writer.wait_closed()


@right(ex.talk)
async def splits_the_lines_itself(reader, writer, answer, patience):
    kept, loop = b"", asyncio.get_running_loop()
    try:
        while True:
            until = loop.time() + patience
            while b"\n" not in kept:
                try:
                    async with asyncio.timeout_at(until):
                        piece = await reader.read(1000)
                except TimeoutError:
                    return
                if not piece:
                    return
                kept += piece
            line, _, kept = kept.partition(b"\n")
            writer.write(await answer(line))
            writer.write(b"\n")
            await writer.drain()
    finally:
        writer.close()
        await writer.wait_closed()


@right(ex.talk)
async def an_iterator_of_lines(reader, writer, answer, patience):
    async def read():
        try:
            return await asyncio.wait_for(reader.readline(), patience)
        except TimeoutError:
            return b""

    try:
        while (line := await read())[-1:] == b"\n":
            told = await answer(line.removesuffix(b"\n"))
            writer.write(told + b"\n")
            await writer.drain()
    except BaseException:
        writer.close()
        await writer.wait_closed()
        raise
    writer.close()
    await writer.wait_closed()
