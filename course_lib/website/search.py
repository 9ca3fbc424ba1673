"""What the search page searches, in the reader's browser: a script, since a page opened from a disk may not fetch."""

import html
import json
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from course_lib.website.prose import words

MAIN = re.compile(r"<h1>(.*?)</h1>(.*?)</main>", re.DOTALL)
FOLDERS = ("terms", "walk")
"""The folders of the glossary that are for readers; the others are for crawlers."""


@dataclass(frozen=True)
class Entry:
    """Something to be found.

    Attributes:
        url: its address, from the start page.
        page: the page's title.
        heading: that of the section.
        text: what is searched, besides these.
    """

    url: str
    page: str
    heading: str
    text: str


def glossary(site: Path, address: str) -> Iterator[Entry]:
    """Yield an entry for each page of the glossary in the folder `site`, which is at `address` from the start page."""
    for file in sorted(file for folder in FOLDERS for file in (site / folder).glob("*.html")):
        found = MAIN.search(file.read_text(encoding="utf-8"))
        if found is not None:
            text = " ".join(words(found[2]).split())
            yield Entry(f"{address}/{file.parent.name}/{file.name}", "Glossary", words(found[1]).strip(), text)


def script(entries: list[Entry]) -> str:
    """Return the script that holds all entries."""
    lines = ",\n".join(json.dumps(asdict(entry), ensure_ascii=False) for entry in entries)
    return f"window.courseEntries = [\n{lines}\n];\n"


def page() -> str:
    """Return what stands on the search page."""
    note = html.escape("The search runs in your browser, and needs JavaScript for it. Nothing you type leaves it.")
    return f'<h1>Search</h1>\n<p id="found" role="status">{note}</p>\n<ol id="results" class="results"></ol>\n'
