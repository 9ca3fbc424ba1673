"""Which URL is requested next: a queue for each host, and a line of the hosts that can give one now."""

import asyncio
import heapq
import itertools
from collections import deque
from collections.abc import Callable

from course_lib.crawler.robots import Rules

_AT_ONCE = 1e-6  # seconds: a timer may fire early by the clock's resolution


class Job:
    """A URL to be requested, or the rules of a host, through all its attempts."""

    __slots__ = ("attempts", "host", "is_robots", "url")

    def __init__(self, url: str, host: "Host", *, is_robots: bool = False) -> None:
        self.url, self.host, self.is_robots = url, host, is_robots
        self.attempts = 0


class Host:
    """One scheme, name and port: what waits for it, and what it allows.

    rules: None until its robots.txt has been read
    active: requests under way
    not_before: time of the loop's clock until which nothing is requested
    """

    __slots__ = (
        *("_queues", "active", "front_is_due", "has_alarm", "in_line", "not_before"),
        *("origin", "retries", "robots_due", "rules"),
    )

    def __init__(self, origin: str, rules: Rules | None) -> None:
        self.origin, self.rules = origin, rules
        self.robots_due = rules is None
        self.active, self.not_before = 0, 0.0
        self.in_line = self.has_alarm = self.front_is_due = False
        self.retries: deque[Job] = deque()
        self._queues: dict[int, deque[str]] = {}

    def push(self, url: str, depth: int) -> None:
        """Add a URL to those that wait."""
        self._queues.setdefault(depth, deque()).append(url)
        self.front_is_due = False  # it may be another now

    def first(self) -> tuple[str, int] | None:
        """Return the shallowest URL, of these the one that waits longest, and its depth."""
        if not self._queues:
            return None
        depth = min(self._queues)
        return self._queues[depth][0], depth

    def pop(self) -> None:
        """Remove the first URL."""
        depth = min(self._queues)
        self._queues[depth].popleft()
        if not self._queues[depth]:
            del self._queues[depth]
        self.front_is_due = False


class Schedule:
    """Hands URLs to workers: hosts take turns, each within its limit and not before its time.

    A URL that waits to be tried again holds no slot and no worker; a host that is slow, or told us to wait, stands in
    nobody's way but its own.

    max_per_host: requests under way at one host
    is_due: asked about a waiting URL and its depth whether it is still to be requested
    begin: told of each URL handed out
    """

    def __init__(
        self, max_per_host: int, is_due: Callable[[Host, str, int], bool], begin: Callable[[str], object]
    ) -> None:
        self.open = True  # False: no further URL is handed out but those begun already
        self._max_per_host, self._is_due, self._begin = max_per_host, is_due, begin
        self._line: deque[Host] = deque()  # hosts that can give a job now, each once
        self._hosts: list[Host] = []
        self._active = 0
        self._waiters: deque[asyncio.Future[None]] = deque()
        # (when, number, host, job to be tried again): one timer of the loop's serves them all.
        self._later: list[tuple[float, int, Host, Job | None]] = []
        self._numbers = itertools.count()
        self._timer: asyncio.TimerHandle | None = None
        self._loop = asyncio.get_running_loop()

    def add_host(self, origin: str, rules: Rules | None) -> Host:
        """Return a new host; without rules, its first job is to fetch them."""
        host = Host(origin, rules)
        self._hosts.append(host)
        return host

    def push(self, host: Host, url: str, depth: int) -> None:
        """Let a URL wait for its turn."""
        host.push(url, depth)
        self._line_up(host)
        if host.in_line:
            self._wake()

    async def get(self) -> Job | None:
        """Return the next job, waiting for one; None when all work is done."""
        while True:
            job = self._next()
            if job is not None:
                return job
            if not self._active and not self._later and not any(map(self._has_work, self._hosts)):
                for waiter in self._waiters:
                    if not waiter.done():
                        waiter.set_result(None)
                return None
            waiter = self._loop.create_future()
            self._waiters.append(waiter)
            try:
                await waiter
            except asyncio.CancelledError:
                self._wake()  # the job that this worker was woken for is another's
                raise

    def done(self, job: Job) -> None:
        """Give back the slot of a job. The worker asks for its next job at once, so no other is woken for the slot."""
        self._active -= 1
        job.host.active -= 1
        self._line_up(job.host)

    def open_host(self, host: Host, rules: Rules) -> None:
        """Let a host's rules be known from now on."""
        host.rules = rules
        host.front_is_due = False  # nobody had asked them

    def retry(self, job: Job, delay: float) -> None:
        """Give back the slot of a job and let it be tried again after so many seconds."""
        self._at(self._loop.time() + delay, job.host, job)
        self.done(job)

    def pause(self, host: Host, delay: float) -> None:
        """Request nothing from a host for so many seconds."""
        host.not_before = max(host.not_before, self._loop.time() + delay)

    def close(self) -> None:
        """Stop the timer."""
        if self._timer:
            self._timer.cancel()

    def _next(self) -> Job | None:
        while self._line:
            host = self._line.popleft()
            host.in_line = False
            if not self._can_give(host):
                continue
            if host.robots_due:
                host.robots_due = False
                job = Job(f"{host.origin}/robots.txt", host, is_robots=True)
            elif host.retries:
                job = host.retries.popleft()
            else:
                first = host.first()
                assert first is not None
                host.pop()
                job = Job(first[0], host)
                self._begin(job.url)
            job.attempts += 1
            self._active += 1
            host.active += 1
            if host.rules is not None and host.rules.delay:
                self.pause(host, host.rules.delay)
            self._line_up(host)  # behind the others: hosts take turns
            if self._line:
                self._wake()  # one wakes the next as long as there is work: none is woken for nothing
            return job
        return None

    def _can_give(self, host: Host) -> bool:
        return host.active < self._max_per_host and self._has_work(host) and not self._is_paused(host)

    def _has_work(self, host: Host) -> bool:
        if host.retries:
            return True
        if not self.open or (host.rules is None and not host.robots_due):
            return False
        while first := host.first():
            if host.front_is_due or self._is_due(host, *first):
                host.front_is_due = True
                return True
            host.pop()  # found by a shorter way since, or not allowed: it must not cost a turn or a delay
        return False

    def _is_paused(self, host: Host) -> bool:
        if host.not_before <= self._loop.time() + _AT_ONCE:
            return False
        if not host.has_alarm:
            host.has_alarm = True
            self._at(host.not_before, host, None)
        return True

    def _line_up(self, host: Host) -> None:
        if not host.in_line and self._can_give(host):
            host.in_line = True
            self._line.append(host)

    def _wake(self) -> None:
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_result(None)
                return

    def _at(self, when: float, host: Host, job: Job | None) -> None:
        heapq.heappush(self._later, (when, next(self._numbers), host, job))
        self._set_timer()

    def _set_timer(self) -> None:
        if self._timer:
            self._timer.cancel()
        self._timer = self._loop.call_at(self._later[0][0], self._ring) if self._later else None

    def _ring(self) -> None:
        now = self._loop.time() + _AT_ONCE
        while self._later and self._later[0][0] <= now:
            _, _, host, job = heapq.heappop(self._later)
            if job is None:
                host.has_alarm = False
            else:
                host.retries.append(job)
            self._line_up(host)
        self._timer = None
        self._set_timer()
        self._wake()
