"""`steps(main)`: a program's every step, one after another: what ran, what is ready, who waits for what."""

import io
import linecache
from collections.abc import Callable, Coroutine
from contextlib import redirect_stdout
from dataclasses import replace
from typing import Any

from course_lib.seeing.stepping.collecting import MOST_STEPS, Collector, Noted
from course_lib.seeing.stepping.model import Step, Steps, listing
from course_lib.seeing.stepping.phrases import Phrase, written
from course_lib.seeing.timeline import Timeline, simulate
from course_lib.seeing.timeline.mains import check_main
from course_lib.seeing.timeline.trace import describe

__all__ = ["Step", "Steps", "steps"]

LIMIT = 5.0


def steps(main: Callable[[], Coroutine[Any, Any, Any]], *, limit: float = LIMIT) -> Steps:
    """Simulate a coroutine function and return what the loop did, step by step.

    A step is what a task does between two waits, or a function that was given to `call_soon`, `call_later` or
    `add_done_callback`. What asyncio's own callbacks do stands in the queue, in brackets, and is no step. In a notebook
    the last line of a cell shows a player; `print(steps(main))` shows a table, `print(steps(main)[7])` one step.

    What main raises is no error here: it is how the program ended, and is told at the end, as a deadlock is. Of long
    programs the first 500 steps are shown, and of the tasks that wait, twelve at a time; what is left out is said.

    Args:
        main: the coroutine function, called without arguments; it runs on a virtual clock, as with `simulate`.
        limit: real seconds after which the simulation is stopped.

    Raises TypeError when main is not a coroutine function, ValueError when limit is not positive.
    """
    check_main(main, "steps")
    output = io.StringIO()
    collector = Collector(lambda: output.tell())
    error: Exception | BaseExceptionGroup | None = None
    with redirect_stdout(output):
        try:
            timeline = simulate(lambda: collector.watch(main), limit=limit)
        except (Exception, BaseExceptionGroup) as raised:  # how the program ended is what is shown
            if not collector.steps:
                raise
            error, timeline = raised, getattr(raised, "timeline", Timeline(virtual=True))
    return _shown(collector, timeline, output.getvalue(), error)


def _shown(collector: Collector, timeline: Timeline, printed: str, error: BaseException | None) -> Steps:
    names = _names(collector.names)
    noted = collector.steps

    def say(phrase: Phrase) -> str:
        return written(phrase, names)

    def step(number: int, each: Noted) -> Step:
        waiting = [(say(who), say(what)) for who, what in each.waiting]
        lines = listing(each.ran, each.came_from, each.reached[1] if each.reached else None)
        return Step(
            number, len(noted) - 1, each.at, say(each.who), _came_from(each), _reached(each), lines,
            tuple(_in_queue(phrase, say) for phrase in each.ready),
            tuple((when, say(phrase)) for when, phrase in each.timers),
            (*waiting, *([("and", f"{each.more} more")] if each.more else [])),
            printed[: each.printed], timeline,
        )  # fmt: skip

    shown = [step(number, each) for number, each in enumerate(noted)]
    room = max(each.rows for each in shown)

    left_out = f"and {collector.left_out} more steps: the first {MOST_STEPS} are shown" if collector.left_out else ""
    ending = f"main raised {describe(error)}" if error else f"main returned {timeline.result!r:.60}"
    return Steps(tuple(replace(each, room=room) for each in shown), ending, left_out, timeline)


def _in_queue(phrase: Phrase, say: Callable[[Phrase], str]) -> str:
    mine = len(phrase) == 1 and (isinstance(phrase[0], int) or phrase[0].endswith(")"))
    return say(phrase) if mine else f"({say(phrase)})"


def _came_from(noted: Noted) -> str:
    if noted.task is None:
        return "a callback"
    begun = f"from line {noted.came_from[1]}" if noted.came_from else "begins"
    return f"{begun}, with {noted.thrown}" if noted.thrown else begun


def _reached(noted: Noted) -> str:
    if noted.reached is None:
        return noted.ended or ("" if noted.task is None else "waits in a library")
    text = linecache.getline(noted.reached[0].co_filename, noted.reached[1]).strip()
    return f"to line {noted.reached[1]}: {text}".removesuffix(": ")


def _names(given: list[str]) -> dict[int, str]:
    """Number those who share a name, as a timeline does."""
    seen: dict[str, int] = {}
    named = {}
    for number, name in enumerate(given):
        seen[name] = seen.get(name, 0) + 1
        named[number] = f"{name} #{seen[name]}" if given.count(name) > 1 else name
    return named
