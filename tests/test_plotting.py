"""The pictures of timelines, as a reader sees them: what is written where, in which colours, and always the same."""

import io
import os
import subprocess
import sys
from itertools import combinations
from pathlib import Path

import pytest
from make_pictures import SWIMLANE, swimlane
from matplotlib.axes import Axes
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox
from pictures import picture_in
from PIL import Image, ImageChops, ImageStat

from course_lib.seeing import (
    Lane,
    Outcome,
    Span,
    State,
    Timeline,
    chart,
    compare,
    describe,
    in_flight,
    link_graph,
)
from course_lib.seeing.plotting import draw, look, png

WAITING, RUNNING, BLOCKING = State
LONG = "a name that goes on and on, as names do that are made from an address"


def lanes(count: int, *, name: str = "fetch", error: str = "ValueError: no such page") -> list[Lane]:
    """Lanes of every outcome, each waiting and then in one of the three states."""
    made = []
    for i in range(count):
        start, outcome = i * 0.1, list(Outcome)[i % 4]
        spans = (Span(start, start + 0.5, WAITING), Span(start + 0.5, start + 1, list(State)[i % 3]))
        made.append(Lane(f"{name} {i}", start, start + 1, spans, outcome, error if outcome is Outcome.FAILED else ""))
    return made


def everything(count: int, **changes: str) -> Timeline:
    """A timeline with everything that can be drawn."""
    notes = [f"note {i}: {LONG * 3}" for i in range(4)]
    return Timeline(lanes(count, **changes), count * 0.1 + 1, virtual=True, blocks=[(0.5, 1), (0.8, 1.1)], notes=notes)


def texts(figure: Figure) -> list[Text]:
    """Every text that a reader sees."""
    found = [*figure.texts]
    for legend in figure.legends:
        found += legend.get_texts()
    for axes in figure.axes:
        found += axes.texts
        found += [tick.label1 for tick in axes.xaxis.get_major_ticks() if tick.label1.get_visible()]
    return [text for text in found if text.get_text()]


def words(figure: Figure) -> set[str]:
    return {text.get_text() for text in texts(figure)}


def crowded(figure: Figure) -> list[str]:
    """Say which texts leave the figure or overlap."""
    figure.draw_without_rendering()
    boxes = [(text.get_text(), text.get_window_extent()) for text in texts(figure)]
    width, height = figure.bbox.width, figure.bbox.height
    bad = [f"{name!r} leaves the figure" for name, box in boxes if not inside(box, width, height)]
    for (one, box), (other, beside) in combinations(boxes, 2):
        if box.x0 < beside.x1 and beside.x0 < box.x1 and box.y0 < beside.y1 and beside.y0 < box.y1:
            bad.append(f"{one!r} overlaps {other!r}")
    return bad


def inside(box: Bbox, width: float, height: float) -> bool:
    return bool(box.x0 >= 0 and box.y0 >= 0 and box.x1 <= width and box.y1 <= height)


@pytest.mark.parametrize("count", [0, 1, 5, 20, 50, 73])
def test_nothing_overlaps_or_leaves_the_figure(count: int) -> None:
    """From no lane to more than are drawn, every text has a place of its own."""
    assert crowded(draw(everything(count))) == []


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("", "0"),
        ("two\nlines\tand tabs", "two lines and tabs 0"),
        ("$x^2$ _a_", "$x^2$ _a_ 0"),
        ("\u8bf7\u6c42", "\u25a1\u25a1 0"),
        (LONG, "a name that goes on…"),
        ("W" * 200, "WWWWWWWWWWW…"),
    ],
)
def test_names_and_errors_of_any_kind_fit(name: str, shown: str) -> None:
    """Long names and errors are cut; line breaks, formulas and characters that the font lacks do no harm."""
    figure = draw(everything(9, name=name, error=f"ValueError: {name * 5}"))
    assert shown in words(figure)
    assert crowded(figure) == []


@pytest.mark.parametrize("end", [0, 1e-6, 0.05, 0.3, 7, 59.9, 3600, 1e6])
@pytest.mark.parametrize("virtual", [True, False])
def test_the_axis_is_legible_at_every_scale(end: float, virtual: bool) -> None:
    """From microseconds to days, there are two labels or more on the axis, and they do not touch."""
    timeline = Timeline([Lane("main", 0, end, (Span(0, end, WAITING),))], end, virtual)
    figure = draw(timeline)
    assert crowded(figure) == []
    assert len(figure.axes[0].get_xticks()) >= 2


def test_every_lane_is_named_and_says_when() -> None:
    """The figure names each lane, with its times and how it ended where it was not simply done."""
    said = words(draw(everything(4)))
    assert {"fetch 0", "fetch 1", "fetch 2", "fetch 3"} <= said
    assert {"0 to 1 s", "0.1 to 1.1 s, cancelled", "0.3 to 1.3 s, left running"} <= said
    assert any(word.startswith("0.2 to 1.2 s, ValueError: no su") for word in said)


