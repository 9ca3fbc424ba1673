"""A virtual clock: time that jumps to the next event instead of passing.

An event loop waits in one place only, its selector, and asks one clock for the time. Replace both, and a program that
sleeps for an hour runs in a millisecond, with every timestamp exact. What this adds to that idea is the threads:
`time.sleep` on the loop's thread and in the workers of `asyncio.to_thread` moves the same clock, in one fixed order.

Source: the idea is that of looptime and of trio's autojump clock; the treatment of blocking calls and workers is ours.
"""

from course_lib.seeing.clock.errors import (
    DeadlockError,
    RealSocketError,
    RunawayError,
    SimulationError,
    SimulationStopped,
)
from course_lib.seeing.clock.functions import real_monotonic, virtual_time_functions
from course_lib.seeing.clock.loop import VirtualClockLoop
from course_lib.seeing.clock.virtual import VirtualClock, clock_for_this_thread

__all__ = [
    "DeadlockError",
    "RealSocketError",
    "RunawayError",
    "SimulationError",
    "SimulationStopped",
    "VirtualClock",
    "VirtualClockLoop",
    "clock_for_this_thread",
    "real_monotonic",
    "virtual_time_functions",
]
