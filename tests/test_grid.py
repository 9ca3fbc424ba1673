"""Marks in rows and columns, as a text and as a picture."""

import pytest
from test_plotting import crowded, words

from course_lib.seeing import Fill, Grid, Mark

PASSED, TRIED = Mark("#", Fill.FULL), Mark("3", Fill.PART)
WORDS = {Fill.FULL: "passed", Fill.PART: "tried", Fill.EMPTY: "not begun"}
COLUMNS = {"Lesson 1": ["load", "order"], "Lesson 4a": ["crawl"]}


def grid(*rows: tuple[str, dict[str, Mark]], columns: dict[str, list[str]] = COLUMNS) -> Grid:
    """A grid of these rows."""
    return Grid(["Two share."], columns, rows, WORDS, "what marks mean")


def test_the_text_counts_each_column_and_has_a_line_for_each_row() -> None:
    """First how many are full, in part and empty, by column; then the marks, the row's name after them."""
    assert str(grid(("Ann", {"load": PASSED, "crawl": TRIED}), ("Ben", {"load": PASSED}))).splitlines() == [
        "Two share.",
        "",
        "         passed   tried  not begun",
        "Lesson 1",
        "  load        2       0          0",
        "  order       0       0          2",
        "Lesson 4a",
        "  crawl       0       1          1",
        "",
        "what marks mean",
        "",
        "Lesson 1  Lesson 4a",
        "#.        3          Ann",
        "#.        .          Ben",
    ]


def test_without_rows_the_text_is_its_head() -> None:
    """Nothing is counted where nobody is; the picture says the same."""
    assert str(grid()) == grid().alt == "Two share."
    assert words(grid().draw()) == {"Two share."}


def test_the_alternative_text_tells_how_many_of_each() -> None:
    """A screen reader says the head and three numbers."""
    shown = grid(("Ann", {"load": PASSED, "crawl": TRIED}))
    assert shown.alt == "Two share. Passed: 1. Tried: 1. Not begun: 1."


@pytest.mark.parametrize("lessons", [1, 5, 21])
def test_thirty_rows_are_legible_however_many_columns_there_are(lessons: int) -> None:
    """No two texts of the picture overlap, none leaves it, and no line of the text is longer than a notebook's."""
    columns = {f"Lesson {number}a": [f"exercise_of_{number}_{each}" for each in range(3)] for number in range(lessons)}
    marks = {name: TRIED for names in columns.values() for name in names}
    shown = grid(*((f"twenty-four characters {number % 10}", marks) for number in range(30)), columns=columns)
    figure = shown.draw()
    assert crowded(figure) == []
    assert {*columns, *marks, *(name for name, _ in shown.rows), "3"} <= words(figure)
    assert max(map(len, str(shown).splitlines())) <= 79


def test_names_are_shown_as_they_are() -> None:
    """What looks like mathematics, or like HTML, is a name; what the font lacks is a box in the picture alone."""
    shown = grid(("$x^2$", {}), ("<b>Bo</b>", {}), ("李", {}))
    assert {"$x^2$", "<b>Bo</b>", "□"} <= words(shown.draw())
    assert "李" in str(shown)
    assert "<b>" not in shown._repr_mimebundle_()[0]["text/html"]
