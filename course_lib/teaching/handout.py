"""A lesson on paper: its core path with all that it showed, for learners to keep. One HTML file, without a network.

The browser prints it: A4 or Letter, light, and no picture, code or row of a table falls apart between two pages. It
shows the outcome of each prediction, so it is for afterwards.
"""

import html
import re

from course_lib.teaching.lessons import Lesson
from course_lib.teaching.markup import Draw, Markup, document
from course_lib.website.diagrams import draw as drawn

SETUP = "setup()"
WAITS = re.compile(r"(\*\*Minutes\*\*: .*), \d+ with everything.*")
"""What a header says of what is beyond the core path."""


def write(lesson: Lesson, *, everything: bool = False, draw: Draw = drawn) -> str:
    """Return a lesson's handout as one HTML page.

    Args:
        lesson: the lesson.
        everything: whether it has what is beyond the core path, too.
        draw: makes SVG of Mermaid's texts.
    """
    markup, lines = Markup(lesson.name), list[str]()
    for section in lesson.sections:
        if section.beyond and not everything:
            continue
        if section.heading:
            lines.append(markup.prose(f"{'#' * section.level} {section.heading}"))
        for part in section.parts:
            if not part.code:
                lines.append(markup.prose(part.text if everything else WAITS.sub(r"\1", part.text)))
            elif not part.text.endswith(SETUP):
                shown = "".join(markup.outputs(part))
                shown = f'<div class="outputs">{shown}</div>\n' if shown else ""
                lines.append(f'<div class="cell">{markup.code(part)}{shown}</div>\n')
    body = markup.whole("".join(lines), draw)
    note = (
        "<p><b>For after the lesson</b>: what each cell showed stands below its question.</p>\n"
        '<p class="note">Print this page, or save it as PDF, with your browser.</p>\n'
    )
    return document(html.escape(lesson.title), f'<main id="handout">\n{note}{body}</main>\n', "handout.css")
