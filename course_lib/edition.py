"""Whether a learner's copy of a lesson is of the course as it is now. Standard library only.

A copy is never overwritten, so after the course was updated it may ask for what is no longer there. Each copy carries
the edition of the lesson that it was made from.
"""

from __future__ import annotations  # a Python too old for the course reads this before it can say so

import hashlib
import json
import re
from pathlib import Path
from typing import Any

from course_lib.paths import MASTERS, work_folder

KEY = "async-course"  # in a notebook's metadata


def edition_of(notebook: dict[str, Any]) -> str:
    """Return a short name for what a notebook says and asks: its cells' sources, whatever their outputs are."""
    sources = [[cell["cell_type"], "".join(cell["source"])] for cell in notebook["cells"]]
    return hashlib.sha256(json.dumps(sources).encode()).hexdigest()[:16]


def signed(notebook: dict[str, Any]) -> dict[str, Any]:
    """Return a copy of a notebook, as read from its file, that says which edition it is."""
    return notebook | {"metadata": notebook.get("metadata", {}) | {KEY: {"edition": edition_of(notebook)}}}


def advice(copy: Path, masters: Path = MASTERS) -> str:
    """Return what to say to somebody who works in the file `copy`; "" where there is nothing to say.

    Only what lies in the learner's folder under a lesson's name is looked at: what `reset` kept aside, or somebody
    renamed, may be as old as it likes.
    """
    if copy.parent.resolve() != work_folder().resolve() or not re.fullmatch(r"\d\d[a-z]?_\w+\.ipynb", copy.name):
        return ""
    number = copy.name.partition("_")[0]
    master = masters / copy.name
    if not master.exists():
        now = ", ".join(path.stem for path in sorted(masters.glob(f"{number[:2]}*.ipynb")))
        return f"The course no longer has this lesson under this name. {f'Now: {now}.' if now else ''}".rstrip()
    try:
        mine, current = (json.loads(path.read_text(encoding="utf-8")) for path in (copy, master))
        if mine.get("metadata", {}).get(KEY, {}).get("edition") == edition_of(current):
            return ""
    except (OSError, ValueError, AttributeError, KeyError, TypeError):
        return ""  # what cannot be read as a notebook is not running either
    return (
        "The course has a newer edition of this lesson, and this copy may not fit it.\n"
        f"To get it, in a terminal: python -m course_lib reset {number}\n"
        "(Your copy is kept beside it.)"
    )
