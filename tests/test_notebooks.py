"""The notebooks keep the course's rules, and each rule finds what it forbids."""
# mypy: allow-untyped-calls, no-warn-return-any
# (nbformat has no types)

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import nbformat
import notebook_rules as rules
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_output
from notebook_rules import Notebook

from course_lib.cli.refresh import METADATA, sanitizer
from course_lib.paths import MASTERS

NOTEBOOKS = sorted(MASTERS.glob("*.ipynb"))
MOST_EXEMPT = 5

Rule = Callable[[Notebook, Path], Iterator[str]]
each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def test_there_are_notebooks() -> None:
    """An empty folder would pass every other test here."""
    assert NOTEBOOKS, f"no notebook in {MASTERS.name}/"


@each_notebook
@pytest.mark.parametrize("rule", rules.RULES, ids=lambda rule: rule.__name__)
def test_notebook(rule: Rule, path: Path) -> None:
    """Every notebook keeps every rule."""
    found = list(rule(json.loads(path.read_text(encoding="utf-8")), path))
    assert not found, f"{path.name}: " + "; ".join(found)


def test_few_cells_are_exempt_from_comparison() -> None:
    """The whole course has at most five cells whose output nbval does not compare."""
    exempt = [
        f"{path.name}: {name}"
        for path in NOTEBOOKS
        for name in rules.exempt_cells(json.loads(path.read_text(encoding="utf-8")))
    ]
    assert len(exempt) <= MOST_EXEMPT, "\n".join(exempt)


# The rules themselves, on notebooks built here.

HEADER = """# 01 A lesson

**You will be able to** tell one thing from another.
**You need first** nothing. **Minutes** 5. **Article** section 1."""


def printed(text: str) -> Notebook:
    return new_output("stream", name="stdout", text=text)


def shown(**data: str) -> Notebook:
    return new_output("display_data", data={mime.replace("_", "/"): value for mime, value in data.items()})


def failed(name: str = "ValueError", traceback: str = "") -> Notebook:
    return new_output("error", ename=name, evalue="no", traceback=[traceback])


def code(text: str, *outputs: Notebook, tags: tuple[str, ...] = ()) -> Notebook:
    metadata = {"tags": list(tags)} if tags else {}
    return new_code_cell(text, execution_count=1, outputs=list(outputs), metadata=metadata)


def notebook(*cells: Notebook, header: str = HEADER) -> Notebook:
    """Return a notebook with these cells after a header and setup(), in the form in which refresh saves."""
    every = [new_markdown_cell(header), code("setup()", printed("Ready.\n")), *cells]
    for number, cell in enumerate(every):
        cell["id"] = f"cell-{number}"
    for number, cell in enumerate((cell for cell in every if cell["cell_type"] == "code"), start=1):
        cell["execution_count"] = number
    return dict(nbformat.from_dict({"cells": every, "metadata": METADATA, "nbformat": 4, "nbformat_minor": 5}))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A notebook's place in a small course, with a page and another notebook to link to."""
    folder = tmp_path / "notebooks"
    folder.mkdir()
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "glossary.md").write_text('<a id="task"></a>\n\n## A task\n', encoding="utf-8")
    (tmp_path / "README.md").write_text("# The course\n\n## How to start, quickly\n", encoding="utf-8")
    other = notebook(new_markdown_cell("## The `await` keyword"))
    (folder / "02_other.ipynb").write_text(json.dumps(other), encoding="utf-8")
    return folder / "01_lesson.ipynb"


