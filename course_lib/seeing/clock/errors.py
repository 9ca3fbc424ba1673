"""What can go wrong in a simulation."""

from typing import Any


class SimulationStopped(KeyboardInterrupt):
    """Raised inside a simulation to end it; a KeyboardInterrupt, so that asyncio lets it through every task."""


class SimulationError(RuntimeError):
    """A simulation that could not be carried to its end.

    `timeline` holds what had happened until then, `where` the lines at which the program stood.
    """

    timeline: Any = None
    where: str = ""


class DeadlockError(SimulationError):
    """Every task waits, and nothing is left that could wake one."""


class RunawayError(SimulationError):
    """A simulation took more real time than it was given.

    `still_runs` is true where nothing could stop it, `stands_still` where it went round while no time passed.
    """

    still_runs: bool = False
    stands_still: bool = False


class RealSocketError(ConnectionError):
    """Simulated code tried to reach a server outside the simulation."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.strerror = message  # the part that aiohttp quotes in an error of its own
