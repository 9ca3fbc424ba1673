"""What stands around a page: its head, the way to all the others, and the way to the one before and after."""

import html
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from course_lib.website.links import GLOSSARY, between, place
from course_lib.website.outline import Lesson
from course_lib.website.prose import Heading

NAME = "Async Python, seen"
HOME, SEARCH = PurePosixPath("index.html"), PurePosixPath("search.html")
TERMS, ROOMS = GLOSSARY / "index.html", PurePosixPath("course_lib/index.html")
STYLE, SCRIPT, INDEX = PurePosixPath("site.css"), PurePosixPath("site.js"), PurePosixPath("search-index.js")


@dataclass(frozen=True)
class Frame:
    """The frame of all pages; `around` puts one in it."""

    lessons: Sequence[Lesson]

    def around(
        self,
        where: PurePosixPath,
        title: str,
        body: str,
        *,
        headings: Sequence[Heading] = (),
        beside: Sequence[PurePosixPath] = (),
    ) -> str:
        """Return a whole page.

        Args:
            where: its place on the site.
            title: its title.
            body: what stands on it, as HTML.
            headings: its own headings, of which those of level 2 are listed beside it.
            beside: the files of the repository to list beside it instead of the lessons.
        """

        def to(other: PurePosixPath) -> str:
            return html.escape(between(where, other))

        scripts = "".join(
            f'<script src="{to(script)}" defer></script>\n' for script in [INDEX, SCRIPT][where != SEARCH :]
        )
        whole = NAME if where == HOME else f"{title} | {NAME}"
        return f"""\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{html.escape(whole)}</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="{to(STYLE)}">
{scripts}</head>
<body>
<a class="skip" href="#main">To the text</a>
<header>
<a class="home" href="{to(HOME)}">{NAME}</a>
<form action="{to(SEARCH)}" role="search"><input type="search" name="q" aria-label="Search" placeholder="Search"></form>
<a class="narrow" href="#menu">Lessons</a>
<a href="{to(TERMS)}">Glossary</a>
<a href="{to(ROOMS)}">Code</a>
<button type="button" id="theme" hidden>Dark</button>
</header>
<div class="columns">
<main id="main">
{self._note(where)}{body}{self._neighbours(where)}</main>
<nav id="menu" aria-label="{"Files" if beside else "Lessons"}">
{self._menu(where, headings, beside)}</nav>
</div>
</body>
</html>
"""

    def _menu(self, where: PurePosixPath, headings: Sequence[Heading], beside: Sequence[PurePosixPath]) -> str:
        if beside:
            entries = [(str(file), place(file)) for file in beside]
        else:
            entries = [(lesson.title, place(lesson.path)) for lesson in self.lessons]
        lines = ["<ul>\n"]
        for title, target in entries:
            if target == where:
                lines.append(f'<li aria-current="page">{html.escape(title)}\n{_contents(headings)}</li>\n')
            else:
                lines.append(f'<li><a href="{html.escape(between(where, target))}">{html.escape(title)}</a></li>\n')
        return "".join([*lines, "</ul>\n"])

    def _note(self, where: PurePosixPath) -> str:
        if all(place(lesson.path) != where for lesson in self.lessons):
            return ""
        start = f'<a href="{html.escape(between(where, HOME))}">get the course</a>'
        return f'<p class="note">Saved outputs, to be read. To run it, and have exercises checked, {start}.</p>\n'

    def _neighbours(self, where: PurePosixPath) -> str:
        places = [place(lesson.path) for lesson in self.lessons]
        if where not in places:
            return ""
        number = places.index(where)
        ways = []
        for side, other in (("Before", number - 1), ("Next", number + 1)):
            if 0 <= other < len(places):
                address = html.escape(between(where, places[other]))
                ways.append(f'<a href="{address}">{side}: {html.escape(self.lessons[other].title)}</a>\n')
        return f'<p class="ways">\n{"".join(ways)}</p>\n'


def _contents(headings: Sequence[Heading]) -> str:
    parts = [heading for heading in headings if heading.level == 2]
    if not parts:
        return ""
    lines = (f'<li><a href="#{html.escape(part.name)}">{html.escape(part.text)}</a></li>\n' for part in parts)
    return f"<ul>\n{''.join(lines)}</ul>\n"
