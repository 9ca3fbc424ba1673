"""Slides, speaker's page and handout of every lesson in a real Chromium, from a disk and without a network.

Needs Playwright, a Chromium and axe-core, so it is not part of the plain suite:
python -m pip install playwright axe-playwright-python && python -m pytest tests/browser -n0
TEACHING_SHOTS=folder/name keeps a picture of each slide of lesson 1.
"""

import os

import pytest
from accessible import grave
from lab_driver import chromium

from course_lib.cli import teach
from course_lib.paths import MASTERS

SHOTS = os.environ.get("TEACHING_SHOTS", "")
LESSONS = sorted(path.stem for path in MASTERS.glob("*.ipynb"))
SMALLEST = 20  # pixels of prose on a slide of 1,280; code has three quarters of that
FITTED = """place => {
    show(place);
    const body = slides[place].querySelector(".body");
    const [below, beside] = [body.scrollHeight - body.clientHeight, body.scrollWidth - body.clientWidth];
    return [parseFloat(body.style.fontSize), below, beside];
}"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The folder with all that the command writes."""
    folder = tmp_path_factory.mktemp("teaching")
    numbers = [name.partition("_")[0] for name in LESSONS]
    assert teach.main([*numbers, "--slides", "--handout", "--output", str(folder)]) == 0
    return folder


@pytest.fixture(scope="module")
def browser():
    """A browser without a network; `asked` holds what its pages asked for beside themselves."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        context = started.new_context(viewport={"width": 1280, "height": 720}, offline=True)
        context.asked = []
        context.on("request", lambda request: context.asked.append(request.url))
        yield context
        started.close()


def asked_elsewhere(browser):
    return [url for url in browser.asked if not url.startswith(("data:", "file:"))]


@pytest.mark.parametrize("name", LESSONS)
def test_every_slide_fits_and_can_be_read(name, folder, browser):
    """Nothing is cut off on any slide, and no letters are too small for a projector."""
    page = browser.new_page()
    page.goto((folder / f"{name}_slides.html").as_uri())
    for place in range(page.evaluate("slides.length")):
        size, below, beside = page.evaluate(FITTED, place)
        assert below <= 1 and beside <= 1, f"slide {place + 1} is too full"
        assert size >= SMALLEST, f"slide {place + 1} is set in {size:.0f} pixels"
        if SHOTS and name.startswith("01"):
            page.screenshot(path=f"{SHOTS}-{place + 1:02}.png")
    page.close()
    assert asked_elsewhere(browser) == []


def test_keys_lead_through_the_slides_and_the_speaker_s_window_follows(folder, browser):
    """Arrows, space, Home and End; P opens the notes, which show where the slides are, and pass keys on to them."""
    page = browser.new_page()
    page.goto((folder / "01_sync_vs_async_slides.html").as_uri())
    for key in ("ArrowRight", " ", "PageDown", "ArrowLeft"):
        page.keyboard.press(key)
    assert page.inner_text("#place").startswith("3 / ") and page.url.endswith("#3")
    with page.expect_popup() as opened:
        page.keyboard.press("p")
    speaker = opened.value
    speaker.wait_for_function("items[2].classList.contains('now')")
    speaker.keyboard.press("ArrowRight")
    speaker.wait_for_function("items[3].classList.contains('now')")
    assert page.inner_text("#place").startswith("4 / ")
    page.keyboard.press("End")
    count = page.evaluate("slides.length")
    assert page.inner_text("#place") == f"{count} / {count}"
    page.keyboard.press("Home")
    assert page.inner_text("#place") == f"1 / {count}"
    speaker.close()
    page.close()


@pytest.mark.parametrize("width", [1280, 390])
def test_handouts_are_as_wide_as_the_screen(width, folder, browser):
    """And all their pictures and diagrams are there."""
    page = browser.new_page()
    page.set_viewport_size({"width": width, "height": 800})
    for name in LESSONS:
        page.goto((folder / f"{name}_handout.html").as_uri())
        assert page.evaluate("document.documentElement.scrollWidth") <= width, name
        assert page.evaluate("[...document.images].every(image => image.complete && image.naturalWidth)"), name
        sizes = page.evaluate("[...document.querySelectorAll('.diagram > svg')].map(svg => svg.clientHeight)")
        assert all(size > 50 for size in sizes), name
    page.close()
    assert asked_elsewhere(browser) == []


@pytest.mark.parametrize("name", ["01_sync_vs_async", "03_coroutine_lifecycle", "12b_five_tips"])
def test_nothing_grave_is_wrong_for_who_cannot_see_well(name, folder, browser):
    """Pictures have words, letters a contrast of 4.5 : 1, parts their names: on all slides and on both other pages."""
    page, found = browser.new_page(), []
    for what in ("slides", "speaker", "handout"):
        page.goto((folder / f"{name}_{what}.html").as_uri())
        page.evaluate("document.documentElement.classList.remove('live')")  # all slides, below one another
        found += [f"{what}: {line}" for line in grave(page)]
    page.close()
    assert not found, "\n".join(found)
