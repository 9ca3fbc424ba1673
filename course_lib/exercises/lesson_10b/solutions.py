"""The reference solutions of lesson 10b, as a learner would write them."""

import asyncio
from contextlib import suppress


async def run_limited(start, seconds, grace):
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
        if process.returncode is None:
            process.kill()
            await process.communicate()


async def serve(queue, work, stop, grace):
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
        return list(jobs.values())
    finally:
        tasks = [stopped, taking, *jobs]
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


async def talk(reader, writer, answer, patience):
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
        await writer.wait_closed()
