"""What bytes of strangers are made into: dates, types, waits, bodies, text; with the section that wants it so."""

import gzip
import math
import zlib
from datetime import UTC, datetime

import pytest

from course_lib.standards.bodies import TooLarge, UnknownCoding, Unpacker, UnpackError
from course_lib.standards.encodings import decode, encoding_of_label
from course_lib.standards.headers import http_date, location, media_type, printable, refresh, retry_after

# Header fields


@pytest.mark.parametrize(
    ("value", "kind", "charset"),
    [
        # RFC 9110, section 8.3.1: names in any case, a value as a token or quoted, and quotes with escapes
        ("text/html", "text/html", None),
        ("Text/HTML;Charset=UTF-8", "text/html", "UTF-8"),
        ('text/html; charset="utf\\-8"', "text/html", "utf-8"),
        ('text/html; x="a;charset=koi8-r"; charset=gbk', "text/html", "gbk"),
        ("text/html; x-charset=koi8-r", "text/html", None),
        ("text/html; note=charset=koi8-r", "text/html", None),
        ("text/html;;; charset = gbk ; charset=no", "text/html", "gbk"),
        ("text/html; charset='gbk'", "text/html", "gbk"),
        # Fetch Standard, section 2.2.3, extract a MIME type: the last one counts
        ("text/html, image/png", "image/png", None),
        ('text/html; x="a, b/c", nothing', "text/html", None),
        ("text/html; charset=gbk, text/html", "text/html", "gbk"),
        ("text/html; charset=gbk, */*", "text/html", "gbk"),
        ("", "", None),
        ("html", "", None),
        ("\udcff;;;===\udc80/", "", None),
    ],
)
def test_content_type(value, kind, charset):
    """A type and its charset are what the field says, and not what looks like it."""
    assert media_type(value) == (kind, charset)


FIRST = datetime(1994, 11, 6, 8, 49, 37, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "date"),
    [
        # RFC 9110, section 5.6.7: the three forms, and years of two digits
        ("Sun, 06 Nov 1994 08:49:37 GMT", FIRST),
        ("Sunday, 06-Nov-94 08:49:37 GMT", FIRST),
        ("Sun Nov  6 08:49:37 1994", FIRST),
        ("Thu, 31 Dec 9998 23:59:60 GMT", datetime(9998, 12, 31, 23, 59, 59, tzinfo=UTC)),
        *((text, None) for text in ("", "soon", "Mon, 01 Jan 0000 00:00:00 GMT", "Tue, 31 Feb 2026 00:00:00 GMT")),
        *((text, None) for text in ("Sat, 01 Jan 99999999 00:00:00 GMT", "Sat, 01 Jan 2026 25:00:00 GMT", "Sat, 01")),
        *(
            (text, None)
            for text in ("Sat, 01 Foo 2026 00:00:00 GMT", "Sat, 01 Jan 2026 00:00:00 -9999999999", "\u0663")
        ),
    ],
)
def test_a_date(value, date):
    """A date is one of three forms, and one that is in no calendar is none."""
    assert http_date(value) == date


def test_a_year_of_two_digits_is_at_most_fifty_years_ahead():
    """One that would be more than 50 years in the future is of the century before (RFC 9110, section 5.6.7)."""
    now = datetime.now(UTC).year
    for years in (-40, 0, 49):
        assert http_date(f"Sunday, 06-Nov-{(now + years) % 100:02} 00:00:00 GMT").year == now + years


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        # RFC 9110, section 10.2.3: digits alone, or a date
        *((" 7 ", 7), ("0000000000000000120", 120), ("9" * 5000, math.inf), ("Thu, 01 Jan 1970 00:01:40 GMT", 90)),
        *(("Thu, 01 Jan 1970 00:00:00 GMT", 0), ("-5", None), ("1.5", None), ("\u0663", None), ("Fri, 99", None)),
    ],
)
def test_retry_after(value, seconds):
    """The wait is what is asked for, however it is written, and None for what is no wait."""
    assert retry_after(value, now=10.0) == seconds


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"/caf\xe9", "/caf%E9"),  # Latin-1
        (b"/\xd6\xd0?\xce\xc4", "/%D6%D0?%CE%C4"),  # GBK
        ("/\u4e2d".encode(), "/%E4%B8%AD"),
        (b"/a%20b;c", "/a%20b;c"),
    ],
)
def test_a_location_goes_back_as_it_came(raw, text):
    """A field is bytes (RFC 9110, section 5.5): those beyond ASCII are asked for again as the server sent them."""
    assert location(raw) == text


