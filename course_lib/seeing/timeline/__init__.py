"""What really happened, as data, as text and as a picture.

`simulate(main)` runs a coroutine function on a virtual clock; `record()` watches the running loop in real time;
`span(name)` names a stretch of code, `gauge(name, value)` notes a number that goes up and down. The
first two give a Timeline.
"""

from course_lib.seeing.timeline.model import Gauge, Lane, Outcome, Span, State
from course_lib.seeing.timeline.recorder import gauge, record, recorded, span
from course_lib.seeing.timeline.simulation import simulate
from course_lib.seeing.timeline.timeline import Timeline

__all__ = [
    "Gauge",
    "Lane",
    "Outcome",
    "Span",
    "State",
    "Timeline",
    "gauge",
    "record",
    "recorded",
    "simulate",
    "span",
]
