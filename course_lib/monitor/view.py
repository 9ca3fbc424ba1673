"""A monitor's findings as text and as a table that updates in place."""

import asyncio
import html
import sys
from types import TracebackType
from typing import Any, Self

from course_lib.monitor.records import TaskMetrics, TaskState, show
from course_lib.monitor.watcher import Watcher

FAILURES = BLOCKS = 5  # so many of each are named
PLACEHOLDER = "A table of the tasks stands here while the cell runs."
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
    lines = [_totals(monitor), f"{'task':<20} {'state':<8} {'for':>10}  waits at"]
    lines += [
        " ".join((f"{name:<20.20}", f"{state:<8}", f"{age:>10}", "", place))
        for name, state, age, place in _cells(monitor, live, rows)
    ]
    lines += _more(len(live) - rows, "unfinished")
    return "\n".join([*lines, _lag(monitor)])


def table_html(monitor: Watcher, rows: int) -> str:
    """Return the same as HTML."""
    live = [metrics for metrics in monitor.get_metrics() if metrics.state not in ENDED]
    body = "".join(
        "<tr>" + "".join(f'<td style="text-align:left">{html.escape(cell)}</td>' for cell in row) + "</tr>"
        for row in _cells(monitor, live, rows)
    )
    heads = "".join(f'<th style="text-align:left">{name}</th>' for name in ("task", "state", "for", "waits at"))
    below = "<br>".join(html.escape(line) for line in [*_more(len(live) - rows, "unfinished"), _lag(monitor)])
    return f"<p>{html.escape(_totals(monitor))}</p><table><tr>{heads}</tr>{body}</table><p>{below}</p>"


class LiveTable:
    """Shows a monitor's table while its block runs, and the summary when it has ended.

    In a notebook one output is updated in place, and at the end is what it was at first: what is saved, and compared by
    nbval, is that sentence and the summary printed below it. Elsewhere each update is printed. In a simulation, which
    takes no time to look at, there are no updates.
    """

    def __init__(self, monitor: Watcher, every: float, rows: int) -> None:
        if not every > 0:
            raise ValueError(f"every={every!r}: pass seconds between two updates, more than 0 (0.25 is the default)")
        if not rows > 0:
            raise ValueError(f"rows={rows!r}: pass how many tasks to show, more than 0 (10 is the default)")
        self._monitor, self._every, self._rows = monitor, every, rows
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

            show_output: Any = display.display  # which has no types
            self._handle = show_output(_as_bundle(PLACEHOLDER), raw=True, display_id=True)
        self._update()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        if self._timer:
            self._timer.cancel()
        if self._handle is not None:
            self._handle.update(_as_bundle(PLACEHOLDER), raw=True)
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


def _as_bundle(text: str) -> dict[str, str]:
    return {"text/plain": text, "text/html": f"<p><em>{text}</em></p>"}


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


def _cells(monitor: Watcher, live: list[TaskMetrics], rows: int) -> list[tuple[str, str, str, str]]:
    return [(each.name, each.state.value, show(each.duration, monitor.virtual), each.place) for each in live[:rows]]
