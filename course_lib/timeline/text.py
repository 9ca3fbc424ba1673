"""A timeline drawn with characters: what nbval compares, what a screen reader reads, what a terminal shows."""

import math
from collections import Counter
from collections.abc import Iterable

from course_lib.timeline.model import Lane, Outcome, State, Timeline

WIDTH = 100
CHART = 50  # columns of time, where the caller does not choose the tick
NAME = 20
# ASCII only: in a terminal set up for Chinese or Japanese, line and block characters are twice as wide.
MARK = {State.WAITING: "-", State.RUNNING: "#", State.BLOCKING: "!"}
KEY = {
    "-": "waiting", "#": "running", "!": "blocking the loop",
    "|": "done", "x": "cancelled", "E": "failed", ">": "left running",
}  # fmt: skip
END = {Outcome.DONE: "|", Outcome.CANCELLED: "x", Outcome.FAILED: "E", Outcome.LEFT: ">"}


def draw(timeline: Timeline, tick: float | None, most: int) -> str:
    """Draw `timeline` with one column a tick; Timeline.text says what is allowed."""
    if tick is not None and not (0 < tick < math.inf and timeline.end / tick <= 400):
        raise ValueError(
            f"tick={tick!r}: pass seconds a column, more than 0 and at least {_seconds(timeline.end / 400)}"
        )
    if most < 1:
        raise ValueError(f"lanes={most!r}: pass the number of rows to draw, 1 or more")
    chosen = tick or round_up(timeline.end / CHART)
    # What a clock measured comes a little late. A column begins a quarter of a tick before its time, so that an event
    # lands in the right one when it is up to three quarters of a tick late. Virtual times need no such mercy.
    early = 1e-6 if timeline.virtual else 0.25
    scale = _Scale(chosen, early, exact=timeline.virtual)

    lanes = timeline.lanes[:most]
    columns = max(scale.column(end) for end in [timeline.end, *(lane.end for lane in lanes)]) + 1
    rows = [(_short(lane.name), _cells(lane, scale, columns), _summary(lane, scale)) for lane in lanes]
    if any(scale.length(*block) for block in timeline.blocks):
        cells = [" "] * columns
        for block in timeline.blocks:
            scale.paint(cells, *block, MARK[State.BLOCKING])
        rows.insert(0, ("the loop", cells, f"blocked for {scale.total(timeline.blocks)} s"))

    width = max(len(name) for name in ["seconds", *(name for name, _, _ in rows)])
    lines = _axis(chosen, columns, width)
    lines += [_fit(f"{name:<{width}}  {''.join(cells)}  {summary}") for name, cells, summary in rows]
    if rest := timeline.lanes[most:]:
        counts = Counter(lane.outcome.value for lane in rest)
        lines.append(f"and {len(rest)} more: " + ", ".join(f"{n} {outcome}" for outcome, n in counts.items()))
    drawn = {mark for _, cells, _ in rows for mark in cells}
    lines.append("key: " + "  ".join(f"{mark} {meaning}" for mark, meaning in KEY.items() if mark in drawn))
    lines += [f"note: {note}" for note in timeline.notes]
    return "\n".join(line.rstrip() for line in lines)


class _Scale:
    def __init__(self, tick: float, early: float, *, exact: bool) -> None:
        self.tick, self._early, self._exact = tick, early, exact

    def column(self, seconds: float) -> int:
        return math.floor(seconds / self.tick + self._early)

    def length(self, start: float, end: float) -> int:
        """Columns between two times: in real time none for what is far shorter than a tick, in virtual time one."""
        if not self._exact and end - start < 0.75 * self.tick:
            return 0
        return max(self.column(end) - self.column(start), 1 if end > start else 0)

    def paint(self, cells: list[str], start: float, end: float, mark: str) -> None:
        first, length = self.column(start), self.length(start, end)
        cells[first : first + length] = mark * length

    def label(self, seconds: float) -> str:
        return _seconds(seconds if self._exact else self.column(seconds) * self.tick)

    def total(self, stretches: Iterable[tuple[float, float]]) -> str:
        if self._exact:
            return _seconds(sum(end - start for start, end in stretches))
        return _seconds(sum(self.length(*stretch) for stretch in stretches) * self.tick)


def round_up(seconds: float) -> float:
    """Return the next number of the series 1, 2, 5, 10, 20, 50 ... (and below 1 likewise)."""
    if seconds <= 0:
        return 0.1
    power = 10.0 ** math.floor(math.log10(seconds))
    return next(round(step * power, 12) for step in (1, 2, 5, 10) if step * power >= seconds * (1 - 1e-9))


def _axis(tick: float, columns: int, width: int) -> list[str]:
    labels, ticks = [" "] * (columns + 10), [" "] * columns
    for column in range(0, columns, 10):
        text = _seconds(column * tick)
        labels[column : column + len(text)] = text
        ticks[column] = "|"
    return [f"{'seconds':<{width}}  {''.join(labels)}", f"{'':<{width}}  {''.join(ticks)}"]


def _cells(lane: Lane, scale: _Scale, columns: int) -> list[str]:
    cells = [" "] * columns
    for state in State:  # waiting first, so that it does not rub out a short step
        for span in lane.spans:
            if span.state is state:
                scale.paint(cells, span.start, span.end, MARK[state])
    cells[scale.column(lane.end)] = END[lane.outcome]
    return cells


def _summary(lane: Lane, scale: _Scale) -> str:
    start, end = scale.label(lane.start), scale.label(lane.end)
    parts = [f"at {start} s" if start == end else f"{start} to {end} s", lane.outcome.value]
    blocked = scale.total((span.start, span.end) for span in lane.spans if span.state is State.BLOCKING)
    if blocked != "0":
        parts.append(f"blocked {blocked} s")
    return ", ".join(parts) + (f": {lane.error}" if lane.error else "")


def _fit(line: str) -> str:
    return line if len(line) <= WIDTH else line[: WIDTH - 2] + ".."


def _short(name: str) -> str:
    name = " ".join(name.split()) or "(no name)"
    return name if len(name) <= NAME else name[: NAME - 2] + ".."


def _seconds(seconds: float) -> str:
    return f"{seconds:.9f}".rstrip("0").rstrip(".") or "0"