PROSE = "word " * 60
GOOD = {
    "a handful of lines": code("x = 1\n" * 20),
    "full lines": code(f"{'x' * 79}\ny", printed(f"{'z' * 76}\n"), shown(text_plain="-" * 76)),
    "an expected error": code("raise ValueError", failed(), tags=("raises-exception",)),
    "a picture and its words": code(
        "draw()",
        shown(
            # What base64 says by chance is no text: this is neither a path of a machine nor an address.
            text_html='<img src="data:image/png;base64,/home/ada/0x123456789a" width="8" height="8" alt="one lane">',
            text_plain="fetch 1 ####",
        ),
    ),
    "a diagram and its words": new_markdown_cell(
        '```mermaid\n%%{init: {"themeVariables": {"lineColor": "#808080"}}}%%\ngraph LR\n    accTitle: Two\n'
        "    accDescr: One leads to the other.\n    A --> B\n```"
    ),
    "a term of the glossary": new_markdown_cell("[x](../data/glossary.md#task)"),
    "a described picture": new_markdown_cell("![a loop](https://127.0.0.1/loop.png)"),
    "measured quantities": code("t()", printed("took ~0.31 s, ~4.9 x faster, ~1,234 requests/s, ~7 %\n")),
    "exact virtual time": code("t()", printed("took 3.0 s, at 1.5 s\n")),
    "what is sanitized": code(
        "f()", printed("<coroutine object f at 0x7f12ab34cd56> Task-12 http://127.0.0.1:54321/\n")
    ),
    "a warning in a cell": code("f()", printed("/tmp/ipykernel_123/456.py:3: UserWarning: careful\n")),
    "links": new_markdown_cell(
        "[a](../README.md) [b](../README.md#how-to-start-quickly) [c](02_other.ipynb#The-await-keyword) "
        "[d](02_other.ipynb) [e](#A-heading) [f](https://docs.python.org/3/) `[g](nowhere.md)`\n\n## A heading"
    ),
    "a local server": code("url = f'http://127.0.0.1:{port}/delay/1'"),
    "what needs a real Redis, and says so": code("from course_lib.jobs import JobQueue", tags=("needs-redis",)),
    "not quite the path": code("os.path.join(basis.pathway)"),
}


@pytest.mark.parametrize("cell", GOOD.values(), ids=GOOD.keys())
def test_rules_accept(cell: Notebook, path: Path) -> None:
    """What the rules allow, they let pass."""
    assert [found for rule in rules.RULES for found in rule(notebook(cell), path)] == []


BAD: dict[str, tuple[Rule, Notebook, str]] = {
    "an error": (rules.shows_no_error, code("f()", failed("KeyError")), "shows KeyError"),
    "a tag without its error": (rules.shows_no_error, code("f()", tags=("raises-exception",)), "raises nothing"),
    "a mark of nbval's": (rules.shows_no_error, code("# NBVAL_RAISES_EXCEPTION\nf()", failed()), "for nbval alone"),
    "a long cell": (rules.has_short_cells, code("x = 1\n" * 21), "21 lines"),
    "a wide line of code": (rules.fits_the_page, code(f"x\n{'y' * 80}"), "80 columns of code"),
    "a wide line of output": (rules.fits_the_page, code("f()", printed(f"x\n{'y' * 77}\n")), "77 columns of output"),
    "a wide swimlane": (
        rules.fits_the_page,
        code("draw()", shown(image_png="iVBORw0K", text_plain="-" * 81)),
        "81 columns of output",
    ),
    "a bare picture": (rules.has_words_for_pictures, code("draw()", shown(image_png="iVBORw0K")), "'empty'"),
    "a figure's size": (
        rules.has_words_for_pictures,
        code("draw()", shown(image_png="iVBORw0K", text_plain="<Figure size 640x480 with 1 Axes>")),
        "<Figure size",
    ),
    "a picture in HTML without words": (
        rules.has_words_for_pictures,
        code("draw()", shown(text_html='<img src="data:image/png;base64,iVBORw0K">', text_plain="three lanes")),
        "without alternative text",
    ),
    "a picture that is no HTML": (
        rules.has_words_for_pictures,
        code("draw()", shown(image_png="iVBORw0K", text_plain="three lanes")),
        "without alternative text",
    ),
    "an undescribed picture": (rules.has_words_for_pictures, new_markdown_cell("![](loop.png)"), "description"),
    "a diagram without words": (
        rules.has_words_for_diagrams,
        new_markdown_cell("```mermaid\ngraph LR\n    accTitle: Two\n    A --> B\n```"),
        "`accDescr: ...`",
    ),
    "a diagram for one theme": (
        rules.has_words_for_diagrams,
        new_markdown_cell("```mermaid\ngraph LR\n    accTitle: Two\n    accDescr: To.\n    A --> B\n```"),
        "lineColor",
    ),
    "a link to a page of HTML": (
        rules.has_sound_links,
        new_markdown_cell("[x](../data/site/terms/task.html)"),
        "../data/glossary.md#term",
    ),
    "a link to no term": (
        rules.has_sound_links,
        new_markdown_cell("[x](../data/glossary.md#no-term)"),
        "#no-term",
    ),
    "a link with bold letters": (rules.has_sound_links, new_markdown_cell("[a/__init__.py](02_other.ipynb)"), "bold"),
    "a link that looks like code": (rules.has_sound_links, new_markdown_cell("[`x`](02_other.ipynb)"), "plain code"),
    "a link to no file": (rules.has_sound_links, new_markdown_cell("[x](03_none.ipynb)"), "03_none.ipynb"),
    "a link to no heading": (rules.has_sound_links, new_markdown_cell("[x](#Nowhere)"), "#Nowhere"),
    "a link to no heading there": (rules.has_sound_links, new_markdown_cell("[x](02_other.ipynb#No)"), "#No"),
    "a link to no heading of a page": (rules.has_sound_links, new_markdown_cell("[x](../README.md#No)"), "#No"),
    "a link out of the course": (rules.has_sound_links, new_markdown_cell("[x](../../)"), "../../"),
    "a link in HTML": (rules.has_sound_links, new_markdown_cell('<a href="none.md">x</a>'), "none.md"),
    "a missing attachment": (rules.has_sound_links, new_markdown_cell("![x](attachment:x.png)"), "attachment:x.png"),
    "sys.path": (rules.leaves_the_path_alone, code("import sys\nsys.path.insert(0, '..')"), "sys.path"),
    "a shell": (rules.stays_on_this_machine, code("!ls"), "shell"),
    "an installer": (rules.stays_on_this_machine, code("%pip install x"), "installs"),
    "a public host": (rules.stays_on_this_machine, code("get('https://example.com/x')"), "example.com"),
    "a home folder": (rules.holds_no_machine_paths, code("f()", printed("in /home/ada/course/x.py\n")), "/home/a"),
    "a home folder in a traceback": (
        rules.holds_no_machine_paths,
        code("f()", failed(traceback="File \x1b[32m~/course/x.py:3\x1b[39m"), tags=("raises-exception",)),
        "~/c",
    ),
    "a Windows folder": (rules.holds_no_machine_paths, code("f()", printed("C:\\Users\\ada\n")), "C:\\"),
    "this clone's folder": (rules.holds_no_machine_paths, code("f()", printed(f"{MASTERS}\n")), "path of one machine"),
    "a date": (rules.shows_what_can_be_compared, code("f()", printed("on 2030-01-31\n")), "2030-01-31"),
    "a time of day": (rules.shows_what_can_be_compared, code("f()", printed("at 12:34:56\n")), "12:34:56"),
    "a quantity without its unit": (rules.shows_what_can_be_compared, code("f()", printed("took ~0.31\n")), "unit"),
    "an emoji in code": (rules.has_no_emoji, code("print('\u2705')"), "emoji"),
    "an emoji in an output": (rules.has_no_emoji, code("f()", printed("done \U0001f389\n")), "emoji"),
    "a widget": (
        rules.has_the_saved_form,
        code("f()", shown(**{"text_plain": "IntSlider()", "application_vnd.jupyter.widget-view+json": "{}"})),
        "widget",
    ),
    "a queue of jobs on any Redis": (rules.says_what_needs_redis, code("import course_lib.jobs"), "tag it needs-redis"),
    "prose without end": (rules.has_short_prose, new_markdown_cell(PROSE + "more"), "61 words"),
}


