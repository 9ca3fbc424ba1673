"""URLs in normal form, as browsers read them, and that the quick way to it and the long one are one."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from course_lib.crawler.urls import base_of, normalise, origin_of, resolve


@pytest.mark.parametrize(
    ("url", "normal"),
    [
        ("HTTP://Example.COM", "http://example.com/"),
        ("http://example.com:80/", "http://example.com/"),
        ("https://example.com:443/a", "https://example.com/a"),
        ("https://example.com:80/a", "https://example.com:80/a"),
        ("http://example.com/a#part", "http://example.com/a"),
        ("http://example.com/a/./b/../c", "http://example.com/a/c"),
        ("http://example.com/../..", "http://example.com/"),
        ("http://example.com/%7euser/%c3%a4", "http://example.com/~user/%C3%A4"),
        ("http://example.com/\u00e4?q=\u00e4 b", "http://example.com/%C3%A4?q=%C3%A4%20b"),
        ("http://example.com/a%2Fb", "http://example.com/a%2Fb"),
        ("http://m\u00fcnchen.example/", "http://xn--mnchen-3ya.example/"),
        ("http://user:secret@example.com/", "http://example.com/"),
        ("http://example.com/?", "http://example.com/"),
        ("http://example.com/a?b=1&a=2", "http://example.com/a?b=1&a=2"),
        (" http://exam\nple.com/a\t ", "http://example.com/a"),
        ("http://[::1]:8000/a", "http://[::1]:8000/a"),
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000/"),
    ],
)
def test_one_page_one_form(url, normal):
    """However a URL is written, it has one form, and that form is its own."""
    assert normalise(url) == normal
    assert normalise(normal) == normal


@pytest.mark.parametrize(
    "url",
    [
        *("mailto:me@example.com", "javascript:void(0)", "data:text/html,x", "ftp://example.com/", "tel:1", "a.html"),
        *("http://", "http:///", "http://[bad/", "http://example.com:99999/", "http://me@/", "http://a b/", ""),
    ],
)
def test_what_is_no_url_of_a_page(url):
    """What is not http or https, or no URL at all, has no normal form."""
    assert normalise(url) is None


@pytest.mark.parametrize(
    ("reference", "url"),
    [
        # WHATWG URL Standard, section 4.4, the basic URL parser: "\\" is "/" where the scheme is http, but in a query
        (r"\a\b", "http://site.test/a/b"),
        (r"\\other.test\a", "http://other.test/a"),
        (r"..\x?y=\z", "http://site.test/x?y=\\z"),
        (r"http:\\other.test\a", "http://other.test/a"),
        # a scheme without slashes is that of the base, or begins a host
        ("http:x", "http://site.test/dir/x"),
        ("http:/x", "http://site.test/x"),
        ("http:?q", "http://site.test/dir/page?q"),
        ("http:", "http://site.test/dir/page?old"),
        ("https:x", "https://x/"),
        ("https:/x", "https://x/"),
        # slashes before a host do not count, however many
        ("///other.test/x", "http://other.test/x"),
        ("////other.test/x", "http://other.test/x"),
        ("http:///other.test/x", "http://other.test/x"),
        (r"/\other.test/x", "http://other.test/x"),
        # escaped dots are dots
        ("%2e%2E/x/%2e/y/.%2e", "http://site.test/x/"),
        ("..", "http://site.test/"),
        ("a//b/..//c", "http://site.test/dir/a///c"),
        # section 1.3, percent-encode sets: what is escaped in a path, and what in a query
        ("a b\"<>^`{}|[]'%zz%", "http://site.test/dir/a%20b%22%3C%3E%5E%60%7B%7D|[]'%zz%"),
        ("?a b\"<>^`{}|[]'+%2B%3B;%20", "http://site.test/dir/page?a%20b%22%3C%3E^`{}|[]%27+%2B%3B;%20"),
        ("/\ud83d\ude00?\ud83d", "http://site.test/%EF%BF%BD%EF%BF%BD?%EF%BF%BD"),
        # section 3.5, hosts: names in Unicode, numbers that are addresses
        ("//B\u00dcCHER.\uff45xample\u3002com/", "http://xn--bcher-kva.example.com/"),
        ("//fa\u00df.example/", "http://xn--fa-hia.example/"),
        ("//ex%41mple.com/", "http://example.com/"),
        ("//0x7f.1/", "http://127.0.0.1/"),
        ("//2130706433/", "http://127.0.0.1/"),
        ("//0177.0.0.01./", "http://127.0.0.1/"),
        ("//[::FFFF:1.2.3.4]:080/", "http://[::ffff:102:304]/"),
        ("//[1:0:0:2:0:0:0:3]:0/", "http://[1:0:0:2::3]:0/"),
        ("//...", "http://.../"),
        ("//me:pw@us@site.test:80/", "http://site.test/"),
        *((text, None) for text in ("//1.2.3.256/", "//08/", "//1.2.3.4.5/", "//a:b/", "//[::1", "//[::1%251]/")),
        *((text, None) for text in ("//a%2fb", "//a^b", "//a\u200db/", "//\u00ad/", "//:80/", "//" + 9**5 * "\u00e4")),
    ],
)  # fmt: skip
def test_a_link_leads_where_browsers_go(reference, url):
    """However a link is written, it leads where the WHATWG URL Standard says."""
    base = "http://site.test/dir/page?old"
    assert normalise(reference, base) == url
    assert resolve([reference], base) == ([] if url is None else [url])


@pytest.mark.parametrize(
    ("one", "other"),
    [("?a=1;b", "?a=1%3Bb"), ("?a+b", "?a%20b"), ("?a+b", "?a%2Bb"), ("/a;b", "/a%3Bb"), ("/a%2Fb", "/a/b")],
)
def test_reserved_characters_and_their_escapes_are_two_urls(one, other):
    """An escaped character that has a meaning of its own is another URL (RFC 3986, section 2.2), and stays one."""
    assert normalise(one, "http://site.test/") != normalise(other, "http://site.test/")


@pytest.mark.parametrize("escaped", ["%%34%31", "%4%31", "%e%34", "%25%34%31"])
def test_no_escape_comes_about_by_unescaping(escaped):
    """What is no escape does not become one when the characters behind it are unescaped."""
    assert "%41" not in normalise(f"/{escaped}", "http://site.test/") and normalise("/%41", "http://h/") == "http://h/A"


@pytest.mark.parametrize(
    ("codec", "query"),
    [("utf-8", "%E4%B8%AD"), ("gb18030", "%D6%D0"), ("big5hkscs", "%A4%A4"), ("cp1252", "%26%2320013%3B")],
)
def test_a_query_is_written_in_the_pages_encoding(codec, query):
    """Characters of a query are escaped as the page encodes them, those of a path as UTF-8 (URL Standard, 1.3, 4.4)."""
    assert resolve(["/\u4e2d?\u4e2d"], "http://h/", codec) == [f"http://h/%E4%B8%AD?{query}"]


@pytest.mark.parametrize(
    ("written", "links"),
    [
        (None, ["http://h/dir/x", "http://o/"]),
        ("", ["http://h/dir/x", "http://o/"]),
        ("/b/", ["http://h/b/x", "http://o/"]),
        ("http://...", ["http://.../x", "http://o/"]),
        ("http://[", ["http://h/dir/x", "http://o/"]),
        ("javascript:1", ["http://h/dir/x", "http://o/"]),
        ("DATA:,", ["http://h/dir/x", "http://o/"]),
        (" ftp://h/", ["http://o/"]),
    ],
)
def test_the_base_of_a_page(written, links):
    """A base element counts unless it is no URL or its scheme is data or javascript (HTML Standard, section 4.2.3)."""
    assert resolve(["x", "http://o/"], base_of(written, "http://h/dir/page")) == links


def test_links_of_a_page():
    """Links are resolved against the page, each once, in order; what leads to no page is left out."""
    references = [
        "b.html",
        "/c",
        "../d?x=1#y",
        "//other.test/",
        "mailto:me@x",
        "#top",
        "",
        "?page=2",
        "/c#again",
        "a b",
    ]
    assert resolve(references, "http://site.test/dir/page.html?q=1") == [
        "http://site.test/dir/b.html",
        "http://site.test/c",
        "http://site.test/d?x=1",
        "http://other.test/",
        "http://site.test/dir/page.html?q=1",
        "http://site.test/dir/page.html?page=2",
        "http://site.test/dir/a%20b",
    ]


def test_the_origin():
    """Scheme, name and port are one host."""
    assert origin_of("http://127.0.0.1:8000/a/b?c=/d") == "http://127.0.0.1:8000"


alphabet = st.sampled_from(
    [*"abzAZ09-_.~/:?#=&%+@!$'()*,;[]|\\\"<>^`{} \t\n", "..", "//", "%41", "%2f", "\u00e4", "\x00"]
)


def written(pieces):
    return st.lists(alphabet, max_size=pieces).map("".join)


references = st.one_of(
    written(12),
    written(8).map("http://site.test".__add__),
    written(8).map("/a/".__add__),
    st.text(max_size=6),
)
bases = written(8).map(lambda text: normalise(f"http://site.test/{text}")).filter(bool)


@settings(max_examples=1000, deadline=None, derandomize=True, database=None)
@given(references, bases)
@example("http://site.testing/a", "http://site.test/")
@example("a:b", "http://site.test/")
@example("a?", "http://site.test/")
@example("a/", "http://site.test//b")
@example("a", "http://site.test/b?c=d/e")
def test_the_quick_way_is_the_same(reference, base):
    """A link that is resolved the quick way has the form that the long one gives it."""
    slow = normalise(reference, base)
    assert resolve([reference], base) == ([] if slow is None else [slow])


@settings(max_examples=300, deadline=None, derandomize=True, database=None)
@given(references, bases)
def test_normal_is_normal(reference, base):
    """The normal form of a normal form is itself: a URL cannot be seen twice under two names."""
    normal = normalise(reference, base)
    assert normal is None or normalise(normal) == normal
