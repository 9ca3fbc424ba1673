"""A notebook's sections, and the minutes that each of them takes.

A lesson's minutes are those that its header states: readers needed them, or an estimate of its text says so. How they
fall to its sections is that same estimate: words at 180 a minute, 8 seconds a line of code and 20 seconds a code cell,
and 6 minutes an exercise.
"""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

BEYOND = "*Beyond the core path.*"
"""Marks what can wait; it holds up to the next heading."""

HEADING = re.compile(r"^(#{1,3}) (.*)$", re.MULTILINE)
NEEDS = re.compile(r"\]\((\w+)\.ipynb")


@dataclass(frozen=True)
class Part:
    """A cell of a notebook, or what stands in one between two headings.

    Attributes:
        cell: the cell's id.
        code: whether it is code.
        text: what stands in it.
        outputs: what it showed when it was saved.
    """

    cell: str
    code: bool
    text: str
    outputs: Sequence[dict[str, Any]] = ()

    @property
    def is_exercise(self) -> bool:
        """Whether a learner's answer is checked here."""
        return self.code and ".check(" in self.text


@dataclass
class Section:
    """What stands between two headings.

    Attributes:
        heading: its heading, empty for what stands before the first one.
        level: that of the heading: 1 for the lesson's title.
        beyond: whether it is beyond the core path.
        parts: its cells.
        minutes: what it takes, in whole minutes.
    """

    heading: str
    level: int
    beyond: bool = False
    parts: list[Part] = field(default_factory=list)
    minutes: int = 0


@dataclass(frozen=True)
class Lesson:
    """A notebook, as who teaches it sees it.

    Attributes:
        name: "01_sync_vs_async".
        title: its first heading.
        core: the minutes of its core path.
        all: the minutes of everything.
        needs: the lessons that its core path needs, by their names.
        sections: what it is made of, in its order.
    """

    name: str
    title: str
    core: int
    all: int
    needs: tuple[str, ...]
    sections: list[Section]

    @property
    def takeaway(self) -> str:
        """The one thing to take away, in Markdown; empty where the header names none."""
        found = re.search(r"The one thing to take away: (.*)", self.sections[0].parts[0].text)
        return found[1].strip("* ") if found else ""


def brief(minutes: int) -> str:
    """Return minutes as text: "<1" where they are rounded to none."""
    return str(minutes) if minutes else "<1"


def load(path: Path) -> dict[str, Any]:
    """Read a notebook."""
    return dict(json.loads(path.read_text(encoding="utf-8")))


def lesson(path: Path) -> Lesson:
    """Return a notebook as a lesson. Raises ValueError for a header that states no minutes."""
    notebook = load(path)
    core, everything = stated(notebook)
    header = "".join(notebook["cells"][0]["source"])
    needed = re.search(r"\*\*You need first\*\*: ([^;\n]*)", header)
    sections = _sections(notebook)
    _apportion([section for section in sections if not section.beyond], core)
    _apportion([section for section in sections if section.beyond], (everything or core) - core)
    return Lesson(
        path.stem,
        sections[0].heading,
        core,
        everything or core,
        tuple(dict.fromkeys(NEEDS.findall(needed[1]))) if needed else (),
        sections,
    )


def stated(notebook: dict[str, Any]) -> tuple[int, int | None]:
    """Return the minutes that a notebook's header states: of the core path, and of everything if it says so."""
    header = "".join(notebook["cells"][0]["source"])
    core = re.search(r"\*\*Minutes\*\*: (\d+)", header)
    everything = re.search(r"\*\*Minutes\*\*: \d+ for the core path, (\d+) with everything", header)
    if not core:
        raise ValueError("the header has no **Minutes**: write `**Minutes**: 45 for the core path, 65 with everything`")
    return int(core[1]), int(everything[1]) if everything else None


def estimated(notebook: dict[str, Any]) -> tuple[int, int]:
    """Return the minutes that a notebook's text makes likely: of the core path, and of everything.

    What is marked as beyond the core path ends at the next heading.
    """
    beyond, core, everything = False, 0.0, 0.0
    for cell in notebook["cells"]:
        text, code = "".join(cell["source"]), cell["cell_type"] != "markdown"
        if not code:
            beyond = BEYOND in text or (beyond and not re.search(r"^#+ ", text, re.MULTILINE))
        minutes = reading(text, code)
        everything += minutes
        core += 0 if beyond else minutes
    return round(core), round(everything)


def reading(text: str, code: bool) -> float:
    """Return the minutes that a text makes likely, or code with its output."""
    if not code:
        seen = re.sub(r"^ *acc(Title|Descr):.*", "", text, flags=re.M)  # a diagram's, for screen readers
        return 0.9 * len(seen.split()) / 180
    lines = sum(1 for line in text.splitlines() if line.strip())
    return 0.9 * (8 * lines + 20) / 60 + 6 * (".check(" in text)


def _sections(notebook: dict[str, Any]) -> list[Section]:
    sections = [Section("", 1)]
    for cell in notebook["cells"]:
        text = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            for heading, level, piece in _pieces(text):
                before = sections[-1]
                if level or (BEYOND in piece and not before.beyond):
                    title = heading if level else before.heading
                    sections.append(Section(title, level or before.level, BEYOND in piece))
                sections[-1].parts.append(Part(cell["id"], False, piece))
        elif text.strip():
            sections[-1].parts.append(Part(cell["id"], True, text, cell.get("outputs", ())))
    return [section for section in sections if section.parts]


def _pieces(text: str) -> Iterator[tuple[str, int, str]]:
    """Yield what stands under each heading of a cell, with the heading and its level; level 0 before the first."""
    headings = list(HEADING.finditer(text))
    first = headings[0].start() if headings else len(text)
    if text[:first].strip():
        yield "", 0, text[:first].strip()
    for number, found in enumerate(headings):
        end = headings[number + 1].start() if number + 1 < len(headings) else len(text)
        yield found[2], len(found[1]), text[found.end() : end].strip()


def _apportion(sections: list[Section], minutes: int) -> None:
    """Share whole minutes out to sections, by what their text makes likely; what is left over goes to the largest."""
    likely = [sum(reading(part.text, part.code) for part in section.parts) for section in sections]
    shares = [minutes * each / (sum(likely) or 1) for each in likely]
    for section, share in zip(sections, shares, strict=True):
        section.minutes = int(share)
    rest = sorted(range(len(sections)), key=lambda place: int(shares[place]) - shares[place])
    for place in rest[: minutes - sum(section.minutes for section in sections)]:
        sections[place].minutes += 1
