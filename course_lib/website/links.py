"""Where a file of the repository is on the site, and which links lead nowhere."""

import os
import re
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from urllib.parse import quote, unquote, urlsplit

EXERCISES = re.compile(r"course_lib/exercises/lesson_")
"""Of what begins so, only that is on the site to which a page leads."""

ANSWERS = re.compile(r"course_lib/exercises/lesson_\w+/solutions")
"""What begins so is on no page: the reference solutions."""

ONE_PAGE_GLOSSARY, GLOSSARY = PurePosixPath("data/glossary.md"), PurePosixPath("data/site")
"""The glossary as one page, for JupyterLab, and as a folder of pages, which the site has as it is."""

PICTURES = frozenset({".png", ".svg", ".gif", ".jpg"})


class SiteError(Exception):
    """The site cannot be built as it should be: its text says why, and what to do."""


def place(path: PurePosixPath) -> PurePosixPath:
    """Return where a file of the repository is on the site."""
    if path.suffix in PICTURES or path.is_relative_to(GLOSSARY):
        return path
    if path.name == "README.md":
        return path.with_name("index.html")
    if path.suffix in {".ipynb", ".md"}:
        return path.with_suffix(".html")
    return path.with_name(f"{path.name}.html")


def between(page: PurePosixPath, other: PurePosixPath) -> str:
    """Return the relative address of one place of the site, seen from another."""
    return quote(os.path.relpath(other, page.parent).replace(os.sep, "/"))


@dataclass
class Links:
    """The links of all pages; `to` makes them, and `dead` says, when all pages are written, which lead nowhere.

    Attributes:
        repo: the repository's folder.
        wanted: the files that a page leads to.
        headings: by the file that a page is made from, the names of its headings.
    """

    repo: Path
    wanted: set[PurePosixPath] = field(default_factory=set)
    headings: defaultdict[PurePosixPath, set[str]] = field(default_factory=lambda: defaultdict(set))
    _faults: list[str] = field(default_factory=list)
    _fragments: list[tuple[PurePosixPath, str, PurePosixPath]] = field(default_factory=list)

    def to(self, page: PurePosixPath, url: str) -> str:
        """Return what to write for a link.

        Args:
            page: the file that it stands in.
            url: the link as it stands there: relative to that file, or to another site, which is left alone.
        """
        parts = urlsplit(url)
        if parts.scheme or parts.netloc:
            return url
        target, fragment = page, unquote(parts.fragment)
        if parts.path:
            target = PurePosixPath(os.path.normpath(page.parent / unquote(parts.path)).replace(os.sep, "/"))
            if target == ONE_PAGE_GLOSSARY:
                target, fragment = GLOSSARY / (f"terms/{fragment}.html" if fragment else "index.html"), ""
            if not (self.repo / target).is_file():
                self._faults.append(f"{page}: {url} leads to no file")
                return url
            if ANSWERS.match(str(target)):
                self._faults.append(f"{page}: {url} leads to answers of exercises, which are not on the site")
                return url
            self.wanted.add(target)
        if fragment and not target.is_relative_to(GLOSSARY):
            self._fragments.append((page, fragment, target))
        address = between(place(page), place(target)) if parts.path else ""
        return f"{address}#{quote(fragment)}" if fragment else address

    def dead(self) -> list[str]:
        """Return a sentence for every link that leads nowhere."""
        missing = (
            f"{page}: there is no heading #{fragment} in {target}"
            for page, fragment, target in self._fragments
            if fragment not in self.headings[target]
        )
        return sorted({*self._faults, *missing})
