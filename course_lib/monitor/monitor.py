"""EventLoopMonitor: what watches, with a face."""

from course_lib.monitor.view import LiveTable, summary
from course_lib.monitor.watcher import Watcher


class EventLoopMonitor(Watcher):
    """Watches the tasks of one event loop and the loop itself (the article's section 2).

    As `async with EventLoopMonitor() as monitor:` it watches the tasks that are created inside the block and, in turn,
    by them; with `start_monitoring(loop)` and `stop_monitoring()` every task that is created on the loop meanwhile. It
    makes no task of its own. Whatever task factory is there goes on working, and is put back.

    Works in real time, on any loop, and in `simulate()`: there, times are virtual and exact, and so is the lag.

    Args:
        steps: whether to time each step of each task (TaskMetrics says what for). It costs about as much again as
            watching does; on uvloop and in a simulation it is always on, since nothing else would see a block there.
        slow: from how many seconds on a step is reported as a block, in `blocks` and as a warning of the logger
            "course_lib.monitor", with its task, function and line.
        keep: how many ended tasks are remembered, and as many again that failed. Totals stay exact.

    Raises ValueError when slow is not positive or keep is negative.
    """

    def print_summary(self) -> None:
        """Print the totals, what failed, the lag and what blocked the loop."""
        print(summary(self))

    def live(self, *, every: float = 0.25, rows: int = 10) -> LiveTable:
        """Return a context manager that shows a table of the tasks, updated in place, while its block runs.

        Args:
            every: seconds between two updates.
            rows: how many of the unfinished tasks to show.

        Raises ValueError when every or rows is not positive.
        """
        return LiveTable(self, every, rows)
