"""What a notebook shows of a picture: an image that can be heard, and its whole text below it."""

import asyncio
import html
import io
import re
from typing import Any

import pytest
from pictures import alt_in, picture_in
from PIL import Image

from course_lib.seeing import (
    Lane,
    Outcome,
    Span,
    State,
    Timeline,
    chart,
    compare,
    describe,
    every_order,
    in_flight,
    link_graph,
    steps,
)
from course_lib.seeing.shown import as_html
from course_lib.seeing.timeline.model import Gauge

WAITING, RUNNING, BLOCKING = State


def lanes(*names: str) -> list[Lane]:
    """A lane of a second for each name, one after another."""
    return [Lane(name, at, at + 1, (Span(at, at + 1, WAITING),)) for at, name in enumerate(names)]


def two() -> Timeline:
    return Timeline(lanes("fetch 1", "fetch 2"), 2, virtual=True)


async def both() -> None:
    await asyncio.sleep(1)


def page_of(shown: Any) -> str:
    return str(shown._repr_mimebundle_()[0]["text/html"])


def test_a_picture_is_shown_at_half_its_pixels_with_its_text_folded_below() -> None:
    """The HTML has the picture, crisp, with a size that keeps the page still, and all of the text behind a fold."""
    page = page_of(two())
    (width, height) = map(int, re.findall(r'(?:width|height)="(\d+)"', page))
    assert Image.open(io.BytesIO(picture_in(page))).size == (2 * width, 2 * height)
    folded = page.partition("<details><summary>The same as text</summary><pre>")[2].removesuffix("</pre></details>")
    assert html.unescape(folded) == str(two())


SPOKEN = {
    "a swimlane": (two(), "Swimlane: fetch 1 0 to 1 s; fetch 2 1 to 2 s."),
    "a blocked loop, and a failure": (
        Timeline(
            [Lane("main", 0, 3, (Span(0, 2, BLOCKING), Span(2, 3, WAITING)), Outcome.FAILED, "OSError: no")],
            3,
            virtual=True,
            blocks=[(0, 2)],
        ),
        "Swimlane: the loop blocked for 2 s; main 0 to 3 s, failed, blocked 2 s.",
    ),
    "many lanes": (
        Timeline(lanes(*"abcdefg"), 7, virtual=True, gauges={"queue": Gauge(((0, 1), (1, 4)))}),
        "Swimlane: a 0 to 1 s; b 1 to 2 s; c 2 to 3 s; d 3 to 4 s; e 4 to 5 s; and 2 more lanes; queue at most 4.",
    ),
    "nothing": (Timeline(), "Swimlane: no task was made and no span named."),
    "a comparison": (
        compare({"together": two(), "alone": Timeline(lanes("main"), 1, virtual=True)}),
        "2 swimlanes on one time axis. together, 2 lanes, to 2 s; alone, one lane, to 1 s.",
    ),
    "an author's words": (describe(two(), "two threads\ntake turns"), "Swimlane: two threads take turns"),
    "how many at once": (
        in_flight({"batches": two()}),
        "How many are in flight over time. batches: at most 1, 1 on average.",
    ),
    "a chart": (
        chart({"seconds": {"threads": {1: 0.5, 2: 0.6}, "asyncio": {1: 0.4}}}, x="calls"),
        "Chart over calls. seconds, with a curve for threads, asyncio.",
    ),
    "a graph": (
        link_graph({"task": ["loop"], "loop": ["task"], "lag": ["loop"]}),
        "Graph of 3 pages, 3 links between them; most link to loop, task, lag.",
    ),
    "a step": (steps(both)[0], "The beginning of 2 steps. Nothing has run yet: the lines that run will stand here."),
    "every order": (
        every_order(both),
        "Orders in which waits may end. one order: 1 outcome. in 1 of 1 orders: returned None.",
    ),
}


@pytest.mark.parametrize(("shown", "words"), SPOKEN.values(), ids=SPOKEN)
def test_a_picture_says_what_it_shows(shown: Any, words: str) -> None:
    """A screen reader says, in a line or two, what whoever sees the picture sees first."""
    assert shown.alt == words
    assert alt_in(page_of(shown)) == words


def test_measured_times_are_said_as_exactly_as_they_are_drawn() -> None:
    """A busy machine gives the same words: they are compared on every run, as the text is."""
    late = Timeline([Lane("fetch", 0.003, 0.617, (Span(0.003, 0.617, WAITING),))], 0.62, tick=0.3)
    assert late.alt == "Swimlane: fetch 0 to 0.6 s."
    assert compare({"late": late}).alt == "one swimlane on one time axis. late, one lane, to 0.6 s."


def test_names_that_look_like_html_stay_names() -> None:
    """Quotes, brackets and line ends in a lane's name end neither the attribute nor the fold."""
    odd = Timeline(lanes('"><b>\nx</pre>'), 1, virtual=True)
    page = page_of(odd)
    assert alt_in(page) == 'Swimlane: "><b> x</pre> 0 to 1 s.'
    assert page.count("</pre>") == 1 and "<b>" not in page


def test_a_picture_as_html_stays_within_its_image() -> None:
    """Nothing but the image, the fold and its text is written, so that JupyterLab's sanitizer takes nothing away."""
    page = as_html(b"png", {"width": 2, "height": 1}, "words", "text")
    assert re.findall(r"<(\w+)", page) == ["img", "details", "summary", "pre"]
