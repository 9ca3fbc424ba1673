"""Text from bytes as browsers decode it (WHATWG Encoding Standard): its labels, and what each of them means.

`webencodings` has the standard's table of labels. Python has a codec for nearly all it names; in some, characters are
missing that the standard has, or stand for others, and are put right here. What is left of the standard's 80,000: 202
of Big5 (rare ones, punctuation), one of Hebrew, one of JIS X 0212.
"""

import codecs
from collections.abc import Callable
from functools import lru_cache

import webencodings  # type: ignore[import-untyped]

MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16le"), (codecs.BOM_UTF16_BE, "utf-16be"))
_MARK_BEGINS = {mark[:1] for mark, _ in MARKS}
REPLACEMENT = "replacement"  # what is said to be in such an encoding is not decoded at all (section 14.1)

# Where Python's codec of that name knows fewer characters than the standard wants (indexes, section 5).
_CODECS = {"gbk": "gb18030", "iso-2022-jp": "iso2022_jp_ext"}
_FIXED = {
    "koi8-u": str.maketrans("\u255d\u256c", "\u045e\u040e"),
    "gb18030": str.maketrans(
        "\ue5e5\ue78d\ue78e\ue78f\ue790\ue791\ue792\ue793\ue794\ue795\ue796"
        "\ue7c7\ue81e\ue826\ue82b\ue82c\ue832\ue843\ue854\ue864",
        "\u3000\ufe10\ufe12\ufe11\ufe13\ufe14\ufe15\ufe16\ufe17\ufe18\ufe19"
        "\u1e3f\u9fb4\u9fb5\u9fb6\u9fb7\u9fb8\u9fb9\u9fba\u9fbb",
    ),
    "euc-jp": str.maketrans("\u301c\u2016\u2212\xa2\xa3\xac", "\uff5e\u2225\uff0d\uffe0\uffe1\uffe2"),
}
_FIXED |= {"gbk": _FIXED["gb18030"], "iso-2022-jp": _FIXED["euc-jp"]}


@lru_cache(maxsize=256)
def encoding_of_label(label: str) -> str | None:
    """Return the name, in lower case, that the standard has for what a label means; None for no label (section 4.2)."""
    if not label.isascii():
        return None
    found = webencodings.lookup(label)
    return None if found is None else str(found.name)


def encoding_of_mark(body: bytes) -> str | None:
    """Return the encoding that a byte order mark tells; None without one (section 6.1, BOM sniff)."""
    if body[:1] not in _MARK_BEGINS:  # as of most pages
        return None
    return next((name for mark, name in MARKS if body.startswith(mark)), None)


def decode(body: bytes, encoding: str) -> str:
    """Return the text, without a byte order mark; what is no character in that encoding becomes U+FFFD.

    encoding: a name of the standard's, in lower case
    """
    if encoding == REPLACEMENT:
        return "\ufffd" if body else ""
    for mark, name in MARKS:
        if name == encoding:
            body = body.removeprefix(mark)
    # By the codec's own function: "x-user-defined" is in no registry.
    text: str = _codec(encoding).decode(body, _HOLES)[0]
    return text.translate(_FIXED[encoding]) if encoding in _FIXED else text


@lru_cache
def codec_for_queries(encoding: str) -> str:
    """Return the Python codec in which a page's queries are escaped (section 4.3, get an output encoding)."""
    if encoding in (REPLACEMENT, "utf-16le", "utf-16be", "x-user-defined"):
        return "utf-8"
    return _codec(encoding).name


def _codec(encoding: str) -> codecs.CodecInfo:
    if encoding in _CODECS:
        return codecs.lookup(_CODECS[encoding])
    info: codecs.CodecInfo = webencodings.lookup(encoding).codec_info
    return info


def _fill_a_hole(error: UnicodeError) -> tuple[str, int]:
    """Return the character that the standard has where Python's codec has none, and where to go on."""
    assert isinstance(error, UnicodeDecodeError)
    first, pair = error.object[error.start], error.object[error.start : error.start + 2]
    codec = error.encoding.replace("-", "_")
    text, size = "\ufffd", error.end - error.start
    if codec == "charmap":  # Windows' encodings: what they leave free among the C1 controls is these
        text = chr(first) if 0x80 <= first < 0xA0 else text
    elif codec == "gb18030" and first == 0x80:
        text, size = "\u20ac", 1
    elif codec in _OTHERS and len(pair) == 2 and (found := _decoded(*_OTHERS[codec](pair))):
        text, size = found, 2
    return text, error.start + size


def _decoded(data: bytes, codec: str) -> str:
    try:
        text = data.decode(codec)
    except UnicodeDecodeError:
        return ""
    return text if len(text) == 1 else ""


def _shifted(pair: bytes) -> bytes:
    """Return in Shift_JIS what is a character of JIS X 0208 in EUC-JP, and nothing else (sections 12.1 and 12.3)."""
    if min(pair) < 0xA1 or max(pair) > 0xFE:
        return b""
    lead, trail = divmod((pair[0] - 0xA1) * 94 + pair[1] - 0xA1, 188)
    return bytes([lead + (0x81 if lead < 0x1F else 0xC1), trail + (0x40 if trail < 0x3F else 0x41)])


# By codec: what the two bytes are in another one.
_OTHERS: dict[str, Callable[[bytes], tuple[bytes, str]]] = {
    "big5hkscs": lambda pair: (pair, "cp950"),
    "euc_jp": lambda pair: (_shifted(pair), "cp932"),
    "iso2022_jp_ext": lambda pair: (_shifted(bytes(byte | 0x80 for byte in pair)), "cp932"),
}
_HOLES = "course_lib.holes"
codecs.register_error(_HOLES, _fill_a_hole)