@pytest.mark.parametrize(("rule", "cell", "words"), BAD.values(), ids=BAD.keys())
def test_rules_refuse(rule: Rule, cell: Notebook, words: str, path: Path) -> None:
    """Each planted mistake is found by the rule that forbids it, and named."""
    found = list(rule(notebook(cell, code("after()")), path))
    assert any(words in sentence for sentence in found), found


def test_what_uses_what_needs_a_real_redis_needs_it_too(path: Path) -> None:
    """A cell that is left out takes all with it that uses what it made, until that is made anew."""
    part = "from course_lib.service.parts import Part\napi = Part()"
    cells = [code(each) for each in ("def end():\n    api.end()", "end()", "api = 1", "api")]
    found = list(rules.says_what_needs_redis(notebook(code(part, tags=("needs-redis",)), *cells), path))
    assert [words.partition(" uses ")[2].partition(",")[0] for words in found] == ["api", "end"]


def test_a_cell_that_was_not_run_is_found(path: Path) -> None:
    """A cell without an execution count is named, with the command that runs it."""
    bad = notebook(code("f()"))
    bad["cells"][-1]["execution_count"] = None
    (found,) = rules.has_been_run(bad, path)
    assert "f()" in found and "refresh 01_lesson" in found


@pytest.mark.parametrize("label", rules.LABELS)
def test_a_missing_label_is_found(label: str, path: Path) -> None:
    """A header without one of its four labels is refused."""
    found = list(rules.has_header(notebook(header=HEADER.replace(label, "Something")), path))
    assert f"the first cell lacks the label **{label}**" in found


