"""Ten thousand jobs under fire: python tests/jobs_consistency.py [--seconds 60] [--jobs 10000] [--poison 3] ...

Producers and four worker processes, on a Redis that writes to a file. Workers are killed at random moments, Redis is
killed once and started again with its data. Each job's effect is a row in PostgreSQL under the job's key, written once
however often the job runs, and each run is counted. A few jobs are poison: whoever begins one dies of it, with eight
jobs in hand. In the end every healthy job has its effect, the dead letters are the poison and nothing else, and the
queue is empty; how many ran more than once is printed. Then the same fire, without poison, on two naive schemes, which
have no leases: one that acknowledges first, and one that takes jobs off a list.

The exit status is 1 where a healthy job of ours was lost or given up, or poison was not.
"""

import argparse
import asyncio
import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import asyncpg
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import ResponseError

from course_lib.jobs import Job, JobQueue, Worker
from course_lib.lab.servers import Server, postgres, private_redis

WORKERS, AT_ONCE, LEASE = 4, 8, 1.0
STARTS = 5  # one in company, and more alone than kills from outside can meet: a healthy one must never be given up
POISON = "poison"
BUSY = 0.7  # of the time that the kills take, the workers need so much for all jobs: they are killed at work


DO = """
    INSERT INTO effects (scheme, key) VALUES ($1, $2)
    ON CONFLICT (scheme, key) DO UPDATE SET runs = effects.runs + 1
"""


async def effect(database: asyncpg.Pool, scheme: str, key: str, seconds: float) -> None:
    """Do what a job is for, once under its key, and count the run; it takes so many seconds on average."""
    await asyncio.sleep(random.uniform(0, 2 * seconds))
    await database.execute(DO, scheme, key)


async def work(scheme: str, redis_url: str, postgres_url: str, seconds: float) -> None:
    """Be a worker of a scheme until the process is told to end."""
    async with asyncpg.create_pool(postgres_url, min_size=1, max_size=AT_ONCE) as database:
        if scheme == "ours":
            async with queue_at(redis_url) as queue:

                async def handle(job: Job) -> None:
                    if job.body == POISON:
                        os._exit(1)
                    await effect(database, scheme, job.key, seconds)

                worker = Worker(queue, handle, at_once=AT_ONCE)
                with contextlib.suppress(NotImplementedError):  # on Windows
                    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, worker.stop)
                await worker.run()
            return
        client: Any = Redis.from_url(redis_url, decode_responses=True, protocol=2, socket_timeout=5)
        name = str(os.getpid())
        while True:
            try:
                if scheme == "list":
                    found = await client.blpop(["list"], timeout=1)
                    keys = [found[1]] if found else []
                else:
                    read = await client.xreadgroup("naive", name, {"naive": ">"}, count=AT_ONCE, block=1000)
                    keys = [fields["key"] for _, entries in read for _, fields in entries]
                    for _, entries in read:
                        await client.xack("naive", "naive", *(entry for entry, _ in entries))
            except (RedisConnectionError, TimeoutError):
                await asyncio.sleep(0.05)
                continue
            await asyncio.gather(*(effect(database, scheme, key, seconds) for key in keys))


def queue_at(url: str) -> JobQueue:
    return JobQueue(url, "fire", lease=LEASE, starts=STARTS, pause=0.1, backlog=2_000)


