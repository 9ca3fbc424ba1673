"""What the learner has tried and passed, kept in work/progress.json, or in memory where nothing can be written."""

import importlib
import json
import os
import pkgutil
from pathlib import Path
from typing import Any

from course_lib import exercises
from course_lib.exercises import sharing
from course_lib.files import replace_file
from course_lib.paths import MASTERS, work_folder

_memory: dict[str, Any] = {}


def note_try(lesson: str, exercise: str, *, passed: bool) -> int:
    """Note one graded answer and return how many there were."""
    notes = _read()
    entry = notes.setdefault(_place(notes, lesson, exercise), {}).setdefault(exercise, {"tries": 0, "passed": False})
    entry["tries"] += 1
    entry["passed"] = entry["passed"] or passed
    _write(notes)
    sharing.send(notes)
    return int(entry["tries"])


def tries(lesson: str, exercise: str) -> int:
    """Return how many answers were graded."""
    return int(_entry(lesson, exercise).get("tries", 0))


def passed(lesson: str, exercise: str) -> bool:
    """Return whether an answer has passed."""
    return bool(_entry(lesson, exercise).get("passed", False))


def share(name: str) -> None:
    """Let the class see how far you are, under this name, until `stop_sharing()`; sharing.py says what is promised.

    name: yours, or any that you like: 1 to 24 characters that can be printed

    Raises ValueError for another name, and ServerError when there is no class, or it is not reached.
    """
    sharing.begin(name, _read())


def stop_sharing() -> None:
    """Share nothing any more, and remove what the class has of you.

    Raises OSError when your folder cannot be written: then it is still shared.
    """
    sharing.end()


def course() -> dict[str, list[str]]:
    """Return the names of the exercises by lesson ("lesson_01"), of the lessons whose notebook is there."""
    lessons = {"lesson_" + path.name.partition("_")[0] for path in MASTERS.glob("[0-9][0-9]*_*.ipynb")}  # 04, 05a
    modules = [module.name for module in pkgutil.iter_modules(exercises.__path__) if module.name in lessons]
    return {
        lesson: [exercise.name for exercise in importlib.import_module(f"{exercises.__name__}.{lesson}").EXERCISES]
        for lesson in modules
    }


def number(lesson: str) -> str:
    """Return a lesson's number as it is said: "1" of lesson_01, "5a" of lesson_05a."""
    return lesson.removeprefix("lesson_").lstrip("0")


def show() -> None:
    """Print how far the learner is, and what is shared: in the lessons whose notebook is there, those begun in full."""
    names = course()
    width = max((len(name) for each in names.values() for name in each), default=0)
    all_of_them = [(lesson, name) for lesson, its in names.items() for name in its]
    print(f"{sum(passed(*each) for each in all_of_them)} of {len(all_of_them)} exercises passed")
    for lesson, its in names.items():
        counts = {name: tries(lesson, name) for name in its}
        if not any(counts.values()):
            print(f"Lesson {number(lesson)}: {len(its)} exercises, none attempted yet")
            continue
        print(f"Lesson {number(lesson)}")
        for name, count in counts.items():
            state = "passed" if passed(lesson, name) else "not yet" if count else "not attempted yet"
            print(f"  {name:<{width}}  {state:<18} tries: {count}")
    if shared := sharing.state():
        print(shared)


def _entry(lesson: str, exercise: str) -> dict[str, Any]:
    notes = _read()
    entry: dict[str, Any] = notes.get(_place(notes, lesson, exercise), {}).get(exercise, {})
    return entry


def _place(notes: dict[str, Any], lesson: str, exercise: str) -> str:
    """Return the lesson under which an exercise is noted: it may have moved since. No two exercises share a name."""
    return next((place for place, entries in notes.items() if exercise in entries), lesson)


def _path() -> Path | None:
    return None if os.environ.get("COURSE_PROGRESS") == "memory" else work_folder() / "progress.json"


def _read() -> dict[str, Any]:
    # Read anew each time: several notebooks, each with a kernel of its own, share the file.
    path = _path()
    if path is None or not path.exists():
        return _memory
    try:
        notes = json.loads(path.read_text(encoding="utf-8"))
        if all(isinstance(entry, dict) for exercises in notes.values() for entry in exercises.values()):
            return dict(notes)
    except (ValueError, AttributeError):
        pass  # not JSON, or not what we wrote
    except OSError:
        return _memory
    aside = path.with_name("progress.damaged.json")
    path.replace(aside)
    print(f"{path.name} could not be read. It was renamed {aside.name}, and progress is counted anew.")
    return _memory


def _write(notes: dict[str, Any]) -> None:
    global _memory
    _memory = notes
    path = _path()
    if path is None:
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, [json.dumps(notes, indent=1, sort_keys=True)])
    except OSError:
        pass  # a read-only folder: memory has it until the kernel stops
