"""A run as one HTML file: a swimlane to zoom into, and the text beside it. It loads nothing, also from this machine."""

import html
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from course_lib.seeing.timeline.model import Lane, Outcome, State
from course_lib.tracing.history import History, LoopHistory, telling_first
from course_lib.tracing.report import totals

TEMPLATE = Path(__file__).with_name("page.html")
LANES = 1000  # tasks drawn of a loop
SPANS = 100_000  # steps drawn: those beyond lie so close together that one cannot tell them apart
STEPS = {State.RUNNING: 0, State.BLOCKING: 1}
OUTCOMES = list(Outcome)

Stretch = tuple[int, int, int]  # begun, ended, in microseconds from the program's start; 1 where it held the loop


def page(run: History, program: str, text: str) -> str:
    """Return the page of a run.

    Args:
        run: what its journal told.
        program: what to call it.
        text: its report, which stands in the page, too.
    """
    loops = [_loop(loop) for loop in run.loops if loop.timeline.lanes or loop.timeline.blocks]
    finest = 1
    while sum(len(lane["steps"]) for loop in loops for lane in loop["lanes"]) > SPANS:
        finest *= 4
        for loop in loops:
            for lane in loop["lanes"]:
                lane["steps"] = list(_merged(lane["steps"], finest))
    start = min((loop.began for loop in run.loops), default=0.0)
    data = {"loops": loops, "start": _micro(start), "end": _micro(run.seconds)}
    drawn = TEMPLATE.read_text(encoding="utf-8")
    parts = {
        "title": html.escape(f"trace of {program}"),
        "said": html.escape("; ".join([text.partition("\n")[0].partition(": ")[2], totals(run)])),
        "text": html.escape(text),
        "data": json.dumps(data, separators=(",", ":")).replace("<", "\\u003c"),
    }
    for name, part in parts.items():
        before, _, after = drawn.partition("{{" + name + "}}")
        drawn = before + part + after
        if name == "title":  # which stands in the page's head and on the page
            before, _, after = drawn.partition("{{title}}")
            drawn = before + part + after
    return drawn


def _loop(loop: LoopHistory) -> dict[str, Any]:
    lanes, zero = telling_first(list(loop.timeline.lanes), LANES), loop.began
    rest = len(lanes) - LANES
    return {
        "name": f"loop {loop.number}, {loop.thread}",
        "more": f"and {rest:,} more tasks" if rest > 0 else "",
        "blocks": [(_micro(zero + begun), _micro(zero + ended)) for begun, ended in loop.timeline.blocks],
        "lanes": [_lane(lane, zero) for lane in lanes[:LANES]],
    }


def _lane(lane: Lane, zero: float) -> dict[str, Any]:
    steps = [
        (_micro(zero + span.start), _micro(zero + span.end), STEPS[span.state])
        for span in lane.spans
        if span.state in STEPS
    ]
    return {
        "name": lane.name,
        "start": _micro(zero + lane.start),
        "end": _micro(zero + lane.end),
        "how": OUTCOMES.index(lane.outcome),
        "error": lane.error,
        "steps": steps,
    }


def _merged(steps: list[Stretch], finest: int) -> Iterator[Stretch]:
    """Put steps together between which less than `finest` microseconds lie; what held the loop stays as it is."""
    last: Stretch | None = None
    for begun, ended, held in steps:
        if last is not None and not held and not last[2] and begun - last[1] < finest:
            last = last[0], ended, 0
            continue
        if last is not None:
            yield last
        last = begun, ended, held
    if last is not None:
        yield last


def _micro(seconds: float) -> int:
    return round(seconds * 1e6)