def test_the_key_names_only_what_occurs() -> None:
    """A picture of tasks that wait and end explains these two signs and no others."""
    (legend,) = draw(Timeline([Lane("main", 0, 1, (Span(0, 1, WAITING),))], 1)).legends
    assert [text.get_text() for text in legend.get_texts()] == ["waiting", "done"]
    (legend,) = draw(everything(12)).legends
    assert [text.get_text() for text in legend.get_texts()] == [
        "waiting", "running", "blocking the loop", "done", "cancelled", "failed", "left running",
    ]  # fmt: skip


def test_more_than_fifty_lanes_are_counted_not_drawn() -> None:
    """Beyond 50 lanes the figure says how many it left out, and how they ended."""
    said = words(draw(Timeline(lanes(53), 7)))
    assert "fetch 49" in said and "fetch 50" not in said
    assert "and 3 more: 1 failed, 1 left running, 1 done" in said


def test_a_blocked_loop_is_labelled_once_for_each_stretch() -> None:
    """Blocks that follow one another are one stretch, labelled with its length."""
    said = words(draw(Timeline(lanes(2), 8, virtual=True, blocks=[(0, 1), (1, 3), (6, 7)])))
    assert {"loop blocked 3 s", "loop blocked 1 s"} <= said


def test_the_axis_says_which_clock() -> None:
    """Exact virtual seconds and measured ones are told apart."""
    assert "seconds (virtual time)" in words(draw(Timeline(lanes(1), 1, virtual=True)))
    said = words(draw(Timeline([Lane("main", 0, 1.23456, ())], 1.23456)))
    assert {"seconds (measured)", "0.00 to 1.23 s"} <= said


def drawn(timeline: Timeline, colour: str) -> int:
    """Count the pixels of a colour in the middle of the chart, where there are no words and no key."""
    image = Image.open(io.BytesIO(png(draw(timeline))[0])).convert("RGB")
    rows = look.PAD + look.ROW * len(timeline.lanes)
    chart = image.crop((300 * look.SCALE, 0, 640 * look.SCALE, rows * look.SCALE))
    wanted = [round(255 * part) for part in to_rgb(colour)]
    pixels = zip(*(chart.getchannel(band).tobytes() for band in "RGB"), strict=True)
    return sum(all(abs(one - other) <= 3 for one, other in zip(pixel, wanted, strict=True)) for pixel in pixels)


@pytest.mark.parametrize("outcome", Outcome)
def test_a_lane_of_no_length_can_be_seen(outcome: Outcome) -> None:
    """A task that ends at once still leaves its mark."""
    colour = look.ALARM if outcome is Outcome.FAILED else look.INK
    whole = Lane("main", 0, 1, ())
    assert drawn(Timeline([whole, Lane("brief", 0.5, 0.5, (), outcome)], 1), colour) > 40
    assert drawn(Timeline([whole, whole], 1), colour) == 0


def test_the_shortest_block_can_be_seen() -> None:
    """Ten milliseconds in an hour are too short to draw to scale, and are drawn; a step as short is not."""
    for state, seen in ((BLOCKING, True), (RUNNING, False)):
        spans = Span(0, 1800, WAITING), Span(1800, 1800.01, state), Span(1800.01, 3600, WAITING)
        pixels = drawn(Timeline([Lane("main", 0, 3600, spans)], 3600), look.COLOUR[state])
        assert (pixels >= 2 * look.ROW * look.HEIGHT[BLOCKING] * look.SCALE) == seen


def test_labels_of_blocks_give_way_to_one_another() -> None:
    """Of many short blocks as many are labelled as there is room for, and all have their band."""
    blocks = [(second / 4, second / 4 + 0.1) for second in range(32)]
    figure = draw(Timeline(lanes(3), 8, virtual=True, blocks=blocks))
    assert crowded(figure) == []
    assert 2 <= sum(text.get_text() == "loop blocked 0.1 s" for text in texts(figure)) < 32
    assert sum(patch.get_facecolor()[:3] == to_rgb(look.COLOUR[BLOCKING]) for patch in figure.axes[0].patches) == 32


# How red, green and blue are seen without one kind of cone, in linear light: Machado, Oliveira and Fernandes, "A
# Physiologically-based Model for Simulation of Color Vision Deficiency" (2009), at full severity.
SEEN = {
    "everyone": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "protanopia": ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998)),
    "deuteranopia": ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.01182, 0.04294, 0.968881)),
    "tritanopia": ((1.255528, -0.076749, -0.178779), (-0.078411, 0.930809, 0.147602), (0.004733, 0.691367, 0.3039)),
}
Triple = tuple[float, float, float]


