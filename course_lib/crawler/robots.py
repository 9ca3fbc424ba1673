"""robots.txt: what a host asks of crawlers (RFC 9309)."""

import codecs
import re

from course_lib.crawler.urls import origin_of
from course_lib.standards.urls import escaped_path, escaped_query

MAX_BODY = 512_000  # bytes; the RFC asks for at least 500 KiB, and what comes after need not be read

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9a-z-]+").match  # of a product (RFC 9110, section 5.6.2), in lower case
# As the RFC has them, and, as parsers in use have it (section 2.2.4), without a colon and with the usual misspellings:
# who writes "dissallow" means it.
_LINE = re.compile(
    r"(?:(user[ -]?agent)|(allow)|(dis{1,2}al{1,2}[ao]w|diasllow)|(crawl[ -]delay))[ \t]*(?::|[ \t])(.*)",
    re.IGNORECASE | re.DOTALL,
).match
_DELAY = re.compile(r"[0-9]{0,9}\.?[0-9]{0,9}").match


class Rules:
    """What one host allows.

    text: its robots.txt, "" to allow everything
    agent: the crawler's name; from "Name/1.0" the RFC's product token, "Name", is taken

    delay: seconds between two requests; not in the RFC, but widely used
    """

    def __init__(self, text: str, agent: str) -> None:
        self.delay = 0.0
        # The longest rule that fits counts (section 2.2.2). Those without a "*" are looked up, in whatever number: a
        # beginning of the path, or the whole of it and "$". The others are tried one by one.
        self._plain: dict[str, bool] = {}
        self._patterns: dict[str, bool] = {}
        for allowed, value in _group(text, agent):
            if allowed is None:
                found = _DELAY(value)
                self.delay = float(found[0]) if found and found[0].strip(".") else self.delay
            elif value:
                pattern = _comparable(value, is_pattern=True)
                rules = self._patterns if "*" in pattern else self._plain
                rules[pattern] = allowed or rules.get(pattern, False)  # of two as long, allow
        self._lengths = sorted({len(beginning) for beginning in self._plain}, reverse=True)
        self._ordered = sorted(self._patterns.items(), key=lambda rule: (-len(rule[0]), not rule[1]))

    def allow(self, url: str) -> bool:
        """Return whether a URL of this host, in normal form, may be requested."""
        if not self._plain and not self._patterns:
            return True
        path = _comparable(url[len(origin_of(url)) :], is_pattern=False)
        candidates = (f"{path}$"[:length] for length in self._lengths)
        plain = next((candidate for candidate in candidates if candidate in self._plain), "")
        allowed = self._plain.get(plain, True)
        for pattern, says in self._ordered:
            if len(pattern) < len(plain):
                break
            if _matches(pattern, path):
                return says or (allowed and len(pattern) == len(plain))
        return allowed


class Disallowed(Rules):
    """What a host allows whose robots.txt could not be had, or not be read: nothing (RFC 9309, section 2.3.1.4)."""

    def __init__(self, why: str) -> None:
        super().__init__("", "")
        self.why = why

    def allow(self, url: str) -> bool:
        """Return False."""
        return False


def robots_text(body: bytes, *, complete: bool = True) -> str | None:
    """Return a robots.txt as text; None when it is none, for then what it forbids is not known.

    It is UTF-8, and a byte order mark is no part of its first line (section 2.3). One that is said, by its mark, to be
    UTF-16 is read as that.

    complete: False for the beginning of a file that is longer; its last line may be cut, and does not count
    """
    if body.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        text = body.decode("utf-16", "replace")
    else:
        text = body.decode("utf-8-sig", "replace")
    if not complete:
        text = text[: max(text.rfind("\n"), text.rfind("\r")) + 1]
    return None if "\0" in text else text


def _group(text: str, agent: str) -> list[tuple[bool | None, str]]:
    """Return the lines for a crawler: allowed or not and a path, or None and a delay (section 2.2.1).

    All groups with its product token count, as one; where there are none, all with "*".
    """
    name = agent.partition("/")[0].strip().lower()
    token = _TOKEN(name)
    ours = {name, token[0] if token else name} - {"", "*"}
    named = False
    lines: dict[str, list[tuple[bool | None, str]]] = {"ours": [], "all": []}
    whose: set[str] = set()
    in_names = False  # user-agent lines that follow each other name one group
    for line in re.split(r"[\r\n]+", text):
        found = _LINE(line.partition("#")[0].strip())
        if found is None:
            continue  # also "Sitemap:" and the like, which end no group (section 2.2.4)
        is_agent, is_allow, is_disallow, _, value = found.groups()
        value = value.strip()
        if is_agent:
            whose = whose if in_names else set()
            in_names = True
            stated = value.lower().partition("/")[0].strip()
            first = _TOKEN(stated)
            if stated in ours or (first and first[0] in ours):
                whose, named = whose | {"ours"}, True
            elif stated == "*":
                whose = whose | {"all"}
            continue
        if is_allow or is_disallow:
            in_names = False
        for group in whose:
            lines[group].append((bool(is_allow) if is_allow or is_disallow else None, value))
    return lines["ours" if named else "all"]


def _comparable(path: str, *, is_pattern: bool) -> str:
    """Return a path and query, or a rule for them, with one form for what is the same (section 2.2.2).

    In a rule "*" and a "$" at the end mean something else than themselves (section 2.2.3), which are "%2A" and "%24".
    """
    path, mark, query = path.partition("?")
    end = ""
    if is_pattern and (query or path).endswith("$"):
        path, query, end = (path, query[:-1], "$") if mark else (path[:-1], "", "$")
    text = escaped_path(path)
    if mark:
        text += "?" + escaped_query(query).replace(":", "%3A").replace("/", "%2F")
    text = text.replace("$", "%24")
    return text + end if is_pattern else text.replace("*", "%2A")


def _matches(pattern: str, path: str) -> bool:
    """Return whether a rule fits; in linear time, which a regular expression of many ".*" would not take."""
    is_whole = pattern.endswith("$")
    first, *others = pattern.removesuffix("$").split("*")
    if not path.startswith(first):
        return False
    at = len(first)
    if not others:
        return not is_whole or at == len(path)
    *middle, last = others
    for part in middle:
        if (found := path.find(part, at)) < 0:
            return False
        at = found + len(part)
    if is_whole:
        return path.endswith(last) and len(path) - len(last) >= at
    return path.find(last, at) >= 0
