"""How far a class is, for the instructor: who of those who share it has passed what, and where many are stuck.

    from course_lib.exercises import class_progress
    class_progress.look()

It reads the class's board: on the machine on which `python -m course_lib classroom` runs, or in the folder that
COURSE_CLASS names. What learners share, and what not, stands in sharing.py.
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from course_lib.exercises import progress
from course_lib.exercises.sharing import clean
from course_lib.lab.servers import board
from course_lib.lab.servers.errors import ServerError
from course_lib.seeing import Fill, Grid, Mark

MOST_TRIES = 9
WORDS = {Fill.FULL: "passed", Fill.PART: "tried", Fill.EMPTY: "not begun"}
KEY = "# passed; 1 to 9: tries (9: or more), not passed yet; . or empty: not begun"
HOW = (
    "Whoever wants to be seen says so, in a cell of any notebook:",
    "from course_lib.exercises import progress",
    'progress.share("a name of your choice")',
)


@dataclass(frozen=True)
class Learner:
    """A row of the board: a name, and by exercise the tries and whether it has passed."""

    name: str
    exercises: Mapping[str, tuple[int, bool]]


def look(*lessons: str, course: Mapping[str, list[str]] | None = None) -> Grid:
    """Return the table of the class as it is now: print it, or end a notebook cell with it for the picture.

    lessons: their numbers, such as "01" or "5a"; without any, those that somebody has begun
    course: the exercises by lesson, as `progress.course()` gives them, which takes a few seconds

    Raises ServerError when there is no class, or it cannot be reached, and ValueError for a lesson that is not there.
    """
    there = board.instructors_board()
    course = progress.course() if course is None else course
    chosen = _chosen(lessons, course)
    try:
        rows = there.rows()
    except OSError as error:
        raise ServerError(
            f"The class's board cannot be read, in {there.where}: {error}",
            "see whether the classroom still runs, or the folder can be entered, then look again",
        ) from error
    learners = [learner for learner in map(_read, rows) if learner is not None]
    return table(learners, course, chosen, there.where, unread=len(rows) - len(learners))


def table(
    learners: Iterable[Learner],
    course: Mapping[str, list[str]],
    chosen: Iterable[str],
    where: str,
    *,
    unread: int = 0,
) -> Grid:
    """Return the table of these learners.

    course: the exercises by lesson
    chosen: the lessons to show; without any, those that somebody has begun
    where: the board, in words
    unread: how many rows could not be read
    """
    by_name = sorted(learners, key=lambda learner: (learner.name.casefold(), learner.name))
    begun = {exercise for learner in by_name for exercise in learner.exercises}
    shown = list(chosen) or [lesson for lesson, names in course.items() if begun & set(names)]
    who = {0: "Nobody shares yet", 1: "1 learner shares"}.get(len(by_name), f"{len(by_name)} learners share")
    head = [f"{who}, in {where}.", *(HOW if not by_name else ())]
    if by_name and not shown:
        head.append("Nobody has tried an exercise yet.")
    if unread:
        head.append(f"Besides, {unread} {'row' if unread == 1 else 'rows'} on the board cannot be read.")
    if unknown := begun - {name for names in course.values() for name in names}:
        head.append(f"Left out, for this course has no such exercise: {len(unknown)} exercises.")
    seen: Counter[str] = Counter()
    rows = []
    for learner in by_name:
        seen[learner.name] += 1
        again = f" ({seen[learner.name]})" if seen[learner.name] > 1 else ""
        rows.append((learner.name + again, {name: _mark(*entry) for name, entry in learner.exercises.items()}))
    return Grid(head, {f"Lesson {progress.number(lesson)}": course[lesson] for lesson in shown}, rows, WORDS, KEY)


def _chosen(lessons: Iterable[str], course: Mapping[str, list[str]]) -> list[str]:
    numbers = {progress.number(lesson): lesson for lesson in course}
    chosen = []
    for lesson in lessons:
        asked = lesson.lower().lstrip("0")
        found = [numbers[each] for each in numbers if each == asked or each.rstrip("ab") == asked]
        if not found:
            raise ValueError(
                f"lesson={lesson!r:.60}: there is none. Choose from {', '.join(numbers)}, or leave it out."
            )
        chosen += found
    return list(dict.fromkeys(chosen))


def _mark(tries: int, passed: bool) -> Mark:
    return Mark("#", Fill.FULL) if passed else Mark(str(min(tries, MOST_TRIES)), Fill.PART)


def _read(row: bytes) -> Learner | None:
    """Return what a row says; None where it is none of ours: others may write what they like into a folder."""
    try:
        told: Any = json.loads(row)
        name, entries = told["name"], told["exercises"]
        exercises = {exercise: (entry["tries"], entry["passed"]) for exercise, entry in entries.items()}
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None
    right = all(type(tries) is int and tries > 0 and type(passed) is bool for tries, passed in exercises.values())
    return Learner(name, exercises) if right and clean(name) == name else None
