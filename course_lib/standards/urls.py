"""A URL as browsers read it (WHATWG URL Standard, section 4.4), where it is http or https."""

import codecs
import ipaddress
import re
import unicodedata

PORTS = {"http": "80", "https": "443"}
HOST_LIMIT = 1000  # characters: DNS has room for 253 (RFC 1035, section 2.3.4), and Punycode takes quadratic time

_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*):", re.IGNORECASE | re.ASCII).match
_ENDS = "".join(map(chr, range(0x21)))  # removed at both ends
_WITHIN = dict.fromkeys(map(ord, "\t\n\r"))  # removed everywhere
_SURROGATES = re.compile("[\ud800-\udfff]")
_PLACE = re.compile(r"((?:\[[^]]*\]?|[^:\[])*)(?::([0-9]*))?").fullmatch  # a host, and perhaps its port
_FORBIDDEN = re.compile(r"[\0-\x20#%/:<>?@\[\\\]^|\x7f]").search  # in a domain (section 3.1)
_LAST_IS_NUMBER = re.compile(r"(?:.*\.)?(?:[0-9]+|0x[0-9a-f]*)\.?", re.DOTALL).fullmatch
_NUMBER = re.compile(r"(0x)([0-9a-f]*)|(0)([0-7]+)|(0|[1-9][0-9]*)").fullmatch
_ZEROS = re.compile(r"(?:^|:)0(?::0)+(?=:|$)")
_DOT, _DOTS = re.compile(r"\.|%2e", re.IGNORECASE).fullmatch, re.compile(r"(?:\.|%2e){2}", re.IGNORECASE).fullmatch
# An escape that stands after a "%" that begins none is left alone: decoded, it could complete that one.
_ESCAPE = re.compile(r"(?<!%)(?<!%[0-9A-Fa-f])%([0-9A-Fa-f]{2})")
_UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")


def _table(encoded: bytes) -> list[str]:
    return [chr(b) if 0x20 <= b < 0x7F and b not in encoded else f"%{b:02X}" for b in range(256)]


_IN_PATH, _IN_QUERY = _table(b' "#<>?^`{}'), _table(b" \"#<>'")  # what is percent-encoded (section 1.3)


def read(reference: str, base: str | None = None, encoding: str = "utf-8") -> str | None:
    """Return a URL without its credentials and fragment, its escapes in one form; None for what is no http(s) URL.

    Beyond the standard, escapes of unreserved characters are decoded, for these are the same URL, and no others are
    (RFC 3986, section 6.2.2), and an empty query is none.

    reference: a URL, or, with a base, a reference relative to it
    base: a URL that this function returned
    encoding: a Python codec, in which a query's characters are escaped: that of the page (HTML Standard, section 2.4.2)
    """
    text = _SURROGATES.sub("\ufffd", reference).strip(_ENDS).translate(_WITHIN).partition("#")[0]
    scheme = base.partition(":")[0] if base else ""
    if named := _SCHEME(text):
        if (stated := named[1].lower()) not in PORTS:
            return None
        text = text[named.end() :]
        if stated != scheme:  # "http:x" is relative to a base of that scheme, and stands for "http://x" elsewhere
            scheme, text = stated, f"//{text}"
    elif base is None:
        return None
    head, mark, query = text.partition("?")
    head = head.replace("\\", "/")
    if head.startswith("//"):
        place, _, rest = head.lstrip("/").partition("/")
        if (host := _host_and_port(place, PORTS[scheme])) is None:
            return None
        origin, path = f"{scheme}://{host}", f"/{rest}"
    else:
        assert base is not None
        origin = base[: base.index("/", 8)]
        old, old_mark, old_query = base[len(origin) :].partition("?")
        path = head if head.startswith("/") else old[: old.rindex("/") + 1] + head if head else old
        if not head and not mark:
            mark, query = old_mark, old_query
    return origin + _path(path) + (f"?{escaped_query(query, encoding)}" if query else "")


def escaped_path(path: str) -> str:
    """Return a path with everything escaped that must be, and nothing that need not."""
    return _one_form("".join([_IN_PATH[byte] for byte in path.encode()]))


def escaped_query(query: str, encoding: str = "utf-8") -> str:
    """Do the same for a query."""
    return _one_form("".join([_IN_QUERY[byte] for byte in query.encode(encoding, _AS_REFERENCE)]))


def _one_form(text: str) -> str:
    return _ESCAPE.sub(_escape, text) if "%" in text else text


def _escape(found: re.Match[str]) -> str:
    byte = int(found[1], 16)
    return chr(byte) if byte in _UNRESERVED else found[0].upper()


