"""URLs in normal form, and that the quick way to it and the library's are one."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from course_lib.crawler.urls import normalise, origin_of, resolve


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
        ("http://example.com/\u00e4?q=\u00e4 b", "http://example.com/%C3%A4?q=%C3%A4+b"),
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
        *("http://", "http:///a", "http://[bad/", "http://example.com:99999/", "http://a\\b/", ""),
    ],
)
def test_what_is_no_url_of_a_page(url):
    """What is not http or https, or no URL at all, has no normal form."""
    assert normalise(url) is None


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
    """A link that is resolved without the library has the form that the library gives it."""
    slow = normalise(reference, base)
    assert resolve([reference], base) == ([] if slow is None else [slow])


@settings(max_examples=300, deadline=None, derandomize=True, database=None)
@given(references, bases)
def test_normal_is_normal(reference, base):
    """The normal form of a normal form is itself: a URL cannot be seen twice under two names."""
    normal = normalise(reference, base)
    assert normal is None or normalise(normal) == normal
