"""What every notebook of the course must be, one function a rule.

A rule takes a notebook (its JSON) and the path of its file, and returns what it found wrong, one sentence each.
"""
# mypy: allow-untyped-calls
# (nbformat has no types)

import ast
import json
import re
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import nbformat

from course_lib.cli.refresh import LIVE_ONLY, sanitizer, tidy
from course_lib.paths import REPO

Notebook = dict[str, Any]

MOST_LINES = 20
MOST_COLUMNS = {"code": 79, "output": 76}  # at 1,024 pixels beside an open sidebar 76 fit: code scrolls, output breaks
MOST_WORDS = 60
LABELS = ("You will be able to", "You need first", "Minutes", "Article")

# The two ways to keep nbval from comparing a cell; a cell tagged raises-exception is compared by its error.
EXEMPT_TAGS = {"nbval-ignore-output", "nbval-skip", "pytest-validate-ignore-output"}
EXEMPT_COMMENTS = re.compile(
    r"^\s*#\s*(NBVAL_IGNORE_OUTPUT|NBVAL_SKIP|PYTEST_VALIDATE_IGNORE_OUTPUT)\s*$", re.MULTILINE
)

# What asks Redis for streams and scripts, which the stand-in has not, and the tag of a cell that does.
STREAMS = ("course_lib.jobs", "course_lib.service.parts")
NEEDS_REDIS = "needs-redis"

IMAGE_DATA = re.compile(r"data:image/[^\"]+")  # a picture in HTML: letters that say anything by chance
ANSI = re.compile(r"\x1b\[[0-9;]*m")
MERMAID = re.compile(r"^```mermaid\n(.*?)^```", re.MULTILINE | re.DOTALL)
FENCED = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)
CELL_FILE = re.compile(r"\S*ipykernel_\d+[/\\]\d+\.py")
MACHINE_PATH = re.compile(
    r"(?<![\w.:/~])/(home|root|Users|tmp|var|private|opt|usr|mnt|srv)/\w"
    r"|(?<!\w)~[/\\]\w|\b[A-Z]:\\\w|\bsite-packages\b"
)
VARYING = re.compile(
    r"0x[0-9a-fA-F]{6,}|\bTask-\d+|\b(127\.0\.0\.1|localhost):\d+|\bpid\W{1,3}\d+"
    r"|\b20\d\d-\d\d-\d\d\b|\b\d\d:\d\d:\d\d\b|\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-"
)
NO_UNIT = re.compile(r"~N(?! ?[a-zA-Z%\u00b5])")
SHELL = re.compile(r"^\s*(!|%%?(pip|conda|bash|sh|system|sx)\b)|\bpip install\b", re.MULTILINE)
HOST = re.compile(r"\b(?:https?|wss?|ftp)://(?:[^/\s@]*@)?(\[[^\]]*\]|[^/\s:'\"{}]+)")
# The characters shown as pictures by default (Unicode's Emoji_Presentation), and the selector that asks for it.
EMOJI = re.compile(
    "[\U0001f000-\U0001faff\ufe0f\u231a\u231b\u23e9-\u23f3\u25fd\u25fe\u2614\u2615\u2648-\u2653\u267f\u2693\u26a1\u26aa"
    "\u26ab\u26bd\u26be\u26c4\u26c5\u26ce\u26d4\u26ea\u26f2\u26f3\u26f5\u26fa\u26fd\u2705\u270a\u270b\u2728\u274c\u274e"
    "\u2753-\u2755\u2757\u2795-\u2797\u27b0\u27bf\u2b1b\u2b1c\u2b50\u2b55]"
)


def source(cell: Notebook) -> str:
    """Return a cell's text."""
    return text_of(cell["source"])


def text_of(value: Any) -> str:
    """Return a string that may be stored as a list of lines."""
    return "".join(value) if isinstance(value, list) else str(value)


def tags(cell: Notebook) -> set[str]:
    """Return a cell's tags."""
    return set(cell["metadata"].get("tags", ()))


