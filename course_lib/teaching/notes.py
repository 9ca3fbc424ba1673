"""What a person wrote on a lesson, for who teaches it: a file of data/teaching, named as the notebook is.

Its parts are headings of level 2, of which each may be left out:

    ## Misconceptions       ### What they believe, then a line `Ask:`, a line `Listen for:`, and a line `Cell:`
    ## Short of time        - `heading of a section`: why it can be left out
    ## At the cells         ### the id of a cell, then what to say or to do there

A question, or a note, that belongs to what a cell showed, says so: "c12, once it has run".

Each cell and each section that is named must be in the notebook: `faults` says which is not.
"""

import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from course_lib.paths import REPO
from course_lib.teaching.lessons import Lesson, Section, brief
from course_lib.teaching.room import in_a_room

FOLDER = REPO / "data" / "teaching"
WIDTH = 79
RAN = ", once it has run"
"""Stands behind the id of a cell where what it showed is meant."""


@dataclass(frozen=True)
class Misconception:
    """What learners believe, with the question that uncovers it, what to listen for, and the cell at which to ask.

    That is a cell before the one that answers it.
    """

    belief: str
    ask: str
    listen_for: str
    cell: str


@dataclass
class Notes:
    """The notes on a lesson.

    Attributes:
        misconceptions: what learners believe, the commonest first.
        skip: by the headings of sections of the core path, why each can be left out, the first to go first.
        at: by the ids of cells, what to say there.
        strange: what in the file is none of these.
    """

    misconceptions: list[Misconception] = field(default_factory=list)
    skip: dict[str, str] = field(default_factory=dict)
    at: dict[str, str] = field(default_factory=dict)
    strange: list[str] = field(default_factory=list)


def notes(name: str, folder: Path = FOLDER) -> Notes:
    """Return the notes on the lesson of this name, such as "01_sync_vs_async"; empty ones where there is no file."""
    file = folder / f"{name}.md"
    return read(file.read_text(encoding="utf-8")) if file.exists() else Notes()


def read(text: str) -> Notes:
    """Return the notes that a file's text holds."""
    found = Notes()
    for part in re.split(r"^## ", text, flags=re.MULTILINE)[1:]:
        title, _, body = part.partition("\n")
        if title == "Short of time":
            items = re.findall(r"^- `(.+?)`: ((?:.+\n?)(?:  .+\n?)*)", body.replace("``", "\0"), re.MULTILINE)
            found.skip = {heading.replace("\0", "`"): " ".join(why.split()) for heading, why in items}
            if len(items) != body.count("\n- ") + body.startswith("- "):
                found.strange.append("an item under Short of time")
            continue
        for entry in re.split(r"^### ", body, flags=re.MULTILINE)[1:]:
            heading, _, said = entry.partition("\n")
            if title == "Misconceptions":
                lines = dict(re.findall(r"^(Ask|Listen for|Cell): (.+(?:\n(?!Ask|Listen for|Cell).+)*)", said, re.M))
                if len(lines) != 3:
                    found.strange.append(f"the misconception {heading!r}, which lacks Ask, Listen for or Cell")
                    continue
                one = {key: " ".join(value.split()) for key, value in lines.items()}
                found.misconceptions.append(Misconception(heading, one["Ask"], one["Listen for"], one["Cell"]))
            elif title == "At the cells":
                found.at[heading.strip()] = said.strip()
            else:
                found.strange.append(f"the part {title!r}")
    return found


def faults(lesson: Lesson, notes: Notes) -> Iterator[str]:
    """Yield a sentence for each thing in the notes that is not in the lesson, or that cannot be read."""
    parts = [part for section in lesson.sections for part in section.parts]
    cells = {part.cell for part in parts} | {part.cell + RAN for part in parts if part.outputs}
    core = {section.heading for section in lesson.sections if not section.beyond}
    where = f"data/teaching/{lesson.name}.md"
    for cell in [*(each.cell for each in notes.misconceptions), *notes.at]:
        if cell not in cells:
            what = f"nothing that cell {cell.removesuffix(RAN)} shows" if cell.endswith(RAN) else f"no cell {cell}"
            yield f"{where}: there is {what} any more. Next: move the note to another cell, or take it out"
    for heading in notes.skip:
        if heading not in core:
            yield f"{where}: there is no section {heading!r} in the core path. Next: name one that can be left out"
    for what in notes.strange:
        yield f"{where}: {what} is not understood. Next: write it as the others are"


def page(lesson: Lesson, notes: Notes) -> str:
    """Return all that there is on a lesson, as text: minutes by section, what to leave out, to ask, and to say."""
    lines = [lesson.title, f"{lesson.core} minutes for the core path, {lesson.all} with everything, for one who reads."]
    lines.append(f"In a room: about {in_a_room(lesson.core)}, or {in_a_room(lesson.all)}.")
    if lesson.takeaway:
        lines += _filled(f"The one thing to take away: {lesson.takeaway}")
    lines += ["", "MINUTES (+ is beyond the core path: leave it out first)"]
    for section in lesson.sections:
        beyond = "+" if section.beyond else " "
        lines.append(f"  {brief(section.minutes):>2} {beyond} {_indent(section)}{section.heading}")
    if notes.skip:
        lines += ["", "SHORT OF TIME? Leave out, in this order:"]
        for heading, why in notes.skip.items():
            minutes = sum(section.minutes for section in lesson.sections if section.heading == heading)
            lines += _filled(f"{heading} ({minutes} min): {why}", "  - ")
    if notes.misconceptions:
        lines += ["", "WHAT THEY BELIEVE, AND WHAT TO ASK"]
        for each in notes.misconceptions:
            lines += ["", *_filled(f"{each.belief}", "  "), *_filled(f"Ask: {each.ask}", "    ")]
            lines += _filled(f"Listen for: {each.listen_for}", "    ")
            lines += _filled(f"Ask at: {_place(lesson, each.cell)}", "    ")
    if notes.at:
        lines += ["", "AT THE CELLS"]
        for section in lesson.sections:
            names = [name for part in section.parts for name in (part.cell, part.cell + RAN)]
            for cell in (name for name in dict.fromkeys(names) if name in notes.at):
                lines += ["", *_filled(_place(lesson, cell), "  ")]
                for paragraph in notes.at[cell].split("\n\n"):
                    lines += _filled(paragraph, "    ")
    return "\n".join(lines)


def _indent(section: Section) -> str:
    return "  " * (section.level - 1)


def _place(lesson: Lesson, cell: str) -> str:
    """Return where a cell is: its section, its first line, and its id."""
    for section in lesson.sections:
        for part in section.parts:
            if part.cell == cell.removesuffix(RAN):
                first = textwrap.shorten(part.text.partition("\n")[0], 50, placeholder=" ...")
                return f"{section.heading}: {first} [{cell}]"
    return f"[{cell}]"


def _filled(text: str, indent: str = "") -> list[str]:
    after = " " * len(indent)
    return textwrap.wrap(text, WIDTH, initial_indent=indent, subsequent_indent=after, break_on_hyphens=False)
