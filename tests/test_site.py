"""The glossary in data/site: its pages are sound, its examples run, and a crawler can be counted against it."""

import asyncio
import json
import re
import subprocess
import sys
from collections import Counter, deque
from collections.abc import Iterator
from functools import cache
from html import unescape
from html.parser import HTMLParser
from typing import Any
from urllib.parse import quote, unquote, urldefrag, urljoin, urlsplit

import make_glossary
import pytest
import requests

from course_lib.crawler import AsyncWebCrawler
from course_lib.crawler.robots import Rules
from course_lib.lab.glossary import CONTENT_TYPES, REDIRECTS, SITE, mount
from course_lib.lab.web import LabServer
from course_lib.paths import REPO

START = "http://site/glossary/"
DEAD = {"terms/green-thread.html", "wild/lost.html"}
DRAFTS = {"drafts/index.html", "drafts/signal-handler.html", "drafts/subprocess.html"}
VOID = {"meta", "link", "img", "base", "br"}

# What there is to find; data/README.md and lesson 4b say the same.
PAGES_BY_DEPTH = [1, 116, 13, 7, 2, 1, 1, 1, 1]
"""How many URLs answer with a page and are this many links from the start, robots.txt kept."""


class Page(HTMLParser):
    """What the tests want of a page; `errors` says what is wrong with its tags."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.errors: list[str] = []
        self.attributes: dict[str, list[dict[str, str]]] = {}  # of each kind of element
        self.texts: dict[str, list[str]] = {}  # by element, and for pre by "pre.class"
        self.ids: Counter[str] = Counter()
        self.feed(html)
        self.close()
        self.errors += [f"<{tag}> is never closed" for tag in self.open]
        self.base = self.attributes.get("base", [{"href": ""}])[0]["href"]
        self.links = [a["href"] for a in self.attributes.get("a", ()) if "href" in a]

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        found = {name: value or "" for name, value in attrs}
        self.attributes.setdefault(tag, []).append(found)
        self.ids.update([found["id"]] if "id" in found else ())
        if tag not in VOID:
            self.open.append(tag)
            self.name = f"pre.{found.get('class')}" if tag == "pre" else tag
            self.texts.setdefault(self.name, []).append("")

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.errors.append(f"</{tag}> at {self.getpos()} closes nothing")

    def handle_data(self, data: str) -> None:
        if self.open and (self.open[-1] in ("title", "h1") or "pre" in self.open):
            name = self.open[-1] if "pre" not in self.open else next(n for n in reversed(self.texts) if n[:3] == "pre")
            self.texts[name][-1] += data


def html_of(name: str) -> str:
    encodings = {"wild/russian.html": "windows-1251", "wild/japanese.html": "shift_jis"}
    return (SITE / name).read_text(encodings.get(name, "utf-8"))


@cache
def page_of(name: str) -> Page:
    return Page(html_of(name))


NAMES = sorted(path.relative_to(SITE).as_posix() for path in SITE.rglob("*.html"))
TERMS = [name for name in NAMES if name.startswith("terms/")]


def address(link: str, base: str = START) -> str | None:
    """The URL that a link means, one spelling for each; None for what leads off the site."""
    parts = urlsplit(urldefrag(urljoin(base, link.strip()))[0])
    if parts.scheme != "http" or parts.netloc != "site":
        return None
    return parts._replace(path=quote(unquote(parts.path))).geturl()


def name_of(url: str) -> str:
    """The file that a URL means, as a path in the folder."""
    name = unquote(urlsplit(url).path).removeprefix("/glossary/")
    return f"{name}index.html" if name == "" or name.endswith("/") else name


def links_of(url: str) -> list[str]:
    page = page_of(name_of(url))
    found = (address(link, urljoin(url, page.base)) for link in page.links)
    return [link for link in dict.fromkeys(found) if link is not None]


@cache
def found() -> dict[str, dict[str, int]]:
    """What a polite crawler finds from the start page: by kind, each URL with its depth. From the files alone."""
    kinds: dict[str, dict[str, int]] = {
        kind: {} for kind in ("page", "file", "dead", "redirect", "leads out", "disallowed")
    }
    depths, todo, done = {START: 0}, deque([START]), set()
    while todo:
        url = todo.popleft()
        if url in done:
            continue  # put in twice, for a redirect was a shorter way to it
        done.add(url)
        name, links = name_of(url), []
        if name in DRAFTS:
            kind = "disallowed"
        elif name in REDIRECTS or (SITE / name).is_dir():
            target = address(REDIRECTS[name][1] if name in REDIRECTS else f"{url}/", url)
            kind = "redirect" if target else "leads out"
            if target and depths.get(target, depths[url] + 1) > depths[url]:
                depths[target] = depths[url]
                todo.appendleft(target)  # it is as deep as what leads there
        elif not (SITE / name).is_file():
            kind = "dead"
        elif name.endswith(".html"):
            kind, links = "page", [link for link in links_of(url) if link not in depths]
        else:
            kind = "file"
        kinds[kind][url] = depths[url]
        depths |= dict.fromkeys(links, depths[url] + 1)
        todo += links
    return kinds


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with LabServer() as server:
        yield mount(server)


@pytest.fixture(scope="module")
def client() -> Iterator[requests.Session]:
    with requests.Session() as session:
        session.trust_env = False
        yield session


# The pages


@pytest.mark.parametrize("name", NAMES)
def test_a_page_is_sound(name):
    """Tags are balanced, ids unique, the language said, and the one h1 is the title."""
    page = page_of(name)
    assert page.errors == []
    assert html_of(name).startswith("<!doctype html>\n")
    assert page.attributes["html"] == [{"lang": "en"}]
    assert len(page.texts["title"]) == 1 and page.texts["h1"] == page.texts["title"] != [""]
    assert page.ids == Counter(set(page.ids))
    assert "script" not in page.attributes and all(image["alt"] for image in page.attributes.get("img", ()))
    charsets = [meta["charset"] for meta in page.attributes["meta"] if "charset" in meta]
    assert charsets == {"wild/russian.html": [], "wild/japanese.html": ["shift_jis"]}.get(name, ["utf-8"])


@pytest.mark.parametrize("name", NAMES)
def test_a_link_leads_somewhere(name):
    """Every relative link, picture and style sheet is there, with its fragment, save the dead ones on purpose."""
    page, here = page_of(name), START + quote(name)
    others = [one[key] for tag, key in (("link", "href"), ("img", "src")) for one in page.attributes.get(tag, ())]
    for link in page.links + others:
        target = address(link, urljoin(here, page.base))
        if target is None or (file := name_of(target)) in DEAD:
            continue
        if file in REDIRECTS:
            assert name == "wild/old-addresses.html"
            continue
        assert (SITE / file).exists(), link
        fragment = urldefrag(link).fragment
        assert not fragment or fragment in page_of(file).ids, link


def test_no_two_titles_are_alike():
    """Each page has a title of its own."""
    titles = Counter(page_of(name).texts["title"][0] for name in NAMES)
    assert [title for title, times in titles.items() if times > 1] == []


# The terms


def test_the_index_lists_every_term_once_by_name_and_once_by_lesson():
    """Both lists of the start page have each term exactly once, by its title: one by the alphabet, one by lesson."""
    by_name, by_lesson = html_of("index.html").split('<h2 id="lessons">')
    titles = {name: page_of(name).texts["title"][0] for name in TERMS}
    listed = re.findall(r'<a href="(terms/.+?)">(.+?)</a>', by_name)
    assert listed == sorted(titles.items(), key=lambda term: term[1].lower())
    assert f"<p>{len(TERMS)} terms" in by_name and len(TERMS) >= 60
    lessons: dict[str, str] = {}
    for part in by_lesson.split("<h3")[1:]:
        lesson = re.findall(">(.+)</h3>", part)[0]
        for name, title in re.findall(r'<a href="(terms/.+?)">(.+?)</a>', part):
            assert title == titles[name] and name not in lessons
            lessons[name] = lesson
    assert lessons == {name: re.findall('<li class="lesson">(.+)</li>', html_of(name))[0] for name in TERMS}


def test_every_term_has_a_chinese_name():
    """Each page says the Chinese name, once and marked as Chinese; the list of all terms has it, too."""
    names = {}
    for name in TERMS:
        [names[name]] = re.findall(
            r'</h1>\n<p class="names">In Chinese: <span lang="zh-Hans">(.+?)</span></p>', html_of(name)
        )
    by_name = html_of("index.html").split('<h2 id="lessons">')[0]
    assert dict(re.findall(r'<a href="(terms/.+?)">.+?</a> <span lang="zh-Hans">(.+?)</span>', by_name)) == names
    assert all(re.search("[\u4e00-\u9fff]", chinese) for chinese in names.values())
    assert len(set(names.values())) == len(names)


def test_the_lessons_have_the_names_they_have_in_the_readme():
    """A page says "Lesson 2: The event loop" where the README's outline has "2. The event loop"."""
    readme = (REPO / "README.md").read_text("utf-8")
    outline = re.findall(r"^\| \[?(\d+\w?)\. ([^\](|]+?)(?:\]| \(planned\)| \|)", readme, re.M)
    known = {f"Lesson {number}: {title}" for number, title in outline}
    said = {re.findall('<li class="lesson">(.+)</li>', html_of(name))[0] for name in TERMS}
    assert len(known) > 6 and said <= known


