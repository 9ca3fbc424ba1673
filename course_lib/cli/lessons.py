"""What belongs to one lesson, for `test 05b`: its notebook, its modules' tests, its exercises. Standard library only.

A notebook that is one of several of a lesson (04a, 04b) has an entry of its own, or shares the lesson's (04).
"""

import re
from collections.abc import Sequence
from pathlib import Path

from course_lib.cli.errors import CourseError
from course_lib.paths import REPO

TESTS: dict[str, tuple[str, ...]] = {
    "00": ("cli*", "notebook", "refresh"),
    "01": ("fetching", "web", "simulate", "record"),
    "02": ("monitor*",),
    "03": ("lifecycle*",),
    "04a": ("in_flight", "explore"),
    "04b": ("crawler*", "synthetic", "link_graph"),
    "05a": ("database_pool", "database_sql", "database_bulk", "database_cancel", "database_faults", "users"),
    "05b": ("database_cache", "database_codec", "database_line", "database_faults"),
    "06": ("comparison*",),
    "07a": ("tasks", "programs", "diagnostics*", "pitfalls_07a", "symptoms"),
    "07b": ("pitfalls_07b",),
    "08a": ("streams",),
    "08b": ("lifecycle_resources", "let_go"),
    "09a": ("pipeline", "gauge"),
    "09b": ("jobs", "children"),
    "10a": ("interop",),
    "10b": ("commands", "stopping"),
    "11": ("testing*", "proving", "under_test", "pytests"),
    "12a": ("profiling", "trace"),
    "12b": ("servers_proxy", "shop"),
    "13a": ("load",),
    "13b": ("service*",),
}
"""By lesson, the files of tests/ for what it teaches, without `test_` and `.py`."""

EXERCISES = "test_exercises.py"
"""The tests of all exercises; the names of its cases begin with the lesson's."""


def pytest_arguments(argv: Sequence[str], repo: Path = REPO) -> list[str]:
    """Return pytest's arguments for those of `test`: the lessons that stand first become what belongs to them.

    A lesson is a number, with its letter or without: 1, 01, 5b, 05b; 5 is all of lesson 5. The rest stays as it is.
    Raises CourseError, naming those there are, for a number that is no lesson's.
    """
    rest, numbers, paths = list(argv), set[str](), list[str]()
    while rest and re.fullmatch(r"\d{1,2}[a-z]?", rest[0], re.IGNORECASE) and not (repo / rest[0]).exists():
        for notebook in notebooks_of(rest.pop(0).lower(), repo):
            numbers.add(number_of(notebook))
            paths += [path for path in belonging(notebook, repo) if path not in paths]
    if not numbers:
        return rest
    names = " or ".join(f"lesson_{number}" for number in sorted(_with_exercises(number, repo) for number in numbers))
    return [*paths, "-k", f"not {EXERCISES} or {names}", *rest]


def belonging(notebook: Path, repo: Path = REPO) -> list[str]:
    """Return the paths of what belongs to a lesson's notebook, itself first, relative to the repository."""
    tests = TESTS.get(number_of(notebook), TESTS.get(number_of(notebook)[:2], ()))
    names = [f"test_{name}.py" for name in tests]
    if (repo / "course_lib" / "exercises" / f"lesson_{_with_exercises(number_of(notebook), repo)}").is_dir():
        names.append(EXERCISES)
    files = [path for name in names for path in sorted((repo / "tests").glob(name))]
    return [path.relative_to(repo).as_posix() for path in (notebook, *files)]


def number_of(notebook: Path) -> str:
    """Return "05b" for 05b_cache.ipynb."""
    return notebook.stem.partition("_")[0]


def notebooks_of(asked: str, repo: Path = REPO) -> list[Path]:
    """Return the notebooks of a lesson: 1, 01, 5b, 05b; 5 is all of lesson 5.

    Raises CourseError, naming those there are, for a number that is no lesson's.
    """
    known = sorted((repo / "notebooks").glob("[0-9]*.ipynb"))
    found = [path for path in known if number_of(path) == asked.zfill(3 if asked[-1].isalpha() else 2)]
    found = found or [
        path for path in known if asked.isdecimal() and int(re.sub(r"\D", "", number_of(path))) == int(asked)
    ]
    if not found:
        there = ", ".join(map(number_of, known)) or "none"
        raise CourseError(
            f"There is no lesson {asked!r}. There are: {there}.\n"
            "Next: name one of them, such as python3 -m course_lib test 01, or leave it out to run every check"
        )
    return found


def _with_exercises(number: str, repo: Path) -> str:
    own = repo / "course_lib" / "exercises" / f"lesson_{number}"
    return number if own.is_dir() else number[:2]
