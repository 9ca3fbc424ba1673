"""What a notebook shows: a picture, and for whoever cannot see it, and for comparisons, a text."""

import base64
import html
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
    """Printed, it is its text; at the end of a notebook cell, its picture, with the text folded below it."""

    @abstractmethod
    def __str__(self) -> str: ...

    @property
    def alt(self) -> str:
        """What the picture shows, in a line or two: what a screen reader says in its place."""
        return str(self).partition("\n")[0]

    def draw(self) -> Any:
        """Draw the picture and return it: a matplotlib figure; of a program's step, an image of Pillow's."""
        return _drawing().draw(self)

    def _repr_mimebundle_(self, **_: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        drawing = _drawing()
        image, size = drawing.png(drawing.draw(self))
        return {"text/plain": str(self), "text/html": as_html(image, size, self.alt, str(self))}, {}


def as_html(image: bytes, size: dict[str, int], alt: str, text: str) -> str:
    """Return a PNG as HTML, with an alternative text, and below it its text, to be folded out.

    As HTML, because JupyterLab gives a picture that is shown as a picture no alternative text at all.

    Args:
        image: the PNG's bytes.
        size: the width and height to show it at, in CSS pixels.
        alt: what it shows, in a line or two.
        text: all of it in words and characters.
    """
    source = f"data:image/png;base64,{base64.b64encode(image).decode()}"
    return (
        f'<img src="{source}" width="{size["width"]}" height="{size["height"]}" alt="{html.escape(alt)}">\n'
        f"<details><summary>The same as text</summary><pre>{html.escape(text, quote=False)}</pre></details>"
    )


def several(number: int, what: str) -> str:
    """Write how many there are of something: "one lane", "3 lanes"."""
    return f"one {what}" if number == 1 else f"{number:,} {what}s"
