"""A timeline drawn as a picture, in the words and order of its text. The only module that imports matplotlib."""

import io
from bisect import bisect
from collections import Counter
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import matplotlib.style
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg, RendererAgg
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, get_font
from matplotlib.lines import Line2D
from matplotlib.markers import CARETRIGHTBASE
from matplotlib.patches import Patch
from matplotlib.transforms import ScaledTranslation
from PIL import Image

from course_lib.timeline.model import Lane, Outcome, State, Timeline
from course_lib.timeline.text import CHART, END, KEY, MARK, round_up

# Lengths are CSS pixels, 96 an inch; a picture has twice as many, for crisp screens and projectors.
WIDTH, SCALE, PAD, GAP = 840, 2, 14, 12
ROW, DENSE_ROW, LINE = 24, 18, 20
SPARSE, MOST = 20, 50  # up to so many lanes get a high row; so many are drawn at all
NAMES, SUMMARIES = (70, 170), (96, 250)  # the columns at the left and right: at least, at most
NOTE_LINES = 4

# Pale, dark, bright: they differ in brightness, so that they do for every kind of colour blindness and in print. They
# differ in height, too.
COLOUR = {State.WAITING: "#cfe3f3", State.RUNNING: "#0b4a7d", State.BLOCKING: "#e8620c"}
HEIGHT = {State.WAITING: 0.40, State.RUNNING: 0.60, State.BLOCKING: 0.80}
MARKER = {Outcome.DONE: "|", Outcome.CANCELLED: "x", Outcome.FAILED: "D", Outcome.LEFT: CARETRIGHTBASE}
PAPER, INK, MUTED, GRID, EDGE, ALARM = "#fdfdfb", "#1c2733", "#556270", "#dfe4e8", "#5b8cb3", "#a3002b"

Box = tuple[float, float, float, float]  # start, end, bottom, top
Panels = Sequence[tuple[str, Timeline]]


def picture(timeline: Timeline) -> tuple[bytes, dict[str, int]]:
    """Draw a timeline and return the PNG and the size to show it at, width and height in CSS pixels.

    The same timeline gives the same bytes, whatever the user's matplotlib settings are.
    """
    return _png([("", timeline)])


def draw(timeline: Timeline, axes: Axes | None = None) -> Figure:
    """Draw a timeline as a matplotlib figure and return it.

    Args:
        axes: draw into these instead, which may belong to any figure: the swimlane alone, with no legend or notes.
    """
    if axes is None:
        return _figure([("", timeline)])
    with _style():
        _draw_lanes(axes, _Rows(timeline), _end([timeline]), axes.get_window_extent().width)
    figure = axes.get_figure(root=True)
    assert figure is not None  # axes without a figure cannot be made
    return figure