def code_cells(notebook: Notebook) -> Iterator[tuple[str, Notebook]]:
    """Yield each code cell with words that name it to an author."""
    for number, cell in enumerate(notebook["cells"], start=1):
        if cell["cell_type"] == "code":
            first = next(iter(source(cell).splitlines()), "")
            yield f"cell {number} ({first[:40]!r})", cell


def texts(output: Notebook) -> Iterator[str]:
    """Yield whatever an output says in words: streams, text and HTML, errors with their tracebacks."""
    for key in ("text", "ename", "evalue"):
        if key in output:
            yield text_of(output[key])
    for mime, value in output.get("data", {}).items():
        if not mime.startswith("image/"):
            text = text_of(value) if isinstance(value, (str, list)) else json.dumps(value)
            yield IMAGE_DATA.sub("", text)
    yield ANSI.sub("", "\n".join(output.get("traceback", ())))


def compared_texts(output: Notebook) -> Iterator[str]:
    """Yield what nbval compares: all but the traceback."""
    yield from texts({key: value for key, value in output.items() if key != "traceback"})


def has_been_run(notebook: Notebook, path: Path) -> Iterator[str]:
    """nbval does not compare a cell without an execution count: one that was not run would pass unseen."""
    for name, cell in code_cells(notebook):
        if cell["execution_count"] is None:
            yield f"{name} has no execution count: run `python -m course_lib refresh {path.stem}`"


def shows_no_error(notebook: Notebook, path: Path) -> Iterator[str]:
    """An error is shown only where it is the lesson, and nothing else is tagged as if it were."""
    for name, cell in code_cells(notebook):
        errors = [output["ename"] for output in cell["outputs"] if output["output_type"] == "error"]
        expected = "raises-exception" in tags(cell)
        if errors and not expected:
            yield f"{name} shows {errors[0]}; mend it, or tag it raises-exception"
        if expected and not errors:
            yield f"{name} is tagged raises-exception and raises nothing: the tag would hide a later error"
        if "nbval-raises-exception" in tags(cell) or "NBVAL_RAISES_EXCEPTION" in source(cell):
            yield f"{name} is marked for nbval alone, so Run All stops there; the tag is raises-exception"


def has_short_cells(notebook: Notebook, path: Path) -> Iterator[str]:
    """A code cell is read at a glance."""
    for name, cell in code_cells(notebook):
        lines = len(source(cell).splitlines())
        if lines > MOST_LINES:
            yield f"{name} has {lines} lines; {MOST_LINES} at most"


def fits_the_page(notebook: Notebook, path: Path) -> Iterator[str]:
    """What a line of code or of text teaches is not out of view, on a projector or beside an open sidebar."""
    for name, cell in code_cells(notebook):
        saved = [output.get("text", output.get("data", {}).get("text/plain", "")) for output in cell["outputs"]]
        shown = [text_of(each) for each in saved]
        for what, text in [("code", source(cell)), *(("output", each) for each in shown)]:
            for line in text.splitlines():
                if len(line) > MOST_COLUMNS[what]:
                    yield f"{name}: {len(line)} columns of {what}, {MOST_COLUMNS[what]} at most: {line[:60]}..."


def has_short_prose(notebook: Notebook, path: Path) -> Iterator[str]:
    """What must be read before a code cell can be run is short."""
    after_header = notebook["cells"][1:]
    for number, (cell, following) in enumerate(pairwise(after_header), start=2):
        if cell["cell_type"] == "markdown" and following["cell_type"] == "code":
            words = count_words(source(cell))
            if words > MOST_WORDS:
                yield f"cell {number} has {words} words of prose before code; {MOST_WORDS} at most"


def count_words(markdown: str) -> int:
    """Count the words of prose: no headings, tables, lists, fenced blocks, folded answers, or targets of links."""
    text = FENCED.sub("", markdown)
    text = re.sub(r"<details.*?</details>|<!--.*?-->|!\[[^\]]*\]\([^)]*\)", "", text, flags=re.DOTALL)
    text = re.sub(r"\]\([^)]*\)", "]", text)
    text = re.sub(r"<[^>]+>", " ", text)
    prose = []
    in_list = False
    for line in text.splitlines():
        if re.match(r"\s*([-*+]|\d+[.)])\s", line):
            in_list = True
        elif line and not line[0].isspace():
            in_list = False
        if not in_list and not re.match(r"\s*(#{1,6}\s|\|)", line):
            prose += [word for word in line.split() if re.search(r"\w", word)]
    return len(prose)


