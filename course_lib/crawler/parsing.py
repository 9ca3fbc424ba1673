"""HTML: a page's title and the links it has, from bytes."""

import json
import re
import sys
from dataclasses import asdict, dataclass, field

from selectolax.lexbor import LexborHTMLParser, LexborNode

from course_lib.standards.encodings import codec_for_queries, decode, encoding_of_label, encoding_of_mark
from course_lib.standards.headers import printable, refresh

_SPACE = "[\t\n\f\r ]*"
_CHARSET = re.compile(rf"""charset{_SPACE}={_SPACE}(?:"([^"]*)"|'([^']*)'|([^\t\n\f\r ;"']+))""", re.IGNORECASE)
_XML = re.compile(rb"""<\?xml[^>]{0,200}?[\t\n\f\r ]encoding[\t\n\f\r ]*=[\t\n\f\r ]*["']([^"'>]{1,40})["']""")
_XML_IN_UTF16 = {"<?x".encode("utf-16-le"): "utf-16le", "<?x".encode("utf-16-be"): "utf-16be"}

# glibc gives free memory at the top of its heap back to the system, and each parse would have to fault it in again:
# half of its time. Once a block this large has been freed, it keeps as much (mallopt(3), "dynamic mmap threshold").
bytes(4_000_000)


@dataclass(slots=True)
class Page:
    """What a crawler wants of a page.

    title: "" when there is none
    references: where its links lead, as written: those of `a`, of SVG's too, and `area`, and of a `meta` that refreshes
    base: what they are relative to, as written; None for the page itself
    encoding: the name that the page's encoding has in the Encoding Standard, in lower case
    """

    title: str = ""
    references: list[str] = field(default_factory=list)
    base: str | None = None
    encoding: str = "utf-8"

    @property
    def query_codec(self) -> str:
        """The Python codec in which its links' queries are escaped."""
        return codec_for_queries(self.encoding)


def parse(body: bytes, charset: str | None = None) -> Page:
    """Return the title and links of a page, whatever bytes it is made of.

    charset: what the Content-Type header says
    """
    encoding = encoding_of(body, charset)
    if encoding is not None:
        return _read(body, encoding)[0]
    # Nothing is known of it: read as UTF-8, and again when it says itself that it is not, wherever it does (HTML
    # Standard, section 13.2.3.4, changing the encoding while parsing). The parser, and no pattern, tells what is an
    # element, and what only looks like one in a comment or a script.
    page, stated = _read(body, "utf-8")
    if stated is None and (xml := _XML.match(body)):
        stated = _allowed(xml[1].decode("latin-1"))
    return page if stated in (None, "utf-8") else _read(body, stated)[0]


def encoding_of(body: bytes, charset: str | None = None) -> str | None:
    """Return the encoding that a byte order mark tells, else the header; None when the page itself has to say it.

    (HTML Standard, section 13.2.3.2, encoding sniffing.) A label that the Encoding Standard does not know says nothing.
    """
    if (marked := encoding_of_mark(body)) is not None:
        return marked
    stated = encoding_of_label(charset[:100]) if charset else None  # no label is as long
    return stated or _XML_IN_UTF16.get(body[:6])


def _read(body: bytes, encoding: str) -> tuple[Page, str | None]:
    """Return the page as it is in an encoding, and the encoding that it says itself."""
    # The parser itself reads UTF-8 and puts U+FFFD in place of what is none.
    tree = LexborHTMLParser(body.removeprefix(b"\xef\xbb\xbf") if encoding == "utf-8" else decode(body, encoding))
    page, stated, refreshed, title = Page(encoding=encoding), None, False, None
    references = page.references
    for node in tree.css("a, area, base, meta, title"):  # one walk over the tree for all of them
        match node.tag:
            case "a" | "area":
                attributes = node.attributes
                # xlink:href is how SVG's links were written before it took HTML's name (SVG 2, section 16.1.3).
                if "href" in attributes:
                    references.append(attributes["href"] or "")
                elif "xlink:href" in attributes:
                    references.append(attributes["xlink:href"] or "")
            case "meta":
                said = {name: value or "" for name, value in node.attributes.items()}
                stated = stated or _encoding_said(said)
                refreshes = said.get("http-equiv", "").lower() == "refresh" and not refreshed
                if refreshes and (target := refresh(said.get("content", ""))):
                    refreshed = True  # the first one that leads anywhere counts
                    references.append(target)
            case "base":
                if page.base is None and "href" in node.attributes:
                    page.base = node.attributes["href"] or ""
            case _:
                if title is None and not _is_of_a_picture(node, tree):
                    title = " ".join(node.text().split())
    if title is not None:
        page.title = printable(title)
    return page, stated


def _is_of_a_picture(title: LexborNode, tree: LexborHTMLParser) -> bool:
    """Return whether it is the title of something in an SVG, and not the document's (HTML Standard, section 3.1.5)."""
    if title.parent is not None and title.parent.tag in ("head", "body"):
        return False
    return any(title.mem_id == other.mem_id for other in tree.css("svg title"))


def _encoding_said(meta: dict[str, str]) -> str | None:
    """Return the encoding that a meta element states (HTML Standard, section 4.2.5.5)."""
    if stated := _allowed(meta.get("charset", "")):
        return stated
    if meta.get("http-equiv", "").lower() == "content-type" and (found := _CHARSET.search(meta.get("content", ""))):
        return _allowed(found[1] or found[2] or found[3] or "")
    return None


def _allowed(label: str) -> str | None:
    """Return the encoding that a page means by a label: what can be read as ASCII is in neither of the exceptions."""
    name = encoding_of_label(label)
    return {"utf-16le": "utf-8", "utf-16be": "utf-8", "x-user-defined": "windows-1252"}.get(name or "", name)


if __name__ == "__main__":  # as the child of large.py
    sys.stdout.write(json.dumps(asdict(parse(sys.stdin.buffer.read(), sys.argv[1] or None))))
