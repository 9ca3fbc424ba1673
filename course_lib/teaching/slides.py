"""A lesson on a projector: a slide for each idea, its code, and then, on a slide of its own, what it shows.

One HTML file, without a network. The keys: arrows, space and Page Up and Down to go, Home and End, F for the whole
screen, B for a dark one, P for the speaker's window. That is a file beside it, which holds the notes: so the slides can
be given to learners as they are.
"""

import html
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from course_lib.teaching.lessons import Lesson, Part, Section
from course_lib.teaching.markup import Draw, Markup, document
from course_lib.teaching.notes import Notes
from course_lib.website.diagrams import draw as drawn
from course_lib.website.lesson import PREDICT
from course_lib.website.prose import words

ROOM = 13.0
"""How many lines of prose a slide holds."""

SHRUNK = 16.5
"""And how many where a question stands above its code: together and smaller is better than apart."""

COLUMNS = 74
"""How many letters a line of prose holds."""

CODE = 0.66
"""The height of a line of code, in lines of prose."""

LINES = 22
"""The most lines of text on one slide."""

ROWS = 7
"""The most rows of a table on one slide."""

SETUP = re.compile(r"^setup\(\)", re.MULTILINE)
TEXT = re.compile(r"(<pre class=\"result\">)(.*)</pre>\n", re.DOTALL)
SIZE = re.compile(r'width="(\d+)" height="(\d+)"')
GLANCE = 70
"""How many letters of a slide stand on the speaker's page."""

UNSEEN = ("Where to read on", "Every item of the article", "Your progress")
FOLDED = re.compile(r"<details><summary>(.*?)</summary>|</details>")
FENCE = re.compile(r"^(```|~~~)")


@dataclass
class Slide:
    """A slide: its title, what stands on it, how high that is in lines of prose, and the cells that it shows."""

    title: str
    minutes: int = 0
    body: str = ""
    height: float = 0.0
    cells: list[str] = field(default_factory=list)

    def add(self, body: str, height: float, cell: str) -> None:
        """Put something more on it."""
        self.body += body
        self.height += height
        self.cells.append(cell)


def write(lesson: Lesson, notes: Notes, *, everything: bool = False, draw: Draw = drawn) -> tuple[str, str]:
    """Return a lesson's slides and the speaker's page, each as one HTML page.

    Args:
        lesson: the lesson.
        notes: what stands on the speaker's page.
        everything: whether what is beyond the core path has slides, too.
        draw: makes SVG of Mermaid's texts.
    """
    markup = Markup(lesson.name)
    sections = [each for each in lesson.sections if (everything or not each.beyond) and each.heading not in UNSEEN]
    slides = [slide for section in sections for slide in _slides(section, lesson, markup)]
    body = "".join(_slide(slide, number, len(slides)) for number, slide in enumerate(slides, start=1))
    bar = (
        '<footer id="bar"><button type="button" id="before" aria-label="The slide before">&larr;</button>'
        '<span id="place" role="status"></span>'
        '<button type="button" id="next" aria-label="The next slide">&rarr;</button></footer>\n'
    )
    speaker = f' data-speaker="{lesson.name}_speaker.html"'
    deck = f'<main id="deck">\n{markup.whole(body, draw)}</main>\n{bar}'
    return (
        document(lesson.title, deck, "slides.css", "slides.js", attributes=speaker),
        document(f"Speaker: {lesson.title}", _speaker(lesson, notes, slides), "speaker.css", "speaker.js"),
    )


def _slides(section: Section, lesson: Lesson, markup: Markup) -> Iterator[Slide]:
    """Yield the slides of one section.

    A piece of prose begins one, and so does what was to be predicted. Only what explains a picture stands below it,
    where there is room.
    """
    if section.level == 1:
        yield _first(section, lesson, markup)
        return
    title = section.heading.replace("`", "")
    now, predict, shown = Slide(title, section.minutes), False, False
    for part in section.parts:
        blocks = list(_blocks(part, markup))
        if not part.code:
            predict = bool(PREDICT.search(part.text))
            explains = shown and not predict and now.height + sum(height for _, _, height in blocks) <= ROOM
        for number, (kind, body, height) in enumerate(blocks):
            begins = number == 0 and not explains if kind == "prose" else kind == "output" and predict
            room = SHRUNK if kind == "code" else ROOM
            if now.body and (begins or now.height + height > room):
                yield now
                now = Slide(title)
            now.add(body, height, part.cell)
            shown = kind == "output"
            predict = predict and not shown
    if now.body:
        yield now


def _first(section: Section, lesson: Lesson, markup: Markup) -> Slide:
    """Return the first slide: what learners will be able to do, and the one thing to take away."""
    header = section.parts[0]
    goals = re.search(r"\*\*You will be able to\*\*\n(?:- .*\n?)+", header.text)
    text = f"{goals[0] if goals else header.text}\n\n"
    if lesson.takeaway:
        text += f"The one thing to take away: **{lesson.takeaway}**"
    slide = Slide(lesson.title, section.minutes)
    slide.add(markup.prose(text), ROOM, header.cell)
    return slide