async def produce(scheme: str, url: str, jobs: int, poison: int) -> None:
    """Enqueue all jobs, some of them twice, as one does whose reply was lost, and poison among them."""
    if scheme == "ours":
        async with queue_at(url) as queue:
            bad = {(place + 1) * jobs // (poison + 1) for place in range(poison)}

            async def some(first: int) -> None:
                for number in range(first, jobs, 10):
                    await queue.enqueue(number, key=f"job {number}")
                    if number in bad:
                        await queue.enqueue(POISON, key=f"{POISON} {number}")
                    if number % 7 == 0:
                        await queue.enqueue(number, key=f"job {number}")

            await asyncio.gather(*(some(first) for first in range(10)))
        return
    client: Any = Redis.from_url(url)
    with contextlib.suppress(ResponseError):
        await client.xgroup_create("naive", "naive", id="0", mkstream=True)
    for number in range(jobs):
        key = f"job {number}"
        await (client.rpush("list", key) if scheme == "list" else client.xadd("naive", {"key": key}))
    await client.aclose()


class Fire:
    """The worker processes of a scheme, and what befalls them."""

    def __init__(self, scheme: str, server: Server, seconds: float, seed: int):
        self.scheme, self.server, self.seconds, self.random = scheme, server, seconds, random.Random(seed)
        self.processes = [self.start() for _ in range(WORKERS)]
        self.kills = self.deaths = 0

    def start(self) -> subprocess.Popen[bytes]:
        arguments = [self.scheme, self.server.url, postgres(), str(self.seconds)]
        return subprocess.Popen([sys.executable, __file__, "--work", *arguments])

    def kill_one(self) -> None:
        """Kill a worker at this moment, and start another in its place."""
        place = self.random.randrange(WORKERS)
        self.processes[place].kill()
        self.processes[place].wait()
        self.processes[place] = self.start()
        self.kills += 1

    def replace_the_dead(self) -> None:
        """Start another worker for each that died by itself."""
        for place, process in enumerate(self.processes):
            if process.poll() is not None:
                self.processes[place] = self.start()
                self.deaths += 1

    def end(self) -> None:
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@contextlib.contextmanager
def fire(scheme: str, server: Server, seconds: float, seed: int) -> Iterator[Fire]:
    burning = Fire(scheme, server, seconds, seed)
    try:
        yield burning
    finally:
        burning.end()


async def run(scheme: str, jobs: int, seconds: float, kills: int, seed: int, poison: int) -> bool:
    """Let a scheme do its jobs under fire, print what came of it, and return whether nothing was lost."""
    poison *= scheme == "ours"
    database = await asyncpg.connect(postgres())
    await database.execute(
        "CREATE TABLE IF NOT EXISTS effects (scheme text, key text, runs int DEFAULT 1, PRIMARY KEY (scheme, key))"
    )
    began = time.perf_counter()
    each = BUSY * seconds * WORKERS * AT_ONCE / jobs
    with private_redis(persistent=True) as server, fire(scheme, server, each, seed) as burning:
        producing = asyncio.create_task(produce(scheme, server.url, jobs, poison))
        pace, restarted = random.Random(seed), scheme != "ours"  # the naive ones need no help to lose
        while burning.kills < kills or not producing.done():
            await asyncio.sleep(pace.uniform(0.3, 1.7) * seconds / kills)
            burning.replace_the_dead()
            if burning.kills < kills:
                burning.kill_one()
            if not restarted and burning.kills > kills / 3:
                restarted = True
                await asyncio.to_thread(server.kill)
                await asyncio.to_thread(server.start)
            if producing.done():
                producing.result()
        left, letters = await _drained(burning, database, until=began + 3 * seconds + 60)
    rows = await database.fetch("SELECT runs FROM effects WHERE scheme = $1", scheme)
    await database.close()
    lost, again = jobs - len(rows), sum(row["runs"] > 1 for row in rows)
    healthy = [key for key in letters if not key.startswith(POISON)]
    print(
        f"{scheme:>18}: {jobs:,} jobs, {burning.kills} kills, {lost:,} lost, {again:,} run more than once, "
        f"{len(healthy)} given up, {left} left, in {time.perf_counter() - began:.0f} s"
        + f"; {len(letters) - len(healthy)} of {poison} poison given up, {burning.deaths} deaths of it"
        * bool(poison),
        flush=True,
    )
    return lost == len(healthy) == left == 0 and len(letters) == poison


async def _drained(burning: Fire, database: asyncpg.Connection, until: float) -> tuple[int, list[str]]:
    """Wait until nothing is left to do; return how much is left, and the keys of what was given up."""
    if burning.scheme == "ours":
        async with queue_at(burning.server.url) as queue:
            while (left := await queue.size()) and time.perf_counter() < until:
                burning.replace_the_dead()
                await asyncio.sleep(0.1)
            return left, [letter.key for letter in await queue.dead_letters(10_000)]
    before, count = -1, "SELECT count(*) FROM effects WHERE scheme = $1"
    while (now := await database.fetchval(count, burning.scheme)) != before:
        before = now
        await asyncio.sleep(3)
    return 0, []


async def main(arguments: argparse.Namespace) -> int:
    whole = True
    for scheme in ("ours", "acknowledges first", "list"):
        found = await run(scheme, arguments.jobs, arguments.seconds, arguments.kills, arguments.seed, arguments.poison)
        whole &= found or scheme != "ours"
    return 0 if whole else 1


if __name__ == "__main__":
    if sys.argv[1:2] == ["--work"]:
        asyncio.run(work(*sys.argv[2:5], seconds=float(sys.argv[5])))
    else:
        parser = argparse.ArgumentParser()
        parser.add_argument("--seconds", type=float, default=60.0)
        parser.add_argument("--jobs", type=int, default=10_000)
        parser.add_argument("--kills", type=int, default=40)
        parser.add_argument("--poison", type=int, default=3)
        parser.add_argument("--seed", type=int, default=1)
        sys.exit(asyncio.run(main(parser.parse_args())))