def has_header(notebook: Notebook, path: Path) -> Iterator[str]:
    """A notebook begins with its title, what it gives, what it needs, how long it takes, and what it follows."""
    first = notebook["cells"][0] if notebook["cells"] else {"cell_type": "none", "source": ""}
    text = source(first)
    if first["cell_type"] != "markdown" or not text.startswith("# "):
        yield "the first cell is not a markdown cell that begins with a title (`# ...`)"
    for label in LABELS:
        if f"**{label}**" not in text:
            yield f"the first cell lacks the label **{label}**"
    if not re.search(r"\*\*Minutes\*\*\D{0,5}\d", text):
        yield "the first cell has no number after **Minutes**"


def begins_with_setup(notebook: Notebook, path: Path) -> Iterator[str]:
    """Without setup() in the first code cell, Interrupt does not end a long await."""
    first = next((source(cell) for _, cell in code_cells(notebook)), "")
    if not re.search(r"^setup\(\)", first, re.MULTILINE):
        yield "the first code cell does not call setup()"


def has_words_for_pictures(notebook: Notebook, path: Path) -> Iterator[str]:
    """Who cannot see a picture gets the same from its text, and hears what it shows: JupyterLab gives an image none."""
    for name, cell in code_cells(notebook):
        for output in cell["outputs"]:
            data = output.get("data", {})
            twin = text_of(data.get("text/plain", "")).strip()
            # <Figure size 640x480 with 1 Axes> and its like say nothing of what is in the picture.
            images = re.findall(r"<img\b[^>]*>", text_of(data.get("text/html", "")))
            bare = any(mime.startswith("image/") for mime in data) and "text/html" not in data
            if (images or bare) and (not twin or re.fullmatch(r"<[^<>\n]*>", twin)):
                yield f"{name} shows a picture whose text is {twin or 'empty'!r}; say in text what it shows"
            if bare or not all(re.search(r' alt="[^"]', image) for image in images):
                yield f"{name} shows a picture without alternative text; show it as HTML, `<img alt=...>`"
    for number, cell in enumerate(notebook["cells"], start=1):
        if cell["cell_type"] == "markdown" and re.search(r"!\[\s*\]\(", FENCED.sub("", source(cell))):
            yield f"cell {number} has a picture without a description: ![what it shows](...)"


def has_words_for_diagrams(notebook: Notebook, path: Path) -> Iterator[str]:
    """A diagram's accTitle and accDescr are what a screen reader says; its lines are seen on light and on dark."""
    for number, cell in enumerate(notebook["cells"], start=1):
        for diagram in MERMAID.findall(source(cell)) if cell["cell_type"] == "markdown" else ():
            for word in ("accTitle", "accDescr"):
                if not re.search(rf"^\s*{word}: \S", diagram, re.MULTILINE):
                    yield f"cell {number} has a diagram without words: add a line `{word}: ...` to it"
            # JupyterLab draws it once, and not again when the theme changes.
            if '"lineColor": "#808080"' not in diagram:
                yield f"cell {number} has a diagram whose lines a dark theme hides: give it the others' lineColor"


def has_sound_links(notebook: Notebook, path: Path) -> Iterator[str]:
    """A link to a file, a heading or an attachment leads there, and looks like a link."""
    for number, cell in enumerate(notebook["cells"], start=1):
        if cell["cell_type"] != "markdown":
            continue
        if found := re.search(r"\[[^]\n]*`[^]\n]*\]\(", FENCED.sub("", source(cell))):
            yield f"cell {number} has code in a link's text, {found[0][:-1]}, which JupyterLab shows as plain code"
        if found := re.search(r"\[[^]\n]*__\w+__[^]\n]*\]\(", FENCED.sub("", source(cell))):
            yield f"cell {number} has {found[0][:-1]}, whose underscores make a part of it bold: name the folder"
        for target in links(source(cell)):
            if target.startswith("attachment:"):
                sound = unquote(target.removeprefix("attachment:")) in cell.get("attachments", {})
            elif re.match(r"[a-zA-Z][a-zA-Z0-9+.-]*:", target):
                continue  # another site: no network in the tests
            elif target.partition("#")[0].endswith(".html"):
                yield f"cell {number} links to {target}, which JupyterLab shows bare: use ../data/glossary.md#term"
                continue
            else:
                sound = leads_somewhere(target, notebook, path)
            if not sound:
                yield f"cell {number} has a broken link: {target}"


