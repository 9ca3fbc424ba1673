"""The minutes that lessons state are those of the table in minutes.py, and the table fits their text."""

import re

import minutes
import pytest
from minutes import MINUTES

from course_lib.paths import MASTERS, REPO
from course_lib.teaching.lessons import BEYOND, estimated, load, stated

LONGEST_CORE = 45


def test_every_lesson_is_in_the_table():
    """A lesson that is added, split or renamed gets its row."""
    assert sorted(MINUTES) == sorted(path.stem for path in MASTERS.glob("*.ipynb"))


@pytest.mark.parametrize("lesson", MINUTES)
def test_a_header_says_what_the_table_says(lesson):
    """A learner who plans an evening by the header plans by what was measured."""
    said = stated(load(MASTERS / f"{lesson}.ipynb"))
    assert said == (MINUTES[lesson].core, MINUTES[lesson].all)


def test_the_outline_says_what_the_table_says():
    """The README has a column for the minutes of each lesson."""
    outline = re.findall(
        r"^\| \[.+?\]\(notebooks/(\w+)\.ipynb\) \| (.+?) \|", (REPO / "README.md").read_text("utf-8"), re.M
    )
    assert dict(outline) == {lesson: each.in_outline for lesson, each in MINUTES.items()}


# A text that has changed by more than this since is another text. Of some lessons no reader's pace is known.
FITS = {minutes.ESTIMATE: 0.1, minutes.READER: 0.1, minutes.UNPACED: 0.25}


@pytest.mark.parametrize("lesson", [name for name, each in MINUTES.items() if each.how in FITS])
def test_the_minutes_are_of_the_text_as_it_is(lesson):
    """Who makes a lesson longer hears of it, and a core path is 45 minutes at most, with its exercise."""
    core, everything = estimated(load(MASTERS / f"{lesson}.ipynb"))
    row = MINUTES[lesson]
    core, everything = round(core * row.pace), round(everything * row.pace)
    assert max(core, row.core) <= LONGEST_CORE
    assert core == pytest.approx(row.core, rel=0.1)
    assert everything == pytest.approx(row.all, rel=FITS[row.how])


def test_what_is_beyond_the_core_path_ends_at_the_next_heading():
    """A mark takes its own cell and those below it, up to a heading, out of the core path's minutes."""

    def estimate(*cells: tuple[str, str]) -> tuple[int, int]:
        return estimated({"cells": [{"cell_type": kind, "source": [text]} for kind, text in cells]})

    hour = "word " * 180 * 60
    exercise = ("code", "ex.one.check(one)")
    assert estimate(("markdown", hour)) == (54, 54)
    assert estimate(("markdown", f"## More\n\n{BEYOND} {hour}"), ("markdown", hour)) == (0, 108)
    assert estimate(("markdown", BEYOND), ("markdown", f"## Back {hour}"), exercise) == (60, 60)
    assert estimate(("markdown", BEYOND), ("markdown", f"The end.\n\n## Back {hour}"), exercise) == (60, 60)
    assert estimate(("markdown", BEYOND), exercise) == (0, 6)


def test_a_header_without_minutes_is_told_what_to_write():
    """An author gets the sentence to put there."""
    with pytest.raises(ValueError, match="45 for the core path"):
        stated({"cells": [{"cell_type": "markdown", "source": ["# A lesson"]}]})
