"""The graph of pages and links, as text and as a picture."""

import pytest
from test_plotting import crowded, words

from course_lib.seeing import link_graph
from course_lib.seeing.plotting import png

GLOSSARY = {"task": ["coroutine", "loop"], "coroutine": ["task", "loop"], "loop": ["task"], "lag": ["loop", "loop"]}


def test_the_text_names_the_pages_most_linked_to() -> None:
    """Pages in order of how many others link to them; a link counts once a page."""
    assert str(link_graph(GLOSSARY)).splitlines() == [
        "4 pages, 6 links between them. Most linked to:",
        "loop         3  ###",
        "task         2  ##",
        "coroutine    1  #",
        "lag          0",
    ]


def test_links_to_oneself_and_to_elsewhere_are_left_out() -> None:
    """Only links between two of the pages are drawn."""
    assert link_graph({"a": ["a", "b", "https://docs.python.org/3/"], "b": []}).links == {"a": {"b"}, "b": set()}


def test_the_picture_names_what_it_has_room_for() -> None:
    """Sixty pages in a ring, each linking to the next and to the first: labels do not overlap, the first is named."""
    pages = [f"page number {i} of sixty" for i in range(60)]
    figure = link_graph({page: [pages[0], pages[(i + 1) % 60]] for i, page in enumerate(pages)}).draw()
    assert crowded(figure) == []
    assert pages[0] in words(figure)
    assert len(words(figure)) > 10


def test_the_order_of_the_pages_does_not_matter() -> None:
    """A crawl finds pages in any order: the picture is the same."""
    backwards = dict(reversed(GLOSSARY.items()))
    assert png(link_graph(GLOSSARY).draw()) == png(link_graph(backwards).draw())


@pytest.mark.parametrize("links", [{"alone": []}, {"a": ["b"], "b": ["a"]}])
def test_a_graph_of_one_or_two_pages_is_drawn(links: dict[str, list[str]]) -> None:
    """The smallest graphs have their labels, too."""
    figure = link_graph(links).draw()
    assert crowded(figure) == []
    assert links.keys() <= words(figure)


def test_no_page_is_refused_with_the_way_to_pass_one() -> None:
    """The message shows what a graph looks like."""
    with pytest.raises(ValueError, match=r"links is empty: pass .* \{\"task\": \[\"coroutine\"\]\}"):
        link_graph({})
