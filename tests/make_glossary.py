"""Makes data/glossary.md of the site's pages, for reading inside JupyterLab: python tests/make_glossary.py

JupyterLab shows a page of HTML in a frame that may load nothing else: no style, and no second page.
"""

import html
import re
from collections.abc import Iterator
from pathlib import Path

from course_lib.paths import REPO

SITE = REPO / "data" / "site"
PAGE = REPO / "data" / "glossary.md"

HEAD = """# Glossary of asyncio

{count} terms of asynchronous programming in Python, each with a short definition and, nearly always, an example that
was run; and with its name in Chinese. They fit Python 3.11 to 3.15; where the versions differ, it is said.
"""


def page() -> str:
    """Return the glossary on one page: the terms by name, then each under a heading of its own."""
    index = (SITE / "index.html").read_text(encoding="utf-8")
    listing = index.partition('id="all-terms"')[2].partition("</ul>")[0]
    files = [SITE / name for name in re.findall('href="([^"]+)"', listing)]
    listed = " · ".join(f"[{_title(file)}](#{anchor(file.name)})" for file in files)
    return "\n".join([HEAD.format(count=len(files)), listed, "", *(line for file in files for line in _term(file))])


def anchor(name: str) -> str:
    """Return what a link to a term's page, "race-condition.html", is a link to here: "race-condition"."""
    return name.removesuffix(".html")


def _term(file: Path) -> Iterator[str]:
    text = file.read_text(encoding="utf-8")
    yield f'<a id="{anchor(file.name)}"></a>\n\n## {_title(file)}\n'
    chinese = re.findall(r'<span lang="zh-Hans">(.*?)</span>', text)[0]
    yield f"*In Chinese: {chinese}*\n"
    for found in re.finditer(r'<p>(.*?)</p>|<pre class="(run|sketch|output)"[^>]*>(.*?)</pre>', text, re.DOTALL):
        if found[1] is not None:
            yield f"{_markdown(found[1])}\n"
        else:
            lines = html.unescape(re.sub("<[^>]+>", "", found[3])).strip("\n")
            yield f"```{'text' if found[2] == 'output' else 'python'}\n{lines}\n```\n"
    more = [_markdown(item) for item in re.findall(r"<li(?: [^>]*)?>(.*?)</li>", text, re.DOTALL)]
    also = [item for item in more if "](#" in item]
    yield f"See also: {', '.join(also)}.\n"
    yield f"{'. '.join(item for item in more if item not in also)}.\n"


def _markdown(text: str) -> str:
    """Return HTML of the glossary's pages, which have few kinds of tags, as Markdown."""
    text = re.sub(r"</?em>", "*", re.sub(r"<code>(.*?)</code>", r"`\1`", text))
    return html.unescape(re.sub(r'<a href="([^"]+)">(.*?)</a>', _link, text))


def _link(found: re.Match[str]) -> str:
    target = found[1] if ":" in found[1] else f"#{anchor(found[1])}"
    return f"[{found[2]}]({target})"


def _title(file: Path) -> str:
    title = re.findall("<h1>(.*)</h1>", file.read_text(encoding="utf-8"))[0]
    return re.sub(r"([*_])", r"\\\1", html.unescape(title))


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8", newline="\n")
