"""The site of the lessons: what its pages show, where their links lead, and what is on none of them."""

import ast
import base64
import html
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import pytest

from course_lib.cli import environment, extras, main
from course_lib.cli import site as command
from course_lib.cli.run import StepFailed
from course_lib.paths import REPO
from course_lib.website import SiteError, build

PNG = b"\x89PNG\r\n\x1a\n, not really"
AS_TEXT = base64.b64encode(PNG).decode()
LOADS = {"img": "src", "script": "src", "link": "href", "iframe": "src", "source": "src"}
README = """\
# The course

| Lesson | Minutes |
| --- | --- |
| [2. Later in the folder, first here](notebooks/02_second.ipynb) | 10 |
| [1. A first lesson](notebooks/01_first.ipynb) | 10 |

See [the rooms](course_lib/README.md) and [a term](data/site/terms/task.html).
"""


def fake(sources):
    """Stands in for Mermaid."""
    return [f"<svg>drawn {number}</svg>" for number, _ in enumerate(sources)]


def prose(text):
    return {"cell_type": "markdown", "source": text}


def run(source, *outputs):
    return {"cell_type": "code", "source": source, "outputs": list(outputs)}


def shows(metadata=None, **data):
    kinds = {kind.replace("_", "/"): value for kind, value in data.items()}
    return {"output_type": "execute_result", "data": kinds, "metadata": metadata or {}}


class Course:
    """A small course in a folder, and its site."""

    def __init__(self, folder: Path) -> None:
        self.repo, self.site = folder / "course", folder / "site"
        self.file("README.md", README)
        self.file("course_lib/README.md", "# Rooms\n\n[`x`](x.py)")
        self.file("course_lib/x.py", '"""What x is."""\n\nx = "<1>"\n')
        self.file("course_lib/exercises/lesson_01/solutions.py", "answer = 42\n")
        self.file("course_lib/exercises/lesson_01/scene.py", "scene = 1\n")
        self.file("data/site/index.html", "<main><h1>Glossary</h1></main>")
        self.file("data/site/terms/task.html", "<main><h1>task</h1><p>Runs a coroutine.</p></main>")
        self.lesson("01_first", prose("# Lesson 1: first"))
        self.lesson("02_second", prose("# Lesson 2: second"))

    def file(self, path: str, text: str) -> None:
        file = self.repo / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")

    def lesson(self, name: str, *cells: dict) -> None:
        self.file(f"notebooks/{name}.ipynb", json.dumps({"cells": cells}))

    def build(self) -> None:
        build(self.site, self.repo, fake)

    def page(self, path: str) -> str:
        return (self.site / path).read_text(encoding="utf-8")

    def first(self, *cells: dict) -> str:
        """Return what stands on the first lesson's page, made of these cells."""
        self.lesson("01_first", *cells)
        self.build()
        return self.page("notebooks/01_first.html").partition("<main")[2].partition('<p class="ways">')[0]


@pytest.fixture
def course(tmp_path):
    return Course(tmp_path)


def test_the_lessons_come_in_the_order_of_the_outline_and_a_new_one_at_the_end(course):
    """The list beside a page, and the way on, follow the README; a notebook it does not name goes by its heading."""
    course.lesson("00_new", prose("# Lesson 0: brand new"))
    course.build()
    menu = course.page("index.html").partition("<nav")[2]
    assert re.findall(r"<a [^>]*>([^<]*)</a>", menu) == [
        "2. Later in the folder, first here",
        "1. A first lesson",
        "0. Brand new",
    ]
    assert "Next: 1. A first lesson</a>" in course.page("notebooks/02_second.html")


def test_what_cells_printed_and_raised_stands_under_them(course):
    """Streams, results and tracebacks are shown as text, exactly, without a terminal's colours."""
    body = course.first(
        run(
            "1 < 2", {"output_type": "stream", "name": "stdout", "text": ["a <b>\n", " c\n"]}, shows(text_plain="True")
        ),
        run("1/0", {"output_type": "error", "traceback": ["\x1b[31mZeroDivisionError\x1b[0m: no"]}),
    )
    assert '<pre class="stdout" tabindex="0">a &lt;b&gt;\n c</pre>' in body
    assert '<pre class="result" tabindex="0">True</pre>' in body
    assert '<pre class="stderr" tabindex="0">ZeroDivisionError: no</pre>' in body


