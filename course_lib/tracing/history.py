"""What a journal tells: the totals of a whole run, and a timeline of its last seconds for each loop."""

from array import array
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from course_lib.seeing.timeline.lanes import Noted, lanes_of
from course_lib.seeing.timeline.model import Lane, Outcome
from course_lib.seeing.timeline.timeline import Timeline
from course_lib.seeing.timeline.trace import Trace
from course_lib.tracing.journal import read


@dataclass(frozen=True)
class Held:
    """A place that held a loop: how often, for how many seconds together, and for how many at most."""

    task: str
    place: str
    times: int
    together: float
    longest: float


@dataclass
class LoopHistory:
    """One loop: `began` in seconds from the program's start, and what of it is kept as a timeline that starts there."""

    number: int
    thread: str
    kind: str  # "uvloop"; empty where it is asyncio's own
    began: float
    timeline: Timeline


@dataclass
class History:
    """A run. Times are seconds; `seconds` goes up to the last entry of the journal."""

    seconds: float = 0.0
    ended: bool = False  # whether the program came to its end; else it was killed, or left by os._exit()
    cut: bool = False  # whether the beginning is not drawn
    full: bool = False  # whether the journal's limit, and not the seconds that were asked for, has cut it
    totals: Counter[str] = field(default_factory=Counter)
    blocked: float = 0.0
    held: list[Held] = field(default_factory=list)
    holding: list[Held] = field(default_factory=list)  # what held a loop at the last entry
    findings: str = ""
    loops: list[LoopHistory] = field(default_factory=list)


class _Loop:
    def __init__(self, told: dict[str, Any]) -> None:
        self.told = told
        self.traces: dict[int, Trace] = {}
        self.log = array("d")
        self.blocks: list[tuple[float, float]] = []

    def add(self, told: dict[str, Any], steps: "array[float]") -> None:
        self.told = told
        self.log.extend(steps)
        self.blocks += [(begun, ended) for begun, ended in told["blocks"]]
        for number, name, start in told["made"]:
            if number not in self.traces:
                self.traces[number] = trace = Trace(number, name, start)
                trace.is_task = True
        for number, name, start, end, outcome, error in told["over"]:
            trace = self.traces.setdefault(number, Trace(number, name, start))
            trace.is_task, trace.given_name, trace.end, trace.outcome, trace.error = (
                True,
                name,
                end,
                Outcome[outcome],
                error,
            )


def history(folder: Path, last: float, slow: float) -> History:
    """Read a journal.

    Args:
        folder: where it lies.
        last: how many seconds before the end to keep.
        slow: from how many seconds on a step counts as one that held the loop.
    """
    entries = list(read(folder))
    if not entries:
        return History()
    found, loops, first = History(), dict[int, _Loop](), entries[0][0]["at"]
    for entry, steps, _ in entries:
        for told, log in zip(entry["loops"], steps, strict=True):
            loops.setdefault(told["loop"], _Loop(told)).add(told, log)
    final = entries[-1][0]
    found.totals.update({name: value for name, value in final["totals"].items() if name != "blocked"})
    found.totals["left"] = found.totals["made_count"] - sum(found.totals[n] for n in ("done", "failed", "cancelled"))
    found.blocked, found.ended, found.findings = final["totals"]["blocked"], final["end"], final["findings"]
    began, at = final["began"], final["at"]
    for loop_number, number, task, place, took in [] if found.ended else final["holding"]:
        found.holding.append(Held(task, place, 1, took, took))
        found.totals["blocks"] += 1
        found.blocked += took
        loops[loop_number].log.extend((number, at - took, at))
        loops[loop_number].blocks.append((at - took, at))
    told = [Held(*held) for held in final["held"]]
    found.held = sorted([*told, *found.holding], key=lambda held: -held.longest)
    found.seconds = at - began
    # Where the first entries are gone, what they told of is known only from the first one that is left on.
    since = max(at - last, first if entries[0][0]["entry"] > 1 else began)
    found.cut, found.full = since > began, since > at - last
    for number, loop in sorted(loops.items()):
        end = min(at, loop.told["end"] or at)
        if end < since:
            continue
        start = max(since, loop.told["start"])
        found.loops.append(
            LoopHistory(
                number, loop.told["thread"], loop.told["kind"], start - began, _timeline(loop, start, end, slow)
            )
        )
    return found


def _timeline(loop: _Loop, start: float, end: float, slow: float) -> Timeline:
    traces = [trace for trace in loop.traces.values() if trace.end >= start and trace.start <= end]
    for trace in traces:
        trace.start = max(trace.start, start)
    blocks = [(max(begun, start), ended) for begun, ended in loop.blocks if ended > start]
    traces.sort(key=lambda trace: trace.number)
    # What goes on after the loop has stopped is left running; the end itself still belongs to it.
    lanes = lanes_of(traces, Noted(loop.log, blocks, slow), start, end)
    timeline = Timeline(lanes, end - start)
    timeline.blocks = [(begun - start, ended - start) for begun, ended in blocks]
    return timeline


def telling_first(lanes: list[Lane], most: int) -> list[Lane]:
    """Return the lanes, those first that tell most: failed, blocking, left, long; each part in order of creation."""

    def worth(lane: Lane) -> tuple[float, float]:
        grave = (lane.outcome is Outcome.FAILED) + (lane.blocked > 0) + 0.5 * (lane.outcome is Outcome.LEFT)
        return grave, lane.seconds

    if len(lanes) <= most:
        return lanes
    places = sorted(range(len(lanes)), key=lambda place: worth(lanes[place]), reverse=True)
    chosen = set(places[:most])
    return [lanes[place] for place in sorted(chosen)] + [
        lane for place, lane in enumerate(lanes) if place not in chosen
    ]
