"""Timelines as pictures, in the words and the order of their text. Nothing else in the course imports matplotlib."""

from course_lib.plotting.chart import Chart, chart
from course_lib.plotting.figure import Comparison, Described, compare, describe, draw, picture
from course_lib.plotting.in_flight import InFlight, in_flight
from course_lib.plotting.link_graph import LinkGraph, link_graph

__all__ = [
    "Chart",
    "Comparison",
    "Described",
    "InFlight",
    "LinkGraph",
    "chart",
    "compare",
    "describe",
    "draw",
    "in_flight",
    "link_graph",
    "picture",
]
