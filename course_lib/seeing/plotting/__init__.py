"""Pictures of what is shown, in the words and the order of the texts. Nothing else in the course imports matplotlib."""

# Each registers what it draws.
from course_lib.seeing.plotting import bars, board, chart, figure, grid, in_flight, link_graph
from course_lib.seeing.plotting.drawing import draw
from course_lib.seeing.plotting.png import png

__all__ = ["bars", "board", "chart", "draw", "figure", "grid", "in_flight", "link_graph", "png"]
