"""Curves over measured points, as a table and as a picture."""

import pytest
from test_plotting import crowded, words

from course_lib.seeing import chart

WAITS = {
    "seconds": {"threads": {1: 0.1, 100: 0.12, 5_000: 2.94}, "asyncio": {1: 0.1, 100: 0.101, 5_000: 0.31}},
    "megabytes": {"threads": {100: 3.0, 5_000: 151.2}, "asyncio": {100: 0.1, 5_000: 4.6}},
}


def test_the_text_is_a_table_for_each_panel() -> None:
    """A table a panel: a row for each x, a column for each curve, what is measured behind a tilde, gaps empty."""
    assert str(chart(WAITS, x="waits at once")).splitlines() == [
        "seconds",
        "waits at once      threads      asyncio",
        "            1       ~0.1 s       ~0.1 s",
        "          100      ~0.12 s     ~0.101 s",
        "        5,000      ~2.94 s      ~0.31 s",
        "megabytes",
        "waits at once       threads       asyncio",
        "            1",
        "          100         ~3 MB       ~0.1 MB",
        "        5,000       ~151 MB       ~4.6 MB",
    ]


@pytest.mark.parametrize("seconds", [3.0, 0.0000123, 0.101, 1230.0])
def test_the_table_has_one_form_whatever_was_measured(seconds: float) -> None:
    """Heads stand where they stand, and lines are as long, however many digits a measured number has."""
    lines = str(chart({"seconds": {"hit": {10: seconds}}}, x="percentile")).splitlines()
    assert lines[1] == "percentile          hit"
    assert len(lines[2]) == len(lines[1])


def test_exact_numbers_have_no_tilde() -> None:
    """Those of a virtual clock are compared as they are."""
    assert "~" not in str(chart({"s": {"pool": {1: 64, 2: 32}}}, x="connections", measured=False))


def test_a_point_may_be_marked():
    """A mark has a line in each panel, is said in the text and to a screen reader, and stands where a point is."""
    curves = {"pool": {1: 64.0, 2: 32.0}}
    marked = chart({"s": curves, "MB": curves}, x="connections", measured=False, marks={2: "knee"})
    assert str(marked).splitlines()[-1] == "knee: 2 connections"
    assert marked.alt.endswith("Marked: knee at 2.")
    assert [[text.get_text() for text in axes.texts].count("knee") for axes in marked.draw().axes] == [1, 1]
    with pytest.raises(ValueError, match=r"marks has 3, where no curve has a point: mark one of \[1, 2\]"):
        chart({"s": curves}, x="connections", marks={3: "knee"})


def test_numbers_beside_a_panel_are_round():
    """No tick stands at 2.5 or 12.5."""
    (axes,) = chart({"s": {"pool": {1: 0.5, 2: 16}}}, x="connections").draw().axes
    assert all(tick == round(tick) for tick in axes.get_yticks())


@pytest.mark.parametrize("log", [False, True])
def test_nothing_overlaps_in_the_picture(log: bool) -> None:
    """Curves that end at one place have their names under one another, and each panel its title."""
    names = {f"a model with a long name, number {n}": {1: 1.0, 10: 1.0 + n / 1000} for n in range(5)}
    figure = chart({"seconds": names, "MB": names}, x="calls at once", log=log).draw()
    assert crowded(figure) == []
    assert {"seconds", "MB", "calls at once"} <= words(figure)


def test_a_single_point_is_drawn() -> None:
    """One x, one curve: a picture with its name."""
    figure = chart({"ms": {"hit": {50: 0.4}}}, x="percentile").draw()
    assert crowded(figure) == []
    assert "hit" in words(figure)


@pytest.mark.parametrize(
    ("panels", "log", "hint"),
    [
        ({}, False, r'panels holds nothing to draw: pass curves by name, \{"seconds"'),
        ({"s": {"a": {}}}, False, "panels holds nothing to draw"),
        ({"s": {str(n): {1: 1.0} for n in range(6)}}, False, "panels has 6 names: pass 5 at most"),
        ({"s": {"a": {1: 0.0}}}, True, "log=True, but a y is not above 0: leave log out"),
    ],
)
def test_what_cannot_be_drawn_is_refused(
    panels: dict[str, dict[str, dict[float, float]]], log: bool, hint: str
) -> None:
    """The message says what to pass instead."""
    with pytest.raises(ValueError, match=hint):
        chart(panels, x="n", log=log)


@pytest.mark.parametrize("top", [0.2, 0.6, 6.0, 600.0])
def test_a_logarithmic_axis_has_numbers_to_read_it_by(top: float) -> None:
    """Over a short way, too, at least two numbers stand beside a logarithmic axis."""
    (axes,) = chart({"seconds": {"a": {1: 0.09, 2: top}}}, x="n", log=True).draw().axes
    low, high = axes.get_ylim()
    assert len([tick for tick in axes.get_yticks() if low <= tick <= high]) >= 2
