"""What header fields say: types, dates, waits and addresses (RFC 9110)."""

import re
from datetime import UTC, datetime
from functools import lru_cache

_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_TYPE = re.compile(rf"[ \t]*({_TOKEN}/{_TOKEN})[ \t]*(?=;|$)").match
_PARAMETER = re.compile(
    rf"""[ \t]*;[ \t]*(?:({_TOKEN})[ \t]*=[ \t]*("(?:[^"\\]|\\.)*"?|[^;"]*)[^;]*|[^;]*)""", re.DOTALL
).match

_MONTHS = "jan feb mar apr may jun jul aug sep oct nov dec"
_TIME = r"(?P<hour>\d\d):(?P<minute>\d\d):(?P<second>\d\d)"
_DATES = tuple(
    re.compile(pattern, re.IGNORECASE | re.ASCII).fullmatch
    for pattern in (
        rf"(?:[a-z]+, *)?(?P<day>\d\d?)[ -](?P<month>[a-z]{{3}})[ -](?P<year>\d\d(?:\d\d)?) {_TIME} (?:GMT|UTC)",
        rf"[a-z]{{3}} (?P<month>[a-z]{{3}}) (?P<day>[ \d]\d) {_TIME} (?P<year>\d{{4}})",
    )
)
_SURROGATES = re.compile("[\ud800-\udfff]")
_REFRESH = re.compile(
    r"""[\t\n\f\r ]*[0-9.][0-9.]*(?:$|(?=[\t\n\f\r ;,])[\t\n\f\r ]*[;,]?[\t\n\f\r ]*(.*))""", re.DOTALL
).fullmatch
_REFRESH_NAME = re.compile(r"url[\t\n\f\r ]*=[\t\n\f\r ]*", re.IGNORECASE | re.ASCII).match


def printable(text: str) -> str:
    """Return a text that can be written in UTF-8: lone surrogates, as which bytes come that are none, are U+FFFD."""
    return _SURROGATES.sub("\ufffd", text)


@lru_cache(maxsize=256)
def media_type(content_type: str) -> tuple[str, str | None]:
    """Return the media type, in lower case, and the charset (None: not stated) of a Content-Type (section 8.3.1).

    Of several, in one field or in more that were joined with commas, the last that is one counts, and keeps the charset
    of one before that names the same type (Fetch Standard, section 2.2.3, extract a MIME type).
    """
    kind, charset = "", None
    for value in _split(content_type):
        if (found := _TYPE(value)) is None or (found[1] == "*/*"):
            continue
        stated = found[1].lower()
        parameters: dict[str, str] = {}
        at = found.end()
        while (parameter := _PARAMETER(value, at)) and parameter.end() > at:
            at = parameter.end()
            if parameter[1]:
                parameters.setdefault(parameter[1].lower(), _unquoted(parameter[2]))
        charset = parameters.get("charset") or (charset if stated == kind else None)
        kind = stated
    return kind, charset


def _split(value: str) -> list[str]:
    """Return the members of a list, whose commas do not count inside of quotes (section 5.6.1)."""
    if "," not in value:
        return [value]
    return re.findall(r"""(?:[^",]|"(?:[^"\\]|\\.)*(?:"|$))+""", value, re.DOTALL)


def _unquoted(value: str) -> str:
    if value.startswith('"'):
        return re.sub(r"\\(.)", r"\1", value[1:].removesuffix('"'), flags=re.DOTALL)
    return value.strip(" \t").strip("'")


def http_date(value: str) -> datetime | None:
    """Return what one of HTTP's three forms of a date says; None for no date (section 5.6.7)."""
    found = next(filter(None, (form(value.strip(" \t")) for form in _DATES)), None)
    if found is None:
        return None
    day, month, year = int(found["day"]), _MONTHS.find(found["month"].lower()), int(found["year"])
    hour, minute, second = int(found["hour"]), int(found["minute"]), int(found["second"])
    if len(found["year"]) == 2:  # of the last century when it would else be more than 50 years ahead
        now = datetime.now(UTC).year
        year += now - now % 100
        year -= 100 if year > now + 50 else 0
    try:
        # A name that is no month's is found between two of them, or nowhere.
        month = 0 if month % 4 else month // 4 + 1
        return datetime(year, month, day, hour, minute, min(second, 59), tzinfo=UTC)  # 60: a leap second
    except ValueError:
        return None


def retry_after(value: str, now: float) -> float | None:
    """Return the seconds that a Retry-After asks for, stated as such or as a date; None when it does not (10.2.3).

    now: seconds since 1970
    """
    value = value.strip(" \t")
    if value.isascii() and value.isdigit():
        return float(value)  # math.inf for more digits than a float can hold
    when = http_date(value)
    return None if when is None else max(0.0, (when - datetime.fromtimestamp(0, UTC)).total_seconds() - now)


def location(raw: bytes) -> str:
    """Return a Location, in which bytes beyond ASCII are escaped as they came: a server knows its own.

    A field is bytes (section 5.5), and only the server knows in which encoding; it is asked for the same bytes again.
    """
    return "".join(chr(byte) if byte < 0x80 else f"%{byte:02X}" for byte in raw)


def refresh(content: str) -> str | None:
    """Return where a Refresh field, or a meta element's content, leads, as written; None for nowhere else.

    (HTML Standard, section 4.2.5.3, shared declarative refresh steps.)
    """
    found = _REFRESH(content)
    if found is None or not found[1]:
        return None
    rest = found[1]
    if name := _REFRESH_NAME(rest):
        rest = rest[name.end() :]
    if rest[:1] in ("'", '"'):
        rest = rest[1:].partition(rest[0])[0]
    return rest or None
