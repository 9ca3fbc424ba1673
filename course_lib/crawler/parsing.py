"""HTML: a page's title and the links it has, from bytes."""

import codecs
import json
import re
import sys
from dataclasses import dataclass

from selectolax.lexbor import LexborHTMLParser

_BOMS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_META = re.compile(rb"<meta[^>]{0,500}?charset\s*=\s*[\"']?\s*([\w:.+-]{1,40})", re.IGNORECASE | re.ASCII)
_META_WITHIN = 1024  # bytes, within which the HTML Standard wants it

# What Python knows under these names decodes text, in linear time. (Its list has punycode and idna, too.)
_SAFE = re.compile(r"utf-(8|16|16-le|16-be)|cp(125\d|866|874|932|949)|iso8859-\d+|koi8-[ru]|mac-(roman|cyrillic)|gbk|"
                   r"gb2312|gb18030|big5(hkscs)?|euc_(jp|kr)|euc_jis_2004|shift_jis|iso2022_jp|ascii")  # fmt: skip
# In a browser, these names mean their supersets (WHATWG Encoding Standard, section 4.2).
_SUPERSETS = {"ascii": "cp1252", "iso8859-1": "cp1252", "iso8859-9": "cp1254", "gb2312": "gbk", "shift_jis": "cp932"}

# glibc gives free memory at the top of its heap back to the system, and each parse would have to fault it in again:
# half of its time. Once a block this large has been freed, it keeps as much (mallopt(3), "dynamic mmap threshold").
bytes(4_000_000)


@dataclass(slots=True)
class Page:
    """What a crawler wants of a page.

    title: "" when there is none
    references: where its links lead, as written
    base: what they are relative to, as written; None for the page itself
    """

    title: str
    references: list[str]
    base: str | None = None


def parse(body: bytes, charset: str | None = None) -> Page:
    """Return the title and links of a page, whatever bytes it is made of.

    charset: what the Content-Type header says
    """
    encoding = encoding_of(body, charset)
    # The parser itself reads UTF-8 and puts U+FFFD in place of what is none.
    tree = LexborHTMLParser(body if encoding == "utf-8" else body.decode(encoding, "replace"))
    page = Page("", [])
    titled = False
    for node in tree.css("a[href], area[href], base[href], title"):  # one walk over the tree for all of them
        match node.tag:
            case "title":
                if not titled:
                    page.title, titled = " ".join(node.text().split()), True
            case "base":
                page.base = page.base or node.attributes["href"]
            case _:
                page.references.append(node.attributes["href"] or "")
    return page


def encoding_of(body: bytes, charset: str | None = None) -> str:
    """Return the name of a Python codec: by the byte order mark, else the header, else a meta element, else UTF-8."""
    for mark, name in _BOMS:
        if body.startswith(mark):
            return name
    if charset and (stated := _codec(charset)):
        return stated
    meta = _META.search(body, 0, _META_WITHIN)
    stated = _codec(meta[1].decode("ascii")) if meta else None
    # A page whose ASCII bytes could be read as a meta element is not in UTF-16.
    return stated if stated and not stated.startswith("utf-16") else "utf-8"


def _codec(label: str) -> str | None:
    try:
        name = codecs.lookup(label.strip().strip("\"'")).name
    except (LookupError, ValueError):
        return None
    name = _SUPERSETS.get(name, name)
    return name if _SAFE.fullmatch(name) else None


if __name__ == "__main__":  # as the child of large.py
    page = parse(sys.stdin.buffer.read(), sys.argv[1] or None)
    sys.stdout.write(json.dumps([page.title, page.references, page.base]))
