"""A stream with one group on the virtual clock, as Redis has it: who takes a job has it pending, in its name."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import inf
from typing import Any

from course_lib.exercises.lesson_09b.processes import Process
from course_lib.seeing import span

LEASE = 30  # seconds after which what is pending may be taken over
BLOCK = 1.0  # seconds for which `take` waits for a new job
SOON = 0.001  # seconds: less than anybody measures, more than sums are wrong by
WORK = 5.0  # seconds that a handler takes


@dataclass(frozen=True)
class Job:
    """A job as a consumer gets it; `deliveries` is how often it was handed out, this time included."""

    id: str
    key: str = ""
    body: Any = None
    deliveries: int = 1


@dataclass(eq=False)
class Pending:
    """Who has a job, since when, and how often it was handed out."""

    owner: Process
    since: float
    deliveries: int = 1


@dataclass(eq=False)
class Stream:
    """The stream itself: what all consumers share, and what was seen.

    arrivals: when each job is added, in seconds, and its id
    failing: how often the handling of a job fails before it succeeds
    """

    arrivals: Sequence[tuple[float, str]] = ()
    failing: dict[str, list[Exception]] = field(default_factory=dict)
    work: float = WORK
    pending: dict[str, Pending] = field(default_factory=dict)
    acked: list[str] = field(default_factory=list)
    begun: list[tuple[str, float, Process]] = field(default_factory=list)
    handled: list[str] = field(default_factory=list)
    given: dict[tuple[Process, str], tuple[str, float]] = field(default_factory=dict)  # and not begun: how, and when
    looked: list[tuple[Process, float]] = field(default_factory=list)  # who asked for what the dead left, and when
    unfinished: dict[str, str] = field(default_factory=dict)  # why the last handling of a job did not return
    cut_short: dict[str, float] = field(default_factory=dict)  # after how many seconds a handling was cancelled
    raised: list[Exception] = field(default_factory=list)  # what `handle` has raised
    _next: int = 0

    @property
    def next_arrival(self) -> float:
        """When the next new job is there, in seconds."""
        return self.arrivals[self._next][0] if self._next < len(self.arrivals) else inf

    def take(self, process: Process) -> Job | None:
        """Hand out the next new job, if there is one by now."""
        if self._next >= len(self.arrivals) or self.arrivals[self._next][0] > now():
            return None
        name = self.arrivals[self._next][1]
        self._next += 1
        return self._give(process, Job(name), "take")

    def take_over(self, process: Process, idle: float) -> Job | None:
        """Hand out a job that has been pending for so long."""
        self.looked.append((process, now()))
        for name, held in self.pending.items():
            if now() - held.since >= idle:
                return self._give(process, Job(name, deliveries=held.deliveries + 1), "take_over")
        return None

    def _give(self, process: Process, job: Job, how: str) -> Job:
        self.pending[job.id] = Pending(process, now(), job.deliveries)
        self.given[process, job.id] = how, now()
        return job

    def ack(self, process: Process, name: Any) -> int:
        """Forget that a job is pending; whose it was does not matter."""
        if not isinstance(name, str):
            raise process.refuse(f"Acknowledge a job by its id: `await stream.ack(job.id)`; you passed {name!r:.60}.")
        if name not in self.handled:
            if name not in [each for _, each in self.arrivals] and name not in self.pending:
                raise process.refuse(
                    f"Acknowledge a job by its id: `await stream.ack(job.id)`; you passed {name!r:.60}, which is none."
                )
            if name in self.unfinished:
                raise process.refuse(
                    f"{self.unfinished[name]}, and {name!r} was acknowledged nevertheless: leave it pending; whoever "
                    "takes it over tries again."
                )
            raise process.refuse(
                f"Job {name!r} was acknowledged before `handle` had returned for it: a consumer that is killed in "
                "between loses it. Acknowledge after the work."
            )
        self.acked.append(name)
        return int(self.pending.pop(name, None) is not None)


class Connection:
    """What a learner's consumer is given."""

    def __init__(self, stream: Stream, process: Process) -> None:
        self._stream, self._process = stream, process

    async def take(self) -> Job | None:
        """Return the next new job; None when there was none for a second."""
        deadline = now() + BLOCK
        with span("take"):
            await self._process.spend(0.05)
            while (job := self._stream.take(self._process)) is None and now() < deadline:
                await self._process.spend(max(min(self._stream.next_arrival, deadline) - now(), SOON))
            await self._process.spend(0.05)
        return job

    async def take_over(self, idle: float) -> Job | None:
        """Return a job that has been pending for `idle` seconds, and have it pending in this consumer's name."""
        if idle != LEASE:
            raise self._process.refuse(
                f"A consumer may be at work for nearly {LEASE} s: take over what has been pending for {LEASE} s, "
                f"`stream.take_over({LEASE})`; you passed {idle!r:.60}."
            )
        return await self._process.ask("take over", lambda: self._stream.take_over(self._process, idle))

    async def ack(self, name: str) -> int:
        """Acknowledge a job."""
        return await self._process.ask(f"ack {name}", lambda: self._stream.ack(self._process, name))


class Handler:
    """What a learner's consumer calls for each job: takes its time, fails where it is to fail."""

    def __init__(self, stream: Stream, process: Process) -> None:
        self._stream, self._process = stream, process
        self._running = 0

    def _look(self, job: Job) -> None:
        """Note what is wrong with beginning a job now; it is worked on nevertheless, so that no loop spins."""
        if self._running:
            self._process.refuse(
                f"{self._running + 1} jobs were worked on at once; this consumer does one after the other."
            )
        given = self._stream.given.pop((self._process, job.id), None)
        if given is None:
            self._process.refuse(
                f"{job.id!r} was handled again, and nobody had handed it out again. What failed stays pending for "
                f"{LEASE} s: go on with the next; `take_over` gives it to whoever asks then."
            )
        elif now() + self._stream.work > given[1] + LEASE:
            self._process.refuse(
                f"{job.id!r} was handed out at {given[1]:.1f} s and begun at {now():.1f} s, and its lease of {LEASE} s "
                "would have been over before it was done. Take one job, do it, and ask then for the next."
            )

    async def handle(self, job: Job) -> None:
        """Do the work."""
        if not isinstance(job, Job):
            await self._process.spend(WORK)
            raise self._process.refuse(
                f"handle was called with {job!r:.60}: pass it the job that `take` or `take_over` returned."
            )
        self._look(job)
        stream = self._stream
        stream.begun.append((job.id, now(), self._process))
        self._running, began = self._running + 1, now()
        try:
            with span(f"work on {job.id}"):
                await self._process.spend(stream.work)
        except asyncio.CancelledError:
            stream.unfinished[job.id] = f"Your consumer was cancelled while it handled {job.id!r}"
            if not self._process.over and self._process.killed_at is None:
                stream.unfinished[job.id] = f"`handle` was cancelled for {job.id!r}"
                stream.cut_short[job.id] = now() - began
            raise
        finally:
            self._running -= 1
        if failures := stream.failing.get(job.id):
            stream.unfinished[job.id] = f"`handle` raised for {job.id!r}"
            stream.raised.append(failures.pop(0))
            raise stream.raised[-1]
        stream.handled.append(job.id)


def now() -> float:
    """Return the virtual clock's seconds."""
    return asyncio.get_running_loop().time()
