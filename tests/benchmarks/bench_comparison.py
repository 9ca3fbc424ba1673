"""What each concurrency model costs, and what measuring adds: python tests/benchmarks/bench_comparison.py

After it may stand --quick, and names of parts: tables, growth, requests, start, overhead. All take some six minutes.

Every figure is of a process of its own. Of the processes that are compared with each other, one follows the other, so
that a busy moment of the machine does not fall on one side alone.
"""

import asyncio
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from statistics import median
from time import perf_counter, process_time
from typing import Any

from course_lib.comparison import (
    Measurement,
    Workload,
    calibrate,
    compare_models,
    compute,
    computing,
    cores,
    fetching,
    measure,
    mixed,
    waiting,
)
from course_lib.comparison.launch import Send, run_async
from course_lib.lab.web import LabServer

QUICK = "--quick" in sys.argv
REPEATS = 3 if QUICK else 5
GROWTH = (1, 10, 100, 1_000) if QUICK else (1, 10, 100, 1_000, 2_000, 5_000)
ROUNDS = 3 if QUICK else 9
DEADLINE = 120.0


async def tables(units: int) -> None:
    """Print every model for each kind of workload, with the spread; ten calls at once where they wait."""
    with LabServer() as server:
        for workload in (
            waiting(0.5, 10),
            fetching([f"{server.url}/delay/0.5"] * 10),
            computing(10 * units, 10),
            mixed(0.1, units, 20),
        ):
            results = await compare_models(workload, repeats=REPEATS, deadline=DEADLINE)
            print(f"\n{results}")
            if "sequential" in {found.model for found in results if found.runs}:
                faster = ", ".join(f"{m.model} {results.speed_up(m.model):.2f}" for m in results if m.runs)
                print(f"times sequential: {faster}")


async def growth() -> None:
    """Print how time and memory grow with the number of waits at once, by threads and by asyncio."""
    print(f"\nWaits of 1 s, all at once, medians of {REPEATS}")
    print(f"{'':>8}{'threads':>20}{'asyncio':>22}{'time':>10}{'memory':>10}")
    for number in GROWTH:
        threads, tasks = [
            await measure(waiting(1, number), model, workers=number, repeats=REPEATS, warm_up=False, deadline=DEADLINE)
            for model in ("threads", "asyncio")
        ]
        _pair(f"{number:,}", threads, tasks)


async def requests_at_once() -> None:
    """Print 1,000 requests of 1 s at once, by threads with requests and by asyncio with aiohttp."""
    with LabServer() as server:
        workload = fetching([f"{server.url}/delay/1"] * 1_000)
        options: dict[str, Any] = {"workers": 1_000, "repeats": REPEATS, "warm_up": False, "deadline": DEADLINE}
        found = [await measure(workload, model, **options) for model in ("threads", "asyncio")]
    print(f"\n1,000 requests of 1 s, all at once, medians of {REPEATS}")
    _pair("requests", *found)


def _pair(name: str, threads: Measurement, tasks: Measurement) -> None:
    if not (threads.runs and tasks.runs):
        print(name, threads.problem or "threads: done", tasks.problem or "asyncio: done")
        return
    cells = [f"{f'{m.seconds:.3f} s, {m.memory / 1e6:.1f} MB':>20}" for m in (threads, tasks)]
    errors = f"  errors: {threads.errors}, {tasks.errors}" if threads.errors or tasks.errors else ""
    ratio = f"{threads.seconds / tasks.seconds:.2f} x"
    memory = f"{threads.memory / tasks.memory:.1f} x" if tasks.memory > 100_000 else "-"  # less is noise
    print(f"{name:>8}{cells[0]}  {cells[1]}{ratio:>10}{memory:>10}{errors}")


async def start_up() -> None:
    """Print how long it takes until workers are there."""
    workload = Workload.of(abs, range(cores()), "nothing")
    ways: list[tuple[str, str | None]] = [("threads", None)]
    methods = ("spawn",) if sys.platform == "win32" else ("fork", "forkserver", "spawn")
    ways += [("processes", method) for method in methods]
    print(f"\nUntil {cores()} workers are there, medians of {REPEATS}")
    for model, method in ways:
        found = [await measure(workload, model, repeats=1, start_method=method) for _ in range(REPEATS)]
        print(f"{method or model:<12}{median(m.startup for m in found) * 1000:>9.1f} ms")


