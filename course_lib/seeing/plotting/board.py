"""One step of a program: its source, the loop's queue and timers, who waits, and where in time all this is."""
# mypy: allow-untyped-calls
# (matplotlib's canvas has no types)

from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from course_lib.seeing.comparing import last
from course_lib.seeing.plotting.drawing import draw
from course_lib.seeing.plotting.figure import draw_timeline
from course_lib.seeing.plotting.look import ALARM, COLOUR, GAP, INK, MUTED, PAD, PAPER, SCALE, WIDTH, our_style
from course_lib.seeing.plotting.words import fit
from course_lib.seeing.stepping import Step, Steps
from course_lib.seeing.timeline import State, Timeline

MONO, MONO_SIZE = "DejaVu Sans Mono", 9  # points
CHARACTER = 7.25  # pixels
ROW = 19
LEFT = 520  # where the column with the queue begins
TAG = 40  # the words beside the source
MARKS = {"from": "#f3ead2", "ran": COLOUR[State.WAITING], "to": COLOUR[State.RUNNING]}
NAMES = {"ready": "ready, the first is next", "timers": "timers", "waiting": "waiting", "printed": "printed so far"}


@draw.register
def draw_step(shown: Step) -> Figure:
    """Draw the source with what ran, the state of the loop beside it, and the swimlane with a cursor below."""
    below = _swimlane(shown.timeline)
    top = PAD + 2 * ROW + GAP
    height = round(top + max(shown.rows, shown.room) * ROW + GAP) + below.height
    with our_style():
        board = _Board(height)
        board.figure.figimage(below.pixels, 0, 0, zorder=-1)
        board.write(PAD, PAD, fit(shown.title, WIDTH - 2 * PAD, bold=True), weight="bold")
        board.write(PAD, PAD + ROW, fit(shown.happened, WIDTH - 2 * PAD), color=MUTED)
        _draw_source(board, shown, top)
        _draw_loop(board, shown, top)
        now = below.left + (below.right - below.left) * shown.at / last([shown.timeline])
        board.fill(now - 1, height - below.top, 2, below.top - below.bottom, ALARM)
    return board.figure


@draw.register
def draw_steps(shown: Steps) -> Figure:
    """Draw the beginning."""
    return draw_step(shown[0])


class _Board:
    """A figure to write and paint on, in CSS pixels from its upper left corner; axes would take longer to draw."""

    def __init__(self, height: float) -> None:
        self.height = height
        self.figure = Figure((WIDTH / 96, height / 96), dpi=96 * SCALE, facecolor=PAPER)
        FigureCanvasAgg(self.figure)

    def write(self, x: float, y: float, text: str, **look: Any) -> None:
        """Write a line of text in the row whose upper left corner is given."""
        middle = 1 - (y + ROW / 2) / self.height
        self.figure.text(x / WIDTH, middle, text, va="center_baseline", parse_math=False, **look)

    def fill(self, x: float, y: float, wide: float, high: float, colour: str) -> None:
        """Fill a box whose upper left corner is given."""
        corner = x / WIDTH, 1 - (y + high) / self.height
        size = wide / WIDTH, high / self.height
        self.figure.add_artist(
            Rectangle(corner, *size, facecolor=colour, linewidth=0, transform=self.figure.transFigure)
        )


class _Swimlane:
    """A timeline's picture as pixels, and where its time axis lies, in CSS pixels from the lower left."""

    def __init__(self, timeline: Timeline) -> None:
        figure = draw_timeline(timeline)
        canvas = FigureCanvasAgg(figure)
        with our_style():
            canvas.draw()
        self.timeline, self.pixels = timeline, np.array(canvas.buffer_rgba())
        self.height = self.pixels.shape[0] / SCALE
        box = figure.axes[0].get_position()
        self.left, self.right = box.x0 * WIDTH, box.x1 * WIDTH
        self.bottom, self.top = box.y0 * self.height, box.y1 * self.height


_drawn: _Swimlane | None = None


def _swimlane(timeline: Timeline) -> _Swimlane:
    """Return the swimlane of a program: all its steps have the same one, and it takes half of the time to draw."""
    global _drawn
    if _drawn is None or _drawn.timeline is not timeline:
        _drawn = _Swimlane(timeline)
    return _drawn


def _draw_source(board: _Board, step: Step, top: float) -> None:
    room = int((LEFT - PAD - TAG - GAP) / CHARACTER)
    for place, line in enumerate(step.source):
        y = top + place * ROW
        if line.mark:
            board.fill(PAD, y + 1, LEFT - PAD - GAP, ROW - 2, MARKS[line.mark])
        colour = PAPER if line.mark == "to" else INK
        if line.mark:
            board.write(PAD + 6, y, line.mark, color=colour, weight="normal" if line.mark == "ran" else "bold")
        text = f"{line.number or '':>3}  {line.text}"
        board.write(PAD + TAG, y, text[:room], color=colour, family=MONO, size=MONO_SIZE)


def _draw_loop(board: _Board, step: Step, top: float) -> None:
    y, room = top, WIDTH - PAD - LEFT
    for name, texts in step.sections.items():
        board.write(LEFT, y, NAMES[name], weight="bold")
        y += ROW
        for place, text in enumerate(texts):
            queued, first = name == "ready" and bool(step.ready), place == 0
            if queued:
                board.fill(LEFT, y + 1, room, ROW - 2, COLOUR[State.RUNNING if first else State.WAITING])
            board.write(LEFT + 8, y, fit(text, room - 16), color=PAPER if queued and first else INK)
            y += ROW