@pytest.mark.parametrize(
    ("content", "target"),
    [
        # HTML Standard, section 4.2.5.3, shared declarative refresh steps
        *(("0; url=/x", "/x"), ("5;URL = '/a b'c", "/a b"), ("0,/x", "/x"), ("3 /y", "/y"), (".5 ; url=z", "z")),
        *(('0;"/q', "/q"), ("0; urn=x", "urn=x"), ("5", None), ("0;", None), ("0; url=", None), ("url=/x", None)),
        *(("5x;url=a", None), ("; url=/x", None), ("", None), ("1" * 100_000, None)),
    ],
)
def test_refresh(content, target):
    """A refresh leads where a browser goes, and nowhere when it only comes back."""
    assert refresh(content) == target


def test_text_that_can_be_written():
    """What was no text is told apart, and can be printed in UTF-8 (Unicode, section 3.9)."""
    assert printable("a\udce9\ud800\U0001f600") == "a\ufffd\ufffd\U0001f600"


# Bodies


def packed(data):
    return gzip.compress(data, mtime=0)  # the same in every process, for tests are named after it


TEXT = b"hello, world " * 30_000
PACKED = packed(TEXT)


def unpacked(data, codings, limit=math.inf, step=7):
    unpacker = Unpacker(codings, limit)
    text = b"".join(piece for at in range(0, len(data), step) for piece in unpacker.feed(data[at : at + step]))
    unpacker.end()
    return text


@pytest.mark.parametrize("step", [1, 1000, 10**6])
@pytest.mark.parametrize(
    ("data", "codings"),
    [
        # RFC 9110, section 8.4: in the order in which they were put on; in any case; identity is none
        (TEXT, ""),
        (TEXT, "identity"),
        (PACKED, "gzip"),
        (PACKED, " X-GZIP ,, identity"),
        (packed(PACKED), "gzip, gzip"),
        (zlib.compress(PACKED), "gzip, deflate"),
        (packed(zlib.compress(TEXT)), "deflate, gzip"),
        # section 8.4.1.2: zlib's format, and what some send instead
        (zlib.compress(TEXT), "deflate"),
        (zlib.compress(TEXT)[2:-4], "deflate"),
        # RFC 1952, section 2.2: members in a row; what follows them is padding
        (packed(TEXT[:9]) + packed(TEXT[9:]) + b"\0\0\0", "gzip"),
        (PACKED + b"x", "gzip"),
    ],
)
def test_a_body_is_unpacked(data, codings, step):
    """However a body is packed, and in whatever pieces it comes, it is what it was."""
    if step > 1 or len(data) < 10_000:
        assert unpacked(data, codings, step=step) == TEXT


def test_a_body_without_a_byte():
    """An empty body is empty in any coding."""
    assert unpacked(b"", "gzip, deflate") == b""


@pytest.mark.parametrize(
    ("data", "codings", "error"),
    [
        (b"this is no gzip", "gzip", "the body is no gzip"),
        (PACKED[:-20], "gzip", "ends too early"),
        (PACKED[:1], "gzip", "ends too early"),
        (packed(PACKED[:-20]), "gzip, gzip", "ends too early"),
        (TEXT, "br", "Content-Encoding is 'br', and only gzip, deflate was asked for"),
        (TEXT, "gzip, rot13", "'rot13'"),
        (TEXT, ",".join(["gzip"] * 6), "6 codings"),
    ],
)
def test_a_body_that_is_not_what_it_says(data, codings, error):
    """What cannot be unpacked is an error with its reason, never an empty body."""
    with pytest.raises(UnpackError, match=error):
        unpacked(data, codings)