@dataclass(frozen=True)
class Comparison:
    """Several timelines on one time axis; a notebook cell that ends with it shows the picture."""

    timelines: Mapping[str, Timeline]
    tick: float | None = None

    def __str__(self) -> str:
        tick = self.tick or round_up(_end(self.timelines.values()) / CHART)
        return "\n\n".join(f"{title}\n{timeline.text(tick)}" for title, timeline in self.timelines.items())

    def _repr_mimebundle_(self, **_: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        png, size = _png(list(self.timelines.items()))
        return {"text/plain": str(self), "image/png": png}, {"image/png": size}


def compare(timelines: Mapping[str, Timeline], *, tick: float | None = None) -> Comparison:
    """Put timelines under one another on one time axis: print it for the text, end a notebook cell with it for the picture.

    Args:
        timelines: the timelines by title, in the order to show them.
        tick: seconds a column of the text stands for; without it, the smallest round number that fits the longest.

    Raises ValueError when there is no timeline.
    """
    if not timelines:
        raise ValueError('timelines={}: pass one or more by title, such as compare({"one by one": a, "together": b})')
    return Comparison(dict(timelines), tick)


def _png(panels: Panels) -> tuple[bytes, dict[str, int]]:
    with _style():
        figure, file = _figure(panels), io.BytesIO()
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
    # A third of the bytes that matplotlib's own PNG takes, in less time; no colour is off by more than the eye can tell.
    image = Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")
    image.quantize(256, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE).save(file, "png")
    width, height = (round(inches * 96) for inches in figure.get_size_inches())
    return file.getvalue(), {"width": width, "height": height}


@contextmanager
def _style() -> Iterator[None]:
    """Leave the user's settings aside; the font is the one that comes with matplotlib."""
    ours = {"font.family": ["DejaVu Sans"], "font.size": 10, "text.color": INK, "hatch.linewidth": 0.8}
    with matplotlib.style.context(ours, after_reset=True):
        yield


class _Rows:
    """What is drawn of one timeline: at most MOST lanes, and a word about the others."""

    def __init__(self, timeline: Timeline) -> None:
        self.timeline = timeline
        self.lanes = timeline.lanes[:MOST]
        self.height = ROW if len(self.lanes) <= SPARSE else DENSE_ROW
        rest = Counter(lane.outcome.value for lane in timeline.lanes[MOST:])
        self.rest = f"and {rest.total()} more: " + ", ".join(f"{n} {how}" for how, n in rest.items()) if rest else ""
        if not self.lanes:
            self.rest = "nothing was recorded"
        # Row 0 is the first lane; the words over the bands of a blocked loop stand in row -1.
        self.first = -1 if timeline.blocks else 0
        self.last = len(self.lanes) + bool(self.rest)

    @property
    def pixels(self) -> int:
        return (self.last - self.first) * self.height

    def seconds(self, seconds: float) -> str:
        """Say a time as exactly as is known: virtual times in full, measured ones to a few digits."""
        digits = len(str(int(self.timeline.end)))
        return _number(seconds, max(0, (5 if self.timeline.virtual else 3) - digits), exact=self.timeline.virtual)

    def summary(self, lane: Lane) -> str:
        start, end = self.seconds(lane.start), self.seconds(lane.end)
        how = lane.error or ("" if lane.outcome is Outcome.DONE else lane.outcome.value)
        return (f"at {start} s" if start == end else f"{start} to {end} s") + (f", {how}" if how else "")


def _figure(panels: Panels) -> Figure:
    with _style():
        figure = Figure(dpi=96 * SCALE, facecolor=PAPER)
        FigureCanvasAgg(figure)
        all_rows = [_Rows(timeline) for _, timeline in panels]
        timelines = [timeline for _, timeline in panels]
        left = PAD + _column((lane.name for rows in all_rows for lane in rows.lanes), NAMES) + GAP
        right = GAP + _column((rows.summary(lane) for rows in all_rows for lane in rows.lanes), SUMMARIES) + PAD
        chart = WIDTH - left - right
        notes = _notes([note for timeline in timelines for note in timeline.notes])
        heights = [rows.pixels + (LINE + GAP / 2 if title else 0) for rows, (title, _) in zip(all_rows, panels, strict=True)]
        below = 2 * LINE + GAP + (LINE + GAP / 2) + len(notes) * LINE
        height = PAD + sum(heights) + GAP * (len(panels) - 1) + below + PAD / 2
        figure.set_size_inches(WIDTH / 96, round(height) / 96)

        end, at = _end(timelines), float(PAD)
        for rows, (title, timeline), used in zip(all_rows, panels, heights, strict=True):
            bottom = at + used
            axes = figure.add_axes((left / WIDTH, 1 - bottom / height, chart / WIDTH, rows.pixels / height))
            _draw_lanes(axes, rows, end, chart)
            if title:
                y = 1 - (at + LINE / 2) / height
                width = chart + left - PAD - GAP
                figure.text(PAD / WIDTH, y, _fit(title, width, bold=True), weight="bold", va="center", parse_math=False)
                total = f"{rows.seconds(timeline.end)} s"
                figure.text(1 - (right - GAP) / WIDTH, y, total, weight="bold", va="center")
            at = bottom + GAP
            if rows is not all_rows[-1]:
                axes.tick_params(labelbottom=False)
        virtual = {timeline.virtual for timeline in timelines}
        clock = {(True,): " (virtual time)", (False,): " (measured)"}.get(tuple(virtual), "")
        at = bottom + LINE + LINE / 2 + GAP / 2
        figure.text((left + chart / 2) / WIDTH, 1 - at / height, f"seconds{clock}", color=MUTED, ha="center", va="center")
        at += LINE / 2 + GAP / 2
        _legend(figure, all_rows, at + LINE / 2)
        for i, note in enumerate(notes):
            y = at + LINE + GAP / 2 + (i + 0.5) * LINE
            figure.text(PAD / WIDTH, 1 - y / height, note, color=MUTED, va="center", parse_math=False)
        return figure


def _draw_lanes(axes: Axes, rows: _Rows, end: float, width: float) -> None:
    """Draw the lanes on a time axis that is `width` pixels long and ends at `end` seconds."""
    pixel = end / width
    axes.set(xlim=(0, end), ylim=(rows.last - 0.5, rows.first - 0.5), facecolor=PAPER)
    axes.spines[:].set_visible(False)
    ticks = _ticks(end, width)
    axes.set_xticks(ticks, [_number(tick, 9, exact=True) for tick in ticks], color=MUTED)
    axes.set_yticks(range(len(rows.lanes)), [_fit(lane.name, NAMES[1]) for lane in rows.lanes], parse_math=False)
    axes.tick_params(length=0, pad=6)
    axes.tick_params(axis="y", pad=GAP * 0.75, labelcolor=INK)
    axes.grid(axis="x", color=GRID, linewidth=0.8)
    axes.hlines(range(len(rows.lanes)), 0, end, colors=GRID, linewidth=0.5, zorder=0.9)
    axes.set_axisbelow(True)
    _draw_blocks(axes, rows, end, pixel)

    beside = axes.get_yaxis_transform() + ScaledTranslation(GAP / 96, 0, axes.get_figure(root=True).dpi_scale_trans)
    bars: dict[State, list[Box]] = {state: [] for state in State}
    hatched: list[Box] = []
    ends: dict[Outcome, list[tuple[float, float]]] = {outcome: [] for outcome in Outcome}
    for row, lane in enumerate(rows.lanes):
        for span in lane.spans:
            if span.state is not State.WAITING:
                # A short block is what a reader must not miss; a short step among many would make a waiting lane look busy.
                least = 2 * pixel if span.state is State.BLOCKING else 0
                bars[span.state].append(_box(row, span.start, max(span.end, span.start + least), HEIGHT[span.state]))
        waits = [span for span in lane.spans if span.state is State.WAITING]
        if waits:  # one bar under the steps, which are higher
            bars[State.WAITING].append(_box(row, waits[0].start, waits[-1].end, HEIGHT[State.WAITING]))
        if lane.outcome is Outcome.CANCELLED:
            hatched.append(_box(row, lane.start, lane.end, HEIGHT[State.WAITING]))
        ends[lane.outcome].append((lane.end, row))
        words = _fit(rows.summary(lane), SUMMARIES[1])
        colour = ALARM if lane.outcome is Outcome.FAILED else MUTED
        axes.text(1, row, words, transform=beside, color=colour, va="center_baseline", parse_math=False)
    for state, boxes in bars.items():
        edge = EDGE if state is State.WAITING else "none"
        _draw_boxes(axes, boxes, facecolor=COLOUR[state], edgecolor=edge, linewidth=0.8, zorder=2)
    _draw_boxes(axes, hatched, facecolor="none", edgecolor=EDGE, hatch="/////", linewidth=0.8, zorder=3)
    for outcome, points in ends.items():
        if points:
            axes.plot(*zip(*points, strict=True), **_marker(outcome, rows.height), clip_on=False, zorder=4)
    if rows.rest:
        axes.text(0, len(rows.lanes), rows.rest, color=MUTED, va="center_baseline")


def _draw_blocks(axes: Axes, rows: _Rows, end: float, pixel: float) -> None:
    """Draw a band over all lanes where nothing on the loop could run, and label as many as there is room for."""
    bands: list[tuple[float, float]] = []
    for start, stop in sorted(rows.timeline.blocks):
        if bands and start - bands[-1][1] < pixel:
            start = bands.pop()[0]
        bands.append((start, stop))
    taken: list[tuple[float, float]] = []
    for start, stop in sorted(bands, key=lambda band: band[0] - band[1]):  # the longest first
        least = max(stop, start + 2 * pixel)
        axes.axvspan(start, least, facecolor=COLOUR[State.BLOCKING], alpha=0.16, linewidth=0, zorder=0.5)
        words = f"loop blocked {rows.seconds(stop - start)} s"
        half = _width(words) * pixel / 2 + GAP / 2 * pixel
        middle = min(max((start + least) / 2, half), end - half)
        if all(middle + half <= left or right <= middle - half for left, right in taken):
            axes.text(middle, -1, words, color=INK, ha="center", va="center_baseline")
            taken.append((middle - half, middle + half))


def _draw_boxes(axes: Axes, boxes: Iterable[Box], **look: Any) -> None:
    corners = [[(start, low), (start, high), (end, high), (end, low)] for start, end, low, high in boxes]
    if corners:
        axes.add_collection(PolyCollection(corners, clip_on=False, **look), autolim=False)


def _box(row: int, start: float, end: float, height: float) -> Box:
    return start, end, row - height / 2, row + height / 2


def _marker(outcome: Outcome, row: float) -> dict[str, Any]:
    """Return how a line draws the end of a lane in a row of so many pixels."""
    size = {Outcome.DONE: 0.60, Outcome.CANCELLED: 0.40, Outcome.FAILED: 0.46, Outcome.LEFT: 0.50}[outcome]
    look = {"linestyle": "none", "marker": MARKER[outcome], "markersize": size * row * 0.75}
    if outcome in (Outcome.DONE, Outcome.CANCELLED):
        return look | {"color": INK, "markeredgewidth": 1.8}
    return look | {"color": ALARM if outcome is Outcome.FAILED else INK, "markeredgecolor": PAPER, "markeredgewidth": 0.8}


def _legend(figure: Figure, all_rows: Iterable[_Rows], middle: float) -> None:
    """Name what occurs, in one line whose middle is so many pixels below the top."""
    lanes = [lane for rows in all_rows for lane in rows.lanes]
    states = {span.state for lane in lanes for span in lane.spans}
    outcomes = {lane.outcome for lane in lanes}
    keys: dict[str, Any] = {}
    for state in State:
        if state in states:
            edge = EDGE if state is State.WAITING else "none"
            keys[KEY[MARK[state]]] = Patch(facecolor=COLOUR[state], edgecolor=edge, linewidth=0.8)
    for outcome in Outcome:
        if outcome in outcomes:
            line = Line2D([], [], **_marker(outcome, ROW))
            hatch = Patch(facecolor=COLOUR[State.WAITING], edgecolor=EDGE, hatch="/////", linewidth=0.8)
            keys[KEY[END[outcome]]] = (hatch, line) if outcome is Outcome.CANCELLED else line
    y = 1 - middle / (figure.get_size_inches()[1] * 96)
    figure.legend(list(keys.values()), list(keys), ncols=len(keys) or 1, loc="center left", bbox_to_anchor=(PAD / WIDTH, y),
                  frameon=False, borderpad=0, borderaxespad=0, handlelength=1.5, handletextpad=0.5, columnspacing=1.6)  # fmt: skip


def _notes(notes: Sequence[str]) -> list[str]:
    """Break notes into lines that fit the width, and say what is left out."""
    lines = []
    for note in notes:
        line = "note:"
        for word in note.split():
            if _width(f"{line} {word}") > WIDTH - 2 * PAD:
                lines.append(line)
                line = word
            else:
                line += f" {word}"
        lines.append(line)
    if len(lines) > NOTE_LINES:
        lines[NOTE_LINES - 1 :] = ["... print the timeline to read on"]
    return [_fit(line, WIDTH - 2 * PAD) for line in lines]


def _ticks(end: float, width: float) -> list[float]:
    longest = _width(_number(round_up(end / 5), 9, exact=True) + "0")
    step = round_up(end / max(1, min(10, int(width // max(longest + 30, 56)))))
    return [round(i * step, 12) for i in range(int(end / step * (1 + 1e-9)) + 1)]


def _end(timelines: Iterable[Timeline]) -> float:
    return max(time for line in timelines for time in [line.end, *(lane.end for lane in line)]) or 0.1


def _number(seconds: float, digits: int, *, exact: bool) -> str:
    text = f"{seconds:.{digits}f}"
    return (text.rstrip("0").rstrip(".") or "0") if exact and "." in text else text


def _column(texts: Iterable[str], allowed: tuple[int, int]) -> float:
    least, most = allowed
    return max([least, *(_width(_fit(text, most)) for text in texts)])


@lru_cache
def _renderer() -> RendererAgg:
    return RendererAgg(1, 1, 96 * SCALE)


@lru_cache
def _font(*, bold: bool) -> FontProperties:
    return FontProperties(["DejaVu Sans"], weight="bold" if bold else "normal", size=10)


@lru_cache(10_000)
def _width(text: str, *, bold: bool = False) -> float:
    return _renderer().get_text_width_height_descent(text, _font(bold=bold), False)[0] / SCALE


@lru_cache
def _characters() -> Container[int]:
    return frozenset(get_font(findfont(_font(bold=False))).get_charmap())


def _fit(text: str, width: float, *, bold: bool = False) -> str:
    """Put text on one line, shorten it to a width, and put a box for a character that the font does not have."""
    text = "".join(char if ord(char) in _characters() else "\N{WHITE SQUARE}" for char in " ".join(text.split())) or "(no name)"
    if _width(text, bold=bold) <= width:
        return text
    short = bisect(range(len(text)), width, key=lambda n: _width(text[:n].rstrip() + "…", bold=bold)) - 1
    return text[:max(short, 0)].rstrip() + "…"
