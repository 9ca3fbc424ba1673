"""The learner's own copy of the notebooks: made once, never overwritten, and replaced only on request."""

import json
import re
import time
from pathlib import Path
from typing import Any

from course_lib.cli.errors import CourseError
from course_lib.edition import signed
from course_lib.files import replace_file
from course_lib.paths import MASTERS, work_folder

START = "00_start_here.ipynb"


def cleared(notebook: str) -> str:
    """Return the text of the notebook file `notebook` without outputs and execution counts, and with its edition."""
    content: dict[str, Any] = signed(json.loads(notebook))
    for cell in content["cells"]:
        if cell["cell_type"] == "code":
            cell["outputs"] = []
            cell["execution_count"] = None
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def lessons(masters: Path = MASTERS) -> list[Path]:
    """Return the master notebooks in the order of the course."""
    return sorted(masters.glob("*.ipynb"))


def make_copies(masters: Path = MASTERS) -> list[Path]:
    """Copy every lesson that the learner's folder has not yet, and return the new files.

    Raises CourseError when the folder cannot be written.
    """
    folder = work_folder()
    missing = [(master, folder / master.name) for master in lessons(masters) if not (folder / master.name).exists()]
    for master, copy in missing:
        _write(copy, cleared(master.read_text(encoding="utf-8")))
    return [copy for _, copy in missing]


def reset(lesson: str, masters: Path = MASTERS) -> tuple[Path, Path | None]:
    """Put a fresh copy of a lesson in the learner's folder; return it, and where the old one (if any) is kept.

    lesson: its number (`1`, `01`), its file name, or a part of the name that only one lesson has

    Raises CourseError when no lesson, or more than one, is meant, and when the folder cannot be written.
    """
    master = _find(lesson, lessons(masters))
    copy = work_folder() / master.name
    fresh = cleared(master.read_text(encoding="utf-8"))
    kept = None
    if copy.exists():
        kept = _unused(copy.with_suffix(time.strftime(".%Y-%m-%d-%H%M%S.ipynb")))
        try:
            copy.rename(kept)
        except OSError as error:
            raise _unwritable(error) from error
    _write(copy, fresh)
    return copy, kept


def _find(lesson: str, known: list[Path]) -> Path:
    name = Path(lesson).name.removesuffix(".ipynb").lower()
    if name.isdecimal():
        found = [path for path in known if (number := re.match(r"\d+", path.name)) and int(number[0]) == int(name)]
    else:
        found = [path for path in known if name in path.stem.lower()]
        found = [path for path in found if path.stem.lower() == name] or found
    if len(found) == 1 and name:
        return found[0]
    fault = "There is no lesson" if not found else "More than one lesson is meant by"
    names = "\n".join(f"  {path.stem}" for path in known) or "  (none in notebooks/)"
    raise CourseError(f"{fault} {lesson!r}. The lessons are:\n{names}\nNext: name one, or give its number: reset 01")


def _unused(path: Path) -> Path:
    candidate, number = path, 1
    while candidate.exists():
        number += 1
        candidate = path.with_name(f"{path.stem}-{number}.ipynb")
    return candidate


def _write(path: Path, text: str) -> None:
    """Write all of `text` to `path` or nothing: JupyterLab may be reading it, and the disk may be full."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, [text])
    except OSError as error:
        raise _unwritable(error) from error


def _unwritable(error: OSError) -> CourseError:
    return CourseError(
        f"Your copy of the notebooks cannot be written in {work_folder()}: {error.strerror}.\n"
        "Next: set the environment variable COURSE_WORK to a folder of your own, for example\n"
        "  COURSE_WORK=~/course-work python3 -m course_lib"
    )
