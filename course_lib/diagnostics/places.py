"""Where something stands, as a reader finds it: "cell 7, line 3: time.sleep(0.3)", or "crawl.py, line 12: ..."."""

import linecache
import re
import sysconfig
from collections.abc import Iterable
from pathlib import Path, PurePath
from types import CodeType, FrameType, TracebackType
from typing import Any

from course_lib.seeing.timeline.frames import is_library, is_library_file, waiting_frame

# Of a notebook: the number of the cell that a file name stands for, as it was last run. Its kernel fills it in.
cells: dict[str, int] = {}

_COURSE = str(Path(__file__).parents[1])

Spot = tuple[CodeType, int]
"""A place in code, cheap to note: the code and the instruction; the line is looked up when somebody wants to know."""

# The longest first: site-packages may lie inside the standard library's folder.
_INSTALLED = sorted({sysconfig.get_path(name) for name in ("purelib", "platlib", "stdlib", "platstdlib")}, key=len)[
    ::-1
]


_CELL = re.compile(r"ipykernel_\d+[/\\]\d+\.py$")
_FILE_AND_LINE = re.compile(r"((?:[A-Za-z]:)?[/\\][^\s'\"<>:]*\.py):(\d+)")


def line_of(spot: Spot) -> tuple[str, int]:
    """Return the file and the line of a spot."""
    code, instruction = spot
    lines = (line for start, end, line in code.co_lines() if start <= instruction < end and line is not None)
    return code.co_filename, next(lines, code.co_firstlineno)


def label(file: str, line: int) -> str:
    """Return "cell 7, line 3" or "crawl.py, line 12": no path of this machine, but for a library's file, which one.

    Where nobody counts the cells, it is "a cell's line 3".
    """
    if file in cells:
        return f"cell {cells[file]}, line {line}"
    if _CELL.search(file):
        return f"a cell's line {line}"
    for folder in _INSTALLED:
        if file.startswith(folder):
            return f"{PurePath(file).relative_to(folder).as_posix()}, line {line}"
    return f"{file if file.startswith('<') else PurePath(file).name}, line {line}"


def relabelled(text: str) -> str:
    """Return a text of asyncio's with labels for the files and lines in it."""
    return _FILE_AND_LINE.sub(lambda found: label(found[1], int(found[2])), text)


def place(file: str, line: int) -> str:
    """Return the label of a line and the line itself."""
    source = linecache.getline(file, line).strip()
    return f"{label(file, line)}: {source}" if source else label(file, line)


def place_of(spot: Spot | None) -> str:
    """Return the place of a spot; "" where there is none."""
    return place(*line_of(spot)) if spot else ""


def users_spot(frame: FrameType | None) -> Spot | None:
    """Return where the innermost frame of the user's own code stands, from `frame` outwards; None without one."""
    while frame is not None and is_library(frame.f_code):
        frame = frame.f_back
    return (frame.f_code, frame.f_lasti) if frame else None


def waiting_place(coro: Any) -> str:
    """Return the innermost line of the user's own code at which a suspended coroutine waits; "" without one."""
    frame = waiting_frame(coro)
    return place_of((frame.f_code, frame.f_lasti)) if frame else ""


def raising_place(traceback: TracebackType | None) -> str:
    """Return the innermost line of the user's own code in a traceback; "" where there is none."""
    found = ""
    while traceback is not None:
        if not is_library(traceback.tb_frame.f_code):
            found = place_of((traceback.tb_frame.f_code, traceback.tb_lasti))
        traceback = traceback.tb_next
    return found


def origin_place(coro: Any) -> tuple[str, bool]:
    """Return the line that made a coroutine, and whether it is the user's own; "" where nobody noted it."""
    origin: Iterable[tuple[str, int, str]] = getattr(coro, "cr_origin", None) or ()
    first = ""
    for file, line, _ in origin:
        first = first or place(file, line)
        if not is_library_file(file):
            return place(file, line), True
    return first, False


def made_by_a_library(coro: Any) -> bool:
    """Return whether a coroutine was made by code that is not the user's: a library's, Python's or the course's."""
    origin = getattr(coro, "cr_origin", None) or ()
    return all(is_library_file(file) or file.startswith(_COURSE) for file, _, _ in origin) and bool(origin)