def test_a_missing_title_is_found(path: Path) -> None:
    """A header without a title, and a notebook without cells, are refused."""
    assert any("title" in found for found in rules.has_header(notebook(header=HEADER[2:]), path))
    assert any("title" in found for found in rules.has_header({"cells": []}, path))


def test_a_missing_setup_is_found(path: Path) -> None:
    """A notebook that starts with other code than setup() is refused."""
    bad = notebook()
    bad["cells"][1]["source"] = "# setup()\nimport asyncio"
    assert list(rules.begins_with_setup(bad, path)) == ["the first code cell does not call setup()"]


@pytest.mark.parametrize(
    "change",
    [
        lambda nb: nb["metadata"]["language_info"].update(version="3.11.7"),
        lambda nb: nb["metadata"].update(widgets={}),
        lambda nb: nb["cells"][1]["metadata"].update(execution={"iopub.status.busy": "2030-01-31T12:34:56Z"}),
        lambda nb: nb["cells"][1].update(execution_count=7),
        lambda nb: nb["cells"][1]["outputs"].append(printed("and more\n")),
        lambda nb: nb["cells"][1].update(id="cell-0"),
    ],
    ids=["a version", "widgets", "times", "counts", "a split stream", "a shared id"],
)
def test_a_form_that_refresh_does_not_save_is_found(change: Callable[[Notebook], None], path: Path) -> None:
    """What an editor leaves in the file is refused, with the command that takes it out."""
    bad = json.loads(json.dumps(notebook()))
    change(bad)
    assert any("refresh 01_lesson" in found for found in rules.has_the_saved_form(bad, path))


def test_only_prose_is_counted() -> None:
    """Headings, tables, lists, fenced blocks, folded answers and targets of links are not prose."""
    markdown = """# One two three

Four [five](somewhere/else.md) `six` - seven.

| a | b |
| - | - |

- a point
  that goes on

1. another

```mermaid
graph LR; A --> B
```
<details><summary>Answer</summary>

Folded away.

</details>

Eight.
"""
    assert rules.count_words(markdown) == 5


def test_exempt_cells_are_counted_by_tag_and_by_comment() -> None:
    """Both ways of keeping a cell from nbval count; an expected error does not, because it is compared."""
    cells = [
        code("a()", tags=("nbval-ignore-output",)),
        code("b()", tags=("nbval-skip",)),
        code("# NBVAL_IGNORE_OUTPUT\nc()"),
        code("d()", failed(), tags=("raises-exception",)),
        code("e()"),
    ]
    assert len(rules.exempt_cells(notebook(*cells))) == 3


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("took ~0.31 s", "took ~12.04 s"),
        ("took  ~9.31 s", "took ~12.04 s"),
        ("~987 requests/s", "~1,234 requests/s"),
        ("<Task 'Task-3' at 0x7f12ab34cd56>", "<Task 'Task-41' at 0x10ab34cd78>"),
        ("http://127.0.0.1:8000/x", "http://127.0.0.1:54321/x"),
        ("Connect call failed ('127.0.0.1', 8000)", "Connect call failed ('127.0.0.1', 54321)"),
        ("pid 12", "pid 3456"),
        ("~Take processes", "~Take sequential"),
        ("/tmp/ipykernel_1/23.py:3: UserWarning", "C:\\Users\\A B\\Temp\\ipykernel_45\\6.py:3: UserWarning"),
        ("/home/a/course/course_lib/clock.py:3: UserWarning", "course_lib/clock.py:3: UserWarning"),
    ],
)
def test_what_differs_from_run_to_run_is_overlooked(one: str, other: str) -> None:
    """The sanitizers make equal what may differ."""
    assert sanitizer()(one) == sanitizer()(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("took 3.0 s", "took 3.1 s"),
        ("~0.31 s", "~0.31 ms"),
        ("3 of 4 tasks", "4 of 4 tasks"),
        ("fetch 1", "fetch 2"),
        ("/tmp/ipykernel_1/23.py:3: UserWarning", "/tmp/ipykernel_1/23.py:4: UserWarning"),
        ("http://127.0.0.1:8000/x", "http://127.0.0.1:8000/y"),
        ("0x1f", "0x2f"),
        ("~Take processes", "~Take asyncio"),
        ("Take processes", "Take sequential"),
    ],
)
def test_what_is_exact_is_compared(one: str, other: str) -> None:
    """The sanitizers leave virtual times, counts, orders and lines alone."""
    assert sanitizer()(one) != sanitizer()(other)
