"""Asyncio made visible: what a program did, and when, as data, as text and as a picture.

`simulate(main)` runs a coroutine function on a virtual clock, `record()` watches the running loop in real time, and
`span(name)` names a stretch of code, `gauge(name, value)` notes a number that goes up and down. The first two give a
Timeline. `compare` puts several on one time axis, `in_flight` counts what is open at once, `chart`, `Bars`, `Grid` and
`link_graph` draw numbers, marks and links, and `explore` puts sliders under a simulation; `every_order` runs it in
every order in which what it waits for may end.

All of it prints as text. Pictures are drawn when a notebook asks for one; until then nothing here loads matplotlib.
"""

from course_lib.seeing.bars import Bars, Group
from course_lib.seeing.charts import Chart, chart
from course_lib.seeing.clock import DeadlockError, RunawayError, SimulationError
from course_lib.seeing.comparing import Comparison, Described, compare, describe
from course_lib.seeing.counting import InFlight, in_flight
from course_lib.seeing.exploring import explore
from course_lib.seeing.grids import Fill, Grid, Mark
from course_lib.seeing.links import LinkGraph, link_graph
from course_lib.seeing.orders import Order, OrderOutcome, Orders, every_order
from course_lib.seeing.shown import Drawing, Shown, draw_with
from course_lib.seeing.stepping import Step, Steps, steps
from course_lib.seeing.timeline import (
    Gauge,
    Lane,
    Outcome,
    Span,
    State,
    Timeline,
    gauge,
    record,
    recorded,
    simulate,
    span,
)

__all__ = [
    "Bars",
    "Chart",
    "Comparison",
    "DeadlockError",
    "Described",
    "Fill",
    "Gauge",
    "Grid",
    "Group",
    "InFlight",
    "Lane",
    "LinkGraph",
    "Mark",
    "Order",
    "OrderOutcome",
    "Orders",
    "Outcome",
    "RunawayError",
    "Shown",
    "SimulationError",
    "Span",
    "State",
    "Step",
    "Steps",
    "Timeline",
    "chart",
    "compare",
    "describe",
    "every_order",
    "explore",
    "gauge",
    "in_flight",
    "link_graph",
    "record",
    "recorded",
    "simulate",
    "span",
    "steps",
]


def _plotting() -> Drawing:
    from course_lib.seeing import plotting  # here, because matplotlib takes a second to import

    return plotting


draw_with(_plotting)