def plain(text: str) -> str:
    """Words as they are compared: small letters, and a space for a hyphen or an underscore."""
    return re.sub(r"[-_\s]+", " ", unescape(text).lower())


@pytest.mark.parametrize("lesson", sorted({re.findall('"lesson">(.+)</li>', html_of(name))[0] for name in TERMS}))
def test_a_lesson_names_the_terms_that_point_to_it(lesson: str) -> None:
    """Who follows a term to a lesson finds the term there, in its text or its code."""
    outline = (REPO / "README.md").read_text("utf-8")
    number, title = lesson.removeprefix("Lesson ").split(": ", 1)
    file = re.findall(rf"\[{number}\. {re.escape(title)}\]\((notebooks/.+?)\)", outline)[0]
    cells = json.loads((REPO / file).read_text("utf-8"))["cells"]
    text = plain("\n".join("".join(cell["source"]) for cell in cells))
    terms = {page_of(name).texts["title"][0]: name for name in TERMS if f'"lesson">{lesson}<' in html_of(name)}
    assert terms and [term for term in terms if plain(term) not in text] == []


def test_the_glossary_on_one_page_is_made_of_the_terms() -> None:
    """data/glossary.md, which JupyterLab can show, is made by tests/make_glossary.py; each term and link is there."""
    made = make_glossary.page()
    assert make_glossary.PAGE.read_text("utf-8") == made, "run: python tests/make_glossary.py"
    anchors = re.findall('^<a id="(.+)"></a>$', made, re.M)
    assert sorted(f"terms/{anchor}.html" for anchor in anchors) == sorted(TERMS)
    assert set(re.findall(r"\]\(#([^)]+)\)", made)) == set(anchors)
    assert "<" not in re.sub("```.*?```|`[^`\n]+`|<a id=.+></a>", "", made, flags=re.S)


