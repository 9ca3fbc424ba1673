"""A program's steps as they are shown: a table of all of them, and each one by itself."""

import inspect
import linecache
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from textwrap import dedent
from types import CodeType

from course_lib.seeing.shown import Shown
from course_lib.seeing.timeline import Timeline
from course_lib.seeing.timeline.text import WIDTH, draw_text, number

MOST_LINES = 30  # of the source, in one step
MOST_ROWS = 12  # of the queue, and of the timers
MOST_PRINTED = 8  # lines, the last ones


@dataclass(frozen=True)
class Line:
    """A line of source in a step: its number, its text, and what the step did there ("", from, ran, to)."""

    number: int
    text: str
    mark: str = ""


@dataclass(frozen=True)
class Step(Shown):
    """One step of a program, and how things stood when it had ended.

    Print it for the text, end a notebook cell with it for the picture. `number` counts from 1; step 0 is the beginning,
    when nothing has run. `at` is the time in seconds. `ready`, the loop's queue, stands in order: its first is next.
    """

    number: int
    of: int
    at: float
    who: str  # the task or the callback
    came_from: str
    reached: str
    source: tuple[Line, ...]
    ready: tuple[str, ...]
    timers: tuple[tuple[float, str], ...]
    waiting: tuple[tuple[str, str], ...]
    printed: str  # since the beginning
    timeline: Timeline
    room: int = 0  # the rows of the program's largest step: pictures of one size do not jump

    @property
    def rows(self) -> int:
        """How many rows the step's picture has above the swimlane."""
        return max(len(self.source), sum(1 + len(texts) for texts in self.sections.values()))

    @property
    def title(self) -> str:
        """Say which step this is, when it ran, and whose it is."""
        if not self.number:
            return f"The beginning of {self.of} steps"
        return f"Step {self.number} of {self.of}, at {number(self.at)} s: {self.who}"

    @property
    def happened(self) -> str:
        """Say from where to where the step went."""
        return ", ".join(filter(None, [self.came_from, self.reached])) if self.number else "nothing has run yet"

    @property
    def sections(self) -> dict[str, list[str]]:
        """How things stand after the step, by what it is about."""
        timers = [f"{number(when)} s: {what}" for when, what in self.timers]
        printed = self.printed.splitlines()
        before = len(printed) - MOST_PRINTED
        return {
            "ready": _cut(self.ready) or ["nothing: the loop waits for the next timer" if timers else "nothing"],
            "timers": _cut(timers) or ["none"],
            "waiting": [f"{who}: {what}" for who, what in self.waiting] or ["nobody"],
            "printed": [*([f"({before} lines more)"] if before > 0 else []), *printed[-MOST_PRINTED:]]
            or ["nothing yet"],
        }

    @property
    def alt(self) -> str:
        """Which step this is, and where it went from and to."""
        return f"{self.title}. {self.happened[:1].upper()}{self.happened[1:]}."

    def __str__(self) -> str:
        lines = [self.title, self.happened, ""]
        lines += [f"{line.mark:<5}{line.number or '':>4}  {line.text}".rstrip() for line in self.source]
        lines += [""] * bool(self.source)
        for name, texts in self.sections.items():
            lines += [f"{name if not place else '':<9}{text}" for place, text in enumerate(texts)]
        lines = [line if len(line) <= WIDTH else line[: WIDTH - 3] + "..." for line in lines]
        return "\n".join([*lines, "", draw_text(self.timeline, None, 12, now=self.at)])


@dataclass(frozen=True)
class Steps(Shown, Sequence[Step]):
    """What a program did, step by step: print it for a table, end a notebook cell with it for the player.

    `steps[7]` is the seventh step, `steps[0]` the beginning. `ending` says how main ended.
    """

    all: tuple[Step, ...]
    ending: str
    left_out: str
    timeline: Timeline

    def __len__(self) -> int:
        return len(self.all)

    def __getitem__(self, place: int) -> Step:  # type: ignore[override]  # a slice of steps would be no program
        """Return one step.

        Raises IndexError, with the numbers there are, when there is no such step.
        """
        try:
            return self.all[place]
        except IndexError:
            raise IndexError(f"there is no step {place}: the steps are 0, the beginning, to {len(self) - 1}") from None

    def __iter__(self) -> Iterator[Step]:
        return iter(self.all)

    def __str__(self) -> str:
        wide = min(20, max([4, *(len(step.who) for step in self)]))
        rows = [f"step     at  {'who':<{wide}}  what"]
        for step in self.all[1:]:
            rows.append(f"{step.number:>4}  {number(step.at):>5}  {step.who[:wide]:<{wide}}  {step.happened}")
        rows = [row if len(row) <= WIDTH else row[: WIDTH - 3] + "..." for row in rows]
        return "\n".join([*rows, *filter(None, [self.left_out, self.ending])])

    def _ipython_display_(self) -> None:
        from course_lib.seeing.stepping.player import play  # here: widgets are for notebooks

        play(self)


def _cut(rows: Sequence[str]) -> list[str]:
    more = len(rows) - MOST_ROWS
    return [*rows[:MOST_ROWS], *([f"and {more} more"] if more > 0 else [])]


def listing(ran: dict[CodeType, list[int]], came_from: tuple[CodeType, int] | None, to: int | None) -> tuple[Line, ...]:
    """Return the source of the functions that ran in a step, each line marked with what the step did there.

    Args:
        ran: the lines that ran, by function.
        came_from: the line at which the step found the program, if it had begun before.
        to: the line of the innermost function at which the step ended, if it is to go on from there.
    """
    marks = {line: "ran" for lines in ran.values() for line in lines}
    if came_from:
        marks[came_from[1]] = "from"
    if to:
        marks[to] = "to" if marks.get(to) != "from" or to in {n for lines in ran.values() for n in lines} else "from"
    codes = list(dict.fromkeys([*([came_from[0]] if came_from else []), *ran]))
    blocks = [
        (code.co_filename, first, text)
        for code in codes
        if not code.co_name.startswith("<")
        for first, text in _block(code)
    ]
    whole = [
        block
        for block in dict.fromkeys(blocks)
        if not any(other is not block and _contains(other, block) for other in dict.fromkeys(blocks))
    ]
    lines: list[Line] = []
    for _, first, text in whole:
        if lines:
            lines.append(Line(0, ""))
        lines += [
            Line(first + place, line, marks.get(first + place, "")) for place, line in enumerate(text.splitlines())
        ]
    return tuple(lines) if len(lines) <= MOST_LINES else tuple(_near_the_marks(lines))


def _block(code: CodeType) -> Iterator[tuple[int, str]]:
    lines = linecache.getlines(code.co_filename)[code.co_firstlineno - 1 :]
    if lines:
        yield code.co_firstlineno, dedent("".join(inspect.getblock(lines)))


def _contains(outer: tuple[str, int, str], inner: tuple[str, int, str]) -> bool:
    first, last = outer[1], outer[1] + outer[2].count("\n")
    return outer[0] == inner[0] and first <= inner[1] <= last and outer != inner


def _near_the_marks(lines: list[Line]) -> Iterator[Line]:
    near = {place + off for place, line in enumerate(lines) if line.mark for off in (-1, 0, 1)}
    gap = False
    for place, line in enumerate(lines):
        if place in near:
            yield line
        elif not gap:
            yield Line(0, "...")
        gap = place not in near