@pytest.mark.parametrize(
    "output",
    [
        shows({"image/png": {"width": 8, "height": 9}}, image_png=AS_TEXT, text_plain="seconds 0 <1\nrest"),
        shows(
            text_plain="seconds 0 <1\nrest",
            text_html=f'<img src="data:image/png;base64,{AS_TEXT}" width="8" height="9" alt="seconds 0 &lt;1">\n'
            "<details><summary>The same as text</summary><pre>seconds 0 &lt;1\nrest</pre></details>",
        ),
    ],
    ids=["as a picture", "as HTML"],
)
def test_a_picture_is_a_file_with_an_alternative_text_and_its_twin(course, output):
    """However a notebook holds a picture, the page has a file for it, words in its place, and all of its text below."""
    body = course.first(run("lanes", output))
    assert '<img src="01_first/1.png" width="8" height="9" alt="seconds 0 &lt;1">' in body
    assert '<pre tabindex="0">seconds 0 &lt;1\nrest</pre></details>' in body
    assert (course.site / "notebooks/01_first/1.png").read_bytes() == PNG


def test_what_is_to_be_predicted_is_folded(course):
    """Below a question that asks for a prediction the next outputs are folded, whichever cell has them; others not."""
    printed = {"output_type": "stream", "name": "stdout", "text": "42"}
    body = course.first(
        prose("**Predict, then run.** What?"), run("def f(): ..."), run("f()", printed), run("g()", printed)
    )
    assert body.count("<details><summary>What it shows, once you have predicted it") == 1
    folded = body[body.index("<details>") : body.index("</details>")]
    assert folded.count("42</pre>") == 1
    assert body.count("42</pre>") == 2


def test_an_output_that_no_page_can_show_is_told(course):
    """An output of a kind that is not known ends the build with its kind."""
    course.lesson("01_first", run("x", shows(application_json="{}")))
    with pytest.raises(SiteError, match=r"has only application/json: say in course_lib/website/lesson\.py"):
        course.build()


def test_links_lead_to_the_pages_of_what_they_named(course):
    """A link to a lesson, a heading, a file of the library or a term leads to its page; to another site it stays."""
    course.lesson("02_second", prose("# Lesson 2: second\n\n## 3. Who's `next`?"))
    body = course.first(
        prose(
            "[a](02_second.ipynb#3.-Who's-next?) [b](../course_lib/x.py) [c](../data/site/terms/task.html) "
            "[d](../README.md) [f](../data/glossary.md#task) [g](../data/glossary.md) [e](https://docs.python.org/3/?a=1&b=2)"
        )
    )
    assert [html.unescape(link) for link in re.findall(r'href="([^"]*)"', body)][1:] == [
        "02_second.html#3.-Who%27s-next%3F",
        "../course_lib/x.py.html",
        "../data/site/terms/task.html",
        "../index.html",
        "../data/site/terms/task.html",
        "../data/site/index.html",
        "https://docs.python.org/3/?a=1&b=2",
    ]
    assert """id="3.-Who&#x27;s-next?">""" in course.page("notebooks/02_second.html")
    assert "&lt;1&gt;" in course.page("course_lib/x.py.html")


@pytest.mark.parametrize(
    ("link", "told"),
    [
        ("nowhere.ipynb", r"notebooks/01_first.ipynb: nowhere.ipynb leads to no file"),
        ("02_second.ipynb#Gone", r"there is no heading #Gone in notebooks/02_second.ipynb"),
        ("../data/glossary.md#gone", r"glossary.md#gone leads to no file"),
        ("#Gone", r"there is no heading #Gone in notebooks/01_first.ipynb"),
        ("../course_lib/exercises/lesson_01/solutions.py", r"leads to answers of exercises, which are not on the site"),
    ],
)
def test_a_link_that_leads_nowhere_ends_the_build_and_the_old_site_stays(course, link, told):
    """A dead link, and one to answers, is named with its page; what was built before is not touched."""
    course.build()
    before = course.page("notebooks/01_first.html")
    with pytest.raises(SiteError, match=told):
        course.first(prose(f"[x]({link})"))
    assert course.page("notebooks/01_first.html") == before