def _blocks(part: Part, markup: Markup) -> Iterator[tuple[str, str, float]]:
    """Yield what a cell puts on slides, each with its kind, its HTML and its height."""
    if not part.code:
        for block in _split(part.text):
            yield "prose", markup.prose(block), _height(block)
        return
    if part.is_exercise or SETUP.search(part.text):
        return  # the task says what to write
    if not any("text/markdown" in output.get("data", ()) for output in part.outputs):  # a task, which says it all
        yield "code", markup.code(part), (part.text.count("\n") + 1) * CODE + 0.9
    for shown in markup.outputs(part):
        for piece in _cut(shown):
            yield "output", piece, _seen(piece)


def _split(text: str) -> Iterator[str]:
    """Yield the paragraphs of Markdown, with code in one piece, and long tables in several."""
    text = FOLDED.sub(lambda found: f"**{found[1]}**" if found[1] else "", text)
    fenced, block = False, list[str]()
    for line in [*text.splitlines(), ""]:
        fenced ^= bool(FENCE.match(line))
        if line.strip() or fenced:
            block.append(line)
            continue
        if block and block[0].startswith("|"):
            head, rows = block[:2], block[2:]
            for first in range(0, len(rows), ROWS):
                yield "\n".join([*head, *rows[first : first + ROWS]])
        elif block:
            yield "\n".join(block)
        block = []


def _height(block: str) -> float:
    lines = block.splitlines()
    if FENCE.match(block):
        return ROOM - 4 if "mermaid" in lines[0] else len(lines) * CODE + 0.5
    if block.startswith("|"):
        return sum(max(1.4, len(re.sub(r"\]\(.*?\)", "", line)) / 62) for line in lines)
    return sum(-(-len(re.sub(r"\]\(.*?\)", "", line)) // COLUMNS) for line in lines) + 0.6


def _cut(shown: str) -> Iterator[str]:
    """Yield text that is too long for a slide in several pieces, and anything else as it is."""
    found = TEXT.fullmatch(shown)
    lines = found[2].split("\n") if found else []
    if not found or len(lines) <= LINES:
        yield shown
        return
    for first in range(0, len(lines), LINES):
        yield f"{found[1]}{chr(10).join(lines[first : first + LINES])}</pre>\n"


def _seen(shown: str) -> float:
    """Return the height of an output, a picture's at the full width of a slide."""
    if size := SIZE.search(shown):
        return min(ROOM, 28 * int(size[2]) / int(size[1]) + 0.4)
    return ROOM - 4 if "<table" in shown else 0.9 + shown.count("\n") * CODE


def _slide(slide: Slide, number: int, of: int) -> str:
    kind = "slide title" if number == 1 else "slide"
    label = html.escape(f"Slide {number} of {of}: {slide.title}")
    heading = f'<h2 class="name">{html.escape(slide.title)}</h2>'
    return (
        f'<section class="{kind}" id="{number}" tabindex="-1" aria-label="{label}">{heading}\n'
        f'<div class="body">\n{slide.body}</div></section>\n'
    )


def _speaker(lesson: Lesson, notes: Notes, slides: Sequence[Slide]) -> str:
    """Return the speaker's page: what they believe, and for each slide what to say at it."""
    markup, told = Markup(lesson.name), set[str]()
    lines = [f'<main id="speaker"><h1>{html.escape(lesson.title)}</h1>\n<p id="clock" role="timer"></p>\n']
    if notes.misconceptions:
        lines.append("<details><summary>What they believe, and what to ask</summary>\n")
        for each in notes.misconceptions:
            said = f"**{each.belief}**\n\n*Ask:* {each.ask}\n\n*Listen for:* {each.listen_for}"
            lines.append(markup.prose(said))
        lines.append("</details>\n")
    lines.append("<ol>\n")
    for slide in slides:
        cells = [cell for cell, _ in groupby(slide.cells) if cell in notes.at and cell not in told]
        told.update(cells)
        minutes = f" <small>{slide.minutes} min</small>" if slide.minutes else ""
        asked = [each for each in notes.misconceptions if each.cell in slide.cells and f"?{each.cell}" not in told]
        told.update(f"?{each.cell}" for each in asked)
        texts = [*(f"*Ask:* {each.ask}" for each in asked), *(notes.at[cell] for cell in cells)]
        shown = html.escape(" ".join(words(slide.body).split())[:GLANCE])
        lines.append(f"<li><b>{html.escape(slide.title)}</b>{minutes} <small>{shown}</small>\n")
        lines += [markup.prose(text) for text in texts]
        lines.append("</li>\n")
    return "".join([*lines, "</ol></main>\n"])
