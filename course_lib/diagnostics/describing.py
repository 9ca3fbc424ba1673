"""Tasks, in the words of a finding."""

import asyncio
import inspect
from typing import Any

from course_lib.diagnostics.findings import Finding
from course_lib.diagnostics.places import origin_place, place_of, raising_place, relabelled, waiting_place
from course_lib.diagnostics.watched import OfCell, Watched, watched_in
from course_lib.seeing.timeline.trace import describe, task_name

Task = asyncio.Task[Any]


def held(task: Task, watched: Watched, line: str) -> Finding:
    """A step that took long; `line` says where, or between what and what."""
    where = _at("" if line.startswith("between ") else "at", line)
    if isinstance(watched, OfCell):
        return Finding("held the loop", "the cell, while tasks stood ready", where=where)
    return Finding("held the loop", _name(task), watched.cell, where=where)


def swallowed(task: Task, watched: Watched) -> Finding:
    """A task that returns although it was cancelled."""
    where = _at("cancelled at", place_of(watched.struck))
    return Finding("cancelled, and returned", _name(task), watched.cell, where=where)


def lost(future: Any, error: BaseException) -> Finding:
    """A task, or another future, that failed, and has gone without anybody's asking."""
    watched = watched_in(future)
    raised = _at("raised at", raising_place(error.__traceback__))
    where = raised + _made(watched)
    return Finding("failed, nobody asked", _name(future), _cell(watched), describe(error), where)


def failed(task: Task) -> Finding:
    """A task that has failed, and that somebody may yet ask."""
    error = getattr(task, "_exception", None)  # private: task.exception() would count as having asked
    watched = watched_in(task)
    raised = _at("raised at", raising_place(error.__traceback__)) if error is not None else ()
    what = "failed, nobody has asked so far"
    return Finding(what, _name(task), _cell(watched), describe(error), raised, fault=False)


def destroyed(task: Task) -> Finding:
    """A task that nobody held, and that has gone in the middle of its work."""
    watched = watched_in(task)
    return Finding("gone in the middle, held by nobody", _name(task), _cell(watched), where=_made(watched))


def running(task: Task, watched: Watched) -> Finding:
    """A task that has not ended."""
    what = "still running, although cancelled" if task.cancelling() else "still running"
    return Finding(what, _name(task), watched.cell, where=_waits(watched), fault=False)


def reported(context: dict[str, Any], made: tuple[str, ...]) -> Finding:
    """Whatever else the loop's exception handler is called with; `made` says where the things in it were made."""
    error = context.get("exception")
    said, raised = (
        ("", ()) if error is None else (describe(error), _at("raised at", raising_place(error.__traceback__)))
    )
    made = tuple(line for place in made for line in _at("made at", place))
    return Finding(relabelled(str(context.get("message", "told to the loop"))), said=said, where=made + raised)


def order(watched: Watched, task: Task) -> tuple[Any, ...]:
    """Return what tasks are sorted by, so that they are told in the same order in every run."""
    origin = getattr(watched.coro, "cr_origin", None) or [("", 0)]
    return watched.cell, *origin[0][:2], _name(task)


def _name(future: Any) -> str:
    return f"task {task_name(future)}" if isinstance(future, asyncio.Task) else type(future).__name__


def _cell(watched: Watched | None) -> int | None:
    return watched.cell if watched is not None else None


def _made(watched: Watched | None) -> tuple[str, ...]:
    return _at("made at", origin_place(watched.coro)[0]) if watched is not None else ()


def _waits(watched: Watched | None) -> tuple[str, ...]:
    if watched is None:
        return ()
    if inspect.iscoroutine(watched.coro) and inspect.getcoroutinestate(watched.coro) == inspect.CORO_CREATED:
        return ("not begun", *_made(watched))
    return _at("waits at", waiting_place(watched.coro))


def _at(word: str, place: str) -> tuple[str, ...]:
    return (f"{word} {place}".strip(),) if place else ()
