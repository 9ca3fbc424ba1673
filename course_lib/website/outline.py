"""The lessons in the order of the README's outline, each with what the table says of it."""

import json
import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

ROW = re.compile(r"^\| \[(?P<title>[^]]+)\]\((?P<path>notebooks/[^)]+\.ipynb)\) \|", re.MULTILINE)


@dataclass(frozen=True)
class Lesson:
    """A notebook of the course.

    Attributes:
        path: its place in the repository.
        title: "1. Sync vs async".
    """

    path: PurePosixPath
    title: str


def outline(repo: Path) -> list[Lesson]:
    """Return every lesson of notebooks/: first those of the README's outline, in its order, then the others by name.

    A lesson that the README does not name yet goes by its first heading. Raises FileNotFoundError for a row of the
    outline whose notebook is not there.
    """
    rows = ROW.finditer((repo / "README.md").read_text(encoding="utf-8"))
    named = [Lesson(PurePosixPath(row["path"]), row["title"]) for row in rows]
    known = {lesson.path for lesson in named}
    files = sorted((repo / "notebooks").glob("*.ipynb"))
    others = [PurePosixPath("notebooks", file.name) for file in files]
    return [*named, *(Lesson(path, _heading(repo / path)) for path in others if path not in known)]


def _heading(file: Path) -> str:
    """Return a notebook's first heading, without its "Lesson 1:" or, where it has none, the file's name."""
    cells = json.loads(file.read_text(encoding="utf-8"))["cells"]
    text = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")
    found = re.search(r"^# (?:Lesson )?(?P<number>\w+)?(?P<colon>: )?(?P<rest>.*)$", text, re.MULTILINE)
    if found is None:
        return file.stem
    if found["colon"]:
        return f"{found['number']}. {found['rest'][:1].upper()}{found['rest'][1:]}"
    return found[0].removeprefix("# ")
