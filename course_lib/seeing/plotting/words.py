"""How wide a text is, and how it is made to fit."""
# mypy: allow-untyped-calls
# (matplotlib's renderer has no types)

from bisect import bisect
from collections.abc import Container, Iterable, Sequence
from functools import lru_cache

from matplotlib.backends.backend_agg import RendererAgg
from matplotlib.font_manager import FontProperties, findfont, get_font

from course_lib.seeing.plotting.look import FONT, FONT_SIZE, SCALE

ELLIPSIS = "…"
NOT_IN_FONT = "\N{WHITE SQUARE}"


@lru_cache(maxsize=10_000)
def width(text: str, *, bold: bool = False) -> float:
    """Return how many pixels a line of text takes."""
    wide, _, _ = _renderer().get_text_width_height_descent(text, _font(bold=bold), ismath=False)
    return float(wide) / SCALE


def fit(text: str, most: float, *, bold: bool = False) -> str:
    """Put a text on one line, cut it to so many pixels, and put a box for each character the font does not have."""
    line = " ".join(text.split()) or "(no name)"
    line = "".join(char if ord(char) in _characters() else NOT_IN_FONT for char in line)
    if width(line, bold=bold) <= most:
        return line
    cuts = [line[:length].rstrip() + ELLIPSIS for length in range(len(line))]
    length = max(0, bisect(cuts, most, key=lambda cut: width(cut, bold=bold)) - 1)
    between = line.rfind(" ", 0, length + 1)  # between words, unless that costs half of what fits
    return cuts[between if between > length / 2 else length]


def column(texts: Iterable[str], allowed: tuple[float, float]) -> float:
    """Return how many pixels a column of texts takes, each cut to fit: at least and at most what is allowed."""
    least, most = allowed
    return max([least, *(width(fit(text, most)) for text in texts)])


def wrap(texts: Sequence[str], most: float, *, lines: int) -> list[str]:
    """Break texts into lines of so many pixels, and say where there are more lines than wanted."""
    broken = []
    for text in texts:
        line = ""
        for word in text.split():
            longer = f"{line} {word}".lstrip()
            if line and width(longer) > most:
                broken.append(line)
                longer = word
            line = longer
        broken.append(line)
    if len(broken) > lines:
        broken[lines - 1 :] = ["... print the timeline to read on"]
    return [fit(line, most) for line in broken]


@lru_cache
def _renderer() -> RendererAgg:
    return RendererAgg(1, 1, 96 * SCALE)


@lru_cache
def _font(*, bold: bool) -> FontProperties:
    return FontProperties(family=[FONT], weight="bold" if bold else "normal", size=FONT_SIZE)


@lru_cache
def _characters() -> Container[int]:
    return frozenset(get_font(findfont(_font(bold=False))).get_charmap())
