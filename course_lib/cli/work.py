"""The learner's own copy of the notebooks: made once, never overwritten, and replaced only on request.

The lessons link to the course's sources and its glossary, which lie beside notebooks/, and beside work/. From a folder
elsewhere (COURSE_WORK) nothing leads there, and JupyterLab shows nothing that lies, or is linked to, outside the folder
that it was started with: then there are copies in the learner's folder, in `course`, and the lessons' links go there.
"""

import json
import os
import re
import shutil
import sys
import time
from pathlib import Path
from typing import Any

from course_lib.cli.errors import CourseError
from course_lib.edition import signed
from course_lib.files import replace_file
from course_lib.paths import MASTERS, REPO, work_folder

START = "00_start_here.ipynb"

COURSE = "course"
"""The folder in a learner's folder that lies elsewhere."""

LINKED = ("course_lib", "data", "tests/benchmarks")
"""What the lessons link to."""

ABOUT = "Copies of the course's files, for the links in the lessons. They are renewed at each start of the course.\n"


def cleared(notebook: str, way: str = "..") -> str:
    """Return the text of the notebook file `notebook` without outputs and execution counts, and with its edition.

    way: how its links shall go to the course's folder, which from notebooks/ is ".."
    """
    content: dict[str, Any] = signed(json.loads(notebook))
    for cell in content["cells"]:
        if cell["cell_type"] == "markdown":
            cell["source"] = [line.replace("](../", f"]({way}/") for line in "".join(cell["source"]).splitlines(True)]
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
        _write(copy, cleared(master.read_text(encoding="utf-8"), _way()))
    if not folder.is_relative_to(REPO):
        _bring(folder / COURSE)
    return [copy for _, copy in missing]


def _way() -> str:
    folder = work_folder()
    return Path(os.path.relpath(REPO, folder)).as_posix() if folder.is_relative_to(REPO) else COURSE


def _bring(folder: Path) -> None:
    """Copy what the lessons link to into `folder`, where it is not there yet, or another edition."""
    about = folder / "README.txt"
    if folder.exists() and not about.exists():
        print(
            f"{folder} is not the course's, so links to the course's sources and glossary lead nowhere.\n"
            "Next: give it another name, and start again.",
            file=sys.stderr,
        )
        return
    try:
        folder.mkdir(exist_ok=True)
        about.write_text(ABOUT, encoding="utf-8")
        for file in (path for name in LINKED for path in (REPO / name).rglob("*") if path.suffix != ".pyc"):
            copy, is_now = folder / file.relative_to(REPO), file.stat()
            if file.is_dir() or (copy.exists() and copy.stat().st_mtime_ns == is_now.st_mtime_ns):
                continue
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, copy)  # not its rights: the course's may be to read only
            os.utime(copy, ns=(is_now.st_mtime_ns, is_now.st_mtime_ns))
    except OSError as error:
        raise _unwritable(error) from error


def reset(lesson: str, masters: Path = MASTERS) -> tuple[Path, Path | None]:
    """Put a fresh copy of a lesson in the learner's folder; return it, and where the old one (if any) is kept.

    lesson: its number (`1`, `01`), its file name, or a part of the name that only one lesson has

    Raises CourseError when no lesson, or more than one, is meant, and when the folder cannot be written.
    """
    master = _find(lesson, lessons(masters))
    copy = work_folder() / master.name
    fresh = cleared(master.read_text(encoding="utf-8"), _way())
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
