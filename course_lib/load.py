"""Load on a server, and how long its callers wait: an open loop, a closed loop, percentiles.

    load = await open_loop(ask, rate=100, seconds=10)       # ask() is one request
    print(load.percentile(99), load.failures, load.late)

In a closed loop, each of so many callers asks, waits for its answer, and asks again: while the server stands still, so
do they, and the requests that would have waited are never made. In an open loop requests come when they come, as from
strangers, and a latency counts from the moment a request was due. Strangers make an open loop; use the closed one where
there really are so many callers who wait for each other, and for the most that a server can do.

It works on the virtual clock and on a real one; it sends nothing by itself.
"""

import asyncio
import math
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from course_lib.lifecycle.checks import check_count, check_function, check_number

MOST = 100_000  # requests of an open loop, which keeps a task for each that is under way
LEAST = 0.001  # of requests a second, and of seconds
PATIENCE = 60.0

Request = Callable[[], Awaitable[object]]


@dataclass(frozen=True)
class Load:
    """What became of the requests of one run.

    latencies: of those answered, in seconds, in the order of the answers
    failures: how many failed, by the class of what they raised; these have no latency. Whether a refusal, such as a
        503, is a failure, the request says: it raises, or does not
    late: the most seconds that a request was sent after it was due. Where that is much, the side that asks had no time:
        the latencies are those of a caller, and not the server's alone
    """

    latencies: tuple[float, ...]
    failures: Mapping[str, int]
    late: float

    @property
    def requests(self) -> int:
        """How many requests were made."""
        return len(self.latencies) + sum(self.failures.values())

    def percentile(self, percent: float) -> float:
        """Return the seconds within which so many percent of the answers came, a latency that was measured.

        Args:
            percent: more than 0, 100 at most; 100 gives the longest.

        Raises TypeError for what is no number, ValueError for another number, and where nothing was answered.

        Source: the nearest rank, as in "Percentile", Wikipedia.
        """
        if isinstance(percent, bool) or not isinstance(percent, int | float):
            raise TypeError(f"percent={percent!r:.60}: pass a number, more than 0, 100 at most, such as 99")
        if not 0 < percent <= 100:
            raise ValueError(f"percent={percent!r}: pass more than 0, 100 at most, such as 99")
        if not self.latencies:
            raise ValueError(f"no request was answered, of {self.requests}: look at failures, {dict(self.failures)}")
        # Rounded, because 99.9 / 100 * 1000 is a little more than 999.
        rank = math.ceil(round(percent * len(self.latencies) / 100, 6))
        return sorted(self.latencies)[max(rank, 1) - 1]

    def percentiles(self, *percents: float) -> dict[float, float]:
        """Return the seconds of several percentiles, as `chart` takes a curve; it raises what `percentile` raises."""
        return {percent: self.percentile(percent) for percent in percents}


async def open_loop(request: Request, rate: float, seconds: float, *, patience: float = PATIENCE) -> Load:
    """Make requests at a fixed rate, whether earlier ones were answered or not, and wait for the last answer.

    Args:
        request: makes one request. What it returns is not looked at, so a 503 is an answer, and a quick one, unless
            yours raises (`response.raise_for_status()`); an Exception is a failure.
        rate: requests a second, 0.001 or more.
        seconds: how long requests are sent, 0.001 or more; the first one goes out at once.
        patience: seconds after which a request has failed, by TimeoutError.

    Raises TypeError and ValueError for arguments that make no sense, and for more than 100,000 requests. Cancelled, it
    cancels what is under way, and waits for its end.

    Source: Schroeder, Wierman, Harchol-Balter: "Open Versus Closed: A Cautionary Tale", NSDI 2006; for the moment that
    counts, G. Tene: "How NOT to Measure Latency".
    """
    check_function("request", request, "pass a function that makes one request, open_loop(ask, 100, 10)")
    check_number("rate", rate, LEAST, "requests a second", "100 is one every 10 ms")
    check_number("seconds", seconds, LEAST, "seconds", "10 sends for ten seconds")
    # All that are due before the end. Rounded, because 1.1 * 10 is a little more than 11.
    number = math.ceil(round(rate * seconds, 6))
    if number > MOST:
        raise ValueError(f"rate={rate!r} for seconds={seconds!r} is {number:,} requests: {MOST:,} at most can be made")
    run = _Run(request, patience)
    start = run.now()
    async with asyncio.TaskGroup() as group:
        for due in (start + each / rate for each in range(number)):
            # By the clock, not by a pause after each: pauses add up what they are too long.
            # Who is late pauses, too, for a turn of the loop: those that were sent are to go on.
            await asyncio.sleep(max(0, due - run.now()))
            group.create_task(run.one(due))
    return run.load()


async def closed_loop(request: Request, workers: int, seconds: float, *, patience: float = PATIENCE) -> Load:
    """Let so many callers ask, each again as soon as it has its answer, and wait for the last answer.

    Args:
        request: makes one request. What it returns is not looked at, so a 503 is an answer, and a quick one, unless
            yours raises (`response.raise_for_status()`); an Exception is a failure.
        workers: how many callers, 1 or more.
        seconds: how long they begin new requests; 0 makes none. On the virtual clock a request must take some time, or
            they never pass.
        patience: seconds after which a request has failed, by TimeoutError.

    Raises TypeError and ValueError for arguments that make no sense. Cancelled, it cancels what is under way, and waits
    for its end.
    """
    check_function("request", request, "pass a function that makes one request, closed_loop(ask, 10, 10)")
    check_count("workers", workers, 1, "1 asks one after another")
    check_number("seconds", seconds, 0, "seconds", "10 asks for ten seconds")
    run = _Run(request, patience)
    end = run.now() + seconds

    async def worker() -> None:
        # A request may end cancelled, and be counted, or answer although it was: the caller leaves all the same.
        while run.now() < end and not run.cancelled():
            await run.one(run.now())
            await asyncio.sleep(0)  # others have their turn, even if a request never waits

    async with asyncio.TaskGroup() as group:
        for _ in range(workers):
            group.create_task(worker())
    return run.load()


class _Run:
    def __init__(self, request: Request, patience: float) -> None:
        check_number("patience", patience, 0, "seconds", f"{PATIENCE:g} is the default")
        self._request, self._patience = request, patience
        self.now = asyncio.get_running_loop().time
        self._latencies = list[float]()
        self._failures = Counter[str]()
        self._late = 0.0

    @staticmethod
    def cancelled() -> bool:
        task = asyncio.current_task()
        return task is None or task.cancelling() > 0

    async def one(self, due: float) -> None:
        self._late = max(self._late, self.now() - due)
        try:
            async with asyncio.timeout(self._patience) as limit:
                await self._request()
            if limit.expired():  # the request has swallowed it
                raise TimeoutError
        except asyncio.CancelledError as error:
            if self.cancelled():
                raise
            self._failed(error)  # nobody cancelled this: the request awaited something that was
        except Exception as error:  # noqa: BLE001  # whatever a client raises is a failed request
            self._failed(error)
        else:
            self._latencies.append(self.now() - due)

    def _failed(self, error: BaseException) -> None:
        self._failures[type(error).__name__] += 1

    def load(self) -> Load:
        return Load(tuple(self._latencies), dict(self._failures), self._late)
