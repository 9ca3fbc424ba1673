"""The page of a trace in a real browser, without a network: it draws, it zooms by keyboard, and nothing goes wrong.

Needs Playwright and a Chromium, so it is not part of the plain suite: python -m pytest tests/browser -n0
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from lab_driver import FLAGS, chromium

from course_lib.paths import REPO

PROGRAM = """\
import asyncio, time

async def work(number):
    await asyncio.sleep(0.1)
    if number == 2:
        time.sleep(0.3)

async def main():
    await asyncio.gather(*(work(number) for number in range(60)))

asyncio.run(main())
"""


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_the_page_draws_and_zooms(tmp_path: Path, theme: str, width: int) -> None:
    """Light and dark, on a phone and a screen: the chart fits, B goes to the block, 0 back to the whole."""
    from playwright.sync_api import sync_playwright

    (tmp_path / "program.py").write_text(PROGRAM)
    command = [sys.executable, "-m", "course_lib", "trace", "--out", "told.txt", "program.py"]
    subprocess.run(command, cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(REPO)}, check=True, capture_output=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=list(FLAGS))
        page = browser.new_page(color_scheme=theme, viewport={"width": width, "height": 800}, offline=True)  # type: ignore[arg-type]
        wrong: list[str] = []
        page.on("console", lambda message: wrong.append(message.text))
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.goto((tmp_path / "trace.html").as_uri())
        page.wait_for_function("document.getElementById('chart').width > 100")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        whole = page.evaluate("[from, to]")
        page.focus("#view")
        page.keyboard.press("b")
        begun, ended = page.evaluate("[from, to]")
        held = page.evaluate("blocks[0]")
        assert whole[0] <= begun <= held[0] and held[1] <= ended <= whole[1]
        page.keyboard.press("+")
        assert page.evaluate("to - from") == pytest.approx((ended - begun) / 2)
        page.keyboard.press("0")
        assert page.evaluate("[from, to]") == whole
        page.hover("#view", position={"x": width // 2, "y": 60})
        assert "running" in page.inner_text("#tip")
        assert (tmp_path / "told.txt").read_text().strip() == page.inner_text("#text").strip()
        assert wrong == []
        browser.close()
