"""A lesson's parts as HTML that needs no other file: pictures stand in it, diagrams are drawn while it is made."""

import html
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from course_lib import website
from course_lib.paths import REPO
from course_lib.teaching.lessons import BEYOND, Part
from course_lib.website.links import Links
from course_lib.website.prose import Page, code, mark

STATIC = Path(__file__).with_name("static")
SITE_STYLE = Path(website.__file__).with_name("static") / "site.css"
NEAR = re.compile(r'<a href="(?!https?://)[^"]*">(.*?)</a>', re.DOTALL)
PICTURE = re.compile(r"<img [^>]*>")
MOVES = "(run the cell to move it)"
"""Ends the text of what moves in a notebook alone: beside its picture it says nothing."""

PLAYER = "player: step "
"""Begins it where steps are played. The picture before it is of the first step alone, and its text is of all."""

Draw = Callable[[Sequence[str]], list[str]]


@dataclass
class Markup:
    """Turns the parts of one lesson into HTML; `whole` puts the diagrams in at the end.

    Attributes:
        name: the lesson's, such as "01_sync_vs_async".
        repo: the course's folder.
    """

    name: str
    repo: Path = REPO
    _diagrams: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        path = PurePosixPath("notebooks", f"{self.name}.ipynb")
        self._page = Page(path, Links(self.repo), self._diagrams)

    def prose(self, text: str) -> str:
        """Return Markdown as HTML; links that lead into the course's folder become plain text."""
        shown = text.replace(BEYOND, "").replace("<details>", "<details open>")
        return NEAR.sub(r"\1", self._page.prose(shown.strip()))

    def code(self, part: Part) -> str:
        """Return a cell's code as HTML."""
        return code(part.text, "ipython3")

    def outputs(self, part: Part) -> list[str]:
        """Return what a cell showed, each as HTML: an exercise's verdict on an empty answer is left out."""
        if part.is_exercise:
            return []
        played = [_plain(output).startswith(PLAYER) for output in (*part.outputs[1:], {})]
        return [
            shown
            for output, plays in zip(part.outputs, played, strict=False)
            if (shown := _text(_plain(output)) if plays else self._output(output))
        ]

    def whole(self, body: str, draw: Draw) -> str:
        """Return HTML with its diagrams drawn."""
        for number, svg in enumerate(draw(self._diagrams) if self._diagrams else [], start=1):
            body = body.replace(mark(number), svg)
        return body

    def _output(self, output: dict[str, Any]) -> str:
        if "text" in output:
            return _text("".join(output["text"]))
        if "data" not in output:
            return _text("\n".join(output.get("traceback", ())))
        data = {kind: "".join(value) for kind, value in output["data"].items() if isinstance(value, str | list)}
        if found := PICTURE.search(data.get("text/html", "")):
            return f'<div class="picture">{found[0]}</div>\n'
        if "text/html" in data:
            return data["text/html"]
        if "text/markdown" in data:
            return self.prose(data["text/markdown"])
        return "" if _plain(output).endswith(MOVES) else _text(_plain(output))


def document(title: str, body: str, style: str, script: str = "", *, attributes: str = "") -> str:
    """Return a whole page with its styles and its script in it.

    Args:
        title: the page's title.
        body: what stands on it.
        style: the name of a style sheet of this folder, which comes after that of the site.
        script: the name of a script of this folder, if there is one.
        attributes: those of the body.
    """
    sheets = "".join(file.read_text(encoding="utf-8") for file in (SITE_STYLE, STATIC / style))
    scripts = f"<script>\n{(STATIC / script).read_text(encoding='utf-8')}</script>\n" if script else ""
    return f"""\
<!doctype html>
<html lang="en" data-theme="light">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{html.escape(title)}</title>
<link rel="icon" href="data:,">
<style>
{sheets}</style>
</head>
<body{attributes}>
{body}{scripts}</body>
</html>
"""


def _plain(output: dict[str, Any]) -> str:
    """Return what an output shows where only text can be shown."""
    return "".join(output.get("data", {}).get("text/plain", ""))


def _text(text: str) -> str:
    return f'<pre class="result">{html.escape(text.rstrip(), quote=False)}</pre>\n' if text.strip() else ""
