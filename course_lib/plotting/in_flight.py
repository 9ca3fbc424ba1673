"""How many lanes are open at once, over time: for when there are too many of them to look at one by one."""
# mypy: allow-untyped-calls
# (matplotlib's canvas has no types)

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from course_lib.plotting.lanes import time_axis
from course_lib.plotting.look import COLOUR, GAP, LINE, MUTED, NAMES, PAD, PAPER, SCALE, SUMMARIES, WIDTH, our_style
from course_lib.plotting.shown import Shown
from course_lib.plotting.words import column, fit, number
from course_lib.timeline.model import State, Timeline
from course_lib.timeline.text import CHART, Scale, axis, round_up

HEIGHT = 44  # pixels of a row


@dataclass(frozen=True)
class InFlight(Shown):
    """The number of open lanes over time: print it for the text, end a notebook cell with it for the picture."""

    rows: Mapping[str, Timeline]

    def draw(self) -> Figure:
        """Draw the picture as a matplotlib figure and return it."""
        rows = [(title, _levels(timeline), _summary(timeline)) for title, timeline in self.rows.items()]
        highest = max(timeline.peak() for timeline in self.rows.values()) or 1
        left = PAD + column(self.rows, NAMES) + GAP
        right = GAP + column((words for _, _, words in rows), SUMMARIES) + PAD
        chart, height = WIDTH - left - right, 2 * PAD + len(rows) * (HEIGHT + GAP) + 2 * LINE
        beside: dict[str, Any] = {"va": "center_baseline", "parse_math": False}
        with our_style():
            figure = Figure((WIDTH / 96, height / 96), dpi=96 * SCALE, facecolor=PAPER)
            FigureCanvasAgg(figure)
            for place, (title, levels, words) in enumerate(rows):
                bottom = PAD + place * (HEIGHT + GAP) + HEIGHT
                axes = figure.add_axes((left / WIDTH, 1 - bottom / height, chart / WIDTH, HEIGHT / height))
                time_axis(axes, self._end, chart)
                axes.set_ylim(0, highest * 1.05)  # one scale for all rows, so that heights can be compared
                axes.tick_params(labelbottom=place == len(rows) - 1)
                axes.stairs(
                    [count for _, count in levels[:-1]], [time for time, _ in levels], fill=True,
                    facecolor=COLOUR[State.WAITING], edgecolor=COLOUR[State.RUNNING], linewidth=1.2,
                )  # fmt: skip
                middle = 1 - (bottom - HEIGHT / 2) / height
                figure.text((left - GAP) / WIDTH, middle, fit(title, NAMES[1]), ha="right", **beside)
                figure.text(1 - (right - GAP) / WIDTH, middle, fit(words, SUMMARIES[1]), color=MUTED, **beside)
            clock = "virtual time" if self._virtual else "measured"
            label = f"in flight at once, over seconds ({clock})"
            figure.text(
                (left + chart / 2) / WIDTH, (PAD + LINE / 2) / height, label, color=MUTED, ha="center", **beside
            )
        return figure

    def __str__(self) -> str:
        tick = max(round_up(self._end / CHART), *(timeline.tick or 0 for timeline in self.rows.values()))
        scale = Scale(tick, exact=self._virtual)
        columns = scale.column(self._end) + 1
        width = max(len(title) for title in ["seconds", *self.rows])
        lines = [f"{name:<{width}}  {''.join(cells)}" for name, cells, _ in axis(scale, columns)]
        for title, timeline in self.rows.items():
            stretches = [(scale.column(lane.start), scale.column(lane.end)) for lane in timeline]
            counts = [sum(start <= place < end for start, end in stretches) for place in range(columns)]
            digits = "".join(" " if count == 0 else str(count) if count < 10 else "+" for count in counts)
            lines.append(f"{title:<{width}}  {digits}  {_summary(timeline)}")
        return "\n".join(line.rstrip() for line in [*lines, "key: how many are in flight at once, + for ten or more"])

    @property
    def _end(self) -> float:
        return max(timeline.end for timeline in self.rows.values()) or 0.1

    @property
    def _virtual(self) -> bool:
        return all(timeline.virtual for timeline in self.rows.values())


def in_flight(rows: Mapping[str, Timeline]) -> InFlight:
    """Count, for each timeline, how many of its lanes are open at once, and show the numbers over one time axis.

    Args:
        rows: the timelines by title, in the order to show them; `timeline.only("page")` picks the lanes to count.

    Raises ValueError when there is no timeline.
    """
    if not rows:
        raise ValueError('rows is empty: pass one or more by title, in_flight({"batches": timeline.only("page")})')
    return InFlight(dict(rows))


def _levels(timeline: Timeline) -> list[tuple[float, int]]:
    """Return the times at which the number of open lanes changes, each with the number from then on."""
    changes = [(lane.start, 1) for lane in timeline] + [(lane.end, -1) for lane in timeline]
    levels, count = {0.0: 0}, 0
    for time, change in sorted(changes):
        count += change
        levels[time] = count
    return [*levels.items(), (max(timeline.end, *levels, 0.0) + 1e-9, 0)]


def _summary(timeline: Timeline) -> str:
    most = f"at most {timeline.peak()}"
    if not (timeline.virtual and timeline.end):
        return most  # an average of measured times differs from run to run
    average = sum(lane.seconds for lane in timeline) / timeline.end
    return f"{most}, {number(average, 1)} on average"
