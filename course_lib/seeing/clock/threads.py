"""What a simulated program does with threads and pools, as seen by its clock."""

import logging
import threading
import time
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from functools import partial, wraps
from typing import Any

from course_lib.seeing.clock.current import clock_for_this_thread, clock_here, clock_of_this_thread
from course_lib.seeing.clock.virtual import VirtualClock

_real_sleep = time.sleep
_real_start, _real_join = threading.Thread.start, threading.Thread.join
_real_submit, _real_submit_to_processes = ThreadPoolExecutor.submit, ProcessPoolExecutor.submit
_real_shutdown = ThreadPoolExecutor.shutdown
_real_log_record: Any = logging.LogRecord.__init__

PROCESSES, INTERPRETERS = "the jobs of a pool of processes", "the jobs of a pool of interpreters"


@wraps(_real_sleep)
def sleep(seconds: float, /) -> None:
    """Do what `time.sleep` does."""
    clock = clock_here()
    return _real_sleep(seconds) if clock is None else clock.sleep(seconds)


def start(self: threading.Thread) -> None:
    """Start a thread, which belongs to the simulation that starts it."""
    clock = clock_here()
    if clock is None:
        return _real_start(self)
    turn = clock.next_turn()
    clock.workers.threads[self] = threading.Event()
    # On the instance, since a subclass has a `run` of its own.
    self.run = partial(_run, clock, turn, self, self.run)  # type: ignore[method-assign]
    try:
        with clock_for_this_thread(None), clock.unhurried():  # it waits, really, until the thread exists
            return _real_start(self)
    except BaseException:
        del clock.workers.threads[self]
        raise


def _run(clock: VirtualClock, turn: int, thread: threading.Thread, run: Any) -> None:
    del thread.run  # a circle
    try:
        _take_part(clock, turn, run)
    except BaseException:
        if not clock.closed:  # else it was sent home, and the error is one of being torn from its work
            raise
    finally:
        clock.workers.thread_ended(thread)


def _take_part(clock: VirtualClock, turn: int, function: Any, /, *args: Any, **kwargs: Any) -> Any:
    try:
        with clock_for_this_thread(clock):
            clock.begin(turn)
            return function(*args, **kwargs)
    finally:
        clock.workers.thread_reports()


def join(self: threading.Thread, timeout: float | None = None) -> None:
    """Wait for a thread; in virtual time if it is one of the simulation."""
    clock = clock_here()
    ended = clock.workers.threads.get(self) if clock and self is not threading.current_thread() else None
    if ended and not ended.wait(timeout):
        return
    _real_join(self, None if ended else timeout)


def submit(self: ThreadPoolExecutor, function: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
    """Submit a job, which is a worker of the simulation until it ends; the pool's threads are not."""
    clock = clock_here()
    if clock is None:
        return _real_submit(self, function, *args, **kwargs)
    turn = clock.next_turn()
    real = INTERPRETERS if _runs_interpreters(self) else ""
    # A job that is not counted yet, and waits, would stand for the thread that submits it, and time would move.
    with clock.workers.counting():
        with clock_for_this_thread(None), clock.unhurried():
            if real:
                job = _real_submit(self, function, *args, **kwargs)
            else:
                job = _real_submit(self, _take_part, clock, turn, function, *args, **kwargs)
        watch_job(clock, self, job, real=real)
    return job


def submit_to_processes(self: ProcessPoolExecutor, function: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
    """Submit a job to a pool of processes: it takes real time, for which the clock waits, and no virtual time."""
    clock = clock_of_this_thread()
    if clock is not None:
        clock.next_turn()
    with clock_for_this_thread(None):
        job = _real_submit_to_processes(self, function, *args, **kwargs)
    if clock is not None:
        watch_job(clock, self, job, real=PROCESSES)
    return job


def watch_job(clock: VirtualClock, executor: Any, job: Future[Any], *, real: str = "") -> None:
    """Count a job in, and out once all that wait for it have been told of its end."""
    clock.workers.job_submitted(executor, job, real=real)
    known = False

    def report(job: Any) -> None:
        # The first callback to be run, and the last one should tell the clock: the others tell the loop.
        if known:
            job._done_callbacks.append(lambda _: clock.workers.job_reported(executor, job))
        else:
            clock.workers.job_reported(executor, job)

    job.add_done_callback(report)
    known = True


def shutdown(self: ThreadPoolExecutor, wait: bool = True, *, cancel_futures: bool = False) -> None:
    """Shut a pool of threads down; its jobs come to their end in virtual time."""
    clock = clock_here()
    if clock is not None and wait:
        _real_shutdown(self, wait=False, cancel_futures=cancel_futures)
        clock.finish(self)
    with clock_for_this_thread(None):
        _real_shutdown(self, wait, cancel_futures=cancel_futures)


def log_record(self: logging.LogRecord, *args: Any, **kwargs: Any) -> None:
    """Make a log record, which tells the real time: virtual time begins at 0, which would be read as 1970."""
    with clock_for_this_thread(None):
        _real_log_record(self, *args, **kwargs)


def _runs_interpreters(executor: ThreadPoolExecutor) -> bool:
    return any(base.__name__ == "InterpreterPoolExecutor" for base in type(executor).__mro__)
