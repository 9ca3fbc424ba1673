"""Numbers by name as bars, in groups under one another."""
# mypy: allow-untyped-calls
# (matplotlib's canvas has no types)

from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from course_lib.seeing.bars import Bars
from course_lib.seeing.plotting.drawing import draw
from course_lib.seeing.plotting.look import GAP, INK, LINE, MUTED, PAD, ROW, WIDTH, bar, our_style
from course_lib.seeing.plotting.sheet import sheet
from course_lib.seeing.plotting.words import fit, width

CHART = 230  # pixels of the longest bar
HIGH = 13  # of each


@draw.register
def draw_bars(shown: Bars) -> Figure:
    """Draw a row for each number: its bar, the number, the name. Bars of one unit have one scale."""
    rows = sum(len(group.values) for group in shown.groups)
    height = 2 * PAD + LINE + len(shown.groups) * (GAP + LINE) + rows * ROW
    most: dict[str, float] = {}
    for group in shown.groups:
        most[group.unit] = max([most.get(group.unit, 0.0), *group.values.values()])
    numbers = [group.number(value) for group in shown.groups for value in group.values.values()]
    names = PAD + CHART + GAP + max([0.0, *map(width, numbers)]) + GAP
    with our_style():
        figure, write = sheet(height)
        write(PAD, PAD + LINE / 2, fit(shown.head, WIDTH - 2 * PAD), color=MUTED)
        top = float(PAD + LINE)
        for group in shown.groups:
            write(PAD, top + GAP + LINE / 2, group.title, weight="bold", color=INK)
            top += GAP + LINE
            for name, value in group.values.items():
                long = CHART * value / (most[group.unit] or 1)
                corner = PAD / WIDTH, 1 - (top + (ROW + HIGH) / 2) / height
                look = bar(group.state)
                figure.add_artist(Rectangle(corner, long / WIDTH, HIGH / height, **look))
                write(PAD + long + GAP / 2, top + ROW / 2, group.number(value), color=INK)
                write(names, top + ROW / 2, fit(name, WIDTH - names - PAD), color=INK)
                top += ROW
    return figure
