"""What axe-core, Deque's engine for accessibility checks, finds on a page.

It comes with the package axe-playwright-python, from which its one file of JavaScript is taken.
"""

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lab_driver import NeedsBrowser

if TYPE_CHECKING:
    from playwright.sync_api import Page

GRAVE = ("critical", "serious")


def engine() -> str:
    """Return axe-core's source.

    Raises NeedsBrowser when it is not installed.
    """
    spec = find_spec("axe_playwright_python")
    if spec is None or spec.origin is None:
        raise NeedsBrowser("The accessibility checks need axe-core: python -m pip install axe-playwright-python")
    return Path(spec.origin).with_name("axe.min.js").read_text(encoding="utf-8")


def grave(page: "Page", *parts: str, without: tuple[str, ...] = ()) -> list[str]:
    """Return what axe-core finds critical or serious, a line each; none where all is well.

    Args:
        page: the page, as it stands now.
        parts: CSS selectors of what to look at; without any, the whole page.
        without: CSS selectors of what to leave out inside it.

    Raises ValueError when nothing on the page is one of the parts.
    """
    if parts and not page.locator(", ".join(parts)).count():
        raise ValueError(f"parts={parts!r}: nothing on the page is one of these")
    if not page.evaluate("() => 'axe' in window"):
        page.evaluate(engine())
    # A selector is one element's to axe, but any of these may be many.
    found: list[dict[str, Any]] = page.evaluate(
        """async ([parts, without]) => {
            const all = selectors => selectors.flatMap(each => [...document.querySelectorAll(each)]);
            const include = parts.length ? all(parts) : [document];
            const result = await axe.run({include, exclude: all(without)}, {resultTypes: ['violations']});
            return result.violations.map(({id, impact, help, nodes}) =>
                ({id, impact, help, where: nodes.map(node => node.html.slice(0, 120))}));
        }""",
        [list(parts), list(without)],
    )
    return [
        f"{each['impact']}: {each['id']} ({each['help']}), {len(each['where'])} times, first {each['where'][0]}"
        for each in found
        if each["impact"] in GRAVE
    ]
