"""Markdown as JupyterLab reads it, and code in colours."""

import html
import re
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

import mistune
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import get_lexer_by_name
from pygments.util import ClassNotFound

from course_lib.website.links import Links

TAG = re.compile(r"<[^>]+>")
FORMATTER: HtmlFormatter[str] = HtmlFormatter(nowrap=True)


@dataclass(frozen=True)
class Heading:
    """A heading of a page: its level from 1, its name in the address, and its text."""

    level: int
    name: str
    text: str


@dataclass
class Page:
    """A page while it is written.

    Attributes:
        path: the file of the repository that it is made from.
        links: the links of the whole site.
        diagrams: Mermaid's texts of the whole site. A page has a mark for each, until they are drawn.
        headings: those written until now, in their order.
    """

    path: PurePosixPath
    links: Links
    diagrams: list[str]
    headings: list[Heading] = field(default_factory=list)

    def prose(self, text: str) -> str:
        """Return Markdown as HTML, and note its headings."""
        # Not the converter that nbconvert has for its own pages: that one takes `$1 ... $2` for a formula.
        markdown = mistune.create_markdown(
            renderer=_Renderer(self), plugins=["table", "strikethrough", "url", "task_lists"]
        )
        return str(markdown(text))


def code(text: str, language: str) -> str:
    """Return code as HTML, in colours where the language is known; a keyboard can scroll it."""
    try:
        inside = highlight(text, get_lexer_by_name(language, stripnl=False), FORMATTER)
    except ClassNotFound:
        inside = html.escape(text, quote=False)
    return f'<pre class="code" tabindex="0"><code>{inside.rstrip()}</code></pre>\n'


def mark(number: int) -> str:
    """Return what stands for a diagram of the site, numbered from 1, until it is drawn."""
    return f"<!-- diagram {number} -->"


def words(markup: str) -> str:
    """Return the text of HTML."""
    return html.unescape(TAG.sub(" ", markup))


class _Renderer(mistune.HTMLRenderer):
    def __init__(self, page: Page) -> None:
        super().__init__(escape=False)
        self._page = page

    def heading(self, text: str, level: int, **attrs: Any) -> str:
        said = html.unescape(TAG.sub("", text))
        name = said.replace(" ", "-")  # as JupyterLab names it: links in the lessons are written for that
        known = self._page.links.headings[self._page.path]
        number = 1
        while name in known:
            number += 1
            name = f"{said.replace(' ', '-')}-{number}"
        known.add(name)
        self._page.headings.append(Heading(level, name, said))
        return f'<h{level} id="{html.escape(name)}">{text}</h{level}>\n'

    def link(self, text: str, url: str, title: str | None = None) -> str:
        return f'<a href="{html.escape(self._page.links.to(self._page.path, html.unescape(url)))}">{text}</a>'

    def image(self, text: str, url: str, title: str | None = None) -> str:
        source = html.escape(self._page.links.to(self._page.path, html.unescape(url)))
        return f'<img src="{source}" alt="{html.escape(html.unescape(TAG.sub("", text)))}">'

    def block_code(self, text: str, info: str | None = None) -> str:
        language = (info or "text").split()[0]
        if language == "mermaid":
            self._page.diagrams.append(text)
            return f'<div class="diagram" tabindex="0">{mark(len(self._page.diagrams))}</div>\n'
        return code(text, language)

    def table(self, text: str) -> str:
        # A box of its own that scrolls: a wide table must not make the page wide.
        return f'<div class="wide" tabindex="0"><table>\n{text}</table></div>\n'
