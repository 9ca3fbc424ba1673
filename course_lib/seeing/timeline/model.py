"""The data of a timeline: lanes, each with spans of waiting, running and blocking."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any, Self


class State(Enum):
    """What a lane does during a span."""

    WAITING = "waiting"
    RUNNING = "running"
    BLOCKING = "blocking"  # running for so long that nothing else on the loop could


class Outcome(Enum):
    """How a lane ended."""

    DONE = "done"
    CANCELLED = "cancelled"
    FAILED = "failed"
    LEFT = "left running"  # not finished when the recording ended


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of time, in seconds from the start of the recording, in one state."""

    start: float
    end: float
    state: State

    @property
    def seconds(self) -> float:
        """The length of the stretch."""
        return self.end - self.start


@dataclass(frozen=True, slots=True)
class Lane:
    """One row of a swimlane: a task, or a stretch of code named with `span()`."""

    name: str
    start: float
    end: float
    spans: tuple[Span, ...]
    outcome: Outcome = Outcome.DONE
    error: str = ""  # "ValueError: no such page" where the outcome is FAILED
    is_task: bool = True

    @property
    def seconds(self) -> float:
        """The time from creation to end."""
        return self.end - self.start

    @property
    def blocked(self) -> float:
        """For how long this lane held the loop, in seconds."""
        return sum(span.seconds for span in self.spans if span.state is State.BLOCKING)


@dataclass(frozen=True, slots=True)
class Gauge:
    """A number over time, such as how many items wait in a queue: (seconds, value), each value until the next."""

    points: tuple[tuple[float, float], ...]

    @property
    def most(self) -> float:
        """The largest value."""
        return max(value for _, value in self.points)


@dataclass
class Recording:
    """What happened between the start and the end of a recording.

    `lanes` stand in order of creation. Times are seconds from the start: virtual and exact where `virtual` is true.
    `tick` is the resolution, in seconds, that the text is drawn with unless its caller chooses another one.
    `gauges` are the numbers that the program noted with `gauge()`, by name.
    `blocks` are the stretches in which nothing on the loop could run. `notes` are sentences about what a reader should
    know: tasks left over, blocking that the virtual clock cannot see, exceptions nobody asked for (of the tasks that
    `unretrieved` names). `result` is what the simulated function returned.
    """

    lanes: Sequence[Lane] = ()
    end: float = 0.0
    virtual: bool = False
    tick: float | None = None
    blocks: Sequence[tuple[float, float]] = ()
    notes: list[str] = field(default_factory=list)
    leaked: list[str] = field(default_factory=list)
    cancelled_late: list[str] = field(default_factory=list)
    unretrieved: list[str] = field(default_factory=list)
    blocking_lines: list[str] = field(default_factory=list)
    result: Any = None
    gauges: Mapping[str, Gauge] = field(default_factory=dict)

    def __iter__(self) -> Iterator[Lane]:
        return iter(self.lanes)

    def __getitem__(self, name: str) -> Lane:
        """Return the first lane of that name.

        Raises KeyError, naming the lanes there are, when there is none.
        """
        for lane in self.lanes:
            if lane.name == name:
                return lane
        names = ", ".join(repr(lane.name) for lane in self.lanes) or "none"
        raise KeyError(f"no lane is named {name!r}; the lanes of this timeline: {names}")

    @property
    def blocked(self) -> float:
        """For how long the loop was blocked, in seconds."""
        return sum(end - start for start, end in self.blocks)

    def peak(self, prefix: str = "") -> int:
        """Return the largest number of lanes, of those whose name starts with `prefix`, that were open at one time."""
        lanes = [lane for lane in self.lanes if lane.name.startswith(prefix)]
        return most_at_once((lane.start, lane.end) for lane in lanes)

    def only(self, prefix: str) -> Self:
        """Return the same recording with only those lanes and gauges whose name starts with `prefix`."""
        lanes = [lane for lane in self.lanes if lane.name.startswith(prefix)]
        gauges = {name: gauge for name, gauge in self.gauges.items() if name.startswith(prefix)}
        return replace(self, lanes=lanes, gauges=gauges)


def most_at_once(stretches: Iterable[tuple[float, float]]) -> int:
    """Return the largest number of (start, end) stretches that overlap; those that only touch do not."""
    # At one instant, ends come before starts; a stretch of no length still counts as one.
    changes = sorted(
        change for start, end in stretches for change in ([(start, 1), (end, -1)] if end > start else [(start, 0)])
    )
    now = most = 0
    for _, change in changes:
        now += change
        most = max(most, now + (change == 0))
    return most
