"""A timeline: a recording that is shown, as text and as a picture."""

from dataclasses import dataclass

from course_lib.seeing.shown import Shown
from course_lib.seeing.timeline.in_words import in_words
from course_lib.seeing.timeline.model import Recording
from course_lib.seeing.timeline.text import draw_text


@dataclass
class Timeline(Recording, Shown):
    """A recording: print it for the text swimlane, end a notebook cell with it for the picture."""

    def text(self, tick: float | None = None, *, lanes: int = 20) -> str:
        """Draw the timeline with characters, 76 columns wide at most.

        Args:
            tick: the resolution in seconds; without it the timeline's own, or the smallest round number that fits.
                What was recorded in real time is drawn to the nearest tick: a coarse one gives the same text on a busy
                machine. A chart that a fine one makes too wide is cut, and says so.
            lanes: how many rows to draw; the text says what it left out.

        Raises ValueError when tick or lanes is not positive, or when tick would need more than 400 columns.
        """
        return draw_text(self, self.tick if tick is None else tick, lanes)

    def __str__(self) -> str:
        return self.text()

    @property
    def alt(self) -> str:
        """What the first lanes did, and when."""
        return in_words(self, self.tick)
