"""Where the course and the learner's own copy of it live. Standard library only."""

import os
from pathlib import Path

REPO = Path(__file__).resolve().parent.parent
"""The course's folder: the one that holds notebooks/, course_lib/ and requirements.txt."""

MASTERS = REPO / "notebooks"
"""The tested notebooks, with their outputs. Nothing a learner does writes here."""


def work_folder() -> Path:
    """Return the folder of the learner's own copy, which may not exist yet.

    It is `work/` in the course's folder, unless the environment variable COURSE_WORK names another one (for a hub whose
    course folder is read-only). Read at each call, so that a test or a hub may set the variable late.
    """
    chosen = os.environ.get("COURSE_WORK", "").strip()
    if not chosen:
        return REPO / "work"
    return Path(os.path.abspath(os.path.expanduser(chosen)))
