"""A monitor's findings as text and as a table that updates in place."""

import asyncio
import html
import sys
from types import TracebackType
from typing import Any, Self

from course_lib.monitor.records import TaskMetrics, TaskState, show
from course_lib.monitor.watcher import Watcher

FAILURES = BLOCKS = 5  # so many of each are named
NOTHING = {"text/plain": "", "text/html": ""}
ENDED = (TaskState.COMPLETED, TaskState.FAILED, TaskState.CANCELLED)


def summary(monitor: Watcher) -> str:
    """Return the totals, what failed, the lag and what blocked the loop, a line each."""
    virtual = monitor.virtual
    lines = [_totals(monitor)]
    if monitor.completed:
        average = monitor.completed_seconds / monitor.completed
        lines.append(f"completed tasks took {show(average, virtual)} on average, from creation to end")
    if monitor.lost:
        lines.append(f"destroyed before they ended, counted as cancelled: {monitor.lost:,}")
    failures = list(monitor.failures)
    for watched in failures[:FAILURES]:
        failed = watched.metrics(0.0)
        lines.append(f"failed: {failed.name} ({failed.task_id}): {failed.error}")
    lines += _more(monitor.failed - min(len(failures), FAILURES), "failed")
    lines.append(_lag(monitor))
    lines += [f"block: {block}" for block in monitor.blocks[:BLOCKS]]
    lines += _more(monitor.block_count - min(len(monitor.blocks), BLOCKS), "blocks")
    return "\n".join(lines)


def table(monitor: Watcher, rows: int) -> str:
    """Return the totals, the unfinished tasks that have been there longest, and the lag."""
    live = [metrics for metrics in monitor.get_metrics() if metrics.state not in ENDED]
    more = _more(len(live) - rows, "unfinished")
    return "\n".join([_totals(monitor), *_rows(monitor, live[:rows]), *more, _lag(monitor)])


def table_html(monitor: Watcher, rows: int) -> str:
    """Return the same as HTML."""
    live = [metrics for metrics in monitor.get_metrics() if metrics.state not in ENDED]
    below = "<br>".join(html.escape(line) for line in [*_more(len(live) - rows, "unfinished"), _lag(monitor)])
    return f"<p>{html.escape(_totals(monitor))}</p>{_rows_html(monitor, live[:rows])}<p>{below}</p>"


def how_they_ended(monitor: Watcher, rows: int) -> dict[str, str]:
    """Return the first tasks that are known, with how each ended, as text and as HTML."""
    known = monitor.get_metrics()
    more = _more(len(known) - rows, "tasks")
    below = "".join(f"<p>{html.escape(line)}</p>" for line in more)
    return {
        "text/plain": "\n".join([*_rows(monitor, known[:rows]), *more]),
        "text/html": f"{_rows_html(monitor, known[:rows])}{below}",
    }


class LiveTable:
    """Shows a monitor's table while its block runs, and the summary when it has ended.

    In a notebook one output is updated in place. At the end it is empty, as it was at first, for nbval compares an
    output as it came; how each task ended remains in one of its own, above the summary. Elsewhere each update is
    printed. In a simulation, which takes no time to look at, there are no updates.
    """

    def __init__(self, monitor: Watcher, every: float, rows: int) -> None:
        if not every > 0:
            raise ValueError(f"every={every!r}: pass seconds between two updates, more than 0 (0.25 is the default)")
        if not rows > 0:
            raise ValueError(f"rows={rows!r}: pass how many tasks to show, more than 0 (10 is the default)")
        self._monitor, self._every, self._rows = monitor, every, rows
        self._show: Any = None  # IPython's display, which has no types
        self._handle: Any = None
        self._timer: asyncio.TimerHandle | None = None

    def __enter__(self) -> Self:
        if self._monitor.loop is None:
            raise RuntimeError("the monitor has not been started: use live() inside `async with EventLoopMonitor()`")
        if self._monitor.virtual:
            return self
        shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
        if getattr(shell, "kernel", None) is not None:
            from IPython import display

            self._show = display.display
            self._handle = self._show(NOTHING, raw=True, display_id=True)
        self._update()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        if self._timer:
            self._timer.cancel()
        if self._handle is not None:
            self._handle.update(NOTHING, raw=True)
            self._show(how_they_ended(self._monitor, self._rows), raw=True)
        print(summary(self._monitor))

    def _update(self) -> None:
        # By a timer, not by a task: a monitor must not show up in what it shows.
        assert self._monitor.loop is not None
        self._timer = self._monitor.loop.call_later(self._every, self._update)
        text = table(self._monitor, self._rows)
        if self._handle is None:
            print(text, end="\n\n")
        else:
            self._handle.update({"text/plain": text, "text/html": table_html(self._monitor, self._rows)}, raw=True)


def _totals(monitor: Watcher) -> str:
    states = ", ".join(f"{number:,} {state.value}" for state, number in monitor.totals().items() if number)
    return f"tasks: {monitor.created:,} created" + (f": {states}" if states else "")


def _lag(monitor: Watcher) -> str:
    lag, virtual = monitor.lag(), monitor.virtual
    return (
        f"lag of the loop: median {show(lag.median, virtual)}, 99 of 100 within {show(lag.p99, virtual)}, "
        f"worst {show(lag.max, virtual)}"
    )


def _more(number: int, what: str) -> list[str]:
    return [f"... and {number:,} more {what}"] if number > 0 else []


def _rows(monitor: Watcher, tasks: list[TaskMetrics]) -> list[str]:
    cells = [("task", "state", "for", "waits at"), *_cells(monitor, tasks)]
    return [f"{name:<20.20} {state:<9} {age:>10}  {place}".rstrip() for name, state, age, place in cells]


def _rows_html(monitor: Watcher, tasks: list[TaskMetrics]) -> str:
    heads = "".join(
        f'<th scope="col" style="text-align:left">{name}</th>' for name in ("task", "state", "for", "waits at")
    )
    body = "".join(
        "<tr>" + "".join(f'<td style="text-align:left">{html.escape(cell)}</td>' for cell in row) + "</tr>"
        for row in _cells(monitor, tasks)
    )
    return f"<table><tr>{heads}</tr>{body}</table>"


def _cells(monitor: Watcher, tasks: list[TaskMetrics]) -> list[tuple[str, str, str, str]]:
    return [(each.name, each.state.value, show(each.duration, monitor.virtual), each.place) for each in tasks]