def test_of_the_exercises_files_only_what_a_lesson_shows_is_on_the_site(course):
    """A file of an exercise has a page where a lesson leads to it, and is not listed beside others."""
    course.first(prose("[the scene](../course_lib/exercises/lesson_01/scene.py)"))
    assert "scene" in course.page("course_lib/exercises/lesson_01/scene.py.html")
    assert "lesson_01" not in course.page("course_lib/x.py.html")
    course.first()
    assert not (course.site / "course_lib/exercises").exists()


def test_a_folder_that_holds_something_else_is_left_alone(course):
    """A build replaces a site of this course, and an empty folder, and nothing else."""
    course.site.mkdir()
    course.build()
    course.build()
    other = course.site.with_name("other")
    other.mkdir()
    (other / "mine.txt").touch()
    with pytest.raises(SiteError, match=r"other holds something else than a site of this course\. Next: name another"):
        build(other, course.repo, fake)
    assert [file.name for file in other.iterdir()] == ["mine.txt"]


def test_diagrams_are_drawn_and_two_builds_are_the_same_bytes(course):
    """Mermaid's text becomes what was drawn of it, in its place; building again changes no byte."""
    body = course.first(prose("```mermaid\ngraph LR\n  A --> B\n```"), prose("```mermaid\ngraph LR\n  C --> D\n```"))
    assert re.findall(r"<svg>(.*?)</svg>", body) == ["drawn 0", "drawn 1"]
    files = {file: file.read_bytes() for file in course.site.rglob("*") if file.is_file()}
    course.build()
    assert files == {file: file.read_bytes() for file in course.site.rglob("*") if file.is_file()}


def test_the_search_knows_headings_code_terms_and_the_library(course):
    """Each section of a lesson is found by its words and its code, not by what it prints; so are terms and modules."""
    printed = {"output_type": "stream", "name": "stdout", "text": "printed"}
    course.first(prose("# Lesson 1: first\n\n## A part\n\nSome `words`."), run("call(1)", printed))
    script = course.page("search-index.js")
    entries = json.loads(script.removeprefix("window.courseEntries = ").rstrip().removesuffix(";"))
    found = {entry["url"]: entry["text"] for entry in entries}
    assert found["notebooks/01_first.html#A-part"] == "Some words . call(1)"
    assert found["data/site/terms/task.html"] == "Runs a coroutine."
    assert found["course_lib/x.py.html"] == "What x is."


# --- the command


def test_help_installs_nothing(monkeypatch, capsys):
    """--help says what the command does and fetches, without an environment and without packages."""
    monkeypatch.setattr(environment, "prepare", None)
    with pytest.raises(SystemExit) as ended:
        main.main(["site", "--help"])
    assert ended.value.code == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "to be read without running anything" in said
    assert "The first call fetches 6 MB, to draw the diagrams with; then no network is needed." in said


def test_what_draws_is_installed_once_with_a_sentence(monkeypatch, capsys, tmp_path):
    """Where a package of the extra is missing, or another version of it, all are installed; then never again."""
    there = dict(pin.split("==") for pin in extras.wanted("site"))
    there["mermaidx"] = "0.1"
    installed = []

    def install(what, arguments):
        installed.append([str(argument) for argument in arguments])
        there.update(pin.split("==") for pin in extras.wanted("site"))

    monkeypatch.setattr(extras.importlib.metadata, "version", there.__getitem__)
    monkeypatch.setattr(extras.install, "_run", install)
    monkeypatch.setattr("course_lib.website.build", lambda folder: folder.mkdir() or 7)
    assert command.main(["--output", str(tmp_path / "1")]) == 0
    assert "four small packages are installed once (6 MB are fetched)" in capsys.readouterr().err
    assert command.main(["--output", str(tmp_path / "2")]) == 0
    told = capsys.readouterr()
    assert told.err == ""
    assert f"7 pages, 0 MB, made in 0 s. Open {tmp_path / '2' / 'index.html'}" in told.out
    (arguments,) = installed
    assert arguments[-len(there) :] == extras.wanted("site")


