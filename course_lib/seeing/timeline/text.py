"""A timeline drawn with characters: what nbval compares, what a screen reader reads, what a terminal shows."""

import math
import unicodedata
from collections import Counter
from collections.abc import Iterable

from course_lib.seeing.timeline.model import Gauge, Lane, Outcome, Recording, State

WIDTH = 76  # what a notebook shows at 1,024 pixels beside an open sidebar; it breaks longer lines inside a word
CHART = 34  # columns of time, where the caller does not choose the tick
WIDEST = 10  # columns that a tick gets, where there is room
NAME = 16
SUMMARY = 20  # columns that long words behind a chart get, however wide the chart
NOTES = 20
# ASCII only: in a terminal set up for Chinese or Japanese, line and block characters are twice as wide.
MARK = {State.WAITING: "-", State.RUNNING: "#", State.BLOCKING: "!"}
KEY = {
    "-": "waiting", "#": "running", "!": "blocking the loop",
    "|": "done", "x": "cancelled", "E": "failed", ">": "left running",
}  # fmt: skip
LEVELS, TENTHS = "0 to 9 how many", "0 to 9 tenths of the most"
NOW = "^"
EMPTY = "no task was made and no span named"
END = {Outcome.DONE: "|", Outcome.CANCELLED: "x", Outcome.FAILED: "E", Outcome.LEFT: ">"}


def draw_text(timeline: Recording, tick: float | None, most: int, *, now: float | None = None) -> str:
    """Draw `timeline`, with a mark below at the time `now`; Timeline.text says what is allowed."""
    if tick is not None and not (0 < tick < math.inf and timeline.end / tick <= 400):
        raise ValueError(f"tick={tick!r}: pass seconds a column, more than 0 and at least {number(timeline.end / 400)}")
    if most < 1:
        raise ValueError(f"lanes={most!r}: pass the number of rows to draw, 1 or more")
    lanes = timeline.lanes[:most]
    last, scale = scale_of(timeline, tick, most)
    columns = scale.column(last) + 1
    rows = [(_short(lane.name), _cells(lane, scale, columns), summary(lane, scale)) for lane in lanes]
    errors = [f"{printable(lane.name)}: {printable(lane.error)}" for lane in lanes if lane.error]
    if any(scale.length(*block, MARK[State.BLOCKING]) for block in timeline.blocks):
        cells = [" "] * columns
        for block in timeline.blocks:
            scale.paint(cells, *block, MARK[State.BLOCKING])
        rows.insert(0, ("the loop", cells, f"blocked for {scale.blocked(timeline.blocks)} s"))

    rows += [(_short(name), _levels(gauge, scale, columns), at_most(gauge)) for name, gauge in timeline.gauges.items()]
    if now is not None:
        cells = [" "] * columns
        cells[min(scale.column(now), columns - 1)] = NOW
        rows.append(("now", cells, f"{number(now)} s"))
    width = max(_columns(name) for name in ["seconds", *(name for name, _, _ in rows)])
    longest = max((len(words) for _, _, words in rows), default=0)
    room = WIDTH - min(SUMMARY, longest) - width - len("    ")
    lines = [_row(width, name, _cut(cells, room), words) for name, cells, words in axis(scale, columns) + rows]
    if rest := timeline.lanes[most:]:
        counts = Counter(lane.outcome.value for lane in rest)
        lines.append(f"and {len(rest)} more: " + ", ".join(f"{n} {outcome}" for outcome, n in counts.items()))
    drawn = {mark for _, cells, _ in rows for mark in cells}
    meanings = [f"{mark} {meaning}" for mark, meaning in KEY.items() if mark in drawn]
    meanings += [LEVELS] if any(gauge.most <= 9 for gauge in timeline.gauges.values()) else []
    meanings += [TENTHS] if any(gauge.most > 9 for gauge in timeline.gauges.values()) else []
    lines += _key(meanings) if rows else [EMPTY]
    lines += [line for error in errors for line in wrapped("", error)]
    lines += [line for note in timeline.notes[:NOTES] for line in wrapped("note: ", note)]
    if len(timeline.notes) > NOTES:
        lines.append(f"and {len(timeline.notes) - NOTES} more notes")
    return "\n".join(line.rstrip() for line in lines)


