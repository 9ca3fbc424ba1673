"""A stand-in for a pool of processes: what a real one would refuse, it refuses, in a sentence."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from course_lib.exercises.framework import Wrong
from course_lib.exercises.lesson_06.scenes import PROCESS


class Processes(ThreadPoolExecutor):
    """Stands in for a ProcessPoolExecutor: its workers are threads, whose sleeping is computing, on virtual time."""

    def __init__(self, workers: int) -> None:
        super().__init__(workers, thread_name_prefix=PROCESS)
        self.closed = False

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> "Future[Any]":
        """Submit a job that could be sent to another process."""
        for each in (fn, *args):
            # A function is sent by its name, and looked up by it over there: one with <lambda> or <locals> in it is
            # not found. A partial is sent with its function.
            if "<" in getattr(getattr(each, "func", each), "__qualname__", ""):
                raise Wrong(
                    "A lambda, or a function inside a function, cannot be sent to another process. Hand the pool "
                    "`crunch` itself, and the job: `crunch, job`."
                )
        return super().submit(fn, *args, **kwargs)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Note that the learner closed it."""
        self.closed = True
        super().shutdown(wait, cancel_futures=cancel_futures)

    def send_home(self) -> None:
        """End its workers."""
        super().shutdown(wait=False)
