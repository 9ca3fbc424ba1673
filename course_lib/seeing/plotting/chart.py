"""Curves over a few measured points, in one panel or more over one axis; the text is a table of the same numbers."""
# mypy: allow-untyped-calls
# (matplotlib's canvas has no types)

from typing import Any

from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

from course_lib.seeing.charts import Chart
from course_lib.seeing.plotting.drawing import draw
from course_lib.seeing.plotting.look import GAP, GRID, INK, LINE, MUTED, PAD, PAPER, WIDTH, our_style
from course_lib.seeing.plotting.sheet import sheet
from course_lib.seeing.plotting.words import fit, width

HEIGHT = 190  # pixels of a panel
LEFT = 64  # of the numbers beside it
LONGEST = 170  # of a name
# Colour, marker and dashes all differ, so that no reader depends on the colours (Okabe and Ito's, but the black).
STYLES: tuple[dict[str, Any], ...] = (
    {"color": "#0b4a7d", "marker": "o", "linestyle": "-"},
    {"color": "#e8620c", "marker": "s", "linestyle": "--"},
    {"color": "#009e73", "marker": "^", "linestyle": "-."},
    {"color": "#cc79a7", "marker": "D", "linestyle": ":"},
    {"color": "#556270", "marker": "v", "linestyle": (0, (5, 1, 1, 1, 1, 1))},
)
# A line may be as bright as orange is; letters need 4.5 : 1 against the paper.
LETTERS = {"#e8620c": "#b84a05", "#009e73": "#00785a", "#cc79a7": "#a84a80"}


@draw.register
def draw_chart(shown: Chart) -> Figure:
    """Draw a panel for each quantity, and the curves' names beside their ends."""
    names = list(dict.fromkeys(name for series in shown.panels.values() for name in series))
    style = dict(zip(names, STYLES, strict=False))
    right = GAP + max(width(fit(name, LONGEST, bold=True), bold=True) for name in names) + PAD
    chart = WIDTH - PAD - LEFT - right
    above = PAD + len(shown.panels) * (LINE + GAP / 2 + HEIGHT + GAP)
    height = above + 2 * LINE + PAD
    points = shown.points
    with our_style():
        figure, _ = sheet(height)
        top: float = PAD
        for place, (title, series) in enumerate(shown.panels.items()):
            figure.text((PAD + LEFT) / WIDTH, 1 - (top + LINE / 2) / height, title, weight="bold", va="center_baseline")
            bottom = top + LINE + GAP / 2 + HEIGHT
            box = ((PAD + LEFT) / WIDTH, 1 - bottom / height, chart / WIDTH, HEIGHT / height)
            axes = figure.add_axes(box)
            axes.set_facecolor(PAPER)
            for name, curve in series.items():
                places = [points.index(x) for x in curve]
                axes.plot(places, list(curve.values()), **style[name], markersize=5, linewidth=1.8, clip_on=False)
            _set_axes(axes, points, log=shown.log)
            axes.tick_params(labelbottom=place == len(shown.panels) - 1)
            for x, name in shown.marks.items():
                axes.axvline(points.index(x), color=INK, linewidth=1.2, linestyle=(0, (2, 2)), zorder=1.5)
                beside: dict[str, Any] = {"xytext": (6, -LINE / 2), "textcoords": "offset pixels"}
                end = (points.index(x), 1)
                axes.annotate(name, end, xycoords=("data", "axes fraction"), va="center_baseline", **beside)
            ends: dict[str, Any] = {"transform": axes.transAxes, "va": "center_baseline", "parse_math": False}
            for y, name in _spread([(curve[max(curve)], name) for name, curve in series.items()], axes):
                text = fit(name, LONGEST, bold=True)
                colour = style[name]["color"]
                axes.text(1 + GAP / chart, y, text, color=LETTERS.get(colour, colour), weight="bold", **ends)
            top = bottom + GAP
        middle = (PAD + LEFT + chart / 2) / WIDTH
        figure.text(middle, (PAD + LINE / 2) / height, shown.x, color=MUTED, ha="center", va="center_baseline")
    return figure


def _set_axes(axes: Any, points: list[float], *, log: bool) -> None:
    if log:
        low, high = axes.dataLim.intervaly
        axes.set_yscale("log")
        # Over a short way, powers of ten alone would leave a number or none.
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if high < 50 * low else (1,)))
        axes.yaxis.set_minor_locator(NullLocator())
    else:
        axes.set_ylim(bottom=0)
        axes.yaxis.set_major_locator(MaxNLocator("auto", steps=[1, 2, 5, 10]))  # 2.5, 7.5 and 12.5 are hard to read
    # At equal distances: 1, 10, 100 and 1,000 would else need a scale of their own, and 1, 2, 4 and 32 another.
    axes.set_xticks(range(len(points)), [f"{x:,g}" for x in points])
    axes.set_xlim(-0.3, len(points) - 0.7)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.6g}"))
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(GRID)
    axes.tick_params(length=0, pad=6, labelcolor=INK)
    axes.grid(color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)


def _spread(ends: list[tuple[float, str]], axes: Any) -> list[tuple[float, str]]:
    """Return where the curves' names stand beside their ends, as shares of the axes' height, none over another."""
    to_share = axes.transAxes.inverted()
    places = sorted((to_share.transform(axes.transData.transform((1, y)))[1], name) for y, name in ends)
    step, spread = LINE / HEIGHT, list[tuple[float, str]]()
    for place, name in places:
        spread.append((max(place, spread[-1][0] + step) if spread else place, name))
    over = max(0.0, spread[-1][0] - 1) if spread else 0.0
    return [(place - over, name) for place, name in spread]
