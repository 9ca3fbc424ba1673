"""A swimlane of workers, from what was noted of their calls.

Of a call it is known when it began and ended and how much of that was computing, not when it computed. Where several
overlap and each computed for a part only, as threads that take turns with the GIL, the computing is drawn as turns: at
no time do more compute than processor seconds were measured.
"""

from collections import Counter, defaultdict, deque
from collections.abc import Iterator, Sequence
from itertools import pairwise
from math import floor

from course_lib.comparison.calls import Call
from course_lib.seeing import Lane, Outcome, Span, State, Timeline

NOTE = "of each call it was measured how much was computing, not when: that is drawn as turns"
ALL = 0.9  # from which share of computing on a call is drawn as computing throughout
NOTHING = 0.01  # up to which it is drawn as waiting, after what little there was
ROUNDS = 6  # of turns in a picture: in truth there are more, too thin to be seen
ROUNDING = 1.1  # times what so many cores can do: up to there, more is an error of measurement

Stretch = tuple[float, float]


def timeline_of(calls: Sequence[Call]) -> Timeline:
    """Return a timeline with a lane for each worker, in the order of their first calls."""
    if not calls:
        return Timeline()
    zero = min(call.start for call in calls)
    by_worker = defaultdict[tuple[int, int], list[Call]](list)
    for call in sorted(calls, key=lambda call: call.start):
        by_worker[call.worker].append(call)
    computing = _turns([call for made in by_worker.values() for call in made])
    lanes = [_lane(number, made, zero, computing) for number, made in enumerate(by_worker.values(), start=1)]
    mixed = any(NOTHING < _share(call) < ALL for call in calls)
    return Timeline(lanes, max(lane.end for lane in lanes), notes=[NOTE] if mixed else [])


def _share(call: Call) -> float:
    """Return for what part of its time a call computed, 0 to 1."""
    return min(1.0, call.cpu / (call.end - call.start)) if call.end > call.start else 0.0


def _turns(calls: Sequence[Call]) -> dict[int, list[Stretch]]:
    """Return when each call, by its id, is drawn as computing."""
    drawn: dict[int, list[Stretch]] = {id(call): [] for call in calls}
    for call in calls:
        if _share(call) <= NOTHING:
            drawn[id(call)].append((call.start, min(call.start + call.cpu, call.end)))
    to_come = deque(sorted((call for call in calls if _share(call) > NOTHING), key=lambda call: call.start))
    edges = {edge for call in to_come for edge in (call.start, call.end)}
    if edges:
        first, last = min(edges), max(edges)
        edges |= {first + (last - first) * number / ROUNDS for number in range(1, ROUNDS)}
    here: list[Call] = []
    for begin, end in pairwise(sorted(edges)):
        here = [call for call in here if call.end >= end]
        while to_come and to_come[0].start <= begin:
            here.append(to_come.popleft())
        for call, stretch in _side_by_side(here, begin, end):
            drawn[id(call)].append(stretch)
    return drawn


def _side_by_side(calls: Sequence[Call], begin: float, end: float) -> Iterator[tuple[Call, Stretch]]:
    """Lay the computing of calls that are all under way into a stretch of time, by McNaughton's rule.

    One after another, and over the end to the beginning: so none is drawn twice at once, and no more than are needed.
    """
    shares = [1.0 if _share(call) >= ALL else _share(call) for call in calls]
    cores = max(1, floor(sum(shares)))
    fit = cores / sum(shares) if cores < sum(shares) <= cores * ROUNDING else 1.0
    at, length = 0.0, end - begin
    for call, share in zip(calls, shares, strict=True):
        until = at + (share if share == 1 else share * fit) * length
        if until > length:
            yield call, (begin, begin + until - length)
        yield call, (begin + at, begin + min(until, length))
        at = until % length


def _lane(number: int, made: Sequence[Call], zero: float, computing: dict[int, list[Stretch]]) -> Lane:
    errors = Counter(call.error for call in made if call.error)
    outcome, error = Outcome.DONE, ""
    if errors:
        outcome, error = Outcome.FAILED, f"{errors.total()} of {len(made)} calls: {next(iter(errors))}"
    spans = tuple(span for call in made for span in _spans(call, zero, computing[id(call)]))
    return Lane(f"worker {number}", made[0].start - zero, made[-1].end - zero, spans, outcome, error)


def _spans(call: Call, zero: float, computing: Sequence[Stretch]) -> Iterator[Span]:
    at = call.start
    for begin, end in _joined(computing):
        if at < begin:
            yield Span(at - zero, begin - zero, State.WAITING)
        yield Span(begin - zero, end - zero, State.RUNNING)
        at = end
    if at < call.end:
        yield Span(at - zero, call.end - zero, State.WAITING)


def _joined(stretches: Sequence[Stretch]) -> list[Stretch]:
    joined: list[Stretch] = []
    for begin, end in sorted(stretches):
        if joined and begin - joined[-1][1] < 1e-9:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        elif end > begin:
            joined.append((begin, end))
    return joined
