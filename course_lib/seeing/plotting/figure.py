"""Whole pictures: one timeline, or several under one another on one time axis, with what is needed to read them."""
# mypy: allow-untyped-calls
# (matplotlib's canvas has no types)

from collections.abc import Iterable, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from course_lib.seeing.comparing import Comparison, Described, last
from course_lib.seeing.orders import Orders
from course_lib.seeing.plotting.drawing import draw
from course_lib.seeing.plotting.lanes import Rows, draw_rows, figure_of
from course_lib.seeing.plotting.look import (
    EDGE,
    GAP,
    HATCH,
    LINE,
    MUTED,
    NAMES,
    PAD,
    ROW,
    SUMMARIES,
    WIDTH,
    bar,
    marker,
    our_style,
)
from course_lib.seeing.plotting.sheet import sheet
from course_lib.seeing.plotting.words import column, fit, wrap
from course_lib.seeing.timeline import Outcome, State, Timeline
from course_lib.seeing.timeline.text import END, KEY, MARK

NOTE_LINES = 4

Panels = Sequence[tuple[str, Timeline]]


@draw.register
def draw_timeline(shown: Timeline, axes: Axes | None = None) -> Figure:
    """Draw a timeline as a matplotlib figure and return it.

    The same timeline gives the same pixels, whatever the user's matplotlib settings are.

    Args:
        shown: the timeline.
        axes: draw into these, of any figure, instead of a new figure: the lanes alone, with no legend and no notes.
    """
    if axes is None:
        return _figure([("", shown)])
    figure = figure_of(axes)
    chart = axes.get_position().width * figure.get_size_inches()[0] * 96
    draw_rows(axes, Rows(shown), last([shown]), chart)
    return figure


@draw.register
def draw_comparison(shown: Comparison) -> Figure:
    """Draw timelines under one another on one time axis."""
    return _figure(list(shown.timelines.items()))


@draw.register
def draw_orders(shown: Orders) -> Figure:
    """Draw the orders of the first outcomes under one another."""
    return draw_comparison(shown.drawn_outcomes)


@draw.register
def draw_described(shown: Described) -> Figure:
    """Draw the timeline; the words stand elsewhere."""
    return _figure([("", shown.timeline)])


def _figure(panels: Panels) -> Figure:
    all_of_them = [timeline for _, timeline in panels]
    parts = [
        (fit(title, WIDTH / 2, bold=True) if title else "", Rows(timeline, all_of_them)) for title, timeline in panels
    ]
    left = PAD + column((name for _, rows in parts for name in rows.names), NAMES) + GAP
    right = GAP + column((words for _, rows in parts for words in rows.summaries), SUMMARIES) + PAD
    chart = WIDTH - left - right
    notes = [f"note: {note}" for timeline in all_of_them for note in timeline.notes]
    notes = wrap(notes, WIDTH - 2 * PAD, lines=NOTE_LINES)
    end = last(all_of_them)

    heads = [LINE + GAP / 2 if title else 0 for title, _ in parts]
    above = PAD + sum(heads) + sum(rows.pixels for _, rows in parts) + GAP * (len(parts) - 1)
    height = round(above + 3 * LINE + GAP + (GAP / 2 + len(notes) * LINE if notes else 0) + PAD)
    with our_style():
        figure, write = sheet(height)
        at: float = PAD
        for (title, rows), head in zip(parts, heads, strict=True):
            if title:
                write(PAD, at + LINE / 2, title, weight="bold")
                write(WIDTH - right + GAP, at + LINE / 2, f"{rows.seconds(rows.timeline.end)} s", weight="bold")
            bottom = at + head + rows.pixels
            axes = figure.add_axes((left / WIDTH, 1 - bottom / height, chart / WIDTH, rows.pixels / height))
            draw_rows(axes, rows, end, chart)
            axes.tick_params(labelbottom=rows is parts[-1][1])
            at = bottom + GAP
        # Below: the ticks' labels, the axis's, the key, the notes.
        write(left + chart / 2, above + 1.5 * LINE + GAP / 2, _axis_label(panels), color=MUTED, ha="center")
        place = PAD / WIDTH, 1 - (above + 2.5 * LINE + GAP) / height
        _draw_key(figure, [rows for _, rows in parts], place, end / chart)
        for i, note in enumerate(notes):
            write(PAD, above + (3.5 + i) * LINE + 1.5 * GAP, note, color=MUTED)
    return figure


def _axis_label(panels: Panels) -> str:
    virtual = [timeline.virtual for _, timeline in panels]
    if all(virtual):
        return "seconds (virtual time)"
    return "seconds (virtual time and measured)" if any(virtual) else "seconds (measured)"


def _draw_key(figure: Figure, parts: Iterable[Rows], place: tuple[float, float], pixel: float) -> None:
    """Name what can be seen, in one line, with its left and middle at a place; a pixel is so many seconds wide."""
    lanes = [lane for rows in parts for lane in rows.lanes]
    spans = [span for lane in lanes for span in lane.spans]
    states = {span.state for span in spans if span.state is not State.RUNNING or span.end - span.start >= pixel}
    outcomes = {lane.outcome for lane in lanes}
    key: dict[str, Any] = {KEY[MARK[state]]: Patch(**bar(state)) for state in State if state in states}
    for outcome in Outcome:
        if outcome in outcomes:
            end = Line2D([], [], **marker(outcome, ROW))
            hatch = Patch(**bar(State.WAITING) | {"edgecolor": EDGE, "hatch": HATCH})
            key[KEY[END[outcome]]] = (hatch, end) if outcome is Outcome.CANCELLED else end
    spacing: dict[str, Any] = {"borderpad": 0, "borderaxespad": 0, "handlelength": 1.5, "handletextpad": 0.5}
    figure.legend(
        key.values(), key.keys(), ncols=max(1, len(key)), loc="center left", bbox_to_anchor=place,
        frameon=False, columnspacing=1.6, **spacing,
    )  # fmt: skip
