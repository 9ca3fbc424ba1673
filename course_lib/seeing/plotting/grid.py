"""Marks in rows and columns, in bands under one another where one has no room for all columns."""
# mypy: allow-untyped-calls
# (matplotlib's canvas has no types)

from collections.abc import Sequence
from typing import Any

from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from course_lib.seeing.grids import EMPTY, Fill, Grid, bands
from course_lib.seeing.plotting.drawing import draw
from course_lib.seeing.plotting.look import (
    COLOUR,
    EDGE,
    GAP,
    GRID,
    INK,
    LINE,
    MUTED,
    PAD,
    PAPER,
    WIDTH,
    our_style,
)
from course_lib.seeing.plotting.sheet import sheet
from course_lib.seeing.plotting.words import column, fit, width
from course_lib.seeing.timeline.model import State

COLUMN = ROW = 20  # pixels of a place in the grid
NAMES = (60, 190)  # of a row's name: at least, at most
TITLE = 120  # of a group's title, at most
LABEL = 150  # of a column's name, which is written upwards
LOOK: dict[Fill, dict[str, Any]] = {
    Fill.FULL: {"facecolor": COLOUR[State.RUNNING], "edgecolor": PAPER},
    Fill.PART: {"facecolor": COLOUR[State.WAITING], "edgecolor": EDGE},
    Fill.EMPTY: {"facecolor": PAPER, "edgecolor": GRID},
}
LETTER = {Fill.FULL: PAPER, Fill.PART: INK, Fill.EMPTY: MUTED}


@draw.register
def draw_grid(shown: Grid) -> Figure:
    """Draw a row for each name and a square for each mark, the columns' names above them."""
    left = PAD + column((name for name, _ in shown.rows), NAMES) + GAP
    parts = bands(shown.columns, WIDTH - PAD - left, wide) if shown.rows else []
    above = {
        number: LINE + GAP / 2 + column((name for title in band for name in shown.columns[title]), (0, LABEL)) + GAP / 2
        for number, band in enumerate(parts)
    }
    lines = [*shown.head, *([shown.key] if parts else [])]
    height = 2 * PAD + len(lines) * LINE + sum(GAP + each + len(shown.rows) * ROW for each in above.values())
    with our_style():
        figure, write = sheet(height)
        for number, line in enumerate(lines):
            write(PAD, PAD + (number + 0.5) * LINE, fit(line, WIDTH - 2 * PAD), color=MUTED)
        top = float(PAD + len(lines) * LINE)
        for number, band in enumerate(parts):
            first = top + GAP + above[number]  # where the rows begin
            for row, (name, _) in enumerate(shown.rows):
                write(PAD, first + (row + 0.5) * ROW, fit(name, NAMES[1]))
            x = left
            for title in band:
                names = shown.columns[title]
                write(x, top + GAP + LINE / 2, fit(title, TITLE, bold=True), weight="bold")
                for place, name in enumerate(names):
                    at = x + place * COLUMN
                    upwards = {"rotation": 90, "va": "bottom", "ha": "center"}
                    write(at + COLUMN / 2, first - GAP / 2, fit(name, LABEL), **upwards)
                    for row, (_, marks) in enumerate(shown.rows):
                        mark = marks.get(name, EMPTY)
                        corner = at / WIDTH, 1 - (first + (row + 1) * ROW) / height
                        size = COLUMN / WIDTH, ROW / height
                        figure.add_artist(Rectangle(corner, *size, linewidth=0.8, **LOOK[mark.fill]))
                        if mark is not EMPTY:
                            middle = at + COLUMN / 2, first + (row + 0.5) * ROW
                            write(*middle, mark.character, ha="center", color=LETTER[mark.fill])
                x += wide(title, names)
            top = first + len(shown.rows) * ROW
    return figure


def wide(title: str, names: Sequence[str]) -> float:
    """Return how many pixels a group of columns takes, with the gap after it."""
    return max(COLUMN * len(names), width(fit(title, TITLE, bold=True), bold=True)) + GAP
