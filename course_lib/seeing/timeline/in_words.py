"""A timeline in one sentence: the alternative text of its picture, for whoever listens to the page."""

from course_lib.seeing.shown import several
from course_lib.seeing.timeline.model import Recording
from course_lib.seeing.timeline.text import EMPTY, at_most, printable, scale_of, summary

NAMED = 5  # lanes, and gauges: whoever wants all of them unfolds the text


def in_words(timeline: Recording, tick: float | None) -> str:
    """Say what the first lanes did, and when, as exactly as the text draws it."""
    _, scale = scale_of(timeline, tick, NAMED)
    parts = []
    if (blocked := scale.blocked(timeline.blocks)) != "0":
        parts.append(f"the loop blocked for {blocked} s")
    parts += [f"{_named(lane.name)} {summary(lane, scale)}" for lane in timeline.lanes[:NAMED]]
    if (more := len(timeline.lanes) - NAMED) > 0:
        parts.append(f"and {several(more, 'more lane')}")
    parts += [f"{_named(name)} {at_most(gauge)}" for name, gauge in list(timeline.gauges.items())[:NAMED]]
    return f"Swimlane: {'; '.join(parts) or EMPTY}."


def length_in_words(timeline: Recording, tick: float | None) -> str:
    """Say how many lanes there are, and when the last of them ended, as exactly as the text draws it."""
    lanes = several(len(timeline.lanes), "lane")
    if not timeline.lanes:
        return lanes
    _, scale = scale_of(timeline, tick, len(timeline.lanes))
    return f"{lanes}, to {scale.label(max(lane.end for lane in timeline.lanes))} s"


def _named(name: str) -> str:
    return printable(name) or "(no name)"
