"""An order drawn: the program run once more in that order, with a recorder."""

from itertools import groupby

from course_lib.seeing.orders.loop import OrdersLoop
from course_lib.seeing.orders.running import Main, Run, run
from course_lib.seeing.timeline import Timeline
from course_lib.seeing.timeline.recorder import Recorder, TracingFactory
from course_lib.seeing.timeline.text import round_down
from course_lib.seeing.timeline.trace import describe, sentence, task_name

APART = "the clock stands still while waits outside end: their ends are drawn a little apart"


class Drawing:
    """Runs a program on a loop and draws it.

    Args:
        made: an earlier run in the same order: when to draw an end can be said only if the time of the next timer is
            known.
        loop: a loop that goes through that order again.
    """

    def __init__(self, made: Run, loop: OrdersLoop) -> None:
        self._made, self._loop = made, loop
        self._times = _times(made)
        self.timeline = Timeline(virtual=True)

    def run(self, main: Main) -> None:
        """Run main; in the thread of a program."""
        self._recorder = Recorder(self._loop, self._now, blocking=0)
        self._loop.set_task_factory(TracingFactory(None, self._loop.plain_task, self._recorder))
        run(self._loop, main, None, self._recorder, at_end=self.write)

    def write(self) -> None:
        """Write down how things stand, if that has not been done."""
        if not self._recorder.open:
            return
        timeline, ending = self.timeline, self._made.ending
        self._recorder.write(timeline, self._now())
        self._recorder.open = False
        timeline.blocks = list(self._loop.blocks)
        timeline.result = ending.value if ending.kind in ("result", "leak") else None
        if ending.kind != "result":
            timeline.notes.append(ending.text)
        for task in self._loop.tasks:
            if task.done() and getattr(task, "_log_traceback", False):
                error = task.exception()
                if not isinstance(error, KeyboardInterrupt | SystemExit):  # those end the program: somebody sees them
                    timeline.notes.append(f"nobody asked for the exception of {task_name(task)}: {describe(error)}")
        timeline.notes += [
            sentence(f"{context['message']}: {describe(context.get('exception'))}") for context in self._loop.errors
        ]
        if any(self._made.order.choices):
            timeline.notes.append(APART)

    def _now(self) -> float:
        made = len(self._loop.choices)
        return max(self._loop.time(), self._times[min(made, len(self._times)) - 1] if made and self._times else 0.0)


def _times(made: Run) -> list[float]:
    """Return when to draw each choice, in seconds: between the timers, a unit apart where there is room."""
    unit = round_down(made.shortest) if made.shortest < float("inf") else 1.0
    groups = [
        (now, [choice for _, choice in group])
        for now, group in groupby(
            zip([point.now for point in made.points], made.order.choices, strict=True), lambda at: at[0]
        )
    ]
    times = list[float]()
    for (now, choices), after in zip(groups, [*(now for now, _ in groups), made.end][1:], strict=True):
        ends = sum(map(bool, choices))
        apart = min(unit, round_down((after - now) / (ends + 1))) if after > now else unit
        times += [round(now + apart * number, 9) if choice else now for number, choice in enumerate(choices, 1)]
    return times
