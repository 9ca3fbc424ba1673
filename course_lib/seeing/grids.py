"""Marks in rows and columns, such as who has done what; the text counts each column, and has a line for each row."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from course_lib.seeing.shown import Shown
from course_lib.seeing.timeline.text import WIDTH


class Fill(Enum):
    """How full a place of the grid is."""

    FULL = "full"
    PART = "part"
    EMPTY = "empty"


@dataclass(frozen=True)
class Mark:
    """What stands in a place of the grid: one character, on a ground that shows how full it is."""

    character: str
    fill: Fill


EMPTY = Mark(".", Fill.EMPTY)


@dataclass(frozen=True)
class Grid(Shown):
    """A grid of marks: print it for the text, end a notebook cell with it for the picture.

    head: what it shows, and any sentence more
    columns: the names of the columns, in groups, by the group's title; no two columns have one name
    rows: each row's name, and its marks by the column's name; where there is none the place is empty
    words: what each fill means
    key: what the marks mean
    """

    head: Sequence[str]
    columns: Mapping[str, Sequence[str]]
    rows: Sequence[tuple[str, Mapping[str, Mark]]]
    words: Mapping[Fill, str]
    key: str

    @property
    def alt(self) -> str:
        """What it shows, and how many places there are of each fill."""
        total: Counter[Fill] = sum((self.count(name) for names in self.columns.values() for name in names), Counter())
        counts = [f"{self.words[fill].capitalize()}: {total[fill]}." for fill in Fill if total]
        return " ".join([*self.head, *counts])

    def __str__(self) -> str:
        if not self.rows or not self.columns:
            return "\n".join(self.head)
        return "\n".join([*self.head, "", *self._counted(), *self._drawn()])

    def count(self, column: str) -> Counter[Fill]:
        """Return how many rows are full, in part and empty in a column."""
        return Counter(marks.get(column, EMPTY).fill for _, marks in self.rows)

    def _counted(self) -> Iterator[str]:
        wide = 2 + max(len(name) for names in self.columns.values() for name in names)
        heads = [f"  {self.words[fill]:>6}" for fill in Fill]
        yield " " * wide + "".join(heads)
        for title, names in self.columns.items():
            yield title
            for name in names:
                count = self.count(name)
                numbers = (f"{count[fill]:>{len(head)}}" for fill, head in zip(Fill, heads, strict=True))
                yield f"  {name:<{wide - 2}}{''.join(numbers)}"

    def _drawn(self) -> Iterator[str]:
        yield from ("", self.key)
        longest = max(len(name) for name, _ in self.rows)
        for band in bands(self.columns, WIDTH - longest, lambda title, names: max(len(title), len(names)) + 2):
            yield ""
            wide = {title: max(len(title), len(self.columns[title])) + 2 for title in band}
            yield "".join(f"{title:<{wide[title]}}" for title in band).rstrip()
            # The name comes last: how wide it is shown depends on its script, and then nothing need line up with it.
            for name, marks in self.rows:
                each = ("".join(marks.get(column, EMPTY).character for column in self.columns[t]) for t in band)
                yield "".join(f"{text:<{wide[t]}}" for t, text in zip(band, each, strict=True)) + name


def bands(
    columns: Mapping[str, Sequence[str]], most: float, wide: Callable[[str, Sequence[str]], float]
) -> list[list[str]]:
    """Share out groups of columns to bands, one under another, each as wide as there is room for, or one group.

    columns: the groups, by title
    most: how wide a band may be
    wide: tells how wide a group is, given its title and its columns' names
    """
    shared: list[list[str]] = []
    left = 0.0
    for title, names in columns.items():
        width = wide(title, names)
        if not shared or width > left:
            shared.append([])
            left = most
        shared[-1].append(title)
        left -= width
    return shared
