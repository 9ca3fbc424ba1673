"""All of the site: its pages are written into a folder beside the old one, which they then replace."""

import ast
import json
import shutil
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from course_lib.paths import REPO
from course_lib.website import diagrams, search
from course_lib.website.frame import INDEX, SCRIPT, SEARCH, STYLE, Frame
from course_lib.website.lesson import Written, write
from course_lib.website.links import EXERCISES, GLOSSARY, PICTURES, Links, SiteError, place
from course_lib.website.outline import outline
from course_lib.website.prose import Heading, Page, code, mark

STATIC = Path(__file__).with_name("static")
OURS = ".async-course-site"
"""The file that marks a folder as one that a build may replace."""

README = PurePosixPath("README.md")


@dataclass
class _Site:
    """What is known of the site while it is built; `pages` are bodies, by the files that they are made from."""

    repo: Path
    links: Links
    diagrams: list[str] = field(default_factory=list)
    pages: dict[PurePosixPath, tuple[str, str, list[Heading]]] = field(default_factory=dict)
    pictures: dict[PurePosixPath, bytes] = field(default_factory=dict)
    entries: list[search.Entry] = field(default_factory=list)

    def read(self, path: PurePosixPath) -> str:
        return (self.repo / path).read_text(encoding="utf-8")


def build(target: Path, repo: Path = REPO, draw: Callable[[Sequence[str]], list[str]] = diagrams.draw) -> int:
    """Write the site into a folder, and return how many pages it has, those of the glossary not counted.

    Args:
        target: the folder; a site that was built there before is replaced.
        repo: the course's folder.
        draw: makes SVG of Mermaid's texts.

    Raises SiteError, and leaves `target` as it was, for links that lead nowhere and for a folder that holds something
    else; ImportError where diagrams are to be drawn and the extra `site` is not installed.
    """
    if target.exists() and not (target / OURS).is_file() and (not target.is_dir() or any(target.iterdir())):
        raise SiteError(f"{target} holds something else than a site of this course. Next: name another folder")
    lessons = outline(repo)
    site = _Site(repo, Links(repo))
    for lesson in lessons:
        _add_lesson(site, lesson.path, lesson.title)
    rooms = defaultdict[PurePosixPath, list[PurePosixPath]](list)
    _add(site, README)
    for path in _files(repo):
        rooms[_room(path)].append(path)
        _add(site, path)
    while missing := [path for path in sorted(site.links.wanted) if path not in site.pages and _is_page(path)]:
        for path in missing:
            _add(site, path)
    if dead := site.links.dead():
        raise SiteError("\n".join([*dead, f"Next: mend the links, {len(dead)} in all"]))
    drawn = draw(site.diagrams) if site.diagrams else []
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}-") as folder:
        new = Path(folder) / "new"
        frame = Frame(lessons)
        for path, (title, body, headings) in site.pages.items():
            for number, svg in enumerate(drawn, start=1):
                body = body.replace(mark(number), svg)
            beside = rooms[_room(path)] if path in rooms[_room(path)] else []
            where = place(path)
            _write(new / where, frame.around(where, title, body, headings=headings, beside=beside))
        _write(new / SEARCH, frame.around(SEARCH, "Search", search.page()))
        _write_rest(site, new)
        if target.exists():
            target.rename(Path(folder) / "old")
        new.rename(target)
    return len(site.pages) + 1


def _add_lesson(site: _Site, path: PurePosixPath, title: str) -> None:
    page = Page(path, site.links, site.diagrams)
    written: Written = write(json.loads(site.read(path)), page)
    site.pages[path] = title, written.body, page.headings
    site.pictures.update(written.pictures)
    for heading, text in written.sections:
        fragment = f"#{heading.name}" if heading else ""
        site.entries.append(search.Entry(f"{place(path)}{fragment}", title, heading.text if heading else "", text))


def _add(site: _Site, path: PurePosixPath) -> None:
    if path in site.pages:
        return
    text = site.read(path)
    if path.suffix == ".md":
        page = Page(path, site.links, site.diagrams)
        body = page.prose(text)
        site.pages[path] = page.headings[0].text if page.headings else str(path), body, page.headings
        return
    body = f"<h1>{path}</h1>\n{code(text, 'python' if path.suffix == '.py' else 'text')}"
    site.pages[path] = str(path), body, []
    said = ast.get_docstring(ast.parse(text)) if path.suffix == ".py" else None
    if said:
        site.entries.append(search.Entry(str(place(path)), "Code", str(path), " ".join(said.split())))


def _files(repo: Path) -> Iterator[PurePosixPath]:
    """Yield the library's files, but those of exercises: each has a page, whether a lesson leads to it or not."""
    for file in sorted((repo / "course_lib").rglob("*.py")):
        path = PurePosixPath(file.relative_to(repo).as_posix())
        if not EXERCISES.match(str(path)):
            yield path


def _room(path: PurePosixPath) -> PurePosixPath:
    """Return the folder of a library's file, below course_lib."""
    return PurePosixPath(*path.parts[:2]) if len(path.parts) > 2 else PurePosixPath("course_lib")


def _is_page(path: PurePosixPath) -> bool:
    return path.suffix not in PICTURES and not path.is_relative_to(GLOSSARY)


def _write(file: Path, content: str | bytes) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content.encode("utf-8") if isinstance(content, str) else content)


def _write_rest(site: _Site, new: Path) -> None:
    shutil.copytree(site.repo / GLOSSARY, new / GLOSSARY)
    site.entries += search.glossary(site.repo / GLOSSARY, str(GLOSSARY))
    for picture, png in site.pictures.items():
        _write(new / picture, png)
    for path in site.links.wanted:
        if path.suffix in PICTURES:
            _write(new / path, (site.repo / path).read_bytes())
    for name in (STYLE, SCRIPT):
        shutil.copy(STATIC / name, new / name)
    _write(new / INDEX, search.script(site.entries))
    _write(new / OURS, "Built by `python -m course_lib site`, which may replace this folder.\n")
