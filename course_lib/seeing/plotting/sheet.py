"""The paper that a picture is drawn on."""
# mypy: allow-untyped-calls
# (matplotlib's canvas has no types)

from typing import Any, Protocol

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from course_lib.seeing.plotting.look import PAPER, SCALE, WIDTH


class Write(Protocol):
    """Writes a text at so many pixels from the left and from the top; `look` is what matplotlib's `text` takes."""

    def __call__(self, x: float, y: float, text: str, **look: Any) -> None:
        """Write it."""


def sheet(height: float) -> tuple[Figure, Write]:
    """Return an empty picture of so many pixels, as wide as a cell's output, and what writes on it."""
    figure = Figure((WIDTH / 96, height / 96), dpi=96 * SCALE, facecolor=PAPER)
    FigureCanvasAgg(figure)

    def write(x: float, y: float, text: str, **look: Any) -> None:
        ours: dict[str, Any] = {"va": "center_baseline", "parse_math": False}
        figure.text(x / WIDTH, 1 - y / height, text, **ours | look)

    return figure, write
