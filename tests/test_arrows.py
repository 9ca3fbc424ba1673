"""The parts of course_lib import each other in one direction, as the design has it."""

import ast
import sys
from pathlib import Path

import pytest
import rooms
from arrows import BASE, LESSONS, MAY_IMPORT, imports, violations

from course_lib.paths import REPO

PACKAGE = REPO / "course_lib"
# What runs before anything is installed: all but what runs inside the environment.
BEFORE_SET_UP = [
    *sorted(
        {*(PACKAGE / "cli").glob("*.py")}
        - {PACKAGE / "cli" / name for name in ("jupyterhub_config.py", "refresh.py", "report.py")}
    ),
    PACKAGE / "edition.py",
    PACKAGE / "family.py",
    PACKAGE / "files.py",
    PACKAGE / "paths.py",
]


def test_no_import_in_course_lib_points_the_wrong_way():
    """Every import in course_lib follows the arrows."""
    found = list(violations(PACKAGE))
    assert not found, "\n".join(found)


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """Return a course_lib whose imports are in order."""
    folder = tmp_path / "course_lib"
    files = {
        "__init__.py": '"""Nothing."""',
        "fetching.py": "import asyncio\nfrom course_lib.seeing import span",
        "crawler.py": "from course_lib import lifecycle\nimport course_lib.seeing.clock",
        "lifecycle.py": "import asyncio",
        "seeing/__init__.py": "from course_lib.seeing.timeline import span\n"
        "def plotting():\n    from course_lib.seeing import plotting\n    return plotting",
        "seeing/timeline.py": "from course_lib.seeing import clock",
        "seeing/clock.py": "import time",
        "seeing/plotting.py": "import matplotlib.figure\nfrom .timeline import Timeline",
        "lab/web.py": "from course_lib.lab.routes import route\nfrom . import other",
        "lab/other.py": "from course_lib.lab import routes",
        "lab/routes.py": "import json",
        "exercises/lesson_01.py": "from course_lib.seeing import simulate\nfrom ..paths import REPO",
        "cli/doctor.py": "from course_lib import __version__\nfrom course_lib.lab import web",
    }
    for name, code in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(code + "\n")
    return folder


def test_imports_that_follow_the_arrows_are_let_through(package):
    """The checker finds nothing where nothing is wrong, however an import is written."""
    assert list(violations(package)) == []


@pytest.mark.parametrize(
    ("file", "line", "told"),
    [
        *((f"{lesson}.py", "import course_lib.lab.web", f"{lesson} may not import lab") for lesson in LESSONS),
        ("fetching.py", "from course_lib.lab.web import start", "fetching may not import lab"),
        ("fetching.py", "from course_lib import exercises", "fetching may not import exercises"),
        ("fetching.py", "from .notebook import setup", "fetching may not import notebook"),
        ("fetching.py", "def f():\n    import course_lib.cli.main", "fetching may not import cli"),
        ("fetching.py", "import importlib\nimportlib.import_module('course_lib.lab')", "fetching may not import lab"),
        ("fetching.py", "if True:\n    from course_lib import monitor", "fetching may not import monitor"),
        ("fetching.py", "import matplotlib.pyplot as plt", "which only seeing.plotting may"),
        ("fetching.py", "from tests.helpers import x", "imports tests"),
        ("exercises/lesson_01.py", "from ..cli.work import reset", "exercises may not import cli"),
        ("lab/web.py", "from course_lib.fetching import fetch", "lab may not import fetching"),
        ("fetching.py", "from course_lib.seeing.plotting import draw", "fetching may not import seeing.plotting"),
        (
            "fetching.py",
            "def f():\n    from course_lib.seeing import plotting",
            "fetching may not import seeing.plotting",
        ),
        (
            "seeing/timeline.py",
            "from course_lib.seeing import plotting",
            "seeing.timeline may not import seeing.plotting",
        ),
        ("seeing/timeline.py", "from course_lib.seeing import explore", "seeing.timeline may not import seeing"),
        ("seeing/__init__.py", "from . import plotting", "at the top: but seeing may not import seeing.plotting"),
        (
            "seeing/clock.py",
            "from course_lib.seeing.timeline import Lane",
            "seeing.clock may not import seeing.timeline",
        ),
        ("__init__.py", "import sys", "__init__.py imports sys"),
        ("brand_new.py", "import sys", "say in tests/arrows.py where this part stands"),
    ],
)
def test_an_import_against_the_arrows_is_caught(package, file, line, told):
    """One wrong import, planted anywhere and written in any way, is found and named."""
    path = package / file
    path.write_text((path.read_text() if path.exists() else "") + line + "\n")
    found = [sentence for sentence in violations(package) if not sentence.startswith("a circle: ")]
    assert len(found) == 1
    assert told in found[0]


@pytest.mark.parametrize(
    "line", ["from course_lib.lab import other", "from .other import x", "from course_lib import lab"]
)
def test_a_circle_inside_a_part_is_caught(package, line):
    """Modules of one part that import each other at the top are found, also where only a type checker reads it."""
    (package / "lab" / "__init__.py").write_text("from course_lib.lab.routes import route\n")
    (package / "lab" / "routes.py").write_text(f"from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    {line}\n")
    (found,) = violations(package)
    assert found.startswith("a circle: lab.")
    assert "lab.routes imports" in found


def test_the_table_lets_lessons_see_only_earlier_ones():
    """A lesson module may import what makes things visible, and lesson modules that come before it."""
    for place, (lesson, targets) in enumerate(LESSONS.items()):
        assert targets <= {"seeing", *BASE, *list(LESSONS)[:place]}, lesson


@pytest.mark.parametrize("path", BEFORE_SET_UP, ids=lambda path: path.name)
def test_what_runs_before_set_up_uses_only_the_standard_library(path):
    """What runs before anything is installed imports the standard library and itself, save inside functions."""
    for name, late in imports(
        ast.parse(path.read_bytes()), ("course_lib", *path.relative_to(PACKAGE).with_suffix("").parts)
    ):
        assert late or name.partition(".")[0] in {*sys.stdlib_module_names, "course_lib"}, name


def test_the_page_of_rooms_is_true():
    """course_lib/README.md is what `python tests/rooms.py` writes from the docstrings and the arrows."""
    assert rooms.PAGE.read_text(encoding="utf-8") == rooms.page(), "run: python tests/rooms.py"


def test_every_room_says_what_it_is():
    """Each part stands on the page with a whole sentence."""
    for part in MAY_IMPORT.keys() - {"__init__", "__main__"}:
        assert rooms.sentence(part).endswith((".", "`")), part
