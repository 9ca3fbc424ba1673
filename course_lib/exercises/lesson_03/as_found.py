"""What the bug hunts of lesson 3 show: code as somebody found it, to be mended."""


async def work_through(get_job, handle, close):
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
