"""From what was noted of each task to the rows of a swimlane."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from course_lib.seeing.timeline.model import Lane, Outcome, Span, State
from course_lib.seeing.timeline.trace import Trace

Stretch = tuple[float, float]  # begun, ended


@dataclass(frozen=True, slots=True)
class Noted:
    """What a recording has noted, in seconds of its clock.

    log: three numbers a step of a task: its trace's number, begun, ended
    blocks: the stretches in which nothing on the loop could run
    blocking: from how many seconds on a step counts as blocking the loop
    """

    log: Sequence[float]
    blocks: Sequence[Stretch]
    blocking: float


def lanes_of(traces: Iterable[Trace], noted: Noted, start: float, end: float) -> list[Lane]:
    """Return a lane for each trace, with times from `start`; what is not finished at `end` was left running."""
    # A span named as its task says nothing new.
    traces = [trace for trace in traces if trace.owner is None or trace.owner.name != trace.name]
    names = [trace.name for trace in traces]
    total, seen = Counter(names), Counter[str]()
    steps = defaultdict[float, list[Stretch]](list)
    log = noted.log
    for number, begun, ended in zip(log[::3], log[1::3], log[2::3], strict=True):
        steps[number].append((begun, ended))
    lanes = []
    for trace, name in zip(traces, names, strict=True):
        if total[name] > 1:
            seen[name] += 1
            name = f"{name} #{seen[name]}"
        if trace.is_task or trace.owner:
            busy: Sequence[Stretch] = steps[(trace.owner or trace).number]
        else:
            busy = noted.blocks  # code of a task that was there before the recording: only the loop's view is known
        spans = tuple(_spans(trace, busy, start, min(trace.end, end), noted.blocking))
        outcome, error = (trace.outcome, trace.error) if trace.end <= end else (Outcome.LEFT, "")
        lanes.append(Lane(name, trace.start - start, min(trace.end, end) - start, spans, outcome, error, trace.is_task))
    return lanes


def _spans(trace: Trace, busy: Sequence[Stretch], zero: float, end: float, blocking: float) -> Iterator[Span]:
    at = trace.start
    if trace.in_thread:
        yield Span(at - zero, end - zero, State.RUNNING)
        return
    for begun, ended in busy:
        begun, ended = max(begun, trace.start), min(ended, end)
        if begun >= ended:
            continue
        if begun > at:
            yield Span(at - zero, begun - zero, State.WAITING)
        state = State.BLOCKING if ended - begun >= blocking else State.RUNNING
        yield Span(begun - zero, ended - zero, state)
        at = ended
    if end > at:
        yield Span(at - zero, end - zero, State.WAITING)
