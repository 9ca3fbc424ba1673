"""How many jobs a second the course's job queue does, beside taskiq's stream broker and arq, on the same Redis.

    python tests/benchmarks/bench_jobs.py [--jobs 10000] [--at-once 100] [--rounds 3]

Each queue gets the same jobs, whose handler does nothing, before its worker starts; then the worker, one process, has
`at_once` in hand. What is measured is from its start until the last handler has returned; of the rounds, in which the
queues take turns, the best. The others are no requirement of the course: they are measured where they are installed,

    python -m venv ENV && ENV/bin/pip install -r requirements.txt taskiq taskiq-redis click
    ENV/bin/pip install --no-deps arq    # it asks for an older redis-py
    ENV/bin/python tests/benchmarks/bench_jobs.py

All use one connection pool, redis-py, and no uvloop. Ours looks a job's key up when it is enqueued, counts each start,
and deletes what is done; taskiq acknowledges when the handler has returned; arq keeps no result here (keep_result=0).
"""

import argparse
import asyncio
import importlib.util
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from course_lib.jobs import Job, JobQueue, Worker
from course_lib.lab.servers import private_redis


class Countdown:
    """Counts handlers that have returned, and says when it was the last one."""

    def __init__(self, count: int) -> None:
        self.left, self.over = count, asyncio.Event()

    def one(self) -> None:
        """Note that one more has returned."""
        self.left -= 1
        if not self.left:
            self.over.set()


async def ours(url: str, jobs: int, at_once: int) -> float:
    """Return the seconds that the course's worker takes."""
    countdown = Countdown(jobs)

    async def handle(job: Job) -> None:
        countdown.one()

    async with JobQueue(url, "bench", backlog=2 * jobs) as queue:
        for first in range(0, jobs, 1000):
            await asyncio.gather(*(queue.enqueue(number) for number in range(first, min(first + 1000, jobs))))
        worker = Worker(queue, handle, at_once=at_once)
        began = time.perf_counter()
        running = asyncio.create_task(worker.run())
        await countdown.over.wait()
        while await queue.size():  # acknowledged, too
            await asyncio.sleep(0.001)
        took = time.perf_counter() - began
        worker.stop()
        await running
    return took


async def taskiq(url: str, jobs: int, at_once: int) -> float:
    """Return the seconds that a receiver of taskiq takes, on its broker for streams."""
    from taskiq.receiver import Receiver  # type: ignore[import-not-found]
    from taskiq_redis import RedisStreamBroker  # type: ignore[import-not-found]

    countdown = Countdown(jobs)
    broker = RedisStreamBroker(url, xread_count=at_once)
    broker.is_worker_process = True

    @broker.task  # type: ignore[untyped-decorator]
    async def handle(number: int) -> None:
        countdown.one()

    await broker.startup()
    for first in range(0, jobs, 1000):
        await asyncio.gather(*(handle.kiq(number) for number in range(first, min(first + 1000, jobs))))
    stop = asyncio.Event()
    receiver = Receiver(broker, run_startup=False, max_async_tasks=at_once)
    began = time.perf_counter()
    running = asyncio.create_task(receiver.listen(stop))
    await countdown.over.wait()
    took = time.perf_counter() - began
    stop.set()
    running.cancel()
    await asyncio.wait([running])
    await broker.shutdown()
    return took


async def arq(url: str, jobs: int, at_once: int) -> float:
    """Return the seconds that arq's worker takes, which ends when there is nothing left."""
    from arq import create_pool  # type: ignore[import-not-found]
    from arq.connections import RedisSettings  # type: ignore[import-not-found]
    from arq.worker import Worker as ArqWorker  # type: ignore[import-not-found]
    from arq.worker import func

    countdown = Countdown(jobs)

    async def handle(context: object, number: int) -> None:
        countdown.one()

    pool = await create_pool(RedisSettings.from_dsn(url))
    for number in range(jobs):
        await pool.enqueue_job("handle", number)
    worker = ArqWorker(
        functions=[func(handle, name="handle", keep_result=0)],
        redis_pool=pool,
        burst=True,
        max_jobs=at_once,
        poll_delay=0.01,
        handle_signals=False,
    )
    began = time.perf_counter()
    running = asyncio.create_task(worker.async_run())
    await countdown.over.wait()
    took = time.perf_counter() - began
    await running
    await worker.close()
    return took


QUEUES: dict[str, tuple[Callable[[str, int, int], Awaitable[float]], tuple[str, ...]]] = {
    "course_lib.jobs": (ours, ()),
    "taskiq, stream broker": (taskiq, ("taskiq", "taskiq_redis")),
    "arq": (arq, ("arq",)),
}


def main() -> None:
    """Measure, and print a line for each queue."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--jobs", type=int, default=10_000)
    parser.add_argument("--at-once", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    found: dict[str, list[float]] = {}
    for _ in range(arguments.rounds):
        for name, (measure, needs) in QUEUES.items():
            if all(importlib.util.find_spec(module) for module in needs):
                with private_redis() as server:
                    found.setdefault(name, []).append(
                        asyncio.run(_timed(measure(server.url, arguments.jobs, arguments.at_once)))
                    )
    for name in QUEUES:
        if name not in found:
            print(f"{name:>22}: not installed; the docstring of this file says how")
        else:
            rates = sorted(arguments.jobs / seconds for seconds in found[name])
            print(f"{name:>22}: {rates[-1]:,.0f} jobs/s (of {len(rates)} rounds the slowest {rates[0]:,.0f})")


async def _timed(measure: Awaitable[float]) -> float:
    return await measure


if __name__ == "__main__":
    main()
