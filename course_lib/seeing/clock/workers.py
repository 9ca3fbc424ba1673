"""Who takes part in a simulation beside its loop's thread."""

import threading
from concurrent.futures import Executor, Future
from typing import Any


class Workers:
    """The threads that the simulated program started, and the jobs that it gave to pools.

    `changed` is notified, inside its lock, whenever one of them has come to an end.
    """

    def __init__(self, changed: threading.Condition) -> None:
        self.threads: dict[threading.Thread, threading.Event] = {}  # each with what is set at its end
        self.waited_for: set[str] = set()  # what takes real time, in words
        self._changed = changed
        self._jobs: dict[Executor, set[Future[Any]]] = {}  # submitted, and not yet reported back to who waits
        self._real_jobs: set[Future[Any]] = set()  # those of processes
        self._at_work: set[int] = set()  # identifiers of the threads that have begun
        self._reporting: set[int] = set()  # those of the threads that have ended, and now tell who waits for them

    def thread_begins(self) -> None:
        """Note that the calling thread takes part."""
        self._at_work.add(threading.get_ident())

    def thread_reports(self) -> None:
        """Note that the calling thread has done its work, and tells who waits for it."""
        self._at_work.discard(threading.get_ident())
        self._reporting.add(threading.get_ident())

    def thread_ended(self, thread: threading.Thread) -> None:
        """Count a thread of the program's own out, and wake those who join it."""
        with self._changed:
            self.threads.pop(thread).set()
            self._reporting.discard(threading.get_ident())
            self._changed.notify_all()

    def counting(self) -> threading.Condition:
        """Return what is to be held open, by `with`, while a job is made and counted in: none begins meanwhile."""
        return self._changed

    def job_submitted(self, executor: Executor, job: Future[Any], *, real: str = "") -> None:
        """Count a job in; a real one, of which `real` tells the kind, holds the clock until it ends."""
        with self._changed:
            if real:
                self.waited_for.add(real)
                self._real_jobs.add(job)
            else:
                self._jobs.setdefault(executor, set()).add(job)

    def job_reported(self, executor: Executor, job: Future[Any]) -> None:
        """Count a job out, once all have been told of its end (not before: the clock could jump in between)."""
        with self._changed:
            self._real_jobs.discard(job)
            self._jobs.get(executor, set()).discard(job)
            self._reporting.discard(threading.get_ident())
            self._changed.notify_all()

    def count(self) -> int:
        """Return how many run or wait: a pool of n threads runs at most n of its jobs."""
        jobs = [min(len(jobs), getattr(executor, "_max_workers", 1)) for executor, jobs in self._jobs.items()]
        return sum(jobs) + len(self._real_jobs) + len(self.threads)

    def at_work(self) -> set[int]:
        """Return the identifiers of the threads that have begun and not ended."""
        return set(self._at_work)

    def may_wake(self) -> bool:
        """Return whether the calling thread is one of these, or may tell of the end of a real job."""
        return bool(self._real_jobs) or threading.get_ident() in self._at_work | self._reporting

    def unfinished(self) -> dict[Executor, set[Future[Any]]]:
        """Return the pools that have jobs which have not ended, and these."""
        return {executor: jobs for executor, jobs in self._jobs.items() if jobs}