def _as_reference(error: UnicodeError) -> tuple[str, int]:
    # What the page's encoding cannot say is written as HTML would (section 1.3, percent-encode after encoding).
    assert isinstance(error, UnicodeEncodeError)
    lost = error.object[error.start : error.end]
    return "".join(f"%26%23{ord(letter)}%3B" for letter in lost), error.end


_AS_REFERENCE = "course_lib.reference"
codecs.register_error(_AS_REFERENCE, _as_reference)


def _path(path: str) -> str:
    if "/." in path or "%2" in path:  # only then can there be a "." or a ".." in it, in whatever form
        segments: list[str] = []
        parts = path[1:].split("/")
        for place, part in enumerate(parts, start=1):
            if up := _DOTS(part):
                del segments[-1:]
            if not (up or _DOT(part)):
                segments.append(part)
            elif place == len(parts):
                segments.append("")
        path = "/" + "/".join(segments)
    return escaped_path(path)


def _host_and_port(place: str, usual: str) -> str | None:
    found = _PLACE(place.rpartition("@")[2])
    if found is None or not found[1] or len(found[1]) > HOST_LIMIT:
        return None
    host, port = _host(found[1]), (found[2] or "").lstrip("0")
    if found[2] and not port:
        port = "0"
    if host is None or len(port) > 5 or int(port or 0) > 65535:
        return None
    return host if port in ("", usual) else f"{host}:{port}"


def _host(text: str) -> str | None:
    if text.startswith("["):
        return _ipv6(text)
    try:
        host = _domain(_unescaped(text))
    except ValueError:  # idna's own errors and UnicodeError are of this kind
        return None
    if not 0 < len(host) <= HOST_LIMIT or _FORBIDDEN(host):
        return None
    return _ipv4(host) if _LAST_IS_NUMBER(host) else host


def _unescaped(text: str) -> str:
    if "%" not in text:
        return text
    parts = re.split(rb"%([0-9A-Fa-f]{2})", text.encode())
    parts[1::2] = [bytes([int(part, 16)]) for part in parts[1::2]]
    return b"".join(parts).decode("utf-8", "replace")


def _domain(text: str) -> str:
    """Return a domain in ASCII (UTS #46, section 4.2, not transitional; labels are not held to IDNA's lists)."""
    if text.isascii():
        return text.lower()
    import idna  # here: its tables are large, and few crawls meet such a name

    domain = idna.uts46_remap(text, std3_rules=False, transitional=False)
    labels = [_unpunycoded(label) if label.startswith("xn--") else label for label in domain.split(".")]
    is_bidi = any(not label.isascii() and _has_right_to_left(label) for label in labels)
    for label in labels:
        if not label.isascii():
            idna.check_initial_combiner(label)
            for place, letter in enumerate(label):
                if letter in "\u200c\u200d" and not idna.valid_contextj(label, place):
                    raise UnicodeError("a joiner that joins nothing")
        if is_bidi and label:
            idna.check_bidi(label, check_ltr=True)
    return ".".join(label if label.isascii() else "xn--" + label.encode("punycode").decode("ascii") for label in labels)


def _has_right_to_left(label: str) -> bool:
    return any(unicodedata.bidirectional(letter) in ("R", "AL", "AN") for letter in label)


def _unpunycoded(label: str) -> str:
    import idna

    plain = label[4:].encode("ascii").decode("punycode")
    if plain.isascii() or idna.uts46_remap(plain, std3_rules=False, transitional=False) != plain:
        raise UnicodeError("no label in its normal form")
    return plain


def _ipv4(host: str) -> str | None:
    parts = host.removesuffix(".").split(".")
    numbers = []
    for part in parts:
        if (found := _NUMBER(part)) is None or len(part) > 100:
            return None
        numbers.append(int(found[2] or "0", 16) if found[1] else int(found[4], 8) if found[3] else int(found[5]))
    *first, last = numbers
    if len(numbers) > 4 or any(number > 255 for number in first) or last >= 256 ** (5 - len(numbers)):
        return None
    address = last + sum(number << 8 * (3 - place) for place, number in enumerate(first))
    return ".".join(str(byte) for byte in address.to_bytes(4, "big"))


def _ipv6(text: str) -> str | None:
    try:
        if not text.endswith("]") or "%" in text:
            return None
        value = int(ipaddress.IPv6Address(text[1:-1]))
    except ValueError:
        return None
    # Not str(): from Python 3.13 on it writes some addresses with dots. The standard never does (section 3.6).
    pieces = ":".join(f"{value >> shift & 0xFFFF:x}" for shift in range(112, -1, -16))
    longest = max(_ZEROS.finditer(pieces), key=lambda run: len(run[0].lstrip(":")), default=None)
    if longest is not None:
        pieces = f"{pieces[: longest.start()]}::{pieces[longest.end() :].removeprefix(':')}"
    return f"[{pieces}]"
