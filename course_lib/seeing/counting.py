"""How many lanes are open at once, over time: for when there are too many of them to look at one by one."""

from collections.abc import Mapping
from dataclasses import dataclass

from course_lib.seeing.shown import Shown
from course_lib.seeing.timeline import Timeline
from course_lib.seeing.timeline.text import CHART, Scale, axis, number, round_up


@dataclass(frozen=True)
class InFlight(Shown):
    """The number of open lanes over time: print it for the text, end a notebook cell with it for the picture."""

    rows: Mapping[str, Timeline]

    def __str__(self) -> str:
        tick = max(round_up(self.end / CHART), *(timeline.tick or 0 for timeline in self.rows.values()))
        scale = Scale.fitting(self.end, tick, exact=self.virtual)
        columns = scale.column(self.end) + 1
        width = max(len(title) for title in ["seconds", *self.rows])
        lines = [f"{name:<{width}}  {''.join(cells)}" for name, cells, _ in axis(scale, columns)]
        for title, timeline in self.rows.items():
            stretches = [(scale.column(lane.start), scale.column(lane.end)) for lane in timeline]
            counts = [sum(start <= place < end for start, end in stretches) for place in range(columns)]
            digits = "".join(" " if count == 0 else str(count) if count < 10 else "+" for count in counts)
            lines.append(f"{title:<{width}}  {digits}  {summary(timeline)}")
        return "\n".join(line.rstrip() for line in [*lines, "key: how many are in flight at once, + for ten or more"])

    @property
    def alt(self) -> str:
        """How many were in flight, in each row."""
        return f"How many are in flight over time. {'; '.join(f'{t}: {summary(row)}' for t, row in self.rows.items())}."

    @property
    def end(self) -> float:
        """When the last of them ended, in seconds; not 0, so that there is an axis."""
        return max(timeline.end for timeline in self.rows.values()) or 0.1

    @property
    def virtual(self) -> bool:
        """Whether all of them were timed by a virtual clock."""
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


def summary(timeline: Timeline) -> str:
    """Say how many lanes were open at most, and on average where the times are exact."""
    most = f"at most {timeline.peak()}"
    if not (timeline.virtual and timeline.end):
        return most  # an average of measured times differs from run to run
    average = sum(lane.seconds for lane in timeline) / timeline.end
    return f"{most}, {number(average, 1)} on average"
