"""Timelines as pictures, in the words and the order of their text. Nothing else in the course imports matplotlib."""

from course_lib.plotting.figure import Comparison, compare, draw, picture

__all__ = ["Comparison", "compare", "draw", "picture"]
