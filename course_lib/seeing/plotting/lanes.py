"""The lanes of one timeline, drawn on a time axis."""

from collections import Counter
from collections.abc import Iterable
from itertools import islice
from typing import Any

from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure
from matplotlib.transforms import ScaledTranslation, Transform

from course_lib.seeing.plotting.look import (
    ALARM,
    COLOUR,
    DENSE_ROW,
    EDGE,
    GAP,
    GRID,
    HATCH,
    HEIGHT,
    INK,
    MOST,
    MUTED,
    NAMES,
    PAPER,
    ROW,
    SPARSE,
    SUMMARIES,
    bar,
    marker,
    our_style,
)
from course_lib.seeing.plotting.words import fit, width
from course_lib.seeing.timeline import Lane, Outcome, State, Timeline
from course_lib.seeing.timeline.text import at_most, number, round_up

Box = tuple[float, float, float, float]  # start, end, top, bottom


class Rows:
    """What is drawn of one timeline: at most MOST lanes, and a word about the others.

    Args:
        timeline: what to draw.
        beside: the timelines that stand in the same picture: gauges of one name have one scale, so that their heights
            can be compared.
    """

    def __init__(self, timeline: Timeline, beside: Iterable[Timeline] = ()) -> None:
        self.timeline = timeline
        self.lanes = timeline.lanes[:MOST]
        self.height = ROW if len(self.lanes) <= SPARSE else DENSE_ROW
        rest = Counter(lane.outcome.value for lane in timeline.lanes[MOST:])
        self.rest = f"and {rest.total()} more: " + ", ".join(f"{n} {how}" for how, n in rest.items()) if rest else ""
        if not (self.lanes or timeline.gauges):
            self.rest = "nothing was recorded"
        self.gauges = dict(islice(timeline.gauges.items(), MOST))
        self.highest = {
            name: max(other.gauges[name].most for other in [timeline, *beside] if name in other.gauges) or 1
            for name in self.gauges
        }
        # The first lane is row 0. Over the lanes there is a row for the label of the bands where the loop was blocked.
        self.first = -1 if timeline.blocks else 0
        self.first_gauge = len(self.lanes) + bool(self.rest)
        self.last = self.first_gauge + len(self.gauges)

    @property
    def pixels(self) -> float:
        """How high all rows are together."""
        return (self.last - self.first) * self.height

    @property
    def names(self) -> list[str]:
        """What stands before the rows."""
        return [*(lane.name for lane in self.lanes), *self.gauges]

    @property
    def summaries(self) -> list[str]:
        """What stands behind them."""
        return [*map(self.summary, self.lanes), *map(at_most, self.gauges.values())]

    def seconds(self, seconds: float) -> str:
        """Write a time as far as it means something: virtual to a tenth of a millisecond, measured to three digits."""
        virtual, whole_digits = self.timeline.virtual, len(str(int(self.timeline.end)))
        return number(seconds, 4 if virtual else max(0, 3 - whole_digits), keep_zeros=not virtual)

    def summary(self, lane: Lane) -> str:
        """Say when a lane was there, and how it ended unless it was simply done."""
        start, end = self.seconds(lane.start), self.seconds(lane.end)
        when = f"at {start} s" if start == end else f"{start} to {end} s"
        how = lane.error or ("" if lane.outcome is Outcome.DONE else lane.outcome.value)
        return f"{when}, {how}" if how else when


def draw_rows(axes: Axes, rows: Rows, end: float, chart: float) -> None:
    """Draw rows on a time axis that ends at `end` seconds and is `chart` pixels long."""
    with our_style():
        pixel = end / chart
        time_axis(axes, end, chart)
        axes.set_ylim(rows.last - 0.5, rows.first - 0.5)
        axes.hlines(range(len(rows.lanes)), 0, end, colors=GRID, linewidth=0.5, zorder=0.9)
        _draw_blocks(axes, rows, end, pixel)
        _draw_lanes(axes, rows, pixel)
        _draw_gauges(axes, rows)
        _draw_words(axes, rows)


