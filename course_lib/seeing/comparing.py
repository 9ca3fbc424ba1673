"""Several timelines under one another on one axis, and a timeline told in the author's words."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from course_lib.seeing.shown import Shown
from course_lib.seeing.timeline import Timeline


@dataclass(frozen=True)
class Comparison(Shown):
    """Several timelines on one time axis: print it for the text, end a notebook cell with it for the picture."""

    timelines: Mapping[str, Timeline]
    tick: float | None = None

    def __str__(self) -> str:
        # With one end and one tick, the texts get one axis; the end itself stands nowhere else in them.
        end = last(self.timelines.values())
        tick = self.tick or max(timeline.tick or 0 for timeline in self.timelines.values()) or None
        texts = [f"{title}\n{replace(timeline, end=end).text(tick)}" for title, timeline in self.timelines.items()]
        return "\n\n".join(texts)


def compare(timelines: Mapping[str, Timeline], *, tick: float | None = None) -> Comparison:
    """Put timelines under one another on one time axis.

    Args:
        timelines: the timelines by title, in the order to show them.
        tick: the text's resolution in seconds; without it the timelines' own, or the smallest round number that fits.

    Raises ValueError when there is no timeline.
    """
    if not timelines:
        raise ValueError('timelines is empty: pass one or more by title, compare({"one by one": a, "together": b})')
    return Comparison(dict(timelines), tick)


@dataclass(frozen=True)
class Described(Shown):
    """A timeline drawn, and told in the author's words: print it for the words, end a cell with it for the picture."""

    timeline: Timeline
    words: str

    def __str__(self) -> str:
        return self.words


def describe(timeline: Timeline, words: str) -> Described:
    """Draw a timeline whose own text would differ from run to run, and let words of yours stand in for that text.

    Raises ValueError when the words say nothing.
    """
    if not words.strip():
        raise ValueError('words is empty: say what is seen, describe(timeline, "four threads take turns")')
    return Described(timeline, words)


def last(timelines: Iterable[Timeline]) -> float:
    """Return the latest time there is, in seconds; not 0, so that there is an axis."""
    return max(time for timeline in timelines for time in [timeline.end, *(lane.end for lane in timeline)]) or 0.1
