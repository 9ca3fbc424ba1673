"""The pool of lesson 5a beside the article's way and bare asyncpg and redis: python tests/benchmarks/bench_database.py

Everything runs in one process beside the two servers, so trust the ratios, not the figures. --quick: one run of each.
"""

import argparse
import asyncio
import gc
import json
import os
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

import asyncpg
from article_database import ArticlePool
from redis.asyncio import Redis

import course_lib.database.cache as cache
import course_lib.database.pool as pool_module
from course_lib.database import AsyncDatabasePool
from course_lib.database.statistics import percentile
from course_lib.lab.servers import private_postgres, private_redis

RUNS = 5
ROUNDS = 5  # in a run
ROWS = 1000
SIZE = 10  # connections to PostgreSQL, in every way
POINT = "SELECT * FROM people WHERE id = $1"
WRITE = "UPDATE people SET born = $2 WHERE id = $1"
# With the lease of 5 s, values would expire in the middle of a run, and what is to be measured is the cost of a hit.
pool_module.LEASE = cache.LEASE = 300.0
HEAVY = "SELECT id % 7 AS kind, count(*) AS n, sum(sqrt(id)) AS total FROM numbers WHERE id > $1 GROUP BY 1 ORDER BY 1"
Call = Callable[[int], Awaitable[Any]]
Figures = tuple[float, float, float]  # calls per second, p50 and p99 in ms


async def load(call: Call, concurrency: int, calls: int) -> list[float]:
    """Call with the numbers 0, 1, 2 ..., so many at a time; return the seconds of all together, then of each call."""
    numbers: Iterator[int] = iter(range(calls))
    times: list[float] = []

    async def keep_calling() -> None:
        for number in numbers:
            begun = time.perf_counter()
            await call(number)
            times.append(time.perf_counter() - begun)

    begun = time.perf_counter()
    await asyncio.gather(*(keep_calling() for _ in range(concurrency)))
    return [time.perf_counter() - begun, *times]


def in_turn(ways: Sequence[str], number: int) -> Sequence[str]:
    """Return the ways in another order each time, so that what one leaves behind does not always fall on the same."""
    start = number % len(ways)
    return [*ways[start:], *ways[:start]]


@dataclass
class Comparison:
    """What ways took, in rounds: short ones, in which each way has its turn.

    A machine has busy moments that last longer than a round. They fall on all ways of a round, so only ratios taken
    within a round are steady, and the median of many leaves out the rounds in which such a moment began or ended.
    """

    rounds: dict[str, list[list[float]]]

    def times_as_fast(self, way: str, other: str, *, one_call: bool = False) -> float:
        """Return how many times as fast a way was as another: by the rate, or by the median of one call."""
        took = [[median(each[1:]) if one_call else each[0] for each in self.rounds[name]] for name in (other, way)]
        return median(slow / quick for slow, quick in zip(*took, strict=True))

    def runs(self, way: str) -> list[Figures]:
        """Return the figures of each run, which is several rounds."""
        found = []
        for first in range(0, len(self.rounds[way]), ROUNDS):
            run = self.rounds[way][first : first + ROUNDS]
            times = [seconds for each in run for seconds in each[1:]]
            rate = len(times) / sum(each[0] for each in run)
            found.append((rate, 1000 * percentile(times, 50), 1000 * percentile(times, 99)))
        return found

    def spread(self, way: str) -> float:
        """Return p99 / p50."""
        _, p50, p99 = map(median, zip(*self.runs(way), strict=True))
        return p99 / p50


