"""explore() in a real JupyterLab: a learner moves the slider and sees the picture change.

Needs Playwright and a Chromium, so it is not part of the plain suite: python -m pytest tests/browser -n0
"""
# mypy: allow-untyped-calls
# (nbformat has no types)

from pathlib import Path
from typing import Any

import nbformat
from lab_driver import jupyterlab
from nbformat.v4 import new_code_cell, new_notebook

SOURCE = """\
import asyncio
from course_lib.seeing import explore

async def main(in_flight):
    limit = asyncio.Semaphore(in_flight)

    async def fetch():
        async with limit:
            await asyncio.sleep(1)

    await asyncio.gather(*(fetch() for _ in range(4)))

explore(main, in_flight=(1, 4))"""


def shown(output: dict[str, Any]) -> tuple[str, str]:
    """Return the text and the picture of an output."""
    data = output["data"]
    text, picture = data["text/plain"], data["text/html"]
    return "".join(text), "".join(picture)


def test_moving_the_slider_redraws_text_and_picture(tmp_path: Path) -> None:
    """One step of the slider by the keyboard replaces the first output in place, text and picture, and back again."""
    path = tmp_path / "explore.ipynb"
    kernel = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
    cells = [new_code_cell("from course_lib.notebook import setup\nsetup()"), new_code_cell(SOURCE)]
    nbformat.write(new_notebook(cells=cells, metadata=kernel), path)
    with jupyterlab() as lab:
        lab.open(path)
        lab.run_all()
        before = lab.outputs()[1]
        seen = [shown(before[0])]
        picture = lab.page.locator(".jp-OutputArea img").first
        slider = lab.page.locator(".noUi-handle").first
        for key in ("ArrowRight", "ArrowLeft"):
            drawn = picture.get_attribute("src")
            slider.press(key)
            lab.page.wait_for_function(
                "drawn => document.querySelector('.jp-OutputArea img')?.src !== drawn", arg=drawn
            )
            after = lab.outputs()[1]
            assert len(after) == len(before)
            seen.append(shown(after[0]))
    first, moved, back = seen
    assert moved[0] != first[0] and moved[1] != first[1]
    assert back == first
