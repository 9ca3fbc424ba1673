"""The site of the lessons in a real Chromium, from a disk and from its own server: whole, still, and found in.

Needs Playwright and a Chromium, so it is not part of the plain suite: python -m pytest tests/browser -n0
SITE_SHOTS=folder/name keeps a picture of each page that is opened.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from lab_driver import chromium

from course_lib.paths import MASTERS

SHOTS = os.environ.get("SITE_SHOTS", "")
PAGES = [
    "index.html",
    "search.html?q=cancel",
    "course_lib/index.html",
    "course_lib/tasks.py.html",
    "data/site/index.html",
    *(f"notebooks/{notebook.stem}.html" for notebook in sorted(MASTERS.glob("*.ipynb"))),
]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The folder of a site that was built as a user builds it, and the address at which its server answers."""
    folder = tmp_path_factory.mktemp("built") / "site"
    command = [sys.executable, "-m", "course_lib", "site", "--output", str(folder), "--serve"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        pages, address = process.stdout.readline(), process.stdout.readline()
        assert " pages, " in pages
        yield folder, address.partition("It is at ")[2].partition(" ")[0]
    finally:
        process.terminate()
        process.wait(30)


@pytest.fixture
def opened():
    """Opens pages in a browser: `opened(width, scheme)`; `said` of a page is what went wrong, or left the machine."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])

        def page(width, scheme):
            page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
            page.said = []
            page.on("pageerror", lambda error: page.said.append(str(error)))
            page.on("console", lambda message: page.said.append(message.text) if message.type == "error" else None)
            page.on("request", lambda request: page.said.append(request.url) if elsewhere(request.url) else None)
            return page

        yield page
        browser.close()


def elsewhere(url):
    return not url.startswith(("file:", "data:", "http://127.0.0.1:"))


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_every_page_is_whole_and_asks_no_other_machine(site, opened, width, scheme):
    """From a disk: pictures are there, diagrams have a size, nothing is wider than the screen, nothing is fetched."""
    folder, _ = site
    page = opened(width, scheme)
    for path in PAGES:
        page.goto(f"{folder.as_uri()}/{path}")
        page.evaluate("for (const folded of document.querySelectorAll('details')) folded.open = true")
        page.evaluate(
            "Promise.all([...document.images].map(image => image.complete || new Promise(r => image.onload = r)))"
        )
        assert page.evaluate("[...document.images].filter(image => !image.naturalWidth).map(image => image.src)") == []
        sizes = page.evaluate("[...document.querySelectorAll('.diagram > svg')].map(svg => svg.clientHeight)")
        assert all(size > 50 for size in sizes), path
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path
        if SHOTS:
            page.screenshot(path=f"{SHOTS}-{Path(path.partition('?')[0]).stem}-{width}-{scheme}.png", full_page=True)
    assert page.said == []


@pytest.mark.parametrize("where", ["disk", "server"])
def test_what_is_typed_is_found_and_leads_there(site, opened, where):
    """The search works without a server, too: two words are typed, and the first result leads to their heading."""
    folder, address = site
    page = opened(390, "light")
    page.goto(f"{folder.as_uri()}/index.html" if where == "disk" else address)
    page.get_by_role("searchbox").fill("graceful SHUTDOWN")
    page.get_by_role("searchbox").press("Enter")
    page.get_by_role("status").get_by_text(" places for “graceful SHUTDOWN”").wait_for()
    page.get_by_role("link", name="graceful shutdown", exact=False).first.click()
    page.get_by_role("heading", name="graceful shutdown").first.wait_for()
    page.goto(f"{folder.as_uri()}/search.html?q=<img src=x onerror=alert(1)>")
    page.get_by_role("status").get_by_text("0 places for “<img src=x onerror=alert(1)>”.").wait_for()
    assert page.said == []


def test_the_button_changes_the_theme_and_the_next_page_remembers(site, opened):
    """A press turns light to dark, and so is the next page."""
    _, address = site
    page = opened(1280, "light")
    page.goto(address)
    ground = "getComputedStyle(document.documentElement).backgroundColor"
    assert page.evaluate(ground) == "rgb(255, 255, 255)"
    page.get_by_role("button", name="Dark theme").click()
    assert page.evaluate(ground) == "rgb(22, 25, 29)"
    page.get_by_role("link", name="1. Sync vs async").first.click()
    page.get_by_role("button", name="Light theme").wait_for()
    assert page.evaluate(ground) == "rgb(22, 25, 29)"
