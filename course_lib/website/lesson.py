"""A notebook's cells as HTML, with the outputs that its file holds: nothing is run."""

import base64
import html
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from course_lib.website.links import SiteError, between, place
from course_lib.website.prose import Heading, Page, code, words

PREDICT = re.compile(r"\*\*(Predict\b|Before you run it)")
"""What stands in the text above a cell whose outputs the reader is to predict."""

DATA_PICTURE = re.compile(r"data:image/png;base64,([A-Za-z0-9+/=\s]+)")
ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


@dataclass
class Written:
    """A lesson as it is on the site.

    Attributes:
        body: its HTML.
        pictures: by their places on the site, the bytes of its pictures.
        sections: each heading with the text that stands below it, for the search; what cells print is left out.
    """

    body: str = ""
    pictures: dict[PurePosixPath, bytes] = field(default_factory=dict)
    sections: list[tuple[Heading | None, str]] = field(default_factory=list)


def write(notebook: dict[str, Any], page: Page) -> Written:
    """Return a notebook's page; `notebook` is the JSON of its file.

    Raises SiteError for an output of which nothing can be shown on a page.
    """
    written = Written()
    parts = []
    above = ""
    for cell in notebook["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            above = source
            parts.append(_prose(source, page, written))
        elif cell["cell_type"] == "code" and source.strip():
            shown = "".join(_output(output, page, written) for output in cell["outputs"])
            _note(written, source)
            if shown:
                if PREDICT.search(above):
                    shown = f"<details><summary>What it shows, once you have predicted it</summary>{shown}</details>\n"
                shown = f'<div class="outputs">{shown}</div>\n'
                above = ""
            parts.append(f'<div class="cell">{code(source, "ipython3")}{shown}</div>\n')
    written.body = "".join(parts)
    return written


def _prose(source: str, page: Page, written: Written) -> str:
    begun = len(page.headings)
    markup = page.prose(source)
    pieces = re.split(r"(?=<h[1-6] id=)", markup)
    for piece in pieces:
        if piece.startswith("<h"):
            written.sections.append((page.headings[begun], ""))
            begun += 1
            piece = piece.partition("</h")[2].partition(">")[2]
        _note(written, words(piece))
    return markup


def _note(written: Written, text: str) -> None:
    if not written.sections:
        written.sections.append((None, ""))
    heading, before = written.sections[-1]
    written.sections[-1] = heading, f"{before} {' '.join(text.split())}".strip()


def _output(output: dict[str, Any], page: Page, written: Written) -> str:
    if output["output_type"] == "stream":
        return _text("".join(output["text"]), output["name"])
    if output["output_type"] == "error":
        return _text(ANSI.sub("", "\n".join(output["traceback"])), "stderr")
    data = {kind: "".join(value) for kind, value in output["data"].items() if isinstance(value, str | list)}
    text = data.get("text/plain", "")
    if "image/png" in data:
        size = output["metadata"].get("image/png", {})
        return "".join(_picture(data["image/png"], size, text, page, written))
    if "text/html" in data:
        return f'<div class="html">{_with_files(data["text/html"], page, written)}</div>\n'
    if "text/markdown" in data:
        _note(written, data["text/markdown"])
        return f'<div class="told">{page.prose(data["text/markdown"])}</div>\n'
    if "text/plain" in data:
        return _text(text, "result")
    raise SiteError(
        f"{page.path}: an output has only {', '.join(data)}: say in course_lib/website/lesson.py how to show that"
    )


def _text(text: str, kind: str) -> str:
    shown = html.escape(text.rstrip("\n"), quote=False)
    return f'<pre class="{kind}" tabindex="0">{shown}</pre>\n'


def _picture(png: str, size: dict[str, int], text: str, page: Page, written: Written) -> Iterator[str]:
    """Yield a picture with its text twin: the first line in its place, all of it to be folded out."""
    shown = html.escape(text, quote=False)
    extent = "".join(f' {side}="{size[side]}"' for side in ("width", "height") if side in size)
    first = html.escape(text.strip().partition("\n")[0])
    yield f'<div class="html"><img src="{_file(png, page, written)}"{extent} alt="{first}">\n'
    yield f'<details><summary>The same as text</summary><pre tabindex="0">{shown}</pre></details></div>\n'


def _with_files(markup: str, page: Page, written: Written) -> str:
    """Return HTML whose pictures are files: a page that holds them all would be slow to open on a phone."""
    markup = markup.replace("<pre>", '<pre tabindex="0">')
    return DATA_PICTURE.sub(lambda found: _file(found[1], page, written), markup)


def _file(png: str, page: Page, written: Written) -> str:
    here = place(page.path)
    picture = here.with_suffix("") / f"{len(written.pictures) + 1}.png"
    written.pictures[picture] = base64.b64decode(png)
    return between(here, picture)