def see_also(name: str) -> list[str]:
    part = re.findall(r'<ul class="see-also">(.+?)</ul>', html_of(name), re.S)[0]
    return [f"terms/{link}" for link in re.findall('href="(.+?)"', part)]


def test_see_also_joins_all_terms():
    """From any term every other one can be reached, by links to terms only; none names itself or another one twice."""
    graph = {name: see_also(name) for name in TERMS}
    assert all(len(set(names)) == len(names) >= 2 and name not in names for name, names in graph.items())
    backwards: dict[str, list[str]] = {name: [] for name in TERMS}
    for name, names in graph.items():
        for other in names:
            backwards[other].append(name)  # a KeyError: not the page of a term
    for direction in (graph, backwards):
        reached, todo = {TERMS[0]}, [TERMS[0]]
        while todo:
            new = set(direction[todo.pop()]) - reached
            reached |= new
            todo += new
        assert reached == set(TERMS)


def test_a_term_has_documentation_and_is_short():
    """Every term links to its documentation, and its definition is two to five sentences in one paragraph."""
    for name in TERMS:
        assert re.search('<li>Documentation: <a href="https://', html_of(name)), name
        text = re.sub("<.+?>", "", re.findall("<p>(.+?)</p>", html_of(name))[0])
        assert 2 <= len(re.findall(r"[.?](?= |$)", text)) <= 5 and len(text) < 600, name


RUN = """
import contextlib, io, json, sys
printed = {}
for name, code in json.load(sys.stdin).items():
    with contextlib.redirect_stdout(io.StringIO()) as out:
        exec(compile(code, name, "exec"), {"__name__": "__main__"})
    printed[name] = [line.rstrip() for line in out.getvalue().rstrip().splitlines()]
json.dump(printed, sys.stdout)
"""


def test_every_example_prints_what_its_page_says():
    """The examples are run as they stand on the pages, and their outputs are those on the pages."""
    codes, outputs = {}, {}
    for name in TERMS:
        page = page_of(name)
        for sketch in page.texts.get("pre.sketch", ()):
            compile(sketch, name, "exec")
        needs = [pre["data-python"] for pre in page.attributes.get("pre", ()) if "data-python" in pre]
        if "pre.run" in page.texts and not (needs == ["3.12"] and sys.version_info < (3, 12)):
            [codes[name]] = page.texts["pre.run"]
            if "pre.output" in page.texts:
                outputs[name] = page.texts["pre.output"][0].splitlines()
    child = subprocess.run(
        [sys.executable, "-c", RUN], input=json.dumps(codes), capture_output=True, text=True, cwd=REPO, timeout=120
    )
    assert child.returncode == 0, child.stderr
    printed = json.loads(child.stdout)
    assert len(outputs) > 80 and {name: printed[name] for name in outputs} == outputs
    assert all(printed.values())


