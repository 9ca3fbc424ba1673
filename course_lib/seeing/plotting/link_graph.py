"""Pages and their links: near one another what is linked, large what is linked to often."""
# mypy: allow-untyped-calls
# (matplotlib's canvas has no types)

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from course_lib.seeing.links import LinkGraph, most_popular
from course_lib.seeing.plotting.drawing import draw
from course_lib.seeing.plotting.look import COLOUR, EDGE, INK, LINE, MUTED, PAD, PAPER, WIDTH, our_style
from course_lib.seeing.plotting.sheet import sheet
from course_lib.seeing.plotting.words import fit, width
from course_lib.seeing.timeline.model import State

HEIGHT = 560
LABELS = 24  # pages named in the picture, those that most others link to
LONGEST = 180  # pixels of a label
MARGIN = 60

Points = np.ndarray[tuple[int, int], np.dtype[np.float64]]
Box = tuple[float, float, float, float]  # left, right, bottom, top


@draw.register
def draw_link_graph(shown: LinkGraph) -> Figure:
    """Draw pages as dots and links as lines, and name the most popular pages."""
    pages, popular = sorted(shown.links), shown.linked_from  # sorted: the same picture for links in any order
    places = _fitted(_layout([[pages.index(target) for target in shown.links[page]] for page in pages]))
    at = dict(zip(pages, places.tolist(), strict=True))
    with our_style():
        figure, _ = sheet(HEIGHT)
        axes = figure.add_axes((0, 0, 1, 1))
        axes.set(xlim=(0, WIDTH), ylim=(0, HEIGHT))
        axes.axis("off")
        lines = [(at[page], at[target]) for page, targets in shown.links.items() for target in targets]
        axes.add_collection(LineCollection(lines, colors=EDGE, linewidths=0.6, alpha=0.35, zorder=1))
        axes.scatter(
            places[:, 0], places[:, 1], s=[_diameter(popular[page]) ** 2 for page in pages], zorder=2,
            facecolor=COLOUR[State.RUNNING], edgecolor=PAPER, linewidth=0.8,
        )  # fmt: skip
        look: dict[str, Any] = {"ha": "center", "va": "center_baseline", "parse_math": False, "zorder": 3}
        for text, x, y in _labels(at, popular):
            # The paper round the letters keeps them legible over the lines.
            halo = {"facecolor": PAPER, "edgecolor": "none", "alpha": 0.75, "pad": 1}
            axes.text(x, y, text, color=INK, bbox=halo, **look)
        about = "the larger a dot, the more pages link to it; a link pulls its two pages together"
        axes.text(WIDTH / 2, PAD, about, color=MUTED, **look)
    return figure


def _diameter(linked_from: int) -> float:
    """Return how wide a dot is, in points: its area tells the number of links."""
    return float((14 + 9 * linked_from) ** 0.5)


def _layout(links: Sequence[Sequence[int]]) -> Points:
    """Place each node near those it is linked with and away from all others (Fruchterman and Reingold, 1991)."""
    count = len(links)
    angles = np.arange(count) * (np.pi * (3 - np.sqrt(5)))  # a sunflower's: even, and the same every time
    places: Points = np.sqrt((np.arange(count) + 0.5) / count)[:, None] * np.column_stack(
        [np.cos(angles), np.sin(angles)]
    )
    linked = np.zeros((count, count))
    for node, targets in enumerate(links):
        for target in targets:
            linked[node, target] = linked[target, node] = 1
    ideal = 1.6 / np.sqrt(count)
    for step in np.linspace(0.15, 0.002, 300):  # the heat: how far a node may move; it cools down
        apart = places[:, None] - places[None]
        distance = np.maximum(np.linalg.norm(apart, axis=-1), 1e-3)
        force = ideal**2 / distance**2 - linked * distance / ideal / 4
        move = (apart * force[..., None]).sum(axis=1) - places * 0.4  # and a little towards the middle, all of them
        length = np.maximum(np.linalg.norm(move, axis=-1, keepdims=True), 1e-9)
        places = places + move / length * np.minimum(length, step)
    return places


def _fitted(places: Points) -> Points:
    """Spread places over the picture, in its pixels."""
    low, high = places.min(axis=0), places.max(axis=0)
    room = np.array([WIDTH - 2 * MARGIN, HEIGHT - 2 * MARGIN])
    fitted: Points = np.array([MARGIN, MARGIN + LINE / 2]) + (places - low) / np.maximum(high - low, 1e-9) * room
    return fitted


def _labels(at: Mapping[str, Sequence[float]], popular: Counter[str]) -> Iterable[tuple[str, float, float]]:
    """Find a place beside its dot for the label of each popular page, where there is one that nothing else takes."""
    taken: list[Box] = [(0, WIDTH, 0, PAD + LINE)]
    radius = {page: _diameter(popular[page]) * 96 / 72 / 2 for page in at}
    taken += [(x - radius[page], x + radius[page], y - radius[page], y + radius[page]) for page, (x, y) in at.items()]
    for page, _ in most_popular(popular)[:LABELS]:
        text, (x, y) = fit(page, LONGEST), at[page]
        half = width(text) / 2 + 2
        for middle in _around(x, y, half, radius[page] + 3):
            box = (middle[0] - half, middle[0] + half, middle[1] - LINE / 2, middle[1] + LINE / 2)
            inside = box[0] >= 0 and box[1] <= WIDTH and box[2] >= 0 and box[3] <= HEIGHT
            if inside and not any(_overlap(box, other) for other in taken):
                taken.append(box)
                yield text, *middle
                break


def _around(x: float, y: float, half: float, off: float) -> Iterable[tuple[float, float]]:
    """Give the middles of places for a label: right, left, above and below, then the corners; then farther off."""
    for away in (off, off + LINE):
        wide, high = away + half, away + LINE / 2
        yield from [(x + wide, y), (x - wide, y), (x, y + high), (x, y - high)]
        wide, high = 0.7 * away + half, 0.7 * away + LINE / 2  # a corner is as far from the dot as a side
        yield from [(x + wide, y + high), (x - wide, y + high), (x + wide, y - high), (x - wide, y - high)]


def _overlap(one: Box, other: Box) -> bool:
    return one[0] < other[1] and other[0] < one[1] and one[2] < other[3] and other[2] < one[3]
