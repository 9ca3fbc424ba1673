"""The glossary in a real JupyterLab: a learner follows a word from a lesson, and from there another one.

Needs Playwright and a Chromium, so it is not part of the plain suite: python -m pytest tests/browser -n0
"""

from lab_driver import Lab, jupyterlab

from course_lib.paths import MASTERS

SHOWN = ".jp-MarkdownViewer"


def at_the_top(lab: Lab) -> str:
    """Wait until a heading stands at the top of the glossary, and return it."""
    return str(
        lab.page.wait_for_function(
            """shown => {
                const page = document.querySelector(shown);
                const top = page?.getBoundingClientRect().top;
                const near = [...page?.querySelectorAll('h2') ?? []].find(heading => {
                    const below = heading.getBoundingClientRect().top - top;
                    return below > -5 && below < 60;
                });
                return near && near.textContent.replace('¶', '');
            }""",
            arg=SHOWN,
        ).json_value()
    )


def test_a_word_leads_to_its_entry_and_that_to_others() -> None:
    """The first click opens the glossary at the word, rendered; the second and the third lead on inside it."""
    with jupyterlab(width=1280) as lab:
        failed: list[str] = []
        lab.page.on("response", lambda answer: failed.append(answer.url) if answer.status >= 400 else None)
        lab.open(MASTERS / "05b_cache.ipynb")
        lab.page.locator(".jp-MarkdownOutput a", has_text="stampede").first.click()
        lab.page.locator(SHOWN).wait_for()
        seen = [at_the_top(lab)]
        for word in ("cache invalidation", "race condition"):
            heading = lab.page.locator(f"{SHOWN} h2", has_text=seen[-1]).first
            heading.locator(f"xpath=following::a[text()='{word}'][1]").click()
            lab.page.wait_for_timeout(500)  # it is at the old one until the page has scrolled
            seen.append(at_the_top(lab))
    assert seen == ["stampede", "cache invalidation", "race condition"]
    assert not [url for url in failed if "glossary" in url or "/files/" in url]
