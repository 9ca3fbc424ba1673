"""What really happened, as data, as text and as a picture.

`simulate(main)` runs a coroutine function on a virtual clock; `record()` watches the running loop in real time;
`span(name)` names a stretch of code. The first two give a Timeline: print it for the text, let a notebook cell end with
it for the picture.
"""

from course_lib.clock import DeadlockError, RunawayError, SimulationError
from course_lib.timeline.model import Lane, Outcome, Span, State, Timeline
from course_lib.timeline.recorder import record, span
from course_lib.timeline.simulation import simulate

__all__ = [
    "DeadlockError",
    "Lane",
    "Outcome",
    "RunawayError",
    "SimulationError",
    "Span",
    "State",
    "Timeline",
    "record",
    "simulate",
    "span",
]
