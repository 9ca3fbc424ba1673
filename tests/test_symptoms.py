"""Lesson 7a's index by symptom leads from every message of asyncio that a user can provoke to a section."""

import re
import sys

import pytest
from notebook_rules import headings, links, source
from pitfall_programs import notebook
from symptoms import INDEX, INDEXED, OF_OTHERS, messages, reason

CELLS = [source(cell) for cell in notebook(INDEX)["cells"] if cell["cell_type"] == "markdown"]
ROWS = [
    line.strip("| ").split(" | ")
    for cell in CELLS
    if cell.startswith("## Index by symptom")
    for line in cell.splitlines()
    if line.startswith("| ") and not line.endswith("| Section |")
]
MESSAGES = sorted(messages())
SINCE = {"The executor did not finishing joining its threads": (3, 12)}


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: f"{message.module}: {message.text[:60]}")
def test_a_message_is_in_the_index_or_has_a_reason(message):
    """What asyncio can say on this Python is a symptom of the index, or it is written down why not."""
    indexed = any(message.text in texts for texts in INDEXED.values())
    assert indexed or reason(message), f"{message} is new: put it into the index of lesson 7a, or give a reason"


@pytest.mark.parametrize("words", INDEXED)
def test_the_index_has_its_words(words):
    """A message of the table stands in one row of the index, as code, and asyncio says it on this Python."""
    assert len([symptom for symptom, _ in ROWS if words in " ".join(re.findall(r"`(.+?)`", symptom))]) == 1
    if sys.version_info >= SINCE.get(words, (3, 11)):
        assert {text for _, _, text in MESSAGES} & set(INDEXED[words])


def test_the_index_has_no_words_that_nobody_says():
    """What stands in the index as code is a message of the table, or of somebody else than asyncio."""
    known = [*INDEXED, *OF_OTHERS]
    quoted = [words for symptom, _ in ROWS for words in re.findall(r"`(.+?)`", symptom)]
    assert not [words for words in quoted if not any(each in words for each in known)]


def test_every_symptom_has_a_link():
    """A row without a link would leave a reader where they are."""
    assert not [symptom for symptom, where in ROWS if not links(where)]


@pytest.mark.parametrize("lesson", [INDEX, "07b_shared_state_and_memory"])
def test_every_section_is_in_the_index(lesson):
    """The index leads to each numbered section of both halves of the clinic."""
    text = "\n\n".join(source(cell) for cell in notebook(lesson)["cells"] if cell["cell_type"] == "markdown")
    sections = {heading for heading in headings(text) if re.match(r"\d+\.-", heading)}
    own = "" if lesson == INDEX else f"{lesson}.ipynb"
    linked = {link.partition("#")[2] for _, where in ROWS for link in links(where) if link.partition("#")[0] == own}
    assert sections <= linked
