"""Curves over a few measured points, in one panel or more over one axis; the text is a table for each panel."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from course_lib.seeing.shown import Shown

Series = Mapping[str, Mapping[float, float]]

UNITS = {"seconds": " s", "milliseconds": " ms", "megabytes": " MB"}
MOST = 5  # names of curves: so many looks can be told apart


@dataclass(frozen=True)
class Chart(Shown):
    """Curves by name: print it for the table, end a notebook cell with it for the picture."""

    panels: Mapping[str, Series]
    x: str
    log: bool
    measured: bool
    marks: Mapping[float, str] = field(default_factory=dict)

    def __str__(self) -> str:
        lines = [line for title, series in self.panels.items() for line in self._table(title, series)]
        return "\n".join([*lines, *(f"{name}: {x:,g} {self.x}" for x, name in self.marks.items())])

    def _table(self, title: str, series: Series) -> list[str]:
        # One panel after another, as in the picture: side by side they would be wider than a page.
        unit = UNITS.get(title.rpartition(" ")[2], "")
        rows = [[self.x, *series]]
        for x in self.points:
            rows.append([f"{x:,g}", *(self._cell(curve[x]) + unit if x in curve else "" for curve in series.values())])
        # Where numbers are measured, the column's width is not theirs: notebooks are compared without them.
        least = [0, *(len("~1.23e-05") + len(unit) if self.measured else 0 for _ in series)]
        widths = [max(few, *map(len, column)) for few, column in zip(least, zip(*rows, strict=True), strict=True)]
        table = ("  ".join(f"{cell:>{wide}}" for cell, wide in zip(row, widths, strict=True)).rstrip() for row in rows)
        return [title, *table]

    def _cell(self, value: float) -> str:
        # Behind a tilde, a number counts as measured, and differs from run to run.
        return f"{'~' if self.measured else ''}{value:,.3g}"

    @property
    def alt(self) -> str:
        """What is drawn over what, without the numbers."""
        panels = [f"{title}, with a curve for {', '.join(series)}" for title, series in self.panels.items()]
        marked = "".join(f" Marked: {name} at {x:,g}." for x, name in self.marks.items())
        return f"Chart over {self.x}. {'; '.join(panels)}.{marked}"

    @property
    def points(self) -> list[float]:
        """Every x at which a curve has a point, in order."""
        return sorted({x for series in self.panels.values() for curve in series.values() for x in curve})


def chart(
    panels: Mapping[str, Series],
    *,
    x: str,
    log: bool = False,
    measured: bool = True,
    marks: Mapping[float, str] | None = None,
) -> Chart:
    """Draw curves over one axis, in a panel for each quantity.

    Args:
        panels: by the quantity: the curves by name, at most five names in all, each a mapping from x to y. Where the
            quantity is, or ends in, "seconds", "milliseconds" or "megabytes", the unit stands in the table, too.
        x: what stands on the horizontal axis; its points are drawn at equal distances.
        log: whether the vertical axes are logarithmic.
        measured: whether the numbers come from a clock; the table then marks them with "~".
        marks: points of the horizontal axis that get a line, by their names.

    Raises ValueError when there is nothing to draw, there are too many names, log meets a y that is not above 0, or no
    curve has a point where a mark is.
    """
    curves = [(name, curve) for series in panels.values() for name, curve in series.items()]
    if not curves or not all(curve for _, curve in curves):
        raise ValueError(
            'panels holds nothing to draw: pass curves by name, {"seconds": {"threads": {10: 0.2, 100: 1.1}}}'
        )
    if len({name for name, _ in curves}) > MOST:
        raise ValueError(f"panels has {len({name for name, _ in curves})} names: pass {MOST} at most")
    if log and min(min(curve.values()) for _, curve in curves) <= 0:
        raise ValueError("log=True, but a y is not above 0: leave log out")
    points = {place for _, curve in curves for place in curve}
    if missing := [place for place in marks or {} if place not in points]:
        raise ValueError(f"marks has {missing[0]:g}, where no curve has a point: mark one of {sorted(points)}")
    return Chart({title: dict(series) for title, series in panels.items()}, x, log, measured, dict(marks or {}))