def linear(colour: str) -> Triple:
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colour))
    return red, green, blue


def times(matrix: tuple[Triple, ...], vector: Triple) -> Triple:
    x, y, z = (min(1, max(0, sum(a * b for a, b in zip(row, vector, strict=True)))) for row in matrix)
    return x, y, z


def lab(seen: Triple) -> Triple:
    """CIE L*a*b*: distances in it are about as large as the difference that is seen; 2.3 is just noticed."""
    xyz = times(((0.4124, 0.3576, 0.1805), (0.2126, 0.7152, 0.0722), (0.0193, 0.1192, 0.9505)), seen)
    white = (0.9505, 1.0, 1.089)
    x, y, z = (c ** (1 / 3) if c > 0.008856 else 7.787 * c + 16 / 116 for c in map(lambda a, b: a / b, xyz, white))
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


def luminance(colour: str) -> float:
    return sum(a * b for a, b in zip((0.2126, 0.7152, 0.0722), linear(colour), strict=True))


def contrast(one: str, other: str) -> float:
    """The contrast ratio of WCAG 2, from 1 to 21."""
    low, high = sorted([luminance(one), luminance(other)])
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("kind", SEEN)
def test_states_differ_for_the_colour_blind(kind: str) -> None:
    """Any two states are twenty just noticeable differences apart or more, for everyone."""
    seen = {state: lab(times(SEEN[kind], linear(colour))) for state, colour in look.COLOUR.items()}
    for one, other in combinations(State, 2):
        distance = sum((a - b) ** 2 for a, b in zip(seen[one], seen[other], strict=True)) ** 0.5
        assert distance >= 46, f"{one} and {other}: {distance:.0f}"


def test_states_differ_in_grey_and_in_height() -> None:
    """Printed without colour, the states still differ: in brightness by two to one, and in height."""
    for one, other in combinations(State, 2):
        assert contrast(look.COLOUR[one], look.COLOUR[other]) >= 2
        assert look.HEIGHT[one] != look.HEIGHT[other]


def test_words_and_outlines_stand_out_from_the_paper() -> None:
    """Text has the contrast that WCAG asks of text (4.5), outlines and bars that of graphics (3)."""
    for colour in (look.INK, look.MUTED, look.ALARM):
        assert contrast(colour, look.PAPER) >= 4.5
    for colour in (look.EDGE, look.COLOUR[RUNNING], look.COLOUR[BLOCKING]):
        assert contrast(colour, look.PAPER) >= 3


def test_letters_are_ten_points_and_the_paper_is_opaque() -> None:
    """The picture is legible on a projector and on a dark page: no letter is small, no pixel transparent."""
    assert min(float(text.get_fontsize()) for text in texts(draw(everything(12)))) >= 10
    image = Image.open(io.BytesIO(png(draw(everything(12)))[0]))
    assert "transparency" not in image.info and image.convert("RGBA").getchannel("A").getextrema() == (255, 255)


def test_a_picture_has_twice_the_pixels_of_its_size() -> None:
    """The PNG is shown at half its size, so that it is crisp."""
    data, size = png(draw(everything(5)))
    assert Image.open(io.BytesIO(data)).size == (2 * size["width"], 2 * size["height"])


HOSTILE = {
    "backend": "svg", "figure.dpi": 30, "savefig.dpi": 20, "savefig.bbox": "tight", "savefig.transparent": True,
    "font.family": "monospace", "font.size": 30, "axes.facecolor": "black", "axes.grid.axis": "y", "text.color": "red",
    "figure.constrained_layout.use": True, "axes.xmargin": 0.4, "hatch.linewidth": 9, "legend.fontsize": 40,
    "lines.linewidth": 9, "xtick.labelsize": 50, "axes.unicode_minus": False, "path.sketch": "9, 9, 9",
}  # fmt: skip
PRINT = """
import hashlib, sys
sys.path[:0] = [r"{tests}"]
from test_plotting import draw, everything, png
print(hashlib.sha256(png(draw(everything(7)))[0]).hexdigest())
"""


def digest(folder: Path, settings: dict[str, object]) -> str:
    (folder / "matplotlibrc").write_text("".join(f"{key}: {value}\n" for key, value in settings.items()))
    environment = os.environ | {"MATPLOTLIBRC": str(folder)}
    code = PRINT.format(tests=Path(__file__).parent)
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    return done.stdout


def test_the_same_bytes_whatever_the_settings(tmp_path: Path) -> None:
    """Two processes, one with a matplotlibrc that changes everything, draw the same bytes."""
    assert digest(tmp_path, {}) == digest(tmp_path, HOSTILE)


