"""steps() in a real JupyterLab: a learner goes through a program by keyboard, and each step is there at once.

Needs Playwright and a Chromium, so it is not part of the plain suite: python -m pytest tests/browser -n0
"""
# mypy: allow-untyped-calls
# (nbformat has no types)

from pathlib import Path
from statistics import median

import nbformat
from lab_driver import jupyterlab
from nbformat.v4 import new_code_cell, new_notebook

SOURCE = """\
import asyncio
from course_lib.seeing import steps

async def greet(name, seconds):
    print(name, "begins")
    await asyncio.sleep(seconds)
    print(name, "ends")

async def main():
    await asyncio.gather(greet("slow", 3), greet("fast", 1))

steps(main)"""

TIMED = """\
import time
shown = steps(main)
took = []
for step in shown:
    begun = time.perf_counter()
    step._repr_mimebundle_()
    took.append(time.perf_counter() - begun)
print(*took)"""


def test_a_program_is_gone_through_by_keyboard(tmp_path: Path) -> None:
    """The buttons answer to Enter, the slider to the arrow keys; text and picture change in place."""
    path = tmp_path / "steps.ipynb"
    kernel = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
    sources = ["from course_lib.notebook import setup\nsetup()", SOURCE, TIMED]
    nbformat.write(new_notebook(cells=[new_code_cell(source) for source in sources], metadata=kernel), path)
    with jupyterlab() as lab:
        lab.open(path)
        lab.run_all()
        picture = lab.page.locator(".jp-OutputArea img").first
        titles = []

        def press(what: str, key: str) -> None:
            drawn = picture.get_attribute("src")
            lab.page.locator(what).first.press(key)
            lab.page.wait_for_function(
                "drawn => document.querySelector('.jp-OutputArea img')?.src !== drawn", arg=drawn
            )
            text = lab.outputs()[1][0]["data"]["text/plain"]
            titles.append("".join(text).splitlines()[0])

        press("button:has-text('forward')", "Enter")
        press("button:has-text('forward')", "Enter")
        press("button:has-text('back')", "Enter")
        press(".noUi-handle", "ArrowRight")
        lab.page.screenshot(path=str(tmp_path / "player.png"))
        times = [float(word) for word in "".join(lab.outputs()[2][0]["text"]).split()]
    assert [title.split(",")[0] for title in titles] == [f"Step {number} of 6" for number in (1, 2, 1, 2)]
    print(f"a redraw takes {1000 * median(times[1:]):.0f} ms, at most {1000 * max(times[1:]):.0f}")