def links(markdown: str) -> list[str]:
    """Return the targets of a text's links and pictures, in Markdown and in HTML; those in code are not links."""
    text = re.sub(r"`[^`\n]*`", "", FENCED.sub("", markdown))
    inline = re.findall(r"\]\(\s*<?([^)\s>]+)>?(?:\s+[\"'][^)]*)?\)", text)
    return (
        inline
        + re.findall(r"(?:href|src)=[\"']([^\"']+)", text)
        + re.findall(r"^\[[^\]]+\]:\s*(\S+)", text, re.MULTILINE)
    )


def leads_somewhere(target: str, notebook: Notebook, path: Path) -> bool:
    """Tell whether a relative link leads to a file of the course and, in notebooks and Markdown, to a heading."""
    file, _, anchor = unquote(target).partition("#")
    destination = (path.parent / file).resolve() if file else path
    if file and not (destination.exists() and destination.is_relative_to(path.parent.parent.resolve())):
        return False
    if not anchor:
        return True
    if not file:
        return anchor in headings("\n\n".join(source(c) for c in notebook["cells"] if c["cell_type"] == "markdown"))
    if destination.suffix == ".ipynb":
        return leads_somewhere(f"#{anchor}", json.loads(destination.read_text(encoding="utf-8")), destination)
    if destination.suffix == ".md":
        # The web pages of a repository number and spell their anchors otherwise than JupyterLab does.
        text = destination.read_text(encoding="utf-8")
        if f'<a id="{anchor}"></a>' in text:
            return True
        slugs = (re.sub(r"[^\w\- ]", "", h.replace("-", " ").lower()) for h in headings(text))
        return anchor.replace("-", " ") in slugs
    return True


def headings(markdown: str) -> set[str]:
    """Return the anchors that JupyterLab gives a text's headings: the words as shown, with hyphens for spaces."""
    found = re.findall(r"^#{1,6}\s+(.*?)\s*#*$", FENCED.sub("", markdown), re.MULTILINE)
    shown = (re.sub(r"\[([^\]]*)\]\([^)]*\)|[`*]", r"\1", heading) for heading in found)
    return {heading.replace(" ", "-") for heading in shown}


def leaves_the_path_alone(notebook: Notebook, path: Path) -> Iterator[str]:
    """course_lib is installed; a notebook that needs sys.path works in one folder only."""
    for name, cell in code_cells(notebook):
        if re.search(r"\bsys\s*\.\s*path\b|\bfrom sys import .*\bpath\b", source(cell)):
            yield f"{name} touches sys.path"


def stays_on_this_machine(notebook: Notebook, path: Path) -> Iterator[str]:
    """A class without network can run everything, and nothing is installed behind a learner's back."""
    for name, cell in code_cells(notebook):
        if SHELL.search(source(cell)):
            yield f"{name} calls a shell or installs something"
        for host in HOST.findall(source(cell)):
            if host not in ("127.0.0.1", "localhost"):
                yield f"{name} names the host {host}; only 127.0.0.1 is there in class and in CI"


def holds_no_machine_paths(notebook: Notebook, path: Path) -> Iterator[str]:
    """The folders of whoever saved the notebook are nobody's business and differ everywhere."""
    here = [str(folder) for folder in (REPO, Path.home(), Path(sys.prefix)) if len(str(folder)) > 1]
    for number, cell in enumerate(notebook["cells"], start=1):
        said = [source(cell), *(text for output in cell.get("outputs", ()) for text in texts(output))]
        for text in said:
            text = CELL_FILE.sub("", text)
            found = MACHINE_PATH.search(text)
            if found or any(folder in text for folder in here):
                yield f"cell {number} has a path of one machine{f': {found.group()}...' if found else ''}"


