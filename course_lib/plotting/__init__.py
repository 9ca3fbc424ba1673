"""Timelines as pictures, in the words and the order of their text. Nothing else in the course imports matplotlib."""

from course_lib.plotting.figure import Comparison, compare, draw, picture
from course_lib.plotting.in_flight import InFlight, in_flight

__all__ = ["Comparison", "InFlight", "compare", "draw", "in_flight", "picture"]