def scale_of(timeline: Recording, tick: float | None, most: int) -> tuple[float, "Scale"]:
    """Return when the last of so many lanes ends, and the scale that they are drawn in."""
    last = max(end for end in [timeline.end, *(lane.end for lane in timeline.lanes[:most])])
    return last, Scale.fitting(last, tick or round_up(timeline.end / CHART), exact=timeline.virtual)


class Scale:
    """Which column of a chart a time belongs to: `wide` columns for every `tick` seconds."""

    def __init__(self, tick: float, wide: int = 1, *, exact: bool) -> None:
        self.tick, self.wide, self._exact = tick, wide, exact
        # What a clock measured comes a little late. A column begins a quarter of a tick before its time, so that an
        # event lands in the right one when it is up to three quarters of a tick late. Virtual times need no such mercy.
        self._early = 1e-6 if exact else 0.25

    @classmethod
    def fitting(cls, end: float, tick: float, *, exact: bool) -> "Scale":
        """Return a scale whose ticks are as wide as a chart that ends at `end` seconds has room for.

        A coarse tick is drawn several columns wide, or the whole chart would be a few characters.
        """
        scale = cls(tick, exact=exact)
        scale.wide = max(1, min(WIDEST, CHART // max(1, scale.column(end))))
        return scale

    def column(self, seconds: float) -> int:
        """Return the column that a time falls into."""
        return math.floor(seconds / self.tick + self._early) * self.wide

    def length(self, start: float, end: float, mark: str) -> int:
        """Columns between two times: in real time none for what is far shorter than a tick, in virtual time one."""
        # On a busy machine a step takes longer than it should, at the cost of the wait that follows it.
        least = 0.5 if mark == MARK[State.WAITING] else 0.75
        if not self._exact and end - start < least * self.tick:
            return 0
        return max(self.column(end) - self.column(start), 1 if end > start else 0)

    def paint(self, cells: list[str], start: float, end: float, mark: str) -> None:
        """Put a mark into the cells of a stretch."""
        first, length = self.column(start), self.length(start, end, mark)
        cells[first : first + length] = mark * length

    def label(self, seconds: float) -> str:
        """Write a time, measured ones only as exactly as they are drawn."""
        return number(seconds if self._exact else self._time(self.column(seconds)))

    def blocked(self, stretches: Iterable[tuple[float, float]]) -> str:
        """Write how many seconds the stretches take together."""
        if self._exact:
            return number(sum(end - start for start, end in stretches))
        return number(self._time(sum(self.length(*stretch, MARK[State.BLOCKING]) for stretch in stretches)))

    def _time(self, columns: int) -> float:
        return columns / self.wide * self.tick


def round_up(seconds: float) -> float:
    """Return the next number of the series 1, 2, 5, 10, 20, 50 ... (and below 1 likewise)."""
    if seconds <= 0:
        return 0.1
    power = 10.0 ** math.floor(math.log10(seconds))
    return next(round(step * power, 12) for step in (1, 2, 5, 10) if step * power >= seconds * (1 - 1e-9))


def round_down(seconds: float) -> float:
    """Return the number before in the same series; `seconds` is above 0."""
    power = 10.0 ** math.floor(math.log10(seconds))
    return next(round(step * power, 12) for step in (5, 2, 1) if step * power <= seconds * (1 + 1e-9))


def _is_round(seconds: float) -> bool:
    return seconds > 0 and math.isclose(round_up(seconds), seconds, rel_tol=1e-9)


def axis(scale: Scale, columns: int) -> list[tuple[str, list[str], str]]:
    """Return the two rows over a chart, each a name, its characters and a summary: the seconds, and marks."""
    labels, marks = [" "] * columns, [" "] * columns
    ticks = range(columns // scale.wide + 1)
    longest = max(len(number(place * scale.tick)) for place in ticks)
    least = math.ceil(max(8, longest + 2) / scale.wide)  # ticks between two labels: round numbers, where there are any
    step = next((step for step in range(least, 2 * least + 1) if _is_round(step * scale.tick)), least)
    for place, column in enumerate(range(0, columns, step * scale.wide)):
        text = number(place * step * scale.tick)
        labels[column : column + len(text)] = text
        marks[column] = "|"
    return [("seconds", labels, ""), ("", marks, "")]


def _cells(lane: Lane, scale: Scale, columns: int) -> list[str]:
    cells = [" "] * columns
    for state in State:  # waiting first, so that it does not rub out a short step
        for span in lane.spans:
            if span.state is state:
                scale.paint(cells, span.start, span.end, MARK[state])
    cells[scale.column(lane.end)] = END[lane.outcome]
    return cells


def _levels(gauge: Gauge, scale: Scale, columns: int) -> list[str]:
    cells = [" "] * columns
    unit = 1 if gauge.most <= 9 else gauge.most / 10
    for at, value in gauge.points:  # each goes on to the end, until the next one is written over it
        first = min(scale.column(at), columns)
        cells[first:] = str(min(9, math.floor(value / unit + 1e-9))) * (columns - first)
    return cells


def at_most(gauge: Gauge) -> str:
    """Say how high a gauge was."""
    return f"at most {gauge.most:,.6g}"


def summary(lane: Lane, scale: Scale) -> str:
    """Say when a lane was there, and how it ended unless it was simply done."""
    start, end = scale.label(lane.start), scale.label(lane.end)
    parts = [f"at {start} s" if start == end else f"{start} to {end} s"]
    if lane.outcome is not Outcome.DONE:
        parts.append(lane.outcome.value)
    blocked = scale.blocked((span.start, span.end) for span in lane.spans if span.state is State.BLOCKING)
    if blocked != "0":
        parts.append(f"blocked {blocked} s")
    return ", ".join(parts)


def _row(width: int, name: str, cells: list[str], words: str) -> str:
    chart = f"{name}{' ' * (width - _columns(name))}  {''.join(cells)}  "
    while ", " in words and _columns(chart + words) > WIDTH:  # half a word says less than the row's marks
        words = words.rpartition(", ")[0]
    return _fit(chart + words, WIDTH)


def _cut(cells: list[str], room: int) -> list[str]:
    return cells if len(cells) <= room else [*cells[: room - 2], *".."]


def _short(name: str) -> str:
    return _fit(printable(name) or "(no name)", NAME)


def _fit(text: str, most: int) -> str:
    if _columns(text) <= most:
        return text
    while _columns(text) > most - 2:
        text = text[:-1]
    return text + ".."


def _key(meanings: list[str]) -> list[str]:
    lines = ["key:"]
    for meaning in meanings:
        if len(lines[-1]) + 2 + len(meaning) > WIDTH:
            lines.append("    ")
        lines[-1] += f"{' ' if len(lines[-1]) < 5 else '  '}{meaning}"
    return lines


def wrapped(start: str, text: str) -> list[str]:
    """Return the lines of a text that begins with `start`; those below are indented as far."""
    lines, rest = [start], printable(text)
    for word in rest.split():
        if _columns(lines[-1]) > len(start) and _columns(f"{lines[-1]} {word}") > WIDTH:
            lines.append(" " * len(start))
        lines[-1] += word if _columns(lines[-1]) == len(start) else f" {word}"
    return [_fit(line, WIDTH) for line in lines]


def printable(text: str) -> str:
    """Put a text on one line, with a space for whatever cannot be printed."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def _columns(text: str) -> int:
    # In a terminal, Chinese and Japanese characters take two columns and combining ones none.
    return len(text) if text.isascii() else sum(_width(character) for character in text)


def _width(character: str) -> int:
    return 0 if unicodedata.combining(character) else 2 if unicodedata.east_asian_width(character) in "WF" else 1


def number(value: float, digits: int = 9, *, keep_zeros: bool = False) -> str:
    """Write a number with so many decimals, without zeros at its end unless they are to be kept."""
    text = f"{value:.{digits}f}"
    return text if keep_zeros or "." not in text else text.rstrip("0").rstrip(".")