def test_without_a_network_the_first_call_says_what_it_needs(monkeypatch, capsys, tmp_path):
    """An installer that fails is quoted, with how much the network is needed for; nothing is built."""

    def fail(*_):
        raise StepFailed("dns error: failed to lookup address")

    monkeypatch.setattr(extras, "is_there", lambda pin: False)
    monkeypatch.setattr(extras.install, "_run", fail)
    assert command.main(["--output", str(tmp_path / "site")]) == 1
    told = capsys.readouterr().err
    assert "dns error" in told
    assert "Next: this needs the network once (it fetches 6 MB)." in told
    assert not (tmp_path / "site").exists()


def test_a_dead_link_is_said_without_a_traceback(monkeypatch, capsys, tmp_path):
    """What is wrong with the site's sources is a sentence, and status 1."""

    def dead(folder):
        raise SiteError("a.ipynb: b.ipynb leads to no file")

    monkeypatch.setattr(extras, "is_there", lambda pin: True)
    monkeypatch.setattr("course_lib.website.build", dead)
    assert command.main(["--output", str(tmp_path / "site")]) == 1
    assert capsys.readouterr().err == "a.ipynb: b.ipynb leads to no file\n"


# --- the course itself


class Loaded(HTMLParser):
    """What a page loads, its pictures without words, and the text of its code."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.urls: list[str] = []
        self.mute: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        if tag in LOADS and LOADS[tag] in found:
            self.urls.append(found[LOADS[tag]])
        if tag == "img" and not (found.get("alt") or "").strip():
            self.mute.append(found.get("src"))


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The site of the course as it is, its diagrams aside, and the colours of its code, which take longest."""
    folder = tmp_path_factory.mktemp("site") / "site"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("course_lib.website.prose.highlight", lambda text, *_: html.escape(text))
        build(folder, draw=fake)
    return folder


def test_no_page_of_the_course_loads_anything_from_elsewhere(site):
    """What a page loads when it is opened lies beside it; every picture has words that stand for it."""
    for page in [site / "index.html", site / "search.html", *(site / "notebooks").glob("*.html")]:
        loaded = Loaded(page.read_text(encoding="utf-8"))
        assert not loaded.mute, page
        for url in loaded.urls:
            assert url == "data:," or (page.parent / unquote(url)).is_file(), f"{page.name} loads {url}"
    assert not re.search(r"@import|url\(", (site / "site.css").read_text(encoding="utf-8"))


def test_every_lesson_of_the_course_is_on_the_site(site):
    """Each notebook has its page."""
    assert {page.stem for page in (site / "notebooks").glob("*.html")} == {
        notebook.stem for notebook in (REPO / "notebooks").glob("*.ipynb")
    }


def test_no_solution_is_on_the_site(site):
    """No function of a reference solution stands on the page of a lesson, or of an exercise's file."""
    tag = re.compile(r"<[^>]+>")
    files = [*(site / "notebooks").glob("*.html"), *(site / "course_lib" / "exercises").rglob("*.html")]
    pages = [html.unescape(tag.sub("", file.read_text(encoding="utf-8"))) for file in files]
    answers = 0
    for file in (REPO / "course_lib" / "exercises").glob("lesson_*/solutions.py"):
        text = file.read_text(encoding="utf-8")
        for node in ast.parse(text).body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                answers += 1
                answer = ast.get_source_segment(text, node)
                assert not any(answer in page for page in pages), f"{file}: {node.name}"
    assert answers > 50