def test_drawing_leaves_no_trace_in_matplotlib() -> None:
    """The user's settings are as they were, pyplot is not even imported, no figure is left open, nothing warns."""
    code = """
import sys, matplotlib
matplotlib.rcParams["font.size"] = 33
before = {key: matplotlib.rcParams._get(key) for key in matplotlib.rcParams}
from course_lib.seeing import Timeline
from course_lib.seeing.plotting import draw, png
png(draw(Timeline()))
draw(Timeline())
assert before == {key: matplotlib.rcParams._get(key) for key in matplotlib.rcParams}
assert "matplotlib.pyplot" not in sys.modules
"""
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)


def test_a_timeline_can_be_drawn_into_axes_of_ones_own() -> None:
    """Given axes, the lanes are drawn there and the rest of the figure is left alone."""
    figure = Figure(figsize=(8, 4))
    axes: Axes = figure.add_axes((0.2, 0.5, 0.4, 0.4))
    assert draw(everything(3), axes) is figure
    assert {"fetch 0", "fetch 1", "fetch 2"} <= words(figure)
    assert figure.axes == [axes] and not figure.legends


def test_timelines_are_compared_on_one_axis() -> None:
    """Each is titled with its total, and a second is as long in each: in the picture and in the text."""
    one = Timeline([Lane("main", 0, 8, (Span(0, 8, WAITING),))], 8, virtual=True)
    other = Timeline([Lane("main", 0, 2, (Span(0, 2, WAITING),))], 2, virtual=True)
    comparison = compare({"one by one": one, "together": other})
    assert (
        f"{comparison}\n"
        == """\
one by one
seconds  0       2       4       6       8
         |       |       |       |       |
main     --------------------------------|  0 to 8 s
key: - waiting  | done

together
seconds  0       2       4       6       8
         |       |       |       |       |
main     --------|                          0 to 2 s
key: - waiting  | done
"""
    )
    assert comparison._repr_mimebundle_()[0]["text/plain"] == str(comparison)
    figure = comparison.draw()
    assert {"one by one", "8 s", "together", "2 s"} <= words(figure)
    assert {axes.get_xlim() for axes in figure.axes} == {(0, 8)}
    assert crowded(figure) == []


def test_a_comparison_takes_the_coarsest_tick() -> None:
    """Recorded timelines keep their own resolution, so that their text is the same on a busy machine."""
    fine, coarse = Timeline(lanes(1), 1, tick=0.1), Timeline(lanes(1), 1, tick=0.5)
    assert str(compare({"a": fine, "b": coarse})) == str(compare({"a": fine, "b": coarse}, tick=0.5))


@pytest.mark.parametrize("count", [2, 3])
def test_a_comparison_is_never_crowded(count: int) -> None:
    """Long titles and many lanes fit in a comparison, too."""
    timelines = {f"{i} {LONG * 2}": everything(12) for i in range(count)}
    assert crowded(compare(timelines).draw()) == []


def test_every_word_of_a_picture_can_be_read() -> None:
    """Letters have a contrast of 4.5 : 1 or more against the paper, also those in the colours of curves."""
    curves = {name: {1: place, 2: place + 1} for place, name in enumerate("abcde", start=1)}
    figures = [
        everything(12).draw(),
        chart({"seconds": curves}, x="calls").draw(),
        in_flight({"all": everything(5)}).draw(),
        link_graph({"task": ["loop"], "loop": ["task"]}).draw(),
    ]
    seen = {to_hex(text.get_color()) for figure in figures for text in figure.findobj(Text) if text.get_text()}
    assert len(seen) >= 7
    assert {
        colour: round(contrast(colour, look.PAPER), 1) for colour in seen if contrast(colour, look.PAPER) < 4.5
    } == {}


def test_an_empty_comparison_says_what_to_pass() -> None:
    """With no timelines there is no axis: the error shows the call."""
    with pytest.raises(ValueError, match=r'timelines is empty: pass one or more by title, compare\(\{"one by one": a'):
        compare({})


def test_the_readme_picture_is_what_the_course_draws() -> None:
    """data/swimlane.png can be made again: the same size, and the same to the eye on any machine."""
    saved, drawn = (
        Image.open(io.BytesIO(data)).convert("RGB") for data in (SWIMLANE.read_bytes(), png(swimlane().draw())[0])
    )
    assert saved.size == drawn.size
    assert max(ImageStat.Stat(ImageChops.difference(saved, drawn)).mean) < 1
    assert SWIMLANE.stat().st_size < 100_000


def test_a_described_timeline_has_its_picture_and_the_words() -> None:
    """Where the measured text would differ from run to run, the author's words are its text."""
    shown = describe(everything(5), "five lanes take turns")
    data, _ = shown._repr_mimebundle_()
    assert (str(shown), data["text/plain"]) == ("five lanes take turns", "five lanes take turns")
    assert picture_in(data["text/html"]) == png(draw(everything(5)))[0]
    with pytest.raises(ValueError, match=r"words is empty: say what is seen, describe\(timeline"):
        describe(everything(5), " ")
