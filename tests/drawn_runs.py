"""Runs that are drawn by number and checked against a model: counted by kind, and the command that counts many."""

import sys
import time
from collections import Counter
from collections.abc import Callable
from typing import Any


def compare_runs(check: Callable[[int], str], draw: Callable[[int], Any], count: int, seed: int = 0) -> Counter[str]:
    """Check so many runs and count them by kind; what fails says with which seed it comes again."""
    found: Counter[str] = Counter()
    for each in range(seed, seed + count):
        try:
            found[check(each)] += 1
        except BaseException as error:
            error.add_note(f"seed {each}: {draw(each)}")
            raise
    return found


def main(compare: Callable[..., Counter[str]], agreed: str) -> None:
    """Compare as many runs as the command line says, 1,000 by default, and print how many were of each kind."""
    numbers = [int(argument) for argument in sys.argv[1:]] or [1_000]
    began = time.perf_counter()
    for outcome, times in compare(*numbers).most_common():
        print(f"{times:6} {outcome}")
    print(f"{numbers[0]} {agreed}, in {time.perf_counter() - began:.1f} s")
