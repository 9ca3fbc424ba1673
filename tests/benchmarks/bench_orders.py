"""Orders tried a second, and outcomes found: python tests/benchmarks/bench_orders.py

Three programs whose outcomes are known: results in order of arrival (6), one thing sold to two (2: the stock is 0, or
-1), two locks taken in opposite order (2: done, or a deadlock). Beside every_order run, where they are installed
(`pip install frontrun simloop`; simloop needs Python 3.12), frontrun and simloop: the first switches tasks at every
await and prunes orders that come to the same, the second draws orders, and delays, from a seed. A run of theirs is not
one of ours, so the figures only say what each costs.
"""

import asyncio
import contextlib
import importlib
import io
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from course_lib.seeing import every_order, span

SEEDS = 300  # for simloop

Wait = Callable[[str], Awaitable[None]]


@dataclass
class World:
    """What the tasks of a program share."""

    log: list[str] = field(default_factory=list)
    stock: int = 1
    locks: tuple[asyncio.Lock, asyncio.Lock] = field(default_factory=lambda: (asyncio.Lock(), asyncio.Lock()))
    done: int = 0


async def arrive(world: World, name: str, wait: Wait) -> None:
    await wait(name)
    world.log.append(name)


async def buy(world: World, name: str, wait: Wait) -> None:
    await wait(f"{name} looks")
    if world.stock > 0:
        await wait(f"{name} pays")
        world.stock -= 1


async def both(world: World, name: str, wait: Wait) -> None:
    first, second = world.locks if name == "a" else world.locks[::-1]
    await wait(f"{name} begins")
    async with first:
        await wait(name)
        async with second:
            world.done += 1


PROGRAMS: dict[str, tuple[Callable[[World, str, Wait], Any], str, Callable[[World], Any]]] = {
    "arrival": (arrive, "abc", lambda world: tuple(world.log)),
    "stock": (buy, "ab", lambda world: world.stock),
    "two locks": (both, "ab", lambda world: world.done),
}


def ours(work: Any, names: str, outcome: Callable[[World], Any]) -> tuple[int, int]:
    """Return how many outcomes every_order finds in how many runs."""

    async def wait(name: str) -> None:
        with span(name):
            await asyncio.sleep(1)

    async def main() -> Any:
        world = World()
        await asyncio.gather(*(work(world, name, wait) for name in names))
        return outcome(world)

    found = every_order(main)
    assert found.complete
    return len(found.outcomes), found.runs


def frontrun(work: Any, names: str, outcome: Callable[[World], Any]) -> tuple[int, int]:
    """Return how many outcomes frontrun finds in how many runs."""
    tool = importlib.import_module("frontrun")
    found = set()

    async def wait(_: str) -> None:
        await asyncio.sleep(0)

    def worker(name: str) -> Any:
        async def run(world: World) -> None:
            await work(world, name, wait)

        return run

    def note(world: World) -> bool:
        found.add(outcome(world))
        return True

    result = tool.explore(
        setup=World, workers=[worker(name) for name in names], invariant=note, stop_on_first=False,
        preemption_bound=None, deadlock_timeout=0.5, timeout_per_run=1.0,
    )  # fmt: skip
    if asyncio.iscoroutine(result):
        result = asyncio.run(result)
    return len(found) + (not result.property_holds), result.num_explored


def simloop(work: Any, names: str, outcome: Callable[[World], Any]) -> tuple[int, int]:
    """Return how many outcomes simloop finds in how many runs."""
    tool = importlib.import_module("simloop")
    found = set()

    async def wait(_: str) -> None:
        await asyncio.sleep(tool.sim.random.random())

    async def main() -> None:
        world = World()
        await asyncio.gather(*(work(world, name, wait) for name in names))
        found.add(outcome(world))

    for seed in range(SEEDS):
        report = tool.explore(main, [seed])
        if report is not None:
            found.add(type(report.exception).__name__)
    return len(found), SEEDS


def tools() -> Iterator[tuple[str, Callable[..., tuple[int, int]]]]:
    """Yield the tools that are installed."""
    yield "every_order", ours
    for tool in (frontrun, simloop):
        try:
            importlib.import_module(tool.__name__)
        except ImportError:
            print(f"{tool.__name__} is not installed")
        else:
            yield tool.__name__, tool


def main() -> None:
    """Print a table."""
    print(f"{'program':<12}{'tool':<14}{'outcomes':>9}{'runs':>8}{'runs/s':>10}")
    for tool, run in list(tools()):
        for name, (work, names, outcome) in PROGRAMS.items():
            begun, muted = time.perf_counter(), io.StringIO()
            with contextlib.redirect_stdout(muted), contextlib.redirect_stderr(muted):
                outcomes, runs = run(work, names, outcome)
            seconds = time.perf_counter() - begun
            print(f"{name:<12}{tool:<14}{outcomes:>9}{runs:>8,}{runs / seconds:>10,.0f}")


if __name__ == "__main__":
    main()
