"""A virtual clock: time that jumps to the next event instead of passing.

An event loop waits in one place only, its selector, and asks one clock for the time. Replace both, and a program that
sleeps for an hour runs in a millisecond, with every timestamp exact. What this adds to that idea is the threads: what
`time.sleep`, a lock, a condition or `join` waits for, on the loop's thread and in the workers that the program starts,
moves the same clock, one thread at a time, in one fixed order. What cannot be virtual is not overtaken: the clock waits
for it (processes, loops of another kind, whatever a worker does that takes real time), or the program is refused.

Source: the idea is that of looptime and of trio's autojump clock; the treatment of threads and of what is real is ours.
"""

from course_lib.seeing.clock.current import clock_for_this_thread, clock_of_this_thread
from course_lib.seeing.clock.duenow import DueNow
from course_lib.seeing.clock.errors import (
    DeadlockError,
    RealSocketError,
    RunawayError,
    SimulationError,
    SimulationStopped,
)
from course_lib.seeing.clock.functions import virtual_time_functions
from course_lib.seeing.clock.loop import VirtualClockLoop
from course_lib.seeing.clock.virtual import VirtualClock, real_monotonic
from course_lib.seeing.clock.waits import let_go

__all__ = [
    "DeadlockError",
    "DueNow",
    "RealSocketError",
    "RunawayError",
    "SimulationError",
    "SimulationStopped",
    "VirtualClock",
    "VirtualClockLoop",
    "clock_for_this_thread",
    "clock_of_this_thread",
    "let_go",
    "real_monotonic",
    "virtual_time_functions",
]
