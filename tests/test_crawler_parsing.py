"""Pages from bytes: titles, links and charsets, of pages well made, badly made, and huge."""

import asyncio
import codecs
import subprocess
import time

import pytest

from course_lib.crawler import AsyncWebCrawler, Response
from course_lib.crawler import large as module
from course_lib.crawler.large import LARGE, LONG_TAG, MANY_TAGS, is_large, parse_elsewhere
from course_lib.crawler.parsing import Page, parse


def test_a_page():
    """The first title, every link in order, and the base are found; other elements with addresses are none."""
    page = parse(
        b"<!doctype html><title> A\n page </title><base href=/dir/><link rel=icon href=/icon><a name=x>no</a>"
        b"<a href=1>1</a><map><area href=2></map><a href>3</a><svg><title>no</title></svg><!-- <a href=no> -->"
        b"<script>'<a href=no>'</script><img src=no><a href='4&amp;5'>4</a>"
    )
    assert page == Page("A page", ["1", "2", "", "4&5"], "/dir/")


@pytest.mark.parametrize(
    "body", [b"", b"\0", b"\xff\xfe", b"<", b"<a href=", b"<a href=x", b"\xef\xbb\xbf", b"<title>", b"</p>" * 1000]
)
def test_what_is_hardly_a_page(body):
    """Whatever the bytes, there is a page, if an empty one."""
    assert parse(body).title == ""


def test_broken_text():
    """NUL bytes and broken UTF-8 cost the characters concerned, and no more."""
    page = parse(b"<title>a\x00b\xffc</title><a href='x\xff'>1</a><a href=ok>2</a>")
    assert page.title.replace("\x00", "\ufffd") == "a\ufffdb\ufffdc" and page.references == ["x\ufffd", "ok"]


@pytest.mark.parametrize(
    ("header", "body", "encoding"),
    [
        # HTML Standard, section 13.2.3.2: the byte order mark, then the header, then the page itself, then UTF-8
        (None, b"", "utf-8"),
        ("ISO-8859-1", b"", "windows-1252"),
        (" Shift_JIS ", b"", "shift_jis"),
        ("koi8-r", b"<meta charset=utf-8>", "koi8-r"),
        ("koi8-r", codecs.BOM_UTF8 + b"", "utf-8"),
        (None, codecs.BOM_UTF16_LE + "a".encode("utf-16-le"), "utf-16le"),
        (None, "<?xml version='1.0'?>".encode("utf-16-be"), "utf-16be"),
        (None, b"<meta charset=euc-kr>", "euc-kr"),
        (None, b"<META http-equiv=Content-Type content='text/html; charset=windows-1251'>", "windows-1251"),
        (None, b"<meta http-equiv=content-type content='charsets; charset = \"koi8-r\"'>", "koi8-r"),
        (None, b"<?xml version='1.0' encoding='koi8-r'?><p>", "koi8-r"),
        ("no-such", b"<meta charset=koi8-r>", "koi8-r"),
        ("no-such", b"<meta charset=nor-this><meta charset=gbk>", "gbk"),
        # section 4.2.5.5: only a meta element says it, and what can be read as ASCII is not in these
        (None, b"<!-- <meta charset=koi8-r> -->", "utf-8"),
        (None, b"<script>'<meta charset=koi8-r>'</script><title><meta charset=koi8-r></title>", "utf-8"),
        (None, b"<p title='<meta charset=koi8-r>'>", "utf-8"),
        (None, b"<meta name=description content='text/html; charset=koi8-r'>", "utf-8"),
        (None, b"<meta charset=utf-16>", "utf-8"),
        (None, b"<meta charset=x-user-defined>", "windows-1252"),
        # section 13.2.3.4: and wherever it stands, the page is read anew
        (None, b"<script>" + b" " * 5000 + b"</script><p><meta charset=koi8-r>", "koi8-r"),
        *((name, b"", "utf-8") for name in ("punycode", "idna", "unicode_escape", "hex", "utf-7", "\0", "\udcff")),
    ],
)  # fmt: skip
def test_the_charset(header, body, encoding):
    """The byte order mark decides, then the header, then the page, then UTF-8; what only looks like it does not."""
    assert parse(body, header).encoding == encoding


@pytest.mark.parametrize(
    ("charset", "text"),
    [("windows-1251", "\u043f\u0440\u0438\u0432\u0435\u0442"), ("euc-jp", "\u65e5\u672c"), ("utf-16le", "\u00e4")],
)
def test_a_title_in_another_charset(charset, text):
    """Text in another charset than UTF-8 comes out as it was meant."""
    assert parse(f"<title>{text}</title>".encode(charset), charset).title == text


@pytest.mark.parametrize(
    ("body", "references"),
    [
        # SVG 2, section 16.1.3: xlink:href is how it was written before; href counts where both are
        (b'<svg><a xlink:href="/x">x</a><a href="/y" xlink:href="/z">y</a></svg>', ["/x", "/y"]),
        (b'<a xlink:href="/x">x</a><a name=x>no</a><a HREF>top</a>', ["/x", ""]),
        # HTML Standard, section 4.2.5.3: a declarative refresh, of which the first counts
        (b"<meta http-equiv=REFRESH content='0; URL=\"/new page\"; x'>", ["/new page"]),
        (b"<meta http-equiv=refresh content='5'><meta http-equiv=refresh content='.5,/1'>", ["/1"]),
        (b"<meta http-equiv=refresh content='1 url=/1'><meta http-equiv=refresh content='0;url=/2'>", ["/1"]),
        (b"<meta http-equiv=refresh content='0; /1'><meta http-equiv=refresh content=url=/2>", ["/1"]),
        (b"<meta name=refresh content='0; url=/no'><meta http-equiv=refresh content='x; url=/no'>", []),
    ],
)
def test_links_of_all_kinds(body, references):
    """Links of SVG, and a page that sends its reader on, lead to pages as others do."""
    assert parse(body).references == references


