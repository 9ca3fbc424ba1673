"""One trial of a learner's test: it is run with one implementation, in many orders, and ends red or green."""

import asyncio
import linecache
import math
import random
import sys
import traceback
import unittest
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from types import CodeType, FrameType
from typing import Any, Literal

from course_lib.exercises import framework
from course_lib.exercises.places import is_learners
from course_lib.exercises.shown import shown
from course_lib.exercises.vacuous import Line
from course_lib.exercises.veil import Seen, veiled
from course_lib.seeing import Timeline, every_order
from course_lib.seeing.clock import RunawayError, SimulationError
from course_lib.seeing.timeline.trace import task_name

# So many orders one after another, those that depart least from the usual one first, and so many more at random.
FIRST, MORE = 16, 8
STEPS = 10_000  # callbacks of one run: more is a run without end
PATIENCE = 60.0  # virtual seconds for the clean-up of what a test leaves running
UNENDED = "cancelled but not yet ended"  # how a task is told that was asked to end, and had no turn since
PLAIN = (int, float, str, bool, list, tuple, dict, set, BaseException, type(None))  # what is shown as it is

Kind = Literal["passed", "failed", "deadlock", "endless", "left", "refused", "unsteady"]
Test = Callable[[Any], Any]


@dataclass
class Notes(Seen):
    """What was seen of a test in all runs of a trial."""

    blocked: float = 0.0  # seconds for which it held the loop
    returned: str = ""  # what it returned, if that was not None
    refused: str = ""  # what it asked for that has no place on the virtual clock
    skipped: bool = False
    left: tuple[str, ...] = ()  # the tasks that it left running
    drew: bool = False  # whether it drew random numbers
    waits: str = ""  # the line at which it stood when it was cancelled, as a test that waits for ever is in the end
    # What a watched run shows: where an assertion failed first, the values there, and which lines were run.
    swallowed: tuple[str, int] | None = None
    stood: dict[tuple[CodeType, int], dict[str, str]] = field(default_factory=dict)
    lines: set[Line] = field(default_factory=set)


@dataclass(frozen=True)
class Trial:
    """How a test ended with one implementation, and what was seen of it.

    `kind` is "passed"; "failed" with `error`, "deadlock" and "endless", which pytest shows red (or never ends); "left"
    where it leaves an asynchronous generator open, "refused" for threads and sockets, "unsteady" where the same run
    ended in two ways. `elsewhere` says that it passes in the usual order, and fails in another, `spanned` that
    something waited in a `span` there, `untried` that there are more orders than were run. `draw` runs it once more,
    watched, and gives the timeline; what the test prints is seen then, and not before.
    """

    kind: Kind
    notes: Notes
    text: str = ""
    error: BaseException | None = None
    elsewhere: bool = False
    spanned: bool = False
    untried: bool = False
    draw: Callable[[], Timeline | None] = lambda: None

    @property
    def red(self) -> bool:
        """Whether pytest would show the test as failed, were each of its runs bounded."""
        return self.kind in ("failed", "deadlock", "endless")


def tried(
    test: Test,
    make: Callable[[], Callable[..., Any]],
    name: str,
    seed: int,
    *,
    orders: int = FIRST,
    more: int = MORE,
    watch: bool = False,
) -> Trial:
    """Run a test with an implementation on the virtual clock, in the usual order and then in others, until it fails.

    Args:
        test: the learner's, a coroutine function with one parameter.
        make: makes the implementation anew, for each run.
        name: what the implementation is called.
        seed: of all that is drawn: by `random`, and the orders beyond the first.
        orders: how many orders to run one after another.
        more: how many to run at random, where there are more.
        watch: whether to note where an assertion failed, also if nobody was told of it.
    """
    notes = Notes()
    watching = _Watching(notes, watch)

    async def main() -> None:
        loop: Any = asyncio.get_running_loop()
        try:
            with watching:
                returned = await test(veiled(make(), name, notes))
            if returned is not None:
                notes.returned = shown(returned, 40)
        except BaseException as error:
            notes.waits = _interrupted(error)
            if not _is_skip(error):
                raise
            notes.skipped = True
        finally:
            notes.blocked += sum(end - start for start, end in loop.blocks)
            notes.refused = str(loop.refused or notes.refused)
            notes.drew = notes.drew or random.getstate() != drawn
            # A task that is left is no red test, and must not end the search for an order that gives one. After a run
            # that got stuck, they are being cleaned up already, by a task that is no test's.
            if loop.ended is None and (left := asyncio.all_tasks() - {asyncio.current_task()}):
                notes.left = tuple(sorted(map(task_name, left)))
                for task in left:
                    task.cancel()
                await asyncio.wait(left, timeout=PATIENCE)

    state = random.getstate()
    random.seed(seed)
    drawn = random.getstate()
    try:
        found = every_order(
            main, until_failure=True, orders=orders, more=more, seed=seed, steps=STEPS, limit=framework.LIMIT
        )
    except SimulationError as error:
        return Trial("refused" if notes.refused else "unsteady", notes, str(error))
    except RunawayError as error:
        return Trial("endless", notes, str(error))
    finally:
        random.setstate(state)

    def replayed(order: Any = ()) -> Timeline | None:
        watching.wanted = True
        return _drawn(lambda: found.replay(order))

    if not found.failures:
        return Trial("passed", notes, untried=not found.complete, draw=replayed)
    worst = found.failures[0]
    kinds: dict[str, Kind] = {"exception": "failed", "deadlock": "deadlock", "endless": "endless"}
    kind = kinds.get(worst.kind, "left")
    raised = worst.value if kind == "failed" else None

    def draw() -> Timeline | None:
        return _drawn(lambda: worst.timeline) if kind == "endless" else replayed(worst.order)

    return Trial(kind, notes, worst.text, raised, worst.departures > 0, worst.run.shortest < math.inf, draw=draw)


