"""URLs in normal form: one page, one str, however a link writes it."""

import re
from collections.abc import Iterable

from course_lib.standards.urls import read as normalise

__all__ = ["base_of", "normalise", "origin_of", "resolve"]

# A reference that is in normal form already, but for its fragment: each character stands for itself, no segment begins
# with a dot (so none is "." or ".."), none is empty, and no query is empty. What does not match is read the long way.
_SEGMENT = r"[\w~-][\w.~-]*"
_PLAIN = re.compile(rf"((?:/?{_SEGMENT}(?:/{_SEGMENT})*)?/?(?:\?[\w.~=&-]+)?)(?:#[\w.~=&/-]*)?", re.ASCII).fullmatch

# A base that browsers take, and that no link on the page becomes an http URL by.
_OTHER_SCHEME = re.compile(r"[\0- ]*(?!https?:|data:|javascript:)[a-z][a-z0-9+.-]*:", re.IGNORECASE | re.ASCII).match


def base_of(written: str | None, url: str) -> str | None:
    """Return what a page's links are relative to (HTML Standard, section 4.2.3); None when to no http or https URL.

    written: the href of its base element, None without one
    url: the page's own, in normal form
    """
    if written is None:
        return url
    if (base := normalise(written, url)) is not None:
        return base
    return None if _OTHER_SCHEME(written) else url


def resolve(references: Iterable[str], base: str | None, encoding: str = "utf-8") -> list[str]:
    """Return the normal form of each link on a page once, in order; what is no http or https URL is left out.

    references: as the page writes them
    base: what they are relative to, in normal form: the page's URL, or that of its base element; None for nothing
    encoding: the Python codec in which the page's queries are escaped
    """
    if base is None:
        return list(dict.fromkeys(link for link in (normalise(text, None, encoding) for text in references) if link))
    origin, folder = origin_of(base), _folder_of(base)
    found: dict[str, None] = {}
    for reference in references:
        # The long way takes 10 microseconds for a link, a match 1, and a page has many links, most of them plain.
        plain = _PLAIN(reference[len(origin) :] if reference.startswith(f"{origin}/") else reference)
        if plain is None or (rest := plain[1])[:1] == "?":
            if (link := normalise(reference, base, encoding)) is not None:
                found[link] = None
        elif not rest:
            found[base] = None
        else:
            found[(origin if rest[0] == "/" else folder) + rest] = None
    return list(found)


def origin_of(url: str) -> str:
    """Return scheme, name and port of a URL in normal form: "http://127.0.0.1:8000"."""
    return url[: url.index("/", 8)]


def _folder_of(url: str) -> str:
    path = url.partition("?")[0]
    return path[: path.rindex("/") + 1]
