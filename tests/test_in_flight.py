"""How many lanes are open at once, as text and as a picture."""

import asyncio

import pytest
from test_plotting import crowded, words

from course_lib.seeing import Lane, Timeline, in_flight, simulate, span


def open_lanes(*stretches: tuple[float, float], name: str = "page", virtual: bool = True) -> Timeline:
    lanes = [Lane(f"{name} {i}", start, end, ()) for i, (start, end) in enumerate(stretches)]
    return Timeline(lanes, max((end for _, end in stretches), default=0.0), virtual=virtual)


def drawn(text: str, title: str) -> str:
    """The digits of one row."""
    row = next(line for line in text.splitlines() if line.startswith(title))
    return row.removeprefix(title).partition("at most")[0].strip()


def test_the_text_counts_the_open_lanes_of_each_moment() -> None:
    """Lanes of 2, 4 and 1 seconds give a two while the first is open, and then a one."""
    text = str(in_flight({"pages": open_lanes((0, 2), (0, 4), (4, 5))}))
    assert drawn(text, "pages") == "2" * 10 + "1" * 15
    assert "at most 2, 1.4 on average" in text


def test_lanes_that_only_touch_are_not_together() -> None:
    """One lane ends where the next begins: never two."""
    text = str(in_flight({"pages": open_lanes((0, 1), (1, 2))}))
    assert set(drawn(text, "pages")) == {"1"}
    assert "at most 1, 1 on average" in text


def test_ten_or_more_are_a_plus() -> None:
    """One character a column is all there is."""
    assert set(drawn(str(in_flight({"pages": open_lanes(*[(0, 1)] * 12)})), "pages")) == {"+"}


def test_rows_share_one_axis() -> None:
    """A short recording under a long one is drawn to the same scale, and blank after its end."""
    text = str(in_flight({"long": open_lanes((0, 10)), "short": open_lanes((0, 5))}))
    assert (len(drawn(text, "long")), len(drawn(text, "short"))) == (20, 10)


def test_only_picks_lanes_by_name() -> None:
    """`only` keeps a recording's length and result, and the lanes whose name begins so."""

    async def main() -> str:
        with span("page 1"):
            await asyncio.sleep(1)
        with span("pause"):
            await asyncio.sleep(1)
        return "done"

    timeline = simulate(main).only("page")
    assert ([lane.name for lane in timeline], timeline.end, timeline.result) == (["page 1"], 2, "done")
    assert "at most 1, 0.5 on average" in str(in_flight({"pages": timeline}))


def test_measured_rows_have_no_average() -> None:
    """An average of measured times would differ from run to run."""
    text = str(in_flight({"pages": open_lanes((0, 0.5), (0, 1), virtual=False)}))
    assert "at most 2" in text
    assert "average" not in text


@pytest.mark.parametrize("rows", [1, 2, 5])
def test_nothing_overlaps_in_the_picture(rows: int) -> None:
    """Titles, axis and words have places of their own, also where a title is long and nothing was recorded."""
    timelines = {f"a title that goes on and on, number {i}": open_lanes((0, 3), (1, 2)) for i in range(rows)}
    timelines["nothing"] = open_lanes()
    figure = in_flight(timelines).draw()
    assert crowded(figure) == []
    assert "at most 2, 1.3 on average" in words(figure)


def test_no_timeline_is_refused_with_the_way_to_pass_one() -> None:
    """The message shows a call that works."""
    with pytest.raises(ValueError, match=r'rows is empty: pass one or more by title, in_flight\(\{"batches"'):
        in_flight({})
