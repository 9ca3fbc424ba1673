"""What a notebook shows: a picture, and for whoever cannot see it, and for comparisons, a text."""
# mypy: allow-untyped-calls
# (matplotlib's canvas has no types)

import io
from abc import ABC, abstractmethod
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from course_lib.plotting.look import SCALE, WIDTH, our_style


class Shown(ABC):
    """Printed, it is its text; at the end of a notebook cell, its picture."""

    @abstractmethod
    def draw(self) -> Figure:
        """Draw the picture as a matplotlib figure and return it."""

    @abstractmethod
    def __str__(self) -> str: ...

    def _repr_mimebundle_(self, **_: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        image, size = png(self.draw())
        return {"text/plain": str(self), "image/png": image}, {"image/png": size}


def png(figure: Figure) -> tuple[bytes, dict[str, int]]:
    """Return a figure's PNG, and the size to show it at, width and height in CSS pixels."""
    file = io.BytesIO()
    with our_style():
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
    image = Image.frombuffer("RGBA", canvas.get_width_height(), canvas.buffer_rgba()).convert("RGB")
    # A third of the bytes of a PNG in full colour, in less time; no pixel is off by more than the eye can tell.
    image.quantize(256, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE).save(file, "png")
    return file.getvalue(), {"width": WIDTH, "height": image.height // SCALE}
