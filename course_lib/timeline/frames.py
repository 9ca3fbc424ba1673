"""Where a program stands, in the words of the person who wrote it: "line 3 of fetch: await queue.get()"."""

import linecache
import sysconfig
from pathlib import Path
from types import CodeType, FrameType, TracebackType
from typing import Any

_LIBRARIES = tuple({sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")})
_OURS = (str(Path(__file__).parent), str(Path(__file__).parent.parent / "clock"))


def is_library(code: CodeType) -> bool:
    """Return whether code belongs to Python, to an installed package or to the simulation itself."""
    return code.co_filename.startswith(("<frozen", *_LIBRARIES, *_OURS))


def running_line(frame: FrameType | None) -> str:
    """Describe the innermost line of the user's own code that leads to `frame`."""
    while frame is not None and is_library(frame.f_code):
        frame = frame.f_back
    return _describe(frame) if frame else "code of a library"


def waiting_line(coro: Any) -> str:
    """Describe the innermost line of the user's own code at which a suspended coroutine waits."""
    found = None
    while coro is not None:
        frame = _first(coro, "cr_frame", "gi_frame", "ag_frame")
        if frame is not None and not is_library(frame.f_code):
            found = frame
        coro = _first(coro, "cr_await", "gi_yieldfrom", "ag_await")
    return _describe(found) if found else "code of a library"


def without_library(traceback: TracebackType | None) -> TracebackType | None:
    """Drop the library's frames at the outer end of a traceback; keep it whole if there are no others."""
    inner = traceback
    while inner is not None and is_library(inner.tb_frame.f_code):
        inner = inner.tb_next
    return inner or traceback


def _first(owner: Any, *names: str) -> Any:
    return next((value for name in names if (value := getattr(owner, name, None)) is not None), None)


def _describe(frame: FrameType) -> str:
    source = linecache.getline(frame.f_code.co_filename, frame.f_lineno, frame.f_globals).strip()
    place = f"line {frame.f_lineno} of {frame.f_code.co_name}"
    return f"{place}: {source}" if source else place