def test_a_bomb_is_noticed_early():
    """A body is unpacked in small pieces, and no further than the limit, also if only a coding in between is large."""
    pieces = Unpacker("gzip", 1_000_000).feed(packed(b"\0" * 50_000_000))
    sizes = [len(next(pieces)) for _ in range(1_000_000 // 65_536)]
    assert max(sizes) <= 65_536 and sum(sizes) <= 1_000_000
    with pytest.raises(TooLarge):
        next(pieces)
    with pytest.raises(TooLarge):
        unpacked(packed(packed(b"") * 100_000), "gzip, gzip", 1_000_000, step=10_000)
    assert issubclass(UnknownCoding, UnpackError)


# Text


@pytest.mark.parametrize(
    ("label", "encoding"),
    [
        # WHATWG Encoding Standard, section 4.2
        *(
            (" ISO-8859-1\n", "windows-1252"),
            ("ascii", "windows-1252"),
            ("latin5", "windows-1254"),
            ("x-sjis", "shift_jis"),
        ),
        *(("ks_c_5601-1987", "euc-kr"), ("x-gbk", "gbk"), ("big5-hkscs", "big5"), ("dos-874", "windows-874")),
        *(("unicode-1-1-utf-8", "utf-8"), ("ucs-2", "utf-16le"), ("x-x-big5", "big5"), ("hz-gb-2312", "replacement")),
        *(("logical", "iso-8859-8-i"), ("x-user-defined", "x-user-defined"), ("koi8-ru", "koi8-u"), ("utf-7", None)),
        *(
            ("x-sjis", "shift_jis"),
            ("idna", None),
            ("", None),
            ("\u212aoi8-r", None),
            ("\udcff", None),
            ("utf\u20118", None),
        ),
    ],
)
def test_a_label(label, encoding):
    """A label means what the standard says it does, and nothing else."""
    assert encoding_of_label(label) == encoding


@pytest.mark.parametrize(
    ("encoding", "data", "text"),
    [
        # section 5, indexes, where Python's codec of that name has less, or something else
        ("euc-kr", b"\x8c\x63\xb0\xa1", "\ub620\uac00"),  # as cp949
        ("gbk", b"\x81\x30\x84\x36\x80", "\xa5\u20ac"),  # as gb18030, and the euro sign of section 10.2.1
        ("gb18030", b"\xa8\xbc\xa6\xd9", "\u1e3f\ufe10"),
        ("big5", b"\x87\x40\xa4\xa4\xa3\xe1", "\u43f0\u4e2d\u20ac"),  # with HKSCS
        ("shift_jis", b"\x87\x40\xfa\x40", "\u2460\u2170"),  # as cp932
        ("euc-jp", b"\xad\xa1\xfc\xfc\xa1\xc1\x8f\xb0\xa1", "\u2460\uffe4\uff5e\u4e02"),
        ("iso-2022-jp", b"\x1b$B-!\x1b(I1\x1b(Ba", "\u2460\uff71a"),
        ("windows-1252", b"\x80\x81\xa0", "\u20ac\x81\xa0"),
        ("windows-874", b"\x81\xa1\xfc", "\x81\u0e01\ufffd"),
        ("koi8-u", b"\xae\xbe", "\u045e\u040e"),
        ("x-user-defined", b"a\x80", "a\uf780"),
        ("x-mac-cyrillic", b"\xff", "\u20ac"),
        ("iso-8859-8-i", b"\xe0", "\u05d0"),
        ("utf-8", b"\xef\xbb\xbfa\xff", "a\ufffd"),
        ("utf-16le", b"\xff\xfea\x00\x00\xd8x\x00b", "a\ufffdx\ufffd"),
        ("utf-16be", b"\xfe\xff\x00a", "a"),
        ("replacement", b"anything", "\ufffd"),
        # a byte that is no character costs itself alone
        ("gbk", b"\x81<a", "\ufffd<a"),
        ("shift_jis", b"\x81<a", "\ufffd<a"),
        ("euc-jp", b"\xa1<a\xff", "\ufffd<a\ufffd"),
        ("big5", b"\x81<a", "\ufffd<a"),
    ],
)
def test_text(encoding, data, text):
    """Bytes in an encoding are the characters that browsers show."""
    assert decode(data, encoding) == text
