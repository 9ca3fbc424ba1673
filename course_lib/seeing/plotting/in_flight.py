"""How many lanes are open at once, over time: for when there are too many of them to look at one by one."""
# mypy: allow-untyped-calls
# (matplotlib's canvas has no types)

from typing import Any

from matplotlib.figure import Figure

from course_lib.seeing.counting import InFlight, summary
from course_lib.seeing.plotting.drawing import draw
from course_lib.seeing.plotting.lanes import time_axis
from course_lib.seeing.plotting.look import (
    COLOUR,
    GAP,
    LINE,
    MUTED,
    NAMES,
    PAD,
    SUMMARIES,
    WIDTH,
    our_style,
)
from course_lib.seeing.plotting.sheet import sheet
from course_lib.seeing.plotting.words import column, fit
from course_lib.seeing.timeline import State, Timeline

HEIGHT = 44  # pixels of a row


@draw.register
def draw_in_flight(shown: InFlight) -> Figure:
    """Draw a small chart for each timeline, all on one time axis and one scale."""
    rows = [(title, _levels(timeline), summary(timeline)) for title, timeline in shown.rows.items()]
    highest = max(timeline.peak() for timeline in shown.rows.values()) or 1
    left = PAD + column(shown.rows, NAMES) + GAP
    right = GAP + column((words for _, _, words in rows), SUMMARIES) + PAD
    chart, height = WIDTH - left - right, 2 * PAD + len(rows) * (HEIGHT + GAP) + 2 * LINE
    beside: dict[str, Any] = {"va": "center_baseline", "parse_math": False}
    with our_style():
        figure, _ = sheet(height)
        for place, (title, levels, words) in enumerate(rows):
            bottom = PAD + place * (HEIGHT + GAP) + HEIGHT
            axes = figure.add_axes((left / WIDTH, 1 - bottom / height, chart / WIDTH, HEIGHT / height))
            time_axis(axes, shown.end, chart)
            axes.set_ylim(0, highest * 1.05)  # one scale for all rows, so that heights can be compared
            axes.tick_params(labelbottom=place == len(rows) - 1)
            axes.stairs(
                [count for _, count in levels[:-1]], [time for time, _ in levels], fill=True,
                facecolor=COLOUR[State.WAITING], edgecolor=COLOUR[State.RUNNING], linewidth=1.2,
            )  # fmt: skip
            middle = 1 - (bottom - HEIGHT / 2) / height
            figure.text((left - GAP) / WIDTH, middle, fit(title, NAMES[1]), ha="right", **beside)
            figure.text(1 - (right - GAP) / WIDTH, middle, fit(words, SUMMARIES[1]), color=MUTED, **beside)
        clock = "virtual time" if shown.virtual else "measured"
        label = f"in flight at once, over seconds ({clock})"
        figure.text((left + chart / 2) / WIDTH, (PAD + LINE / 2) / height, label, color=MUTED, ha="center", **beside)
    return figure


def _levels(timeline: Timeline) -> list[tuple[float, int]]:
    """Return the times at which the number of open lanes changes, each with the number from then on."""
    changes = [(lane.start, 1) for lane in timeline] + [(lane.end, -1) for lane in timeline]
    levels, count = {0.0: 0}, 0
    for time, change in sorted(changes):
        count += change
        levels[time] = count
    return [*levels.items(), (max(timeline.end, *levels, 0.0) + 1e-9, 0)]
