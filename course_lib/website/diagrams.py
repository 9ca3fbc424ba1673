"""Mermaid's text as SVG, drawn while the site is built: by Mermaid itself, in an engine that is a Python package.

So a page needs no script for its diagrams, and no network. What the drawing needs is the extra `site` of
pyproject.toml, which `python -m course_lib site` installs.
"""

import os
import re
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor

from course_lib.website.links import SiteError

LEAST = 2 / 3
"""How far a diagram shrinks on a narrow page, of its width; from there on it scrolls."""


def draw(sources: Sequence[str]) -> list[str]:
    """Return the SVG of each diagram; each takes a second or two of a processor, so they are drawn side by side.

    Args:
        sources: Mermaid's texts, one or more.

    Raises SiteError for a text that Mermaid does not take, and ImportError where the extra `site` is not installed.
    """
    with ProcessPoolExecutor(min(len(sources), os.cpu_count() or 1)) as processes:
        drawn = processes.map(_draw, sources)
        return [_fitted(svg, f"diagram-{number}") for number, svg in enumerate(drawn, start=1)]


def _draw(source: str) -> str:
    import mermaidx
    from mermaidx.engines._common import MermaidRenderError

    try:
        return str(mermaidx.render(source).svg())
    except MermaidRenderError as error:
        raise SiteError(f"Mermaid does not draw this:\n{source}\nIt says: {error}\nNext: mend the diagram") from None


def _fitted(svg: str, name: str) -> str:
    """Give a diagram's parts names of their own, since ids count for a whole page, and say how far it may shrink."""
    svg = re.sub(r"\bmy-svg\b", name, svg)
    width = re.search(r"max-width: ([\d.]+)px;", svg)
    return svg if width is None else svg.replace(width[0], f"{width[0]} min-width: {float(width[1]) * LEAST:.0f}px;", 1)
