"""The service's page in a real Chromium: a crawl is asked for, and its pages come by themselves.

Needs Playwright and a Chromium, so it is not part of the plain suite: python -m pytest tests/browser -n0
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from lab_driver import chromium

sys.path.insert(0, str(Path(__file__).parents[1]))
from service_lab import Site

SHOTS = os.environ.get("SERVICE_SHOTS", "")


@pytest.fixture(scope="module")
def address():
    """Where the whole service answers, as a user starts it."""
    process = subprocess.Popen(
        [sys.executable, "-m", "course_lib.service", "--workers", "1"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        yield process.stdout.readline().strip()
    finally:
        process.terminate()
        assert process.wait(60) == 0


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_a_crawl_is_shown_live(address, width, scheme):
    """Pages appear while the crawl goes on; at the end it is done; a stranger's title stays text; nothing is wide."""
    from playwright.sync_api import sync_playwright

    site = Site()
    site.closed.add("2")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
        problems = []
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
        page.goto(address)
        page.get_by_label("Start page").fill(f"{site.url}0")
        page.get_by_label("Depth").fill("4")
        page.get_by_role("button", name="Crawl").click()
        page.get_by_role("cell", name="Page 1", exact=True).wait_for(timeout=60_000)
        assert "running" in page.get_by_role("status").inner_text()
        if SHOTS:
            page.screenshot(path=f"{SHOTS}-{width}-{scheme}.png")
        site.closed.clear()
        page.get_by_role("cell", name="Page 4", exact=True).wait_for(timeout=60_000)
        page.get_by_text("done. Pages: 5.").wait_for(timeout=60_000)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert problems == []
        browser.close()
    site.server.stop()
