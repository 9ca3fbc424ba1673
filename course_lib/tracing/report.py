"""What a run tells, as text of 79 columns: totals, swimlane, what held the loop, what was left behind."""

from dataclasses import replace

from course_lib.seeing.timeline.text import EMPTY, wrapped
from course_lib.tracing.history import Held, History, telling_first

LANES = 20  # tasks drawn of a loop
LOOPS = 3  # loops drawn: the last ones that had tasks
BLOCKS = 5  # places told that held the loop

_WORDS = {"done": "done", "failed": "failed", "cancelled": "cancelled", "left": "left running"}


def report(run: History, program: str, how: str, slow: float, tick: float | None) -> str:
    """Return the report of a run.

    Args:
        run: what its journal told.
        program: what to call it.
        how: how it ended, "exit status 0".
        slow: from how many seconds on a step counted as one that held the loop.
        tick: seconds a column of the swimlane; None for the smallest round number that fits.
    """
    lines = wrapped("", f"trace of {program}: {about(run.seconds)}, {how}")
    if not run.ended:
        lines += wrapped("note: ", "it had no time to say good-bye: of its last quarter of a second nothing is known")
    for held in run.holding:
        lines += ["note: the loop was held when it was last seen:", *held_lines(held)]
    lines.append(totals(run))
    if not run.totals["loops"]:
        return "\n".join([*lines, "no event loop of asyncio's was run in this process"])
    lines += ["", *swimlanes(run, tick)]
    lines += ["", *blocks(run, slow)]
    if run.findings:
        lines += ["", run.findings]
    return "\n".join(lines)


def totals(run: History) -> str:
    """Return the number of tasks made, and what became of them."""
    states = ", ".join(f"{run.totals[name]:,} {word}" for name, word in _WORDS.items() if run.totals[name])
    loops = f"; {run.totals['loops']:,} loops" if run.totals["loops"] > 1 else ""
    return f"tasks: {run.totals['made_count']:,} made{': ' + states if states else ''}{loops}"


def swimlanes(run: History, tick: float | None) -> list[str]:
    """Return the swimlanes of the last loops, the last seconds of each."""
    lines = []
    if run.cut:
        why = " (of so many steps no more is kept)" if run.full else ""
        lines.append(f"the last {about(run.seconds - min((loop.began for loop in run.loops), default=0.0))}{why}:")
    drawn = ([loop for loop in run.loops if loop.timeline.lanes] or run.loops)[-LOOPS:]
    if (more := int(run.totals["loops"]) - len(drawn)) > 0:
        lines.append(f"not drawn here: {more:,} other loop{'s' if more > 1 else ''}")
    for loop in drawn:
        if run.totals["loops"] > 1:
            lines += ["", f"loop {loop.number}, in {loop.thread}, from {about(loop.began)} on:"]
        timeline = replace(loop.timeline, lanes=telling_first(list(loop.timeline.lanes), LANES))
        if tick is not None and timeline.end / tick > 400:
            lines.append(f"(a tick of {tick:g} s is too fine for {about(timeline.end)}: drawn coarser)")
        fits = tick if tick is None or timeline.end / tick <= 400 else None
        lines.append(timeline.text(fits, lanes=LANES).replace(EMPTY, "no task was made"))
        if loop.kind:
            lines += wrapped("note: ", f"a loop of {loop.kind}'s: steps of tasks are timed, callbacks are not")
    return lines


def blocks(run: History, slow: float) -> list[str]:
    """Return what held a loop, the longest first."""
    if not run.totals["blocks"]:
        return [f"nothing held the loop for {slow:g} s or more"]
    times = f"{run.totals['blocks']:,} times" if run.totals["blocks"] > 1 else "once"
    lines = [f"the loop was held for {slow:g} s or more {times}, together {about(run.blocked)}:"]
    for held in run.held[:BLOCKS]:
        lines += held_lines(held)
    if len(run.held) > BLOCKS:
        lines.append(f"  and {len(run.held) - BLOCKS:,} more places")
    return lines


def held_lines(held: Held) -> list[str]:
    """Return what held a loop, and below it where: a line breaks at the same place whatever was measured."""
    often = "" if held.times == 1 else f", {held.times:,} times, together {about(held.together)}"
    where = held.place if held.place.startswith("between ") else held.place and f"at {held.place}"
    head = wrapped("  ", f"{held.task} for {about(held.longest)}{often}")
    return [*head, *(wrapped("    ", where) if where else [])]


def about(seconds: float) -> str:
    """Write a time that was measured."""
    return f"~{seconds:.2f} s"
