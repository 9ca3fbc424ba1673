"""Pools whose workers are not in this interpreter: processes, and where Python has them, interpreters."""

import multiprocessing
import pickle
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from course_lib.comparison import calls
from course_lib.comparison.launch import packed
from course_lib.comparison.usage import Usage


@dataclass(frozen=True)
class Pool:
    """An executor, and how to make a call in it.

    executor: with its workers started
    call, watched_call: what to submit, with `pack(item)`; `unpack` makes the result of what a call gives
    processes: how many worker processes it has
    """

    executor: Executor
    call: Callable[[Any], Any]
    watched_call: Callable[[Any], calls.Call]
    pack: Callable[[Any], Any] = calls.carried
    unpack: Callable[[Any], Any] = pickle.loads
    processes: int = 0

    def usage(self) -> list[Usage]:
        """Return what each worker process has used."""
        return list(self.executor.map(calls.report, range(self.processes)))


@contextmanager
def processes(function: calls.Function, workers: int, start_method: str | None) -> Iterator[Pool]:
    """Start processes, all of them, and end them.

    function: what they will call
    start_method: "fork", "forkserver" or "spawn"; None as this Python does by default
    """
    context = multiprocessing.get_context(start_method)
    all_here = context.Barrier(workers)
    arguments = (packed(function), all_here.wait)
    with ProcessPoolExecutor(workers, context, calls.begin, arguments) as executor:
        pool = Pool(executor, calls.call, calls.watched_call, processes=workers)
        pool.usage()  # a pool starts its workers when there is work: this takes one call in each
        yield pool


@contextmanager
def interpreters(function: calls.Function, workers: int) -> Iterator[Pool]:
    """Start interpreters in this process, each with a GIL of its own, and end them; Python 3.14."""
    if sys.version_info >= (3, 14):
        from concurrent.futures import InterpreterPoolExecutor

        begin = {"initializer": calls.begin_interpreter, "initargs": (packed(function),)}
        with InterpreterPoolExecutor(workers, **begin) as executor:
            yield Pool(executor, calls.call, calls.watched_call)
    else:
        raise RuntimeError(f"interpreters need Python 3.14 or newer, and this is {sys.version.split()[0]}")