# The same work written by hand, as short as it goes: what our own code adds to it.


def by_loop(items: list[int]) -> Any:
    def once() -> None:
        for item in items:
            compute(item)

    yield once


def by_threads(items: list[int]) -> Any:
    with ThreadPoolExecutor(10) as pool:
        yield lambda: [future.result() for future in [pool.submit(compute, item) for item in items]]


def by_processes(items: list[int]) -> Any:
    with ProcessPoolExecutor(cores()) as pool:
        yield lambda: [future.result() for future in [pool.submit(compute, item) for item in items]]


def by_asyncio(items: list[int]) -> Any:
    async def call(item: int) -> None:
        compute(item)
        await asyncio.sleep(0)

    async def main() -> None:
        await asyncio.gather(*(call(item) for item in items))

    with asyncio.Runner() as runner:
        yield lambda: runner.run(main())


def waits_in_threads(items: list[float]) -> Any:
    import time

    with ThreadPoolExecutor(10) as pool:
        yield lambda: [future.result() for future in [pool.submit(time.sleep, item) for item in items]]


def waits_on_a_loop(items: list[float]) -> Any:
    async def main() -> None:
        await asyncio.gather(*(asyncio.sleep(item) for item in items))

    with asyncio.Runner() as runner:
        yield lambda: runner.run(main())


def by_hand(send: Send, way: Callable[[list[Any]], Any], items: list[Any]) -> None:
    """Time a hand-written way in a child: one warm-up, then so many runs."""
    for once in way(items):
        once()
        for _ in range(REPEATS):
            start, cpu = perf_counter(), process_time()
            once()
            send((perf_counter() - start, process_time() - cpu))


async def overhead(units: int) -> None:
    """Print what our code adds: processor seconds where one process computes, else wall seconds."""
    calls = 200
    milliseconds = [max(1, units // 10)] * calls  # calls of about 1 ms
    work, waits = Workload(compute, milliseconds), waiting(0.2, 10)
    pairs: list[tuple[str, Workload, Callable[[list[Any]], Any], bool]] = [
        ("sequential", work, by_loop, True),
        ("threads", work, by_threads, True),
        ("asyncio", work, by_asyncio, True),
        ("processes", work, by_processes, False),
        ("threads", waits, waits_in_threads, False),
        ("asyncio", waits, waits_on_a_loop, False),
    ]
    print(
        f"\nOurs over hand-written code, {calls} calls of 1 ms, or 10 waits of 0.2 s; {ROUNDS} processes each, in turn"
    )
    for model, workload, way, one_process in pairs:
        ours, hand = [], []
        for _ in range(ROUNDS):
            found = await measure(workload, model, repeats=REPEATS)
            ours += [run.cpu if one_process else run.seconds for run in found.runs]
            end = await run_async(by_hand, (way, list(workload.items)), deadline=DEADLINE)
            hand += [cpu if one_process else wall for wall, cpu in end.messages]
        what = f"{model}, {'waiting' if workload is waits else 'computing'}"
        added = [f"{kind} {of(ours) / of(hand) - 1:>+6.1%}" for kind, of in (("fastest", min), ("median", median))]
        clock = "processor" if one_process else "wall"
        print(f"{what:<24}{clock:<11}{'   '.join(added)}   ({median(ours):.4f} s against {median(hand):.4f} s)")


async def main() -> None:
    """Print the parts that were named, or all."""
    print(f"Python {sys.version.split()[0]}, {cores()} cores")
    units = await calibrate(0.01)
    print(f"{units:,} units of computing take 10 ms")
    parts = {
        "tables": lambda: tables(units),
        "growth": growth,
        "requests": requests_at_once,
        "start": start_up,
        "overhead": lambda: overhead(units),
    }
    for name in [argument for argument in sys.argv[1:] if argument in parts] or parts:
        await parts[name]()


if __name__ == "__main__":
    asyncio.run(main())