def test_the_title_of_a_picture_is_not_the_pages():
    """A picture in a page has titles of its own (HTML Standard, section 3.1.5, wants an HTML element)."""
    assert parse(b"<p><svg><title>icon</title><g><title>part</title></g></svg><title>Page</title>").title == "Page"
    assert parse(b"<svg><title>icon</title></svg>").title == ""


@pytest.mark.parametrize(
    ("body", "base"), [(b"<base target=x><base href=/1><base href=/2>", "/1"), (b"<base href><base href=/2>", "")]
)
def test_the_first_base_counts(body, base):
    """Of several base elements the first with an href counts, if an empty one (HTML Standard, section 4.2.3)."""
    assert parse(body).base == base


def page_of(size, links=1000):
    text = "".join(f'<p><a href="/{n}">{n}</a> ' for n in range(links))
    return f"<title>Large</title>{text}{'<p>words and words and <b>words</b>' * (size // 34)}".encode()


@pytest.mark.parametrize(
    ("body", "large"),
    [
        (page_of(40_000, links=200), False),
        (b" " * LONG_TAG, False),
        (page_of(LARGE), True),
        (b"<div>" * (MANY_TAGS + 1), True),
        (b"<a " + b"x=1 " * LONG_TAG + b">", True),
        (b"<p>" * 9 + b"<a " + b"x " * LONG_TAG + b">" + b"<p>" * 9, True),
    ],
)
def test_which_pages_are_large(body, large):
    """A page that is large, deep, or has a tag with attributes without end is not parsed on the loop."""
    assert is_large(body) is large


def test_a_large_page_in_a_child():
    """A page parsed in a child process is the same, in any charset."""
    for body, charset in (
        (page_of(600_000), None),
        (page_of(600_000), "\0\udcff" * 100_000),  # no system takes this for an argument
        ("<title>\u043f\u0440\u0438</title><base href=x>".encode("cp1251"), "cp1251"),
    ):
        assert asyncio.run(parse_elsewhere(body, charset, 60)) == parse(body, charset)


def test_a_large_page_does_not_hold_up_the_loop():
    """While a page of 5 MB is crawled the loop goes round, many times, and the page is crawled as any other."""
    body = page_of(5_000_000, links=3000)
    turns = 0

    async def fetch(url, *, limit, kinds):
        return Response(200, {"Content-Type": "text/html"}, body)

    async def count():
        nonlocal turns
        while True:
            await asyncio.sleep(0.001)
            turns += 1

    async def main():
        counting = asyncio.create_task(count())
        results = await AsyncWebCrawler(fetch=fetch, obey_robots=False).crawl_recursive(
            "http://site.test/", max_depth=0
        )
        counting.cancel()
        return results

    (result,) = asyncio.run(main())
    assert (result.title, len(result.links), result.content_length) == ("Large", 3000, len(body))
    assert turns > 10  # parsed on the loop it would be about 6: two for each slice of links


@pytest.fixture
def children(monkeypatch):
    """A list of the child processes, which in this test do nothing for ever."""
    started = []

    class Popen(subprocess.Popen):
        def __init__(self, command, **options):
            super().__init__([command[0], "-c", "import time; time.sleep(600)"], **options)
            started.append(self)

    monkeypatch.setattr(module.subprocess, "Popen", Popen)
    return started


async def crawl_large_page(timeout=60):
    async def fetch(url, *, limit, kinds):
        return Response(200, {"Content-Type": "text/html"}, b" " * LARGE)

    return await AsyncWebCrawler(fetch=fetch, obey_robots=False, timeout=timeout).crawl_recursive("http://site.test/")


def test_a_cancellation_ends_the_child(children):
    """A crawl cancelled while a child parses for it is over when the child is."""

    async def main():
        task = asyncio.create_task(crawl_large_page())
        while not children:
            await asyncio.sleep(0.005)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    started = time.monotonic()
    asyncio.run(main())
    assert children[0].returncode not in (0, None) and time.monotonic() - started < 60


def test_a_cancellation_before_the_child_has_begun(children):
    """A child that is to be ended before its thread has started it is ended as soon as it has begun."""
    child = module._Child(None)
    child.kill()
    with pytest.raises(OSError, match="the child process that parsed it ended with"):
        child.run(b"")
    assert len(children) == 1


def test_a_child_that_dies_is_a_failed_page(children):
    """When something ends the child, as the system does when memory runs out, its page is a failure with the reason."""

    async def main():
        task = asyncio.create_task(crawl_large_page())
        while not children:
            await asyncio.sleep(0.005)
        children[0].kill()
        return await task

    (result,) = asyncio.run(main())
    assert result.error.startswith("Unparsed: OSError: the child process that parsed it ended with ")


def test_a_child_that_takes_too_long_is_a_failed_page(children):
    """A page that takes longer to parse than the timeout is a failure, and its child is ended."""
    (result,) = asyncio.run(crawl_large_page(timeout=0.2))
    assert result.error == "Unparsed: TimeoutError: not done within 0.2 s" and children[0].returncode not in (0, None)