def step_of(error: BaseException) -> tuple[FrameType, int] | None:
    """Return the innermost frame of the learner's that an error went through, and the line there."""
    steps = [step for step in traceback.walk_tb(error.__traceback__) if is_learners(step[0].f_code)]
    return steps[-1] if steps else None


def where(error: BaseException) -> str:
    """Say where an error left the learner's code: ", at line 3 of test_retry, `await queue.get()`"."""
    if not (step := step_of(error)):
        return ""
    frame, number = step
    source = linecache.getline(frame.f_code.co_filename, number, frame.f_globals).strip()
    return f", at line {number} of {frame.f_code.co_name}" + (f", `{source:.70}`" if source else "")


def _interrupted(error: BaseException | None) -> str:
    """Say where a cancellation struck, which may have turned into another error on its way."""
    while error and not isinstance(error, asyncio.CancelledError):
        error = error.__context__
    return where(error) if error else ""


def _drawn(draw: Callable[[], Timeline]) -> Timeline | None:
    try:
        return draw()
    except Exception:  # noqa: BLE001  # a test that remembers earlier runs may do anything in this one
        return None


class _Watching:
    """Notes, if that is wanted, which lines of the learner's are run while it is entered, and which assertions fail.

    The values at a failed assertion are noted at once, as text: on its way out a test may change them.
    """

    def __init__(self, notes: Notes, wanted: bool) -> None:
        self._notes, self.wanted = notes, wanted

    def __enter__(self) -> None:
        self._before = sys.gettrace()
        if self.wanted:
            sys.settrace(self._call)

    def __exit__(self, *_: object) -> None:
        if self.wanted:
            sys.settrace(self._before)

    def _call(self, frame: FrameType, _: str, __: Any) -> Any:
        return self._line if is_learners(frame.f_code) else None

    def _line(self, frame: FrameType, event: str, arg: Any) -> Any:
        if event == "line":
            self._notes.lines.add((frame.f_code.co_filename, frame.f_lineno))
        elif event == "exception" and issubclass(arg[0], AssertionError):
            self._notes.swallowed = self._notes.swallowed or (frame.f_code.co_name, frame.f_lineno)
            self._notes.stood[frame.f_code, frame.f_lineno] = _values(frame.f_locals)
        return self._line


def _values(names: Mapping[str, Any]) -> dict[str, str]:
    told = dict[str, str]()
    for name, value in names.items():
        if _unended(value):
            told[name] = UNENDED
        elif isinstance(value, PLAIN):
            with suppress(Exception):  # what stands in it may have a broken repr
                told[name] = shown(value, 60)
    return told


def _unended(value: Any) -> bool:
    """Return whether a value is a task, or some, to be cancelled as soon as its turn comes."""
    tasks = value if isinstance(value, list | tuple | set) else [value]
    return bool(tasks) and all(
        isinstance(each, asyncio.Task) and each.cancelling() > 0 and not each.done() for each in tasks
    )


def _is_skip(error: BaseException) -> bool:
    """Return whether an exception says that a test was not run, or was expected to fail: pytest shows no red then."""
    return isinstance(error, unittest.SkipTest) or type(error).__name__ in ("Skipped", "XFailed")