def time_axis(axes: Axes, end: float, chart: float) -> None:
    """Give axes `chart` pixels wide the course's time axis, from 0 to `end` seconds."""
    axes.set(xlim=(0, end), facecolor=PAPER)
    axes.spines[:].set_visible(False)
    room = width(number(round_up(end / 5))) + 36
    step = round_up(end / max(1, min(10, chart // room)))
    ticks = [round(i * step, 12) for i in range(int(end / step * (1 + 1e-9)) + 1)]
    axes.set_xticks(ticks, [number(tick) for tick in ticks], color=MUTED)
    axes.yaxis.set_visible(False)  # names as its tick labels would double the time to draw
    axes.tick_params(length=0, pad=6)
    axes.grid(axis="x", color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)


def _draw_blocks(axes: Axes, rows: Rows, end: float, pixel: float) -> None:
    """Draw a band over all lanes where nothing on the loop could run, and label as many as there is room for."""
    bands: list[tuple[float, float]] = []
    for start, stop in sorted(rows.timeline.blocks):
        if bands and start - bands[-1][1] < pixel:
            start = bands.pop()[0]
        bands.append((start, stop))
    labels: list[tuple[float, float]] = []
    for start, stop in sorted(bands, key=lambda band: band[0] - band[1]):  # the longest first
        visible = max(stop, start + 2 * pixel)
        axes.axvspan(start, visible, facecolor=COLOUR[State.BLOCKING], alpha=0.16, linewidth=0, zorder=0.5)
        label = f"loop blocked {rows.seconds(stop - start)} s"
        half = (width(label) + GAP) / 2 * pixel
        edge = half - GAP / 2 * pixel
        middle = min(max((start + visible) / 2, edge), end - edge)
        if all(middle + half <= left or right <= middle - half for left, right in labels):
            axes.text(middle, -1, label, color=INK, ha="center", va="center_baseline")
            labels.append((middle - half, middle + half))


def _draw_lanes(axes: Axes, rows: Rows, pixel: float) -> None:
    bars: dict[State, list[Box]] = {state: [] for state in State}
    hatched: list[Box] = []
    ends: dict[Outcome, list[tuple[float, float]]] = {outcome: [] for outcome in Outcome}
    for row, lane in enumerate(rows.lanes):
        waits = [span for span in lane.spans if span.state is State.WAITING]
        if waits:  # one bar, which the steps hide as they are higher: an outline round each wait would be a dark bar
            bars[State.WAITING].append(_box(row, waits[0].start, waits[-1].end, State.WAITING))
        for span in lane.spans:
            # A short block must not be missed. Short steps stay thin, or many would make a lane look busy.
            least = 2 * pixel if span.state is State.BLOCKING else 0
            if span.state is not State.WAITING:
                bars[span.state].append(_box(row, span.start, max(span.end, span.start + least), span.state))
        if lane.outcome is Outcome.CANCELLED:
            hatched.append(_box(row, lane.start, lane.end, State.WAITING))
        ends[lane.outcome].append((lane.end, row))
    for state, boxes in bars.items():
        _draw_boxes(axes, boxes, **bar(state), zorder=2 if state is State.WAITING else 2.2)
    _draw_boxes(axes, hatched, facecolor="none", edgecolor=EDGE, hatch=HATCH, linewidth=0.8, zorder=2.1)
    for outcome, points in ends.items():
        if points:
            axes.plot(*zip(*points, strict=True), **marker(outcome, rows.height), clip_on=False, zorder=4)


def _draw_gauges(axes: Axes, rows: Rows) -> None:
    for row, (name, gauge) in enumerate(rows.gauges.items(), rows.first_gauge):
        bottom, high = row + 0.4, 0.8 / rows.highest[name]
        edges = [*(at for at, _ in gauge.points), max(rows.timeline.end, gauge.points[-1][0])]
        tops = [bottom - value * high for _, value in gauge.points]
        axes.stairs(
            tops, edges, baseline=bottom, fill=True, zorder=2,
            facecolor=COLOUR[State.WAITING], edgecolor=COLOUR[State.RUNNING], linewidth=0.8,
        )  # fmt: skip
        if gauge.points[-1][0] >= rows.timeline.end:  # a last value that came at the very end has no width
            highest = min(tops[-2:])
            axes.vlines(edges[-1], highest, bottom, colors=COLOUR[State.RUNNING], linewidth=1.6, clip_on=False)


def _draw_words(axes: Axes, rows: Rows) -> None:
    before, after = _beside(axes, -GAP), _beside(axes, GAP)
    look: dict[str, Any] = {"va": "center_baseline", "parse_math": False}
    for row, lane in enumerate(rows.lanes):
        colour = ALARM if lane.outcome is Outcome.FAILED else MUTED
        axes.text(0, row, fit(lane.name, NAMES[1]), transform=before, ha="right", **look)
        axes.text(1, row, fit(rows.summary(lane), SUMMARIES[1]), transform=after, color=colour, **look)
    for row, (name, gauge) in enumerate(rows.gauges.items(), rows.first_gauge):
        axes.text(0, row, fit(name, NAMES[1]), transform=before, ha="right", **look)
        axes.text(1, row, fit(at_most(gauge), SUMMARIES[1]), transform=after, color=MUTED, **look)
    if rows.rest:
        axes.text(0, len(rows.lanes), rows.rest, color=MUTED, **look)


def figure_of(axes: Axes) -> Figure:
    """Return the figure that axes belong to."""
    figure = axes.get_figure(root=True)
    if figure is None:
        raise ValueError("axes belong to no figure any more: pass axes that were not removed")
    return figure


def _beside(axes: Axes, pixels: float) -> Transform:
    """Return the coordinates of texts beside the rows: 0 or 1 for the left or right edge, and the row."""
    return axes.get_yaxis_transform() + ScaledTranslation(pixels / 96, 0, figure_of(axes).dpi_scale_trans)


def _box(row: int, start: float, end: float, state: State) -> Box:
    return start, end, row - HEIGHT[state] / 2, row + HEIGHT[state] / 2


def _draw_boxes(axes: Axes, boxes: Iterable[Box], **look: Any) -> None:
    corners = [[(start, top), (end, top), (end, bottom), (start, bottom)] for start, end, top, bottom in boxes]
    if corners:
        axes.add_collection(PolyCollection(corners, clip_on=False, **look), autolim=False)