def test_the_transcript_is_what_its_program_does():
    """The 4,000 lines of the long page are those that the program on it records, and follow from one to the next."""
    page = page_of("wild/transcript.html")
    scene: dict[str, Any] = {}
    exec(compile(page.texts["pre.program"][0], "transcript", "exec"), scene)
    line_of = r'<li id="s(\d+)">(\S+) <b>(.+?)</b> (.+?)(?: <a href="#s(\d+)">next</a>)?</li>'
    lines = re.findall(line_of, html_of("wild/transcript.html"))
    assert len(lines) == len(scene["steps"]) == 4000
    last: dict[str, str] = {}
    for number, (line, (at, task, what)) in enumerate(zip(lines, scene["steps"], strict=True), 1):
        millis = round(at * 1000)
        clock = f"{millis // 3_600_000:02}:{millis // 60_000 % 60:02}:{millis // 1000 % 60:02}.{millis % 1000:03}"
        assert line[:4] == (str(number), clock, task, what)
        assert last.get(task, line[0]) == line[0]
        last[task] = line[4]
    assert set(last.values()) == {""}
    assert 300_000 < len(html_of("wild/transcript.html")) < 600_000


# What a crawler meets, as served


def test_what_there_is_to_find():
    """The counts that lesson 4b shows: pages by depth, and what is not a page."""
    kinds = found()
    by_depth = Counter(kinds["page"].values())
    assert [by_depth[depth] for depth in range(len(PAGES_BY_DEPTH))] == PAGES_BY_DEPTH
    assert {kind: len(urls) for kind, urls in kinds.items()} == {
        "page": sum(PAGES_BY_DEPTH),
        "file": 3,
        "dead": 2,
        "redirect": 8,
        "leads out": 1,
        "disallowed": 3,
    }
    names = Counter(name_of(url) for url in kinds["page"])
    assert set(NAMES) - set(names) == DRAFTS | {"wild/only-by-draft.html"}
    assert {name for name, times in names.items() if times > 1} == {
        "index.html",
        "terms/queue.html",
        "wild/index.html",
    }
    assert {name_of(url) for url in kinds["dead"]} == DEAD


def test_the_server_answers_as_the_count_says(url, client):
    """Every URL of the count is asked for: pages, files, dead links and redirects answer as such."""
    status = {"page": 200, "file": 200, "dead": 404, "disallowed": 200}
    for kind, addresses in found().items():
        for one in addresses:
            answer = client.get(one.replace(START, url), allow_redirects=False)
            assert answer.status_code in ([status[kind]] if kind in status else [301, 302, 307, 308]), one
            assert (answer.headers.get("Content-Type", "")[:9] == "text/html") or kind not in ("page", "disallowed")


def test_the_crawler_of_lesson_4_finds_them_all(url):
    """Every page once, at its depth; the dead links fail, and the rest is skipped."""
    crawler = AsyncWebCrawler()
    results = asyncio.run(crawler.crawl_recursive(url, max_depth=20, max_pages=1000))
    kinds = {kind: {one.replace(START, url): depth for one, depth in urls.items()} for kind, urls in found().items()}
    assert {result.url: result.depth for result in results if result.error is None} == kinds["page"]
    assert {result.url: result.depth for result in results if result.error is not None} == kinds["dead"]
    assert len(results) == len(kinds["page"]) + len(kinds["dead"])
    of_the_site = {one for one in crawler.skipped if one.startswith(url)}
    assert of_the_site == {*kinds["file"], *kinds["redirect"], *kinds["leads out"], *kinds["disallowed"]}


@pytest.mark.parametrize(
    ("old", "new", "hops"),
    [
        ("terms/coroutine-object.html", "terms/coroutine.html", [301]),
        ("terms/promise.html", "terms/future.html", [302]),
        ("terms/back-off.html", "terms/exponential-back-off.html", [301, 301]),
        ("terms/generator.html", "terms/asynchronous-generator.html", [308]),
        ("wild/moved.html", "wild/only-by-redirect.html", [301]),
        ("wild/newest-draft.html", "drafts/subprocess.html", [307]),
        ("wild", "wild/", [302]),
    ],
)
def test_an_old_address_leads_on(url, client, old, new, hops):
    """A redirect leads to its page, in one hop or two, by an address relative to its own."""
    answer = client.get(url + old)
    assert urldefrag(answer.url).url == url + new and answer.status_code == 200
    assert [hop.status_code for hop in answer.history] == hops