async def compare(
    title: str, ways: dict[str, Call], concurrency: int, calls: int, before: Callable[[], Awaitable[None]] | None = None
) -> Comparison:
    """Run the ways in turn, `calls` times each a run; print medians."""
    found = Comparison({name: [] for name in ways})
    if before:
        await before()
    for number in range(RUNS * ROUNDS):
        for name in in_turn(list(ways), number):
            found.rounds[name].append(await load(ways[name], concurrency, max(calls // ROUNDS, concurrency)))
    for name in ways:
        rate, p50, p99 = map(median, zip(*found.runs(name), strict=True))
        print(f"{title:<22}{concurrency:>5}  {name:<24}{rate:>10,.0f}{p50:>10.3f}{p99:>10.3f}")
    return found


class Requirements:
    """What is required, and what was reached."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.met = True

    def check(self, what: str, reached: float, required: float, *, at_most: bool = False, aim: bool = False) -> None:
        good = reached <= required if at_most else reached >= required
        self.met &= good or aim
        sign = "<=" if at_most else ">="
        verdict = "yes" if good else "not quite, an aim" if aim else "NO"
        self.lines.append(f"{what:<66}{reached:>8.2f}  {sign} {required:<6g}{verdict}")


async def reads(dsn: str, url: str, required: Requirements) -> None:
    """Point reads and a heavy aggregate, hit and miss, at three concurrencies."""
    bare = Redis.from_url(url, decode_responses=True)
    people = [{"id": number, "name": f"name {number}", "born": 1900 + number % 100} for number in range(ROWS)]
    async with (
        AsyncDatabasePool(dsn, url, SIZE, SIZE, 300, redis_timeout=5) as ours,
        ArticlePool(dsn, url, SIZE) as article,
        asyncpg.create_pool(dsn, min_size=SIZE, max_size=SIZE) as postgres,
    ):
        for statement in (
            "CREATE TABLE people (id int PRIMARY KEY, name text, born int, seen timestamptz DEFAULT now())",
            "CREATE TABLE numbers AS SELECT generate_series(1, 100000) AS id",
        ):
            await ours.execute_query(statement)
        await ours.bulk_insert("people", people)
        held = {number: json.dumps([person], default=str) for number, person in enumerate(people)}
        await bare.mset({f"bare:{number}": text for number, text in held.items()})

        async def warm() -> None:
            for pool in (ours, article):
                await load(lambda number, pool=pool: pool.execute_query(POINT, number % ROWS), 20, ROWS)

        async def bare_get(number: int) -> Any:
            return json.loads(await bare.get(f"bare:{number % ROWS}"))

        async def bare_fetch(number: int) -> Any:
            async with postgres.acquire() as connection:
                return [dict(row) for row in await connection.fetch(POINT, number % ROWS)]

        async def bare_write(number: int) -> Any:
            async with postgres.acquire() as connection:
                return await connection.execute(WRITE, number % ROWS, number)

        unique = iter(range(10**9))

        def miss(pool: Any) -> Call:
            # The parameter of a statement that finds the same rows, new in each call, makes every read a miss.
            return lambda number: pool.execute_query(POINT + " AND id <> $2", number % ROWS, -1 - next(unique))

        print(f"{'':<22}{'at':>5}  {'':<24}{'calls/s':>10}{'p50 ms':>10}{'p99 ms':>10}")
        for concurrency, calls in ((1, 1000), (10, 3000), (100, 5000)):
            hit = await compare(
                "point read, hit",
                {
                    "bare redis": bare_get,
                    "article": lambda number: article.execute_query(POINT, number % ROWS),
                    "ours": lambda number: ours.execute_query(POINT, number % ROWS),
                },
                concurrency,
                calls,
                warm,
            )
            missed = await compare(
                "point read, miss",
                {"bare asyncpg": bare_fetch, "article": miss(article), "ours": miss(ours)},
                concurrency,
                calls // 2,
            )
            await compare(
                "write",
                {"bare asyncpg": bare_write, "ours": lambda number: ours.execute_query(WRITE, number % ROWS, number)},
                concurrency,
                calls // 4,
            )
            if concurrency == 1:  # one after another, the rate is a mean, and one busy moment of the machine decides it
                what = "hit, 1 at a time: the article's p50 / ours"
                required.check(what, hit.times_as_fast("ours", "article", one_call=True), 1)
            else:
                what = f"hit, {concurrency} at a time: times the article's"
                required.check(what, hit.times_as_fast("ours", "article"), {10: 1, 100: 4}[concurrency])
                what = f"hit, {concurrency} at a time: p99 / p50"
                required.check(what, hit.spread("ours"), 10, at_most=True)
            what = f"miss, {concurrency} at a time: times the article's"
            required.check(what, missed.times_as_fast("ours", "article"), 1)
            if concurrency > 1:
                required.check(f"{what}, aim", missed.times_as_fast("ours", "article"), 2, aim=True)
        await compare(
            "aggregate, miss",
            {
                "article": lambda number: article.execute_query(HEAVY, next(unique) % 1000, use_cache=False),
                "ours": lambda number: ours.execute_query(HEAVY, next(unique) % 1000, use_cache=False),
            },
            10,
            50,
        )
        await article.execute_query(HEAVY, 0)
        await compare(
            "aggregate, hit",
            {
                "article": lambda number: article.execute_query(HEAVY, 0),
                "ours": lambda number: ours.execute_query(HEAVY, 0),
            },
            10,
            1000,
        )
        article.queries = 0
        await asyncio.gather(*(article.execute_query(HEAVY, -1) for _ in range(100)))
        before = ours.stats
        await asyncio.gather(*(ours.execute_query(HEAVY, -1) for _ in range(100)))
        after = ours.stats
        queries = sum((after[name] - before[name]) * sign for name, sign in (("cache_misses", 1), ("cache_shared", -1)))
        print(f"\n100 identical misses at the same time: article {article.queries} queries, ours {queries}")
        required.check("100 identical concurrent misses: queries", queries, 1, at_most=True)
    await bare.aclose()


async def inserts(dsn: str, url: str, required: Requirements) -> None:
    """Many rows into a table, without indexes and with two unique ones."""
    tables = {
        "no index": "id int, name text, price numeric, born date",
        "two unique indexes": "id int PRIMARY KEY, name text UNIQUE, price numeric, born date",
    }
    async with (
        AsyncDatabasePool(dsn, url, 2, SIZE) as ours,
        ArticlePool(dsn, url, 2) as article,
        asyncpg.create_pool(dsn, min_size=1, max_size=1) as postgres,
    ):
        day = await postgres.fetchval("SELECT DATE '2026-01-31'")
        print(f"\n{'':<38}{'':<20}{'rows/s':>10}{'seconds':>10}")
        for kind, columns in tables.items():
            for rows in (10_000, 100_000):
                records = [{"id": n, "name": f"name {n}", "price": n, "born": day} for n in range(rows)]

                async def copy(records: list[dict[str, Any]] = records) -> None:
                    tuples = [tuple(record.values()) for record in records]
                    async with postgres.acquire() as connection:
                        await connection.copy_records_to_table("bulk", columns=list(records[0]), records=tuples)

                ways: dict[str, Callable[[], Awaitable[Any]]] = {
                    "article": lambda records=records: article.bulk_insert("bulk", records),
                    "bare COPY": copy,
                    "ours": lambda records=records: ours.bulk_insert("bulk", records),
                }
                times: dict[str, list[float]] = {name: [] for name in ways}
                # A fifth of a second is too short to be trusted once, and a fiftieth more so: the fewer rows, the more
                # rounds.
                for number in range(3 * RUNS * (3 if rows == 10_000 else 1)):
                    for name in in_turn(list(ways), number):
                        if name == "article" and number >= (RUNS if rows == 10_000 else 1):
                            continue  # minutes for nothing new
                        await postgres.execute(f"DROP TABLE IF EXISTS bulk; CREATE TABLE bulk ({columns})")
                        gc.collect()  # or what one way leaves is cleared away in another's time
                        begun = time.perf_counter()
                        await ways[name]()
                        times[name].append(time.perf_counter() - begun)
                medians = {name: median(values) for name, values in times.items()}
                for name, seconds in medians.items():
                    print(f"{f'{rows:,} rows, {kind}':<38}{name:<20}{rows / seconds:>10,.0f}{seconds:>10.3f}")
                what = f"insert {rows:,} rows, {kind}"
                required.check(f"{what}: times the article's", medians["article"] / medians["ours"], 20)
                pairs = zip(times["bare COPY"], times["ours"], strict=True)  # each of one round
                share = median(plain / own for plain, own in pairs)
                required.check(f"{what}: share of bare COPY's speed", share, 0.9)


def _part_from(*servers: int) -> None:
    """Keep this process and the servers, with the children they will have, on different cores, where that can be done.

    A round trip to a server on the same core takes a fraction of the time, and the kernel puts it there or elsewhere as
    it likes: left to it, two ways would be compared under different conditions.
    """
    if hasattr(os, "sched_setaffinity") and len(os.sched_getaffinity(0)) > 1:
        mine, *others = sorted(os.sched_getaffinity(0))
        for pid in servers:
            os.sched_setaffinity(pid, others)
        os.sched_setaffinity(0, {mine})


async def main(part: str | None) -> bool:
    required = Requirements()
    with private_postgres() as postgres, private_redis() as redis:
        print(f"{postgres.version}, {redis.version}; medians of {RUNS} runs or more, {SIZE} connections.\n")
        _part_from(postgres.pid, redis.pid)
        if part != "reads":
            await inserts(postgres.url, redis.url, required)
        if part != "inserts":
            await reads(postgres.url, redis.url, required)
    print(f"\n{'':<66}{'reached':>8}  required")
    print("\n".join(required.lines))
    return required.met


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", choices=["reads", "inserts"])
    arguments = parser.parse_args()
    RUNS = 1 if arguments.quick else RUNS
    raise SystemExit(0 if asyncio.run(main(arguments.only)) else 1)
