"""Draws course_lib/README.md from the parts' own docstrings and the arrows: python tests/rooms.py"""

import ast
from collections.abc import Iterable
from pathlib import Path

from arrows import MAY_IMPORT

from course_lib.paths import REPO

PACKAGE = REPO / "course_lib"
PAGE = PACKAGE / "README.md"

HEAD = """# The rooms of course_lib

Arrows point one way: a part may use what it points at, and what that points at. Nothing points back, also inside a
room. `tests/arrows.py` holds the table, and a test keeps code, table and this page the same.

"""


def page() -> str:
    """Return the page: the rooms as a drawing, each with a sentence, and the same for the inside of `seeing`."""
    outside = {part for part in MAY_IMPORT if "." not in part and not part.startswith("__")}
    inside = {part for part in MAY_IMPORT if part.startswith("seeing.")}
    return "\n".join(
        [
            HEAD + drawing(outside),
            table(outside),
            "## Inside `seeing`\n\n" + drawing(inside),
            table(inside),
        ]
    )


def drawing(parts: Iterable[str]) -> str:
    """Draw which part may use which, leaving out the arrows that follow from others."""
    lines = [f"    {short(part)} --> {short(target)}" for part in sorted(parts) for target in nearest(part, set(parts))]
    alone = [f"    {short(part)}" for part in sorted(parts) if not any(short(part) in line.split() for line in lines)]
    words = ["    accTitle: Which part uses which", "    accDescr: The table below says the same, in its last column."]
    return "\n".join(["```mermaid", "flowchart TD", *words, *lines, *alone, "```", ""])


def table(parts: Iterable[str]) -> str:
    """Return a table of parts, what each is, and what it may use."""
    rows = ["| Part | What it is | May use |", "| --- | --- | --- |"]
    for part in sorted(parts, key=lambda part: (len(below(part, set(parts))), part)):
        uses = ", ".join(f"`{short(target)}`" for target in sorted(MAY_IMPORT[part] & set(parts))) or "none of these"
        rows.append(
            f"| [`{short(part)}`]({file_of(part).relative_to(PACKAGE).as_posix()}) | {sentence(part)} | {uses} |"
        )
    return "\n".join(rows) + "\n"


def below(part: str, parts: set[str]) -> set[str]:
    """Return all that a part may use, by whatever way."""
    return {each for target in MAY_IMPORT[part] & parts for each in {target, *below(target, parts)}}


def nearest(part: str, parts: set[str]) -> list[str]:
    """Return what a part may use and does not reach by another arrow."""
    targets = MAY_IMPORT[part] & parts
    return sorted(target for target in targets if not any(target in below(other, parts) for other in targets))


def short(part: str) -> str:
    return part.removeprefix("seeing.")


def file_of(part: str) -> Path:
    place = PACKAGE / part.replace(".", "/")
    return place / "__init__.py" if place.is_dir() else place.with_suffix(".py")


def sentence(part: str) -> str:
    """Return the first paragraph of a part's docstring."""
    text = ast.get_docstring(ast.parse(file_of(part).read_text(encoding="utf-8"))) or ""
    return " ".join(text.partition("\n\n")[0].split())


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8", newline="\n")
    print(f"written: {PAGE}")
