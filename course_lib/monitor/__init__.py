"""What the tasks of an event loop do, and what holds the loop up: `async with EventLoopMonitor() as monitor`.

The names are those of the article, section 2; the bodies are ours.
"""

from course_lib.monitor.monitor import EventLoopMonitor
from course_lib.monitor.records import Block, Lag, Step, TaskMetrics, TaskState

__all__ = ["Block", "EventLoopMonitor", "Lag", "Step", "TaskMetrics", "TaskState"]
