"""A circuit breaker: whoever depends on what has failed is told at once, and one at a time tries it again.

The pool's breaker (`database/breaker.py`) is the smallest that will do for a cache: one failure opens it. This one is
for what can fail once by chance, and whose failure somebody is told of.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Literal

from course_lib.lifecycle.checks import check_count, check_number


class CircuitOpen(Exception):
    """It was not tried, because it has just failed; `retry_after` is the seconds after which to ask again."""

    def __init__(self, sentence: str, retry_after: float) -> None:
        super().__init__(sentence)
        self.retry_after = retry_after


class CircuitBreaker:
    """Guards the blocks that use one thing: `async with redis.guard(): ...`

    Closed, it lets everybody through. After so many failures in a row it opens: for `pause` seconds nobody is let
    through. Then it is half-open: one is let through, and the others are not until it is known how that one ended. A
    success closes it, a failure opens it again.

    Args:
        name: of what may fail, for the error.
        failures: how many in a row open it, from 1.
        pause: seconds for which nobody is let through.
        counts: the exceptions that say that the thing has failed. Others say that it answers: "no such row" is no
            failure of the database. A cancellation says nothing.

    Raises TypeError and ValueError for arguments without sense. Source: M. Nygard, Release It!, "Circuit Breaker".
    """

    def __init__(
        self,
        name: str,
        *,
        failures: int = 3,
        pause: float = 1.0,
        counts: tuple[type[Exception], ...] = (OSError,),  # TimeoutError is one
    ) -> None:
        check_count("failures", failures, 1, "1 opens it at the first")
        check_number("pause", pause, 0.001, "seconds", "1 is the default")
        self.name = name
        self._most, self._pause, self._counts = failures, pause, counts
        self._failures = 0  # in a row
        self._until: float | None = None  # when somebody may try again, by the loop's clock; None: closed
        self._trying = False
        self._period = 0  # grows when it opens or closes

    @property
    def state(self) -> Literal["closed", "open", "half-open"]:
        """How it stands, to the loop that runs."""
        if self._until is None:
            return "closed"
        return "open" if asyncio.get_running_loop().time() < self._until else "half-open"

    @asynccontextmanager
    async def guard(self) -> AsyncIterator[None]:
        """Run a block and learn from how it ends.

        Raises CircuitOpen, and does not run the block, while it is open, or half-open and being tried; then whatever
        the block raises.
        """
        if self.state == "open" or self._trying:
            assert self._until is not None
            seconds = max(self._until - asyncio.get_running_loop().time(), self._pause / 10)
            raise CircuitOpen(f"{self.name} has just failed, and is left alone for {seconds:.3g} s", seconds)
        period, tries = self._period, self._until is not None
        self._trying = tries
        try:
            yield
        except self._counts:
            self._ended(period, failed=True)
            raise
        except Exception:
            self._ended(period, failed=False)
            raise
        else:
            self._ended(period, failed=False)
        finally:
            if tries:
                self._trying = False  # a cancelled try has told nothing: the next one may try

    def _ended(self, period: int, *, failed: bool) -> None:
        if period != self._period:
            return  # it began before this opened or closed: old news
        self._failures = self._failures + 1 if failed else 0
        if failed and (self._until is not None or self._failures >= self._most):
            self._until = asyncio.get_running_loop().time() + self._pause
            self._period += 1
        elif not failed and self._until is not None:
            self._until = None
            self._period += 1
