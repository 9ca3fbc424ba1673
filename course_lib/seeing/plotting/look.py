"""The visual language: sizes, colours, markers. Lengths are CSS pixels, 96 an inch."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import matplotlib.style
from matplotlib.markers import CARETRIGHTBASE

from course_lib.seeing.timeline.model import Outcome, State

WIDTH = 840  # what a cell's output has room for on a laptop
SCALE = 2  # pixels of the picture for one of the page: crisp on fine screens and projectors
PAD, GAP, LINE = 14, 12, 20
ROW, DENSE_ROW, SPARSE = 24, 18, 20  # lanes get the higher row if there are at most so many
MOST = 50  # lanes drawn of one timeline
NAMES, SUMMARIES = (70, 170), (96, 250)  # the columns beside the chart: at least, at most
FONT, FONT_SIZE = "DejaVu Sans", 10  # comes with matplotlib, so it is the same everywhere; points

# Pale, dark and bright: different in brightness, so that they stay apart for every kind of colour blindness and in
# print; and different in height.
COLOUR = {State.WAITING: "#cfe3f3", State.RUNNING: "#0b4a7d", State.BLOCKING: "#e8620c"}
HEIGHT = {State.WAITING: 0.40, State.RUNNING: 0.60, State.BLOCKING: 0.80}
PAPER, INK, MUTED, GRID, EDGE, ALARM = "#fdfdfb", "#1c2733", "#556270", "#dfe4e8", "#5b8cb3", "#a3002b"
HATCH = "/////"

_MARKER = {Outcome.DONE: "|", Outcome.CANCELLED: "x", Outcome.FAILED: "D", Outcome.LEFT: CARETRIGHTBASE}
_SIZE = {Outcome.DONE: 0.60, Outcome.CANCELLED: 0.40, Outcome.FAILED: 0.46, Outcome.LEFT: 0.50}  # of a row's height


@contextmanager
def our_style() -> Iterator[None]:
    """Leave the user's matplotlib settings aside for a while."""
    ours = {"font.family": [FONT], "font.size": FONT_SIZE, "text.color": INK, "hatch.linewidth": 0.8}
    with matplotlib.style.context(ours, after_reset=True):
        yield


def bar(state: State) -> dict[str, Any]:
    """Return how the stretches of a state look."""
    edge = EDGE if state is State.WAITING else "none"
    return {"facecolor": COLOUR[state], "edgecolor": edge, "linewidth": 0.8}


def marker(outcome: Outcome, row: float) -> dict[str, Any]:
    """Return how the end of a lane looks, in a row so many pixels high."""
    look: dict[str, Any] = {"linestyle": "none", "marker": _MARKER[outcome], "markersize": _SIZE[outcome] * row * 0.75}
    if outcome in (Outcome.DONE, Outcome.CANCELLED):
        return look | {"color": INK, "markeredgewidth": 1.8}
    colour = ALARM if outcome is Outcome.FAILED else INK
    return look | {"color": colour, "markeredgecolor": PAPER, "markeredgewidth": 0.8}
