"""What the bug hunt of lesson 2 shows: code as somebody found it, to be mended."""

import asyncio


async def count_tasks(main):
    loop = asyncio.get_running_loop()
    tasks, failed = set(), []

    def on_done(task):
        if task.exception():
            failed.append(task)

    def factory(loop, coro):
        task = asyncio.Task(coro, loop=loop)
        tasks.add(id(task))
        task.add_done_callback(on_done)
        return task

    loop.set_task_factory(factory)
    await main()
    return len(tasks), len(failed)