def test_one_redirect_leads_off_the_site(url, client):
    """The upstream documentation is elsewhere; the test does not go there."""
    answer = client.get(f"{url}wild/upstream.html", allow_redirects=False)
    assert (answer.status_code, answer.headers["Location"]) == (302, "https://docs.python.org/3/library/asyncio.html")


@pytest.mark.parametrize("prefix", ["/glossary", "/a/b/", "/"])
def test_robots_txt_is_at_the_root_and_knows_the_prefix(client, prefix):
    """A standard parser finds the drafts disallowed, but for the one page with a line of its own."""
    with LabServer() as server:
        url = mount(server, prefix)
        rules = Rules(client.get(f"{server.url}/robots.txt").text, "AsyncCrawler/1.0")
    allowed = {name for name in NAMES if rules.allow(url + quote(name))}
    assert set(NAMES) - allowed == DRAFTS
    assert rules.allow(url + "wild/newest-draft.html")


def test_two_pages_are_not_utf_8(url, client):
    """Of one only the header tells the character set, of the other only the page."""
    russian, japanese = (client.get(f"{url}wild/{name}.html") for name in ("russian", "japanese"))
    assert russian.headers["Content-Type"] == "text/html; charset=windows-1251"
    assert b"charset" not in russian.content and "цикл событий" in russian.content.decode("windows-1251")
    assert japanese.headers["Content-Type"] == "text/html"
    assert b'<meta charset="shift_jis">' in japanese.content
    assert "イベントループ" in japanese.content.decode("shift_jis")
    for page in (russian, japanese):
        with pytest.raises(UnicodeDecodeError):
            page.content.decode("utf-8")
    assert set(CONTENT_TYPES) == {"wild/russian.html", "wild/japanese.html"}


def test_pictures_and_the_pdf_are_small_and_true(url, client):
    """Their types are told, none takes 2 KB, and the PDF's table says where its objects are."""
    svg, png, pdf = (client.get(f"{url}wild/{name}") for name in ("loop.svg", "lanes.png", "card.pdf"))
    kinds = [answer.headers["Content-Type"] for answer in (svg, png, pdf)]
    assert kinds == ["image/svg+xml", "image/png", "application/pdf"]
    assert max(len(answer.content) for answer in (svg, png, pdf)) < 2048
    assert png.content.startswith(b"\x89PNG\r\n") and b"<svg " in svg.content
    table = int(re.findall(rb"startxref\n(\d+)", pdf.content)[0])
    assert pdf.content[table:].startswith(b"xref\n")
    for number, at in enumerate(re.findall(rb"^(\d{10}) 00000 n", pdf.content, re.M), 1):
        assert pdf.content[int(at) :].startswith(b"%d 0 obj" % number)


def test_the_spellings_of_one_page_are_there(client, url):
    """The collection has the troubles that data/README.md lists: spellings, a ring, odd links, another base."""
    links = page_of("wild/duplicates.html").links
    spellings = [link for link in links if address(link, f"{START}wild/") == f"{START}terms/task.html"]
    assert len(set(spellings)) == 6
    assert {client.get(urljoin(f"{url}wild/", link)).content for link in spellings} == {
        (SITE / "terms/task.html").read_bytes()
    }
    assert {"two%20words.html", "two words.html", "../", "../index.html", "../wild", "../wild/"} <= set(links)
    queries = [link for link in links if "?" in link]
    assert len(queries) == 2 and sorted(queries[0]) == sorted(queries[1])
    ring, here = [], "ring-1.html"
    while here not in ring:
        ring.append(here)
        here = next(link for link in page_of(f"wild/{here}").links if link.startswith("ring"))
    assert ring == ["ring-1.html", "ring-2.html", "ring-3.html"] and here == "ring-1.html"
    odd = page_of("wild/odd-links.html").links
    assert {"mailto", "tel", "javascript", "data", "ftp"} <= {urlsplit(link).scheme for link in odd} and "" in odd
    assert page_of("wild/base.html").base == "../terms/"


def test_the_list_of_quirks_is_complete():
    """data/README.md names every page of the collection, and the counts."""
    text = (REPO / "data" / "README.md").read_text("utf-8")
    missing = [name for name in NAMES if name.startswith(("wild/", "drafts/")) and f"`{name}`" not in text]
    assert missing == []
    for depth, pages in enumerate(PAGES_BY_DEPTH):
        assert f"| {depth} | {pages} | {sum(PAGES_BY_DEPTH[: depth + 1])} |" in text
