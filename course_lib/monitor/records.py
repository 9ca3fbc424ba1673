"""What a monitor tells: of a task, of one step of it, of the loop's lag, of what blocked the loop.

All times are seconds; points in time count from the start of the monitoring.
"""

from dataclasses import dataclass
from enum import Enum


class TaskState(Enum):
    """What became of a task, as it stands when it is asked for."""

    PENDING = "pending"  # asyncio's word for both: not begun yet, and waiting for what it awaits
    RUNNING = "running"  # one of its steps is on the loop at this moment: one task at most, often the one that asks
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"  # or destroyed before it had ended, as a task is that nobody holds


@dataclass(frozen=True, slots=True)
class Step:
    """One uninterrupted run of a task, from one await to the next.

    The places read "line 7 of crawl: await queue.get()". Empty is the first where the step began the task, the second
    where it ended it or took less than a millisecond, and both where no code but a library's was at work.
    """

    seconds: float
    resumed_from: str
    reached: str


@dataclass(frozen=True, slots=True)
class TaskMetrics:
    """What is known of one task; it holds no task, no result and no exception.

    The last four are None unless the monitor times steps. Then the first three of them add up to `duration`.
    """

    task_id: str  # "task-1" is the first one a monitor saw; never used again
    name: str  # the name somebody gave the task, else its function's
    function: str
    state: TaskState
    start_time: float  # when the task was created
    end_time: float | None  # None while it has not ended
    duration: float  # from start_time to end_time, or to the moment of asking
    error: str = ""  # "ValueError: no such page" where the state is FAILED
    place: str = ""  # where a task that has not ended waits: "line 7 of crawl: await queue.get()"
    waiting_to_start: float | None = None
    running: float | None = None
    suspended: float | None = None
    longest_step: Step | None = None


@dataclass(frozen=True, slots=True)
class Lag:
    """How late the loop comes to what is due, from `samples` looks at it."""

    median: float
    p99: float  # 99 of 100 looks found at most this
    max: float  # the longest that anything could have had to wait
    samples: int


@dataclass(frozen=True, slots=True)
class Block:
    """A stretch in which one piece of code held the loop, so that nothing else could run.

    A task or a line is named where it was seen for more than half of the block, and else what the block lies between.
    """

    at: float
    seconds: float
    task: str  # the task's name; empty where it was no task's step; else that there were several, or nobody could see
    function: str
    line: str  # "line 3 of crunch: time.sleep(0.3)", or "between line 3 of ... and line 5 of ..."; "": not known
    virtual: bool = False  # whether the seconds are a virtual clock's, and exact

    def __str__(self) -> str:
        who = self.task or "code outside any watched task"
        if self.function and self.function.rpartition(".")[2] != who:
            who += f" ({self.function})"
        where = self.line if self.line.startswith("between ") else self.line and f"at {self.line}"
        return f"{who} held the loop for {show(self.seconds, self.virtual)} {where}".rstrip()


def show(seconds: float, virtual: bool) -> str:
    """Write a stretch of time: measured with a tilde, in what a virtual clock says without one."""
    if virtual:
        return f"{seconds:g} s"
    return f"~{seconds:.2f} s" if seconds >= 1 else f"~{seconds * 1000:.1f} ms"