def shows_what_can_be_compared(notebook: Notebook, path: Path) -> Iterator[str]:
    """What differs from run to run is caught by sanitize.cfg, and a measured quantity has its unit."""
    sanitized = sanitizer()
    for name, cell in code_cells(notebook):
        for text in (sanitized(text) for output in cell["outputs"] for text in compared_texts(output)):
            if found := VARYING.search(text):
                yield f"{name} shows {found.group()!r}, which differs from run to run"
            if NO_UNIT.search(text):
                yield f"{name} shows a measured quantity (~) without its unit"


def has_no_emoji(notebook: Notebook, path: Path) -> Iterator[str]:
    """Emoji are drawn differently, or not at all, on every system, and read aloud by name."""
    for number, cell in enumerate(notebook["cells"], start=1):
        said = [source(cell), *(text for output in cell.get("outputs", ()) for text in texts(output))]
        if any(EMOJI.search(text) for text in said):
            yield f"cell {number} has an emoji"


def has_the_saved_form(notebook: Notebook, path: Path) -> Iterator[str]:
    """A notebook saved from JupyterLab holds times, versions and widget models; `refresh` takes them out."""
    ids = [cell.get("id") for cell in notebook["cells"]]
    if len(set(ids)) < len(ids) or None in ids:
        yield "cells lack an id or share one"
    if any(LIVE_ONLY in output.get("data", {}) for _, cell in code_cells(notebook) for output in cell["outputs"]):
        yield "a widget without its model is saved: JupyterLab would show an error there"
    # Not nbformat.reads, which would mend the ids.
    saved, fresh = (nbformat.v4.reads(json.dumps(notebook)) for _ in range(2))
    tidy(fresh, saved)
    if fresh != saved:
        yield f"it is not as refresh saves it: run `python -m course_lib refresh {path.stem}`"


def says_what_needs_redis(notebook: Notebook, path: Path) -> Iterator[str]:
    """Where the stand-in alone is there, what needs a real Redis is left out, and all that uses what it made."""
    made: set[str] = set()  # names that are there only where a real Redis is
    for name, cell in code_cells(notebook):
        try:
            nodes = list(ast.walk(ast.parse(source(cell))))
        except SyntaxError:  # IPython's own
            continue
        imports = [(node.module or "", node.names) for node in nodes if isinstance(node, ast.ImportFrom)]
        imports += [(each.name, [each]) for node in nodes if isinstance(node, ast.Import) for each in node.names]
        names = {True: set[str](), False: set[str]()}  # those that are read, and those that are bound
        for node in nodes:
            if isinstance(node, ast.Name):
                names[isinstance(node.ctx, ast.Load)].add(node.id)
            elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                names[False].add(node.name)
        names[False] |= {each.asname or each.name.partition(".")[0] for _, several in imports for each in several}
        needed = sorted((names[True] - names[False]) & made) + [m for m, _ in imports if m.startswith(STREAMS)]
        if needed:
            made |= names[False]
            if NEEDS_REDIS not in tags(cell):
                yield f"{name} uses {needed[0]}, so it needs a real Redis: tag it {NEEDS_REDIS}"
        else:
            made -= names[False]


RULES = (
    has_been_run,
    shows_no_error,
    has_short_cells,
    fits_the_page,
    has_short_prose,
    has_header,
    begins_with_setup,
    has_words_for_pictures,
    has_words_for_diagrams,
    has_sound_links,
    leaves_the_path_alone,
    stays_on_this_machine,
    holds_no_machine_paths,
    shows_what_can_be_compared,
    has_no_emoji,
    has_the_saved_form,
    says_what_needs_redis,
)


def exempt_cells(notebook: Notebook) -> list[str]:
    """Name the cells that nbval does not compare."""
    return [
        name for name, cell in code_cells(notebook) if tags(cell) & EXEMPT_TAGS or EXEMPT_COMMENTS.search(source(cell))
    ]
