"""How near lesson 1's fetcher comes to the ideal: python tests/benchmarks/bench_fetching.py

Client and server are threads of one process, so their work adds up: the figures are a lower bound.
"""

import asyncio
import time
from collections.abc import Callable, Coroutine
from statistics import median
from typing import Any

import aiohttp

from course_lib.fetching import (
    FetchResult,
    async_fetch_multiple,
    async_fetch_url,
    ideal_speed_up,
    speed_up,
    sync_fetch_multiple,
)
from course_lib.lab.web import LabServer, start

Results = list[FetchResult]

UNIT = 0.1  # seconds; the article's is 1
DELAYS = [delay * UNIT for delay in (1, 2, 1, 3, 1)]
RUNS = 5
REQUIRED = 0.95


async def like_the_article(urls: list[str]) -> Results:
    """Everything at once and gathered: no limit but aiohttp's own, no timeout, and one error would lose all results."""

    async def fetch(session: aiohttp.ClientSession, url: str) -> FetchResult:
        begun = time.time()
        async with session.get(url) as response:
            body = await response.read()
            return FetchResult(url, response.status, len(body), time.time() - begun)

    async with aiohttp.ClientSession() as session:
        return await asyncio.gather(*[asyncio.create_task(fetch(session, url)) for url in urls])


async def awaited_in_turn(urls: list[str]) -> Results:
    """Async in name only: each request is awaited before the next is started."""
    async with aiohttp.ClientSession() as session:
        return [await async_fetch_url(session, url) for url in urls]


def alone(way: Callable[[list[str]], Coroutine[Any, Any, Results]]) -> Callable[[list[str]], Results]:
    return lambda urls: asyncio.run(way(urls))


def run(server: LabServer, way: Callable[[list[str]], Results], urls: list[str]) -> tuple[float, int, Results]:
    """Return the wall clock in seconds, the peak the server saw, and the results, all of which must be good."""
    with server.count() as seen:
        begun = time.perf_counter()
        results = way(urls)
        seconds = time.perf_counter() - begun
    assert all(result.ok for result in results), results
    return seconds, seen.peak, results


def lesson(server: LabServer) -> None:
    """Print the lesson's five requests, each way, and whether ours is near enough to the ideal."""
    urls = [f"{server.url}/delay/{delay:g}" for delay in DELAYS]
    ways = {
        "sync_fetch_multiple": sync_fetch_multiple,
        "async, awaited in turn": alone(awaited_in_turn),
        "the article's way": alone(like_the_article),
        "async_fetch_multiple": alone(async_fetch_multiple),
    }
    # The ways take turns, so that a busy moment of the machine does not fall on one of them alone.
    runs: dict[str, list[tuple[float, int, Results]]] = {name: [] for name in ways}
    for _ in range(RUNS):
        for name, way in ways.items():
            runs[name].append(run(server, way, urls))
    ideal = ideal_speed_up(DELAYS)
    sequential = median(seconds for seconds, _, _ in runs["sync_fetch_multiple"])
    sequential_sum = median(sum(each.time for each in results) for _, _, results in runs["sync_fetch_multiple"])
    print(f"Delays of {', '.join(f'{delay:g}' for delay in DELAYS)} s; medians of {RUNS} runs.")
    print(f"Ideal: {sum(DELAYS):g} s / {max(DELAYS):g} s = {ideal:.3f} times.\n")
    print(f"{'':<24}{'wall':>9}{'longest':>9}{'peak':>6}{'speed-up':>10}{'of ideal':>10}{'as the article':>16}")
    print(f"{'':<24}{'':>9}{'/ wall':>9}{'':>6}{'':>10}{'':>10}{'computes it':>16}")
    for name, measured in runs.items():
        wall = median(seconds for seconds, _, _ in measured)
        longest = median(max(each.time for each in results) for _, _, results in measured)
        share = speed_up(sequential, wall) / ideal
        print(
            f"{name:<24}{wall:>7.4f} s{max(DELAYS) / wall:>9.1%}{max(peak for _, peak, _ in measured):>6}"
            f"{speed_up(sequential, wall):>10.3f}{share:>10.1%}{sequential_sum / longest:>16.3f}"
        )
    print(f"\nRequired of async_fetch_multiple: {REQUIRED:.0%} of the ideal. Reached: {share >= REQUIRED}\n")


def many(server: LabServer, number: int = 1000, delay: float = 1.0) -> None:
    """Print how long many requests take when all may be in flight, and when a limit of 100 holds them back."""
    urls = [f"{server.url}/delay/{delay:g}"] * number
    ways = {
        f"max_in_flight={number}": alone(lambda urls: async_fetch_multiple(urls, max_in_flight=number)),
        "max_in_flight=100, the default": alone(async_fetch_multiple),
        "the article's way: aiohttp's default": alone(like_the_article),
    }
    print(f"{number:,} requests of {delay:g} s, one run each.\n")
    print(f"{'':<38}{'wall':>10}{'peak':>7}{'median time of one':>20}")
    for name, way in ways.items():
        seconds, peak, results = run(server, way, urls)
        print(f"{name:<38}{seconds:>8.2f} s{peak:>7}{median(each.time for each in results):>18.2f} s")


def allow_many_sockets() -> None:
    """Raise this process's limit of open files where it is low, as on macOS: each request takes two here."""
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 4096 if hard == resource.RLIM_INFINITY else min(4096, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


if __name__ == "__main__":
    allow_many_sockets()
    lesson(start())
    many(start())
