"""The map of the article in notebooks/00_start_here.ipynb: each item of it is there, and what it points to is, too."""

import importlib
import json
import re
from functools import cache

from course_lib.paths import REPO

HOW_MANY = {
    "Learning goals": 5,
    "Knowledge map": 15,
    "Core concepts": 3,
    "Systems": 2,
    "In depth": 1,
    "Common problems": 3,
    "Extensions": 5,
    "Five tips": 5,
    "Questions": 3,
    "References": 4,
    "Summary": 4,
}
"""How many items each part of the article has. Where they have numbers there, they have them here."""


@cache
def text() -> str:
    cells = json.loads((REPO / "notebooks" / "00_start_here.ipynb").read_text("utf-8"))["cells"]
    return "\n\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")


def rows() -> dict[str, list[tuple[str, str, str]]]:
    """The rows of each table of the whole map: the article's item, the lessons, the code."""
    whole = text().split("<summary>The whole map</summary>")[1].split("</details>")[0]
    parts = re.split(r"^\*\*(.+)\*\*$", whole, flags=re.M)[1:]
    return {
        name: [tuple(row) for row in re.findall(r"^\| (.+?) \| (.+?) \| (.+?) \|$", table, re.M)[1:]]
        for name, table in zip(parts[::2], parts[1::2], strict=True)
    }


def test_every_item_of_the_article_has_its_place():
    """Each part has as many items as the article; a numbered one may take several rows, and no number is left out."""
    found = {}
    for part, items in rows().items():
        numbers = [item.split(".")[0] for item, _, _ in items if re.match(r"\d\.", item)]
        assert numbers in ([], [item.split(".")[0] for item, _, _ in items])
        assert sorted(set(numbers), key=int) == [str(n) for n in range(1, len(set(numbers)) + 1)]
        found[part] = len(set(numbers)) or len(items)
    assert found == HOW_MANY


def test_every_node_of_the_knowledge_map_is_drawn():
    """The diagram has the article's nineteen nodes below its root."""
    diagram = re.findall(r"```mermaid(.+?)```", text(), re.S)[0]
    assert len(re.findall(r"--> (\w+)\[", diagram)) == 4 + HOW_MANY["Knowledge map"]


def test_whatever_the_map_points_to_is_there():
    """Each item names a lesson, and code or a reason; each file exists, and each name can be imported from it."""
    for part, items in rows().items():
        for item, lessons, code in items:
            links = re.findall(r"\((\w+\.ipynb)\)", lessons)
            assert links or lessons == "below", (part, item)
            assert all((REPO / "notebooks" / link).is_file() for link in links), (part, item)
            for name, path in re.findall(r"\[`(.+?)`\]\(\.\./(.+?)\)", code):
                assert (REPO / path).is_file(), (part, item, path)
                if re.fullmatch(r"\w+", name):
                    module = importlib.import_module(
                        path.removesuffix("/__init__.py").removesuffix(".py").replace("/", ".")
                    )
                    assert hasattr(module, name), (part, item, name)


def test_nothing_is_left_for_later():
    """No table says "to come", and the card and the answer to the summary close the page."""
    assert "to come" not in text() and "later lessons" not in text().lower()
    assert text().rindex("## Which model, when") > text().rindex("## Your progress")
    assert "The article's summary, answered." in text()
