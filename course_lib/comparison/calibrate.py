"""Work for the processor, and how much of it this machine does in a stated time."""

import math
from time import perf_counter

from course_lib.comparison.launch import Send, run_async
from course_lib.lifecycle.checks import check_number

ROUND = 0.005  # seconds that one timing takes: short, so that on a busy machine some are not interrupted
ROUNDS = 15
DEADLINE = 60.0


def fib(n: int) -> int:
    """Return the n-th Fibonacci number, the slow way: the article's work for a processor."""
    return n if n <= 1 else fib(n - 1) + fib(n - 2)


def compute(units: int) -> None:
    """Compute, in pure Python; one unit is fib(10), some ten microseconds."""
    for _ in range(units):
        fib(10)


async def calibrate(seconds: float) -> int:
    """Return how many units `compute` needs to take a stated time on one core of this machine, when nothing disturbs.

    seconds: more than 0
    It is measured in a process of its own, so the loop goes on; that takes about a third of a second.
    Raises TypeError and ValueError for a time without sense, RuntimeError when the process came to no end.
    """
    check_number("seconds", seconds, 0, "seconds", "0.1 makes a good call")
    end = await run_async(_time_a_unit, (), deadline=DEADLINE)
    if not end.messages:
        raise RuntimeError(f"the calibration gave no result: {end.said}; try again when the machine is less busy")
    return max(1, math.ceil(seconds / float(end.messages[0])))


def _time_a_unit(send: Send) -> None:
    units = 1
    while _time(units) < ROUND:
        units *= 2
    # The shortest of several: what else the machine does can only make one longer.
    send(min(_time(units) for _ in range(ROUNDS)) / units)


def _time(units: int) -> float:
    start = perf_counter()
    compute(units)
    return perf_counter() - start
