"""Several timelines under one another on one axis, and a timeline told in the author's words."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from course_lib.seeing.shown import Shown, several
from course_lib.seeing.timeline import Timeline
from course_lib.seeing.timeline.in_words import length_in_words


@dataclass(frozen=True)
class Comparison(Shown):
    """Several timelines on one time axis: print it for the text, end a notebook cell with it for the picture."""

    timelines: Mapping[str, Timeline]
    tick: float | None = None

    def __str__(self) -> str:
        return "\n\n".join(f"{title}\n{drawn.text()}" for title, drawn in self._on_one_axis().items())

    @property
    def alt(self) -> str:
        """How long each of them took."""
        each = [f"{title}, {length_in_words(drawn, drawn.tick)}" for title, drawn in self._on_one_axis().items()]
        return f"{several(len(each), 'swimlane')} on one time axis. {'; '.join(each)}."

    def _on_one_axis(self) -> dict[str, Timeline]:
        # With one end and one tick, the texts get one axis; the end itself stands nowhere else in them.
        end = last(self.timelines.values())
        tick = self.tick or max(timeline.tick or 0 for timeline in self.timelines.values()) or None
        return {title: replace(timeline, end=end, tick=tick) for title, timeline in self.timelines.items()}


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

    @property
    def alt(self) -> str:
        """The author's words."""
        return f"Swimlane: {' '.join(self.words.split())}"


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
