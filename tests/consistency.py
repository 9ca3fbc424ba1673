"""Does any reader see what is no longer so? python tests/consistency.py --seconds 20 --scheme ours

Two processes read and write the same rows, with many tasks each, and in ways whose text says nothing of it
(`hidden_writers.py`). Meanwhile Redis is killed and comes back with its old
values, and one process is cut off from it. Each row is written by one task, with a number that grows. A read is stale
when it returns a number below one whose write had returned, in whichever process, before the read began: time.monotonic
is one clock for all processes of a machine.
"""

import argparse
import asyncio
import json
import random
import sys
import time
from bisect import bisect_left
from collections import Counter, defaultdict
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "benchmarks"))

import asyncpg
import redis.exceptions
from article_database import ArticlePool
from hidden_writers import READS, SET, TABLE, WAYS, prepare

import course_lib.database.cache as cache
from course_lib.database import AsyncDatabasePool
from course_lib.lab.proxy import Proxy
from course_lib.lab.servers import Server, private_redis

PROCESSES, WRITERS, READERS, ROWS = 2, 2, 6, 3  # of a process; rows of a writer
RARE = 4  # one write of so many is of another kind: many of these leave nothing in the cache
FAILURES = (OSError, asyncpg.PostgresError, redis.exceptions.RedisError)
ONE, ALL = READS["a row"], READS["all"]


@dataclass
class Log:
    """What one process saw: (row, number, seconds) of each, and row -1 for the sum of all."""

    reads: list[tuple[int, int, float]] = field(default_factory=list)  # the number, and when the read began
    writes: list[tuple[int, int, float]] = field(default_factory=list)  # the number, and when the write had returned
    failed: int = 0
    ways: dict[str, int] = field(default_factory=dict)  # how often each was carried out
    stats: dict[str, float] = field(default_factory=dict)


