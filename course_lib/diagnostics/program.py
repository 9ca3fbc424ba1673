"""Diagnostics of a program: `diagnose(main)` in the place of `asyncio.run(main())`."""

import asyncio
import gc
import sys
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from course_lib.diagnostics.around import cell_here
from course_lib.diagnostics.watch import Watch
from course_lib.diagnostics.watched import SLOW

T = TypeVar("T")


def diagnose(main: Callable[[], Coroutine[Any, Any, T]], *, slow: float = SLOW, collect: bool = False) -> T:
    """Run a program as `asyncio.run(main())` does, and print to stderr what it did wrong; nothing where all is well.

    Args:
        main: the coroutine function to run, without arguments.
        slow: from how many seconds on a step of a task is one that held the loop.
        collect: whether to let the garbage collector look, at the end, for what nobody holds any more. Without it,
            what hides in a circle of references is found only when the collector comes.

    Returns what main returns, and raises what it raises. Raises RuntimeError where a loop runs already: in a notebook,
    `%load_ext course_lib.diagnostics`. Raises TypeError when `main` cannot be called, and ValueError when
    `slow` is not positive.
    """
    if not callable(main):
        raise TypeError(
            f"main={main!r:.60}: pass the function itself, diagnose(main), so that it is watched from the start"
        )
    if not slow > 0:
        raise ValueError(f"slow={slow!r}: pass seconds, more than 0 ({SLOW:g} is the default)")
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        pass
    else:
        raise RuntimeError(
            "diagnose() runs a loop of its own, and one runs here: in a notebook, %load_ext course_lib.diagnostics"
        )
    token, watch = cell_here.set(0), None
    try:
        with asyncio.Runner() as runner:
            watch = Watch(loop := runner.get_loop(), slow)
            watch.start()
            loop.call_soon(watch.start_generators)
            try:
                return runner.run(main())
            finally:
                watch.look_around()  # before the runner cancels what is left
                if collect:
                    gc.collect()
    finally:
        cell_here.reset(token)
        if watch is not None:
            watch.stop()
            if told := watch.findings.tell("asyncio diagnostics:", 0):
                print(told, file=sys.stderr)
