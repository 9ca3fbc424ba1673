"""What a cell puts on slides, in pieces that are not cut, and how high each is: in lines of prose.

Heights are estimates: letters are counted, nothing is drawn. A slide that is too full is set smaller (slides.js).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from course_lib.teaching.lessons import Part
from course_lib.teaching.markup import Markup
from course_lib.teaching.notes import RAN
from course_lib.website.lesson import PREDICT

ROOM = 13.0
"""How high what a slide holds may be."""

COLUMNS = 74
"""How many letters a line of prose holds."""

CODE = 0.7
"""The height of a line of code."""

FRAME = 0.9
"""What a piece of code needs above and below its lines."""

JOINED = 0.35
"""What it needs more where it stands right below another one (slides.css)."""

LINES = 22
"""The most lines of text on one slide."""

ROWS = 7
"""The most rows of a table on one slide."""

SETUP = re.compile(r"^setup\(\)", re.MULTILINE)
TEXT = re.compile(r"(<pre class=\"result\">)(.*)</pre>\n", re.DOTALL)
SIZE = re.compile(r'width="(\d+)" height="(\d+)"')
FOLDED = re.compile(r"<details><summary>(.*?)</summary>|</details>")
FENCE = re.compile(r"^(```|~~~)")


@dataclass(frozen=True)
class Block:
    """What is not cut: a paragraph, a cell's code, an output.

    Attributes:
        kind: "prose", "question", "code", "text" or "picture"; the last two are outputs.
        body: it, as HTML.
        height: in lines of prose.
        cell: the id of its cell, and an output's says that the cell has run; empty for what is shown again.
    """

    kind: str
    body: str
    height: float
    cell: str


def code_of(part: Part, markup: Markup) -> Block:
    """Return a cell's code."""
    return Block("code", markup.code(part), (part.text.count("\n") + 1) * CODE + FRAME, part.cell)


def is_task(part: Part) -> bool:
    """Whether a cell shows an exercise's task, which says it all."""
    return any("text/markdown" in output.get("data", ()) for output in part.outputs)


def blocks_of(part: Part, markup: Markup) -> Iterator[Block]:
    """Yield all that a cell puts on slides."""
    if not part.code:
        for block in _split(part.text):
            kind = "question" if PREDICT.search(block) else "prose"
            yield Block(kind, markup.prose(block), _height(block), part.cell)
        return
    if part.is_exercise or SETUP.search(part.text):
        return  # the task says what to write
    if not is_task(part):
        yield code_of(part, markup)
    for shown in markup.outputs(part):
        for piece in _cut(shown):
            height = _asked(part) if is_task(part) else _seen(piece)
            yield Block("picture" if SIZE.search(piece) else "text", piece, height, part.cell + RAN)


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


def _asked(part: Part) -> float:
    """Return the height of an exercise's task, which is prose."""
    tasks = ("".join(output["data"]["text/markdown"]) for output in part.outputs if "data" in output)
    return sum(_height(block) for task in tasks for block in _split(task))


def _seen(shown: str) -> float:
    """Return the height of an output, a picture's at the full width of a slide."""
    if size := SIZE.search(shown):
        return min(ROOM, 28 * int(size[2]) / int(size[1]) + 0.4)
    return ROOM - 4 if "<table" in shown else FRAME + shown.count("\n") * CODE
