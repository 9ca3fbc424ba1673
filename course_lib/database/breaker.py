"""A circuit breaker: after a failure, nobody waits for the broken thing; now and then one caller tries it again."""

import time
from collections.abc import Callable


class Breaker:
    """Closed, it lets everybody through; open, one caller per `pause`.

    Args:
        pause: seconds between two tries while it is open.
        clock: gives the time in seconds; a test passes its own.

    Source: M. Nygard, Release It!, "Circuit Breaker".
    """

    def __init__(self, pause: float = 0.5, clock: Callable[[], float] = time.monotonic) -> None:
        self._pause = pause
        self._clock = clock
        self._next_try: float | None = None

    @property
    def open(self) -> bool:
        """Whether the last that was heard is a failure."""
        return self._next_try is not None

    def lets_through(self) -> bool:
        """Say whether this caller may try; it must report `succeeded` or `failed` afterwards."""
        if self._next_try is None:
            return True
        if self._clock() < self._next_try:
            return False
        # The next try is put off before this one is made, so that only one caller waits for a server that hangs.
        self._next_try = self._clock() + self._pause
        return True

    def succeeded(self) -> None:
        """Close it."""
        self._next_try = None

    def failed(self) -> None:
        """Open it, or leave it open."""
        self._next_try = self._clock() + self._pause
