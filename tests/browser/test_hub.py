"""A real JupyterHub, as `python -m course_lib hub` starts it, and a learner with a real browser.

Needs Playwright, a Chromium, Node.js with npm, and installs JupyterHub, so it is not part of the plain suite:
python -m pytest tests/browser/test_hub.py -n0
"""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest
from lab_driver import FLAGS, chromium

from course_lib.cli.work import START

sys.path.insert(0, str(Path(__file__).parents[1]))
from serving import lives, until

if TYPE_CHECKING:
    from playwright.sync_api import Page

SHOTS = os.environ.get("HUB_SHOTS", "")
PASSWORD = "board-word"
PATIENCE = 120_000
"""Milliseconds until a wait is given up: a server's first start copies the lessons."""


class Hub:
    """The command that runs, where it answers, and where learners write."""

    def __init__(self, process: "subprocess.Popen[str]", url: str, homes: Path) -> None:
        self.process, self.url, self.homes = process, url, homes


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    """A hub for two; at the test's end Ctrl+C, after which no process is left."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    homes = tmp_path / "homes"
    command = ["hub", "--learners", "2", "--allow-root", "--port", str(port), "--homes", str(homes)]
    process = subprocess.Popen(
        [sys.executable, "-m", "course_lib", *command],
        env=os.environ | {"COURSE_HUB_PASSWORD": PASSWORD, "COURSE_WORK": str(tmp_path / "work")},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    while not (line := process.stdout.readline()).startswith("What the hub writes:"):
        assert line, "it has ended"
    yield Hub(process, f"http://127.0.0.1:{port}/", homes)
    started = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(signal.SIGINT)
    assert process.wait(90) == 0
    until(lambda: not any(map(lives, started)))


@contextmanager
def browser() -> Iterator["Page"]:
    """A page of its own."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        page = playwright.chromium.launch(executable_path=chromium(), args=list(FLAGS)).new_page(
            viewport={"width": 1280, "height": 900}
        )
        page.set_default_timeout(PATIENCE)
        yield page


def log_in(page: "Page", name: str, password: str) -> None:
    """Fill in the form."""
    page.get_by_label("Username:").fill(name)
    page.get_by_label("Password:", exact=True).fill(password)
    page.get_by_role("button", name="Sign in").click()


def test_a_learner_logs_in_runs_the_first_notebook_and_follows_its_links(hub: Hub) -> None:
    """A wrong password and a wrong name get a sentence; then comes the start page, whose cells run and links work."""
    with browser() as page:
        page.goto(hub.url)
        for name, password, told in (
            ("ann", "no-password", "Invalid username or password"),
            ("ann", "bøard-word", "Invalid username or password"),
            ("../ann", PASSWORD, "A name of your own: a letter, then letters, digits, - and _"),
        ):
            log_in(page, name, password)
            page.locator(".login_error", has_text=told).wait_for()
        shot(page, "login")
        log_in(page, "Ann", PASSWORD)
        page.wait_for_url(f"{hub.url}user/ann/lab/tree/{START}")

        notebook = page.locator(".jp-NotebookPanel:not(.lm-mod-hidden)")
        notebook.get_by_role("heading", name="Start here").wait_for()
        page.get_by_role("menuitem", name="Run", exact=True).click()
        page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
        page.wait_for_function(
            "() => { const all = [...document.querySelectorAll('.jp-CodeCell .jp-InputArea-prompt')];"
            "return all.length > 3 && all.every(each => /^\\[\\d+\\]:$/.test(each.textContent.trim())); }"
        )
        assert notebook.locator('[data-mime-type="application/vnd.jupyter.stderr"]').count() == 0
        assert notebook.locator('[data-mime-type="application/vnd.jupyter.error"]').count() == 0
        shot(page, "start")

        notebook.locator('a[href*="course_lib/fetching"]').first.click()
        page.locator(".jp-FileEditor", has_text="requests").wait_for()
        page.goto(f"{hub.url}user/ann/lab/tree/05b_cache.ipynb")
        page.locator(".jp-MarkdownOutput a", has_text="stampede").first.click()
        page.locator(".jp-MarkdownViewer h2", has_text="stampede").first.wait_for()
        shot(page, "glossary")
    assert (hub.homes / "ann" / "async-course" / START).exists()
    assert [each.name for each in hub.homes.iterdir()] == ["ann"]


def shot(page: "Page", name: str) -> None:
    """Keep a picture of the page, where HUB_SHOTS asks for that."""
    if SHOTS:
        page.screenshot(path=f"{SHOTS}-{name}.png")
