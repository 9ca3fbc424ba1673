"""Where a program stands, in the words of the person who wrote it: "line 3 of fetch: await queue.get()"."""

import linecache
import sysconfig
from pathlib import Path
from types import CodeType, FrameType, TracebackType
from typing import Any

LIBRARY = "code of a library"  # where no line of the user's own is found
_LIBRARIES = tuple({sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")})
_SEEING = Path(__file__).parents[1]
_OURS = (
    str(_SEEING),
    *(str(_SEEING.with_name(name)) for name in ("monitor", "diagnostics", "testing", "tracing", "profiling")),
)
_NOT_THE_USERS = ("<frozen", *_LIBRARIES, *_OURS)


def is_library(code: CodeType) -> bool:
    """Return whether code belongs to Python, to an installed package or to what watches the program."""
    return code.co_filename.startswith(_NOT_THE_USERS)


def is_library_file(file: str) -> bool:
    """Return whether all code of a file does."""
    return file.startswith(_NOT_THE_USERS)


def is_ours(code: CodeType) -> bool:
    """Return whether code belongs to what watches the program."""
    return code.co_filename.startswith(_OURS)


def running_line(frame: FrameType | None) -> str:
    """Describe the innermost line of the user's own code that leads to `frame`."""
    while frame is not None and is_library(frame.f_code):
        frame = frame.f_back
    return _describe(frame) if frame else LIBRARY


def raising_line(traceback: TracebackType | None) -> str:
    """Describe the innermost line of the user's own code in a traceback; "" where there is none."""
    found = ""
    while traceback is not None:
        if not is_library(traceback.tb_frame.f_code):
            found = _describe(traceback.tb_frame, traceback.tb_lineno)
        traceback = traceback.tb_next
    return found


def waiting_line(coro: Any) -> str:
    """Describe the innermost line of the user's own code at which a suspended coroutine waits."""
    found = waiting_frame(coro)
    return _describe(found) if found else LIBRARY


def waiting_frame(coro: Any) -> FrameType | None:
    """Return the innermost frame of the user's own code in a suspended coroutine and what it awaits; None without."""
    found = None
    while coro is not None:
        frame: FrameType | None = _first(coro, "cr_frame", "gi_frame", "ag_frame")
        if frame is not None and not is_library(frame.f_code):
            found = frame
        coro = _first(coro, "cr_await", "gi_yieldfrom", "ag_await")
    return found


def without_library(traceback: TracebackType | None) -> TracebackType | None:
    """Drop the library's frames of a traceback; keep it whole if there are no others."""
    kept, entry = [], traceback
    while entry is not None:
        if not is_library(entry.tb_frame.f_code):
            kept.append(entry)
        entry = entry.tb_next
    short = None
    for entry in reversed(kept):
        short = TracebackType(short, entry.tb_frame, entry.tb_lasti, entry.tb_lineno)
    return short or traceback


def leave_no_line(error: BaseException) -> None:
    """Take the caller's line, which caught an error, out of its traceback; the `raise` that follows adds none.

    The caller's frame may stay all the same, as what the program's own frames came from. It must not hold the error,
    nor a task: the error holds the frames, and the circle all that the program held, until the garbage collector comes.
    """
    if error.__traceback__ is not None:
        error.__traceback__ = error.__traceback__.tb_next


def shorten(error: BaseException) -> None:
    """Drop the library's frames from the tracebacks of an error, of its causes and of the errors in a group."""
    todo, seen = [error], set[int]()
    while todo:
        error = todo.pop()
        if id(error) not in seen:
            seen.add(id(error))
            error.__traceback__ = without_library(error.__traceback__)
            todo += [other for other in (error.__cause__, error.__context__) if other is not None]
            todo += error.exceptions if isinstance(error, BaseExceptionGroup) else ()


def _first(owner: Any, *names: str) -> Any:
    return next((value for name in names if (value := getattr(owner, name, None)) is not None), None)


def _describe(frame: FrameType, line: int | None = None) -> str:
    # Between two lines a frame has none: seen from another thread, that may be the moment it is looked at.
    line = line or frame.f_lineno or frame.f_code.co_firstlineno
    source = linecache.getline(frame.f_code.co_filename, line, frame.f_globals).strip()
    place = f"line {line} of {frame.f_code.co_name}"
    return f"{place}: {source}" if source else place
