"""One step of a program: its source, the loop's queue and timers, who waits, and where in time all this is."""
# mypy: allow-untyped-calls
# (matplotlib's canvas has no types)

from functools import lru_cache

from matplotlib.font_manager import FontProperties, findfont
from PIL import Image, ImageDraw, ImageFont

from course_lib.seeing.comparing import last
from course_lib.seeing.plotting.drawing import draw
from course_lib.seeing.plotting.figure import draw_timeline
from course_lib.seeing.plotting.look import (
    ALARM,
    COLOUR,
    FONT,
    FONT_SIZE,
    GAP,
    INK,
    MUTED,
    PAD,
    PAPER,
    SCALE,
    WIDTH,
)
from course_lib.seeing.plotting.png import pixels
from course_lib.seeing.plotting.words import fit
from course_lib.seeing.stepping import Step, Steps
from course_lib.seeing.timeline import State, Timeline

_PLAIN, _BOLD = (FONT, "normal", FONT_SIZE), (FONT, "bold", FONT_SIZE)
_CODE = ("DejaVu Sans Mono", "normal", 9)
CHARACTER = 7.25  # pixels
ROW = 19
LEFT = 520  # where the column with the queue begins
TAG = 40  # the words beside the source
FAINT = 0.7  # of paper, and the rest of what is there
OVER = 3  # pixels that the mark of an end may reach over the time axis
MARKS = {"from": "#f3ead2", "ran": COLOUR[State.WAITING], "to": COLOUR[State.RUNNING]}
NAMES = {"ready": "ready, the first is next", "timers": "timers", "waiting": "waiting", "printed": "printed so far"}


@draw.register
def draw_step(shown: Step) -> Image.Image:
    """Draw the source with what ran, the state of the loop beside it, and the swimlane with a cursor below."""
    return paint(shown).image


@draw.register
def draw_steps(shown: Steps) -> Image.Image:
    """Draw the beginning."""
    return draw_step(shown[0])


def paint(step: Step) -> "Board":
    """Write and paint what there is to see of a step."""
    below = _swimlane(step.timeline)
    top = PAD + 2 * ROW + GAP
    height = round(top + max(step.rows, step.room) * ROW + GAP) + below.height
    board = Board(height)
    board.image.paste(below.image, (0, round((height - below.height) * SCALE)))
    board.write(PAD, PAD, fit(step.title, WIDTH - 2 * PAD, bold=True), font=_BOLD)
    board.write(PAD, PAD + ROW, fit(step.happened, WIDTH - 2 * PAD), MUTED)
    _draw_source(board, step, top)
    _draw_loop(board, step, top)
    now = below.left + (below.right - below.left) * step.at / last([step.timeline])
    if now < below.right:
        board.fade(now, height - below.top, below.right + OVER - now, below.top - below.bottom)
    board.fill(now - 1, height - below.top, 2, below.top - below.bottom, ALARM)
    return board


class Board:
    """A picture to write and paint on, in CSS pixels from its upper left corner.

    Its texts are drawn by Pillow: a program is gone through at the pace of a finger on a key, and a figure with so many
    texts takes longer. `words` are all that was written.
    """

    def __init__(self, height: float) -> None:
        self.height, self.words = height, list[str]()
        self.image = Image.new("RGB", (WIDTH * SCALE, round(height * SCALE)), PAPER)
        self._draw = ImageDraw.Draw(self.image)

    def write(self, x: float, y: float, text: str, colour: str = INK, font: tuple[str, str, float] = _PLAIN) -> None:
        """Write a line of text in the row whose upper left corner is given."""
        self.words.append(text)
        self._draw.text((x * SCALE, (y + ROW / 2) * SCALE), text, colour, _font(*font), anchor="lm")

    def fill(self, x: float, y: float, wide: float, high: float, colour: str) -> None:
        """Fill a box whose upper left corner is given."""
        corners = [round(value * SCALE) for value in (x, y, x + wide, y + high)]
        self._draw.rectangle((corners[0], corners[1], corners[2] - 1, corners[3] - 1), colour)

    def fade(self, x: float, y: float, wide: float, high: float) -> None:
        """Make what is in a box faint: it has not happened yet."""
        left, upper, right, lower = (round(value * SCALE) for value in (x, y, x + wide, y + high))
        if left < right:
            part = self.image.crop((left, upper, right, lower))
            self.image.paste(Image.blend(part, Image.new("RGB", part.size, PAPER), FAINT), (left, upper))


@lru_cache
def _font(family: str, weight: str, points: float) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(findfont(FontProperties(family=[family], weight=weight)), points * 96 / 72 * SCALE)


class _Swimlane:
    """A timeline's picture as pixels, and where its time axis lies, in CSS pixels from the lower left."""

    def __init__(self, timeline: Timeline) -> None:
        figure = draw_timeline(timeline)
        self.timeline, self.image = timeline, pixels(figure)
        self.height = self.image.height / SCALE
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


def _draw_source(board: Board, step: Step, top: float) -> None:
    room = int((LEFT - PAD - TAG - GAP) / CHARACTER)
    for place, line in enumerate(step.source):
        y = top + place * ROW
        if line.mark:
            board.fill(PAD, y + 1, LEFT - PAD - GAP, ROW - 2, MARKS[line.mark])
        colour = PAPER if line.mark == "to" else INK
        if line.mark:
            board.write(PAD + 6, y, line.mark, colour, _PLAIN if line.mark == "ran" else _BOLD)
        text = f"{line.number or '':>3}  {line.text}"
        board.write(PAD + TAG, y, text[:room], colour, _CODE)


def _draw_loop(board: Board, step: Step, top: float) -> None:
    y, room = top, WIDTH - PAD - LEFT
    for name, texts in step.sections.items():
        board.write(LEFT, y, NAMES[name], font=_BOLD)
        y += ROW
        for place, text in enumerate(texts):
            queued, first = name == "ready" and bool(step.ready), place == 0
            if queued:
                board.fill(LEFT, y + 1, room, ROW - 2, COLOUR[State.RUNNING if first else State.WAITING])
            board.write(LEFT + 8, y, fit(text, room - 16), PAPER if queued and first else INK)
            y += ROW
