"""URLs in normal form: one page, one str, however a link writes it."""

import re
from collections.abc import Iterable

from yarl import URL

# A reference that is in normal form already, but for its fragment: each character stands for itself, no segment begins
# with a dot (so none is "." or ".."), none is empty, and no query is empty. What does not match is left to yarl.
_SEGMENT = r"[\w~-][\w.~-]*"
_PLAIN = re.compile(rf"((?:/?{_SEGMENT}(?:/{_SEGMENT})*)?/?(?:\?[\w.~=&-]+)?)(?:#[\w.~=&/-]*)?", re.ASCII).fullmatch

_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*:", re.IGNORECASE | re.ASCII).match

# What a browser removes from a reference before it reads it (WHATWG URL Standard, section 4.4).
_ENDS = "".join(map(chr, range(0x21)))
_WITHIN = dict.fromkeys(map(ord, "\t\n\r"))


def normalise(reference: str, base: str | None = None) -> str | None:
    """Return the normal form of a URL, without credentials and fragment; None for what is no http or https URL.

    reference: a URL, or, with a base, a reference relative to it, such as "../a.html"
    base: a URL in normal form
    """
    reference = reference.strip(_ENDS).translate(_WITHIN)
    try:
        url = URL(reference if base is None else _join(base, reference))
        if url.scheme not in ("http", "https") or not url.raw_host:
            return None
        # Credentials in a link are for whoever wrote it; and with or without, it is the same page.
        return f"{url.scheme}://{url.host_port_subcomponent}{url.raw_path_qs}"
    except ValueError:  # a UnicodeError too, from a host name that no DNS can hold
        return None


def resolve(references: Iterable[str], base: str) -> list[str]:
    """Return the normal form of each link on a page once, in order; what is no http or https URL is left out.

    references: as the page writes them
    base: the page's URL in normal form
    """
    origin, folder = origin_of(base), _folder_of(base)
    found: dict[str, None] = {}
    for reference in references:
        # yarl takes 20 microseconds for a link, a match 1, and a page has many links, most of them plain.
        plain = _PLAIN(reference[len(origin) :] if reference.startswith(f"{origin}/") else reference)
        if plain is None or (rest := plain[1])[:1] == "?":
            if (link := normalise(reference, base)) is not None:
                found[link] = None
        elif not rest:
            found[base] = None
        else:
            found[(origin if rest[0] == "/" else folder) + rest] = None
    return list(found)


def origin_of(url: str) -> str:
    """Return scheme, name and port of a URL in normal form: "http://127.0.0.1:8000"."""
    return url[: url.index("/", 8)]


def _join(base: str, reference: str) -> str:
    """Return a URL, perhaps not in normal form (RFC 3986, section 5.2.2; removing the dots is left to yarl).

    Not by the library's own: URL.join decodes the base's path, so that %25 becomes %, and urllib's urljoin drops empty
    segments. Both make another page of it.
    """
    if _SCHEME(reference):
        return reference
    if reference.startswith("//"):
        return base.partition("//")[0] + reference
    if reference.startswith("/"):
        return origin_of(base) + reference
    if reference.startswith("?"):
        return base.partition("?")[0] + reference
    return _folder_of(base) + reference if reference.partition("#")[0] else base


def _folder_of(url: str) -> str:
    path = url.partition("?")[0]
    return path[: path.rindex("/") + 1]
