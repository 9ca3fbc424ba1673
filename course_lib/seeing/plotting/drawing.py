"""`draw`: the picture of anything that is shown. Each kind of thing registers how it is drawn."""

from functools import singledispatch
from typing import Any


@singledispatch
def draw(shown: Any, *_: Any) -> Any:
    """Draw what is shown and return the picture: a matplotlib figure, or an image of Pillow's.

    Raises TypeError when nobody said how to draw it.
    """
    raise TypeError(f"{shown!r:.60} has no picture: pass a timeline, or what compare, in_flight or chart gave")
