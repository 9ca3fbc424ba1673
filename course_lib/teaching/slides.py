"""A lesson on a projector: a slide for each idea, its code, and then, on a slide of its own, what it shows.

One HTML file, without a network. The keys: arrows, space and Page Up and Down to go, Home and End, F for the whole
screen, B for a dark one, P for the speaker's window. That is a file beside it, which holds the notes: so the slides can
be given to learners as they are.
"""

import html
import re
from collections.abc import Sequence

from course_lib.teaching.arrange import Slide, arrange
from course_lib.teaching.blocks import ROOM, Block
from course_lib.teaching.lessons import Lesson, Section, brief
from course_lib.teaching.markup import Draw, Markup, document
from course_lib.teaching.notes import Notes
from course_lib.website.diagrams import draw as drawn
from course_lib.website.prose import words

GLANCE = 70
"""How many letters of a slide stand on the speaker's page."""

ASKS = "Everybody writes an answer down, then runs the cell. Then the next slide."
"""What stands on the speaker's page where slides ask for a prediction."""

UNSEEN = ("Where to read on", "Every item of the article", "Your progress")
"""Sections that are for reading alone."""

WITH_ALL = ("The article and this lesson",)
"""Sections that speak of what is beyond the core path, and have slides where it has."""


def write(lesson: Lesson, notes: Notes, *, everything: bool = False, draw: Draw = drawn) -> tuple[str, str]:
    """Return a lesson's slides and the speaker's page, each as one HTML page.

    Args:
        lesson: the lesson.
        notes: what stands on the speaker's page.
        everything: whether what is beyond the core path has slides, too.
        draw: makes SVG of Mermaid's texts.
    """
    markup = Markup(lesson.name)
    left_out = UNSEEN if everything else (*UNSEEN, *WITH_ALL)
    sections = [each for each in lesson.sections if (everything or not each.beyond) and each.heading not in left_out]
    slides = [
        slide
        for each in sections
        for slide in ([_first(each, lesson, markup)] if each.level == 1 else arrange(each, markup))
    ]
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


def _first(section: Section, lesson: Lesson, markup: Markup) -> Slide:
    """Return the first slide: what learners will be able to do, and the one thing to take away."""
    header = section.parts[0]
    goals = re.search(r"\*\*You will be able to\*\*\n(?:- .*\n?)+", header.text)
    text = f"{goals[0] if goals else header.text}\n\n"
    if lesson.takeaway:
        text += f"The one thing to take away: **{lesson.takeaway}**"
    slide = Slide(lesson.title, section.minutes)
    slide.add(Block("prose", markup.prose(text), ROOM, header.cell))
    return slide


def _slide(slide: Slide, number: int, of: int) -> str:
    kind = "slide title" if number == 1 else "slide"
    label = html.escape(f"Slide {number} of {of}: {slide.title}")
    heading = f'<h2 class="name">{html.escape(slide.title)}</h2>'
    return (
        f'<section class="{kind}" id="{number}" tabindex="-1" aria-label="{label}">{heading}\n'
        f'<div class="body">\n{slide.body}</div></section>\n'
    )


def _speaker(lesson: Lesson, notes: Notes, slides: Sequence[Slide]) -> str:
    """Return the speaker's page: for each slide what to ask at it, what to listen for, and what to say."""
    markup, places = Markup(lesson.name), dict[str, int]()
    for place in sorted(
        range(len(slides)), key=lambda place: not slides[place].asks
    ):  # a question's cell: where it asks
        for cell in slides[place].cells:
            places.setdefault(cell, place)
    lines = [f'<main id="speaker"><h1>{html.escape(lesson.title)}</h1>\n<p id="clock" role="timer"></p>\n<ol>\n']
    for place, slide in enumerate(slides):
        cells = [cell for cell in dict.fromkeys(slide.cells) if places[cell] == place]
        minutes = "" if slide.minutes is None else f" <small>{html.escape(brief(slide.minutes))} min</small>"
        shown = html.escape(" ".join(words(slide.body).split())[:GLANCE]) or "(a picture)"
        lines.append(f"<li><b>{html.escape(slide.title)}</b>{minutes} <small>{shown}</small>\n")
        for each in notes.misconceptions:
            if each.cell in cells:
                said = f"*Ask:* {each.ask}\n\n*Listen for:* {each.listen_for}\n\n*Some believe:* {each.belief}."
                lines.append(f'<div class="asked">{markup.prose(said)}</div>\n')
        lines += [markup.prose(notes.at[cell]) for cell in cells if cell in notes.at]
        if slide.asks and not any(after.asks for after in slides[place + 1 : place + 2]):
            lines.append(f"<p><small>{ASKS}</small></p>\n")
        lines.append("</li>\n")
    return "".join([*lines, "</ol></main>\n"])
