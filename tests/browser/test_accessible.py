"""Every lesson in a real JupyterLab, and every page of the glossary, as axe-core sees them: nothing grave is wrong.

Needs Playwright, a Chromium and axe-core, so it is not part of the plain suite:
python -m pip install playwright axe-playwright-python && python -m pytest tests/browser -n0
"""

from pathlib import Path

import pytest
from accessible import grave
from lab_driver import FLAGS, Lab, chromium, jupyterlab

from course_lib.lab.glossary import SITE, mount
from course_lib.lab.web import LabServer
from course_lib.paths import MASTERS

OURS = (".jp-MarkdownOutput", ".jp-OutputArea-output")
"""What a lesson puts on the page: its text and its outputs. The rest is JupyterLab's own."""

THEIRS = (".jp-InternalAnchorLink", ".jp-collapseHeadingButton", ".jupyter-widgets")
"""What JupyterLab and its widgets put inside that."""


def look_at(lab: Lab, notebook: Path) -> list[str]:
    """Open a notebook with its saved outputs, and return what is wrong with it."""
    lab.open(notebook)
    lab.page.evaluate("() => document.querySelectorAll('.jp-Notebook details').forEach(each => each.open = true)")
    lab.page.locator(OURS[0]).first.wait_for()
    return [f"{notebook.name}: {line}" for line in grave(lab.page, *OURS, without=THEIRS)]


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_every_lesson_can_be_heard_and_read(dark: bool) -> None:
    """Pictures have alternative texts, words a contrast of 4.5 : 1, links and tables their names, also unfolded."""
    with jupyterlab(dark=dark, width=1280) as lab:
        found = [line for notebook in sorted(MASTERS.glob("*.ipynb")) for line in look_at(lab, notebook)]
    assert not found, "\n".join(found)


def test_diagrams_say_what_they_show() -> None:
    """A diagram is an image with a title and a description that are heard."""
    with jupyterlab() as lab:
        lab.open(MASTERS / "03_coroutine_lifecycle.ipynb")
        diagram = lab.page.locator(".jp-RenderedMermaid").first
        diagram.locator("img").wait_for()
        assert diagram.locator("img").get_attribute("alt") == "The states of a coroutine"
        assert "create_task schedules it" in str(diagram.text_content())


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_of_the_glossary_can_be_heard_and_read(scheme: str) -> None:
    """The site's own pages, in both of its looks; those that show bad HTML on purpose are looked at all the same."""
    from playwright.sync_api import sync_playwright

    server = LabServer()
    start = mount(server)
    found = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=list(FLAGS))
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
        for file in sorted(SITE.rglob("*.html")):
            name = file.relative_to(SITE).as_posix()
            page.goto(start + name)
            found += [f"{name}: {line}" for line in grave(page)]
        browser.close()
    server.stop()
    assert not found, "\n".join(found)
