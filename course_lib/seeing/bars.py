"""Numbers by name as bars, the largest first, in one group or more; the text is a column of numbers for each group."""

from collections.abc import Sequence
from dataclasses import dataclass

from course_lib.seeing.shown import Shown
from course_lib.seeing.timeline import State
from course_lib.seeing.timeline.text import WIDTH


@dataclass(frozen=True)
class Group:
    """Some bars under one title: `values` by name, in `unit`; `state` gives them its colour.

    Only groups of one unit are drawn to one scale.
    """

    title: str
    unit: str
    values: dict[str, float]
    state: State = State.RUNNING

    def number(self, value: float) -> str:
        """Return a value as it is written beside its bar."""
        return f"{value:,.{0 if value >= 9.95 else 1}f} {self.unit}"


@dataclass(frozen=True)
class Bars(Shown):
    """Bars in groups: print it for the text, end a notebook cell with it for the picture."""

    head: str
    groups: Sequence[Group]

    def __str__(self) -> str:
        # What is measured stands behind a tilde, and no column's width is its own: notebooks are compared without it.
        lines = [self.head]
        for group in self.groups:
            lines += ["", group.title]
            numbers = [f"~{group.number(value)}" for value in group.values.values()]
            wide = len(f"~1.2 {group.unit}")
            for name, number in zip(group.values, numbers, strict=True):
                line = f"  {number:>{wide}}  {name}"
                lines.append(line if len(line) <= WIDTH else f"{line[: WIDTH - 3].rstrip()}...")
        return "\n".join(lines)
