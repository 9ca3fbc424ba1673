"""A swimlane of workers, from what was noted of their calls."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

from course_lib.comparison.calls import Call
from course_lib.seeing import Lane, Outcome, Span, State, Timeline

NOTE = "of each call it was measured how much was computing, not when: that is drawn first, and then its waiting"
MIXED = 0.1  # from which share of both on the note is worth reading


def timeline_of(calls: Sequence[Call]) -> Timeline:
    """Return a timeline with a lane for each worker, in the order of their first calls."""
    if not calls:
        return Timeline()
    zero = min(call.start for call in calls)
    by_worker = defaultdict[tuple[int, int], list[Call]](list)
    for call in sorted(calls, key=lambda call: call.start):
        by_worker[call.worker].append(call)
    lanes = [_lane(number, made, zero) for number, made in enumerate(by_worker.values(), start=1)]
    mixed = any(MIXED < call.cpu / (call.end - call.start) < 1 - MIXED for call in calls if call.end > call.start)
    return Timeline(lanes, max(lane.end for lane in lanes), notes=[NOTE] if mixed else [])


def _lane(number: int, made: Sequence[Call], zero: float) -> Lane:
    errors = Counter(call.error for call in made if call.error)
    outcome, error = Outcome.DONE, ""
    if errors:
        outcome, error = Outcome.FAILED, f"{errors.total()} of {len(made)} calls: {next(iter(errors))}"
    spans = tuple(span for call in made for span in _spans(call, zero))
    return Lane(f"worker {number}", made[0].start - zero, made[-1].end - zero, spans, outcome, error)


def _spans(call: Call, zero: float) -> Iterator[Span]:
    computed = min(call.start + call.cpu, call.end)
    if computed > call.start:
        yield Span(call.start - zero, computed - zero, State.RUNNING)
    if computed < call.end:
        yield Span(computed - zero, call.end - zero, State.WAITING)
