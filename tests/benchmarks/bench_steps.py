"""What a step of steps() takes to redraw, beside the swimlane alone: python tests/benchmarks/bench_steps.py"""

import asyncio
import time
from collections.abc import Callable
from statistics import median
from typing import Any

from course_lib.seeing import simulate, steps

ROUNDS = 3


async def greet(name: str, seconds: float) -> str:
    print(name, "begins")
    await asyncio.sleep(seconds)
    print(name, "ends")
    return name


async def three() -> None:
    await asyncio.gather(*(greet(name, seconds) for name, seconds in [("slow", 3), ("fast", 1), ("middle", 2)]))


async def twelve() -> None:
    await asyncio.gather(*(greet(f"task {number}", number) for number in range(1, 12)))


def milliseconds(draw: Callable[[], Any]) -> float:
    begun = time.perf_counter()
    draw()
    return (time.perf_counter() - begun) * 1000


def main() -> None:
    print(f"{'program':<10} {'steps':>5} {'collected in':>12} {'a redraw':>9} {'at most':>8} {'the swimlane':>13}")
    for program in (three, twelve):
        collecting = median(milliseconds(lambda: steps(program)) for _ in range(5))  # noqa: B023  # called at once
        shown, lane = steps(program), simulate(program)
        shown[0]._repr_mimebundle_()  # the first loads matplotlib, and draws the swimlane that all others share
        redraws = [milliseconds(step._repr_mimebundle_) for _ in range(ROUNDS) for step in shown]
        swimlane = median(milliseconds(lane._repr_mimebundle_) for _ in range(10))
        print(
            f"{program.__name__:<10} {len(shown) - 1:>5} {collecting:>9.1f} ms {median(redraws):>6.0f} ms "
            f"{max(redraws):>5.0f} ms {swimlane:>10.0f} ms"
        )


if __name__ == "__main__":
    main()
