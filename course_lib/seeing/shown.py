"""What a notebook shows: a picture, and for whoever cannot see it, and for comparisons, a text."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, Protocol


class Drawing(Protocol):
    """How pictures are made: course_lib.seeing.plotting is one."""

    def draw(self, shown: Any) -> Any:
        """Draw what is shown and return the picture: a matplotlib figure, or an image of Pillow's."""

    def png(self, drawn: Any) -> tuple[bytes, dict[str, int]]:
        """Return a picture's PNG, and the size to show it at, width and height in CSS pixels."""


_drawing: Callable[[], Drawing]


def draw_with(drawing: Callable[[], Drawing]) -> None:
    """Say how pictures are made.

    What is shown is data and text, and does not know its picture: whoever wants the text alone need not load a plotting
    library. `drawing` is called when the first picture is wanted.
    """
    global _drawing
    _drawing = drawing


class Shown(ABC):
    """Printed, it is its text; at the end of a notebook cell, its picture."""

    @abstractmethod
    def __str__(self) -> str: ...

    def draw(self) -> Any:
        """Draw the picture and return it: a matplotlib figure; of a program's step, an image of Pillow's."""
        return _drawing().draw(self)

    def _repr_mimebundle_(self, **_: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        drawing = _drawing()
        image, size = drawing.png(drawing.draw(self))
        return {"text/plain": str(self), "image/png": image}, {"image/png": size}