class Ours:
    """How the workload uses our pool: a plain write mostly, and now and then one of the others, in turn."""

    def __init__(self, dsn: str, redis_url: str, lease: float) -> None:
        cache.LEASE = lease
        self.pool = AsyncDatabasePool(dsn, redis_url, 2, 10, cache_ttl=lease, redis_timeout=0.5)
        self.ways = Counter[str]()

    async def __aenter__(self) -> "Ours":
        await self.pool.initialize()
        self.read = self.pool.execute_query
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.pool.close()

    async def write(self, row: int, number: int) -> None:
        if number % RARE:
            await self.pool.execute_query(SET, row, number)
            return
        way = list(WAYS)[(17 * row + number // RARE) % len(WAYS)]
        await WAYS[way](self.pool, row, number)
        self.ways[way] += 1

    def stats(self) -> dict[str, float]:
        return self.pool.stats


class Article:
    """How the workload uses the article's scheme."""

    def __init__(self, dsn: str, redis_url: str, *, mended: bool) -> None:
        self.pool = ArticlePool(dsn, redis_url, 8, mended=mended)
        self.ways = Counter[str]()

    async def __aenter__(self) -> "Article":
        await self.pool.__aenter__()
        self.read = self.pool.execute_query
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.pool.__aexit__()

    async def write(self, row: int, number: int) -> None:
        await self.pool.write(TABLE, [(SET, (row, number))])

    def stats(self) -> dict[str, float]:
        return {"queries": self.pool.queries}


def scheme(name: str, dsn: str, redis_url: str, lease: float) -> Ours | Article:
    return Ours(dsn, redis_url, lease) if name == "ours" else Article(dsn, redis_url, mended=name == "mended")


async def work(name: str, dsn: str, redis_url: str, lease: float, process: int, until: float) -> Log:
    """Read and write until the clock shows `until`."""
    log, chance = Log(), random.Random(process)
    rows = PROCESSES * WRITERS * ROWS

    async def write(own: range) -> None:
        number = 0
        while time.monotonic() < until:
            number += 1
            row = chance.choice(own)
            try:
                await pool.write(row, number)
                log.writes.append((row, number, time.monotonic()))
            except FAILURES:
                log.failed += 1  # committed or not: no claim is made
            await asyncio.sleep(chance.uniform(0, 0.06))

    async def read() -> None:
        while time.monotonic() < until:
            row = chance.randrange(-1, rows)
            begun = time.monotonic()
            try:
                [found] = await (pool.read(ALL) if row < 0 else pool.read(ONE, row))
                log.reads.append((row, int(found["version"]), begun))
            except FAILURES:
                log.failed += 1
            await asyncio.sleep(chance.uniform(0, 0.002))

    async with scheme(name, dsn, redis_url, lease) as pool, asyncio.TaskGroup() as group:
        for writer in range(WRITERS):
            first = (process * WRITERS + writer) * ROWS
            group.create_task(write(range(first, first + ROWS)))
        for _ in range(READERS):
            group.create_task(read())
    log.stats, log.ways = dict(pool.stats()), dict(pool.ways)
    return log


@dataclass
class Report:
    reads: int
    writes: int
    failed: int
    stale: list[tuple[int, float]]  # the row, and how many seconds after the write had returned the read began
    torn: int  # reads of a number that was never committed
    ways: dict[str, int]
    stats: dict[str, float]


def judge(logs: list[Log]) -> Report:
    """Compare all reads with all writes."""
    returned: dict[int, list[tuple[float, int]]] = defaultdict(list)
    for row, number, at in sorted((write for log in logs for write in log.writes), key=lambda write: write[2]):
        highest = returned[row][-1][1] if returned[row] else 0
        returned[row].append((at, max(number, highest)))

    def known(row: int, begun: float) -> int:
        place = bisect_left(returned[row], (begun, 0))
        return returned[row][place - 1][1] if place else 0

    def staleness(row: int, number: int, begun: float) -> float:
        return begun - next(at for at, highest in returned[row] if highest > number)

    stale: list[tuple[int, float]] = []
    torn = 0
    reads = [read for log in logs for read in log.reads]
    for row, number, begun in reads:
        torn += number < 0
        if row >= 0 and number < known(row, begun):
            stale.append((row, staleness(row, number, begun)))
        elif row < 0 and number < sum(known(each, begun) for each in range(PROCESSES * WRITERS * ROWS)):
            stale.append((row, 0.0))
    stats, ways = Counter[str](), Counter[str]()
    for log in logs:
        stats.update(log.stats)
        ways.update(log.ways)
    writes, failed = sum(len(log.writes) for log in logs), sum(log.failed for log in logs)
    return Report(len(reads), writes, failed, stale, torn, dict(ways), dict(stats))


async def break_redis(server: Server, cable: Proxy, begun: float, seconds: float) -> None:
    """Kill Redis and bring it back, then cut one process off from it: at once, and later so that it only waits."""

    async def at(share: float) -> None:
        await asyncio.sleep(begun + share * seconds - time.monotonic())

    await at(0.15)
    await asyncio.to_thread(server.kill)
    await at(0.2)
    await asyncio.to_thread(server.start)
    await at(0.35)
    cable.cut()
    await at(0.45)
    cable.restore()
    await at(0.55)
    cable.cut(silent=True)  # for longer than the lease
    await at(0.85)
    cable.restore()


async def run(dsn: str, name: str, seconds: float, lease: float, *, faults: bool = True) -> Report:
    """Run the workload in this process and in another, break Redis meanwhile, and return the verdict."""
    await prepare(dsn, PROCESSES * WRITERS * ROWS)
    async with AsyncExitStack() as stack:
        server = stack.enter_context(await asyncio.to_thread(private_redis, persistent=True))
        cable = stack.enter_context(Proxy(server.url, delay=0.002))
        until = time.monotonic() + seconds + 1  # the other process has that second to start
        arguments = (name, dsn, cable.url, str(lease), "1", str(until))
        other = await asyncio.create_subprocess_exec(
            sys.executable, __file__, "--process", *arguments, stdout=asyncio.subprocess.PIPE
        )
        try:
            async with asyncio.TaskGroup() as group:
                here = group.create_task(work(name, dsn, server.url, lease, 0, until))
                there = group.create_task(other.communicate())
                if faults:
                    await break_redis(server, cable, until - seconds, seconds)
        finally:
            if other.returncode is None:
                other.kill()
    assert other.returncode == 0, f"the other process failed: {other.returncode}"
    return judge([here.result(), Log(**json.loads(there.result()[0]))])


def main() -> int:
    if sys.argv[1:2] == ["--process"]:
        name, dsn, redis_url, lease, process, until = sys.argv[2:]
        log = asyncio.run(work(name, dsn, redis_url, float(lease), int(process), float(until)))
        json.dump(asdict(log), sys.stdout)
        return 0
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--scheme", choices=["ours", "article", "mended"], default="ours")
    parser.add_argument("--lease", type=float, default=5.0, help="seconds; ours only")
    arguments = parser.parse_args()
    from course_lib.lab.servers import private_postgres

    with private_postgres() as server:
        report = asyncio.run(run(server.url, arguments.scheme, arguments.seconds, arguments.lease))
    worst = max((late for _, late in report.stale), default=0.0)
    print(f"{arguments.scheme}: {report.reads} reads, {report.writes} writes, {report.failed} failed")
    print(f"stale reads: {len(report.stale)}, at worst {worst:.3f} s after the write had returned; torn: {report.torn}")
    if report.ways:
        print(f"{len(report.ways)} of {len(WAYS)} ways to write, each {min(report.ways.values())} times or more")
    print(", ".join(f"{name} {value:g}" for name, value in report.stats.items()))
    return 1 if report.stale or report.torn else 0


if __name__ == "__main__":
    sys.exit(main())
