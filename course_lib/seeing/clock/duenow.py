"""Timers that are set for now, again and again: who does so waits for time to pass."""

TURNS = 100


class DueNow:
    """Counts the turns of a loop in which, while its time stood still, a timer was set for that very time.

    A rate limiter computes when its next place is free. What is left may be so little that, in floats, this is now; at
    that time it is not free yet, so it computes again. On a real clock some time has passed meanwhile.
    """

    def __init__(self) -> None:
        self._now = self._turn = -1.0
        self._turns = 0

    def later(self, when: float, now: float, tick: float, turn: float) -> float:
        """Return when to run a timer: at the time asked for, or, where that is now once too often, a tick later.

        Args:
            when: the time asked for, in seconds of the loop.
            now: its time.
            tick: how far ahead a timer may lie, in seconds, and be due all the same.
            turn: a number of the loop's turn, another one in each.
        """
        if when > now + tick:
            return when
        if now != self._now:
            self._now, self._turns = now, 0
        if turn != self._turn:
            self._turn, self._turns = turn, self._turns + 1
        return when if self._turns <= TURNS else now + 2 * tick
