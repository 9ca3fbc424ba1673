"""What a crawl does, on a web in memory and a virtual clock."""

import asyncio
import math
import re
from contextlib import aclosing

import pytest

from course_lib.crawler import AsyncWebCrawler, CrawlResult, FakeWeb, Response
from course_lib.crawler.crawl import DISALLOWED
from course_lib.crawler.robots import Rules
from course_lib.seeing import simulate

SITE = "http://site.test"


@pytest.fixture
def web():
    return FakeWeb()


def always_longest(_, longest):
    return longest


def crawl(web, max_depth=9, max_pages=99, start="/", **options):
    """Crawl the web in memory; return the crawler and the timeline."""
    crawler = AsyncWebCrawler(fetch=web.fetch, **{"jitter": always_longest, "timeout": 100, **options})
    return crawler, simulate(lambda: crawler.crawl_recursive(start_of(start), max_depth, max_pages))


def start_of(url):
    return SITE + url if url.startswith("/") else url


def paths(urls):
    return [getattr(url, "url", url).removeprefix(SITE) for url in urls]


def crawled(crawler):
    return paths(result for result in crawler.results if result.error is None)


def failed(crawler):
    return {path: result.error for result in crawler.results if result.error for path in paths([result])}


def depths(crawler):
    return {path: result.depth for result in crawler.results for path in paths([result])}


def skipped(crawler):
    return dict(zip(paths(crawler.skipped), crawler.skipped.values(), strict=True))


# Which pages


def test_all_pages_within_the_depth_and_no_others(web):
    """Every page within max_depth is crawled, however many links a page has; the next level is skipped."""
    web.add_page("/", [f"/{n}" for n in range(60)])
    for n in range(60):
        web.add_page(f"/{n}", [f"/{n}/deep"])
    crawler, _ = crawl(web, max_depth=1)
    assert sorted(crawled(crawler)) == sorted(["/", *(f"/{n}" for n in range(60))])
    assert skipped(crawler) == {f"/{n}/deep": "deeper than max_depth" for n in range(60)}


def test_a_shorter_way_found_later_counts(web):
    """A page that is first found by a long way is not too deep once a shorter one is found, nor is what it links to."""
    web.add_page("/", ["/quick", "/slow"])
    web.add_page("/slow", ["/goal"], delay=10)
    web.add_page("/quick", ["/long"])
    web.add_page("/long", ["/goal"])
    web.add_page("/goal", ["/beyond"])
    web.add_page("/beyond")
    crawler, _ = crawl(web, max_depth=3)
    assert depths(crawler) == {"/": 0, "/quick": 1, "/slow": 1, "/long": 2, "/goal": 2, "/beyond": 3}
    assert len(web.requests) == 7  # robots.txt, and each page once


def test_no_barrier_between_levels(web):
    """A slow page keeps nobody waiting: meanwhile the pages behind the quick ones are crawled."""
    web.add_page("/", ["/slow", "/1"])
    web.add_page("/slow", delay=10)
    for n in range(1, 9):
        web.add_page(f"/{n}", [f"/{n + 1}"], delay=1)
    crawler, timeline = crawl(web, max_concurrent=2)
    assert crawled(crawler)[-1] == "/slow"
    assert timeline.end == 10


def test_never_more_than_max_pages_and_shallow_ones_first(web):
    """Exactly max_pages URLs are requested when there are more, those nearest to the start first."""
    web.add_page("/", ["/a", "/b", "/c"])
    for page in "abc":
        web.add_page(f"/{page}", [f"/{page}/deep"])
        web.add_page(f"/{page}/deep")
    crawler, _ = crawl(web, max_pages=5, max_concurrent=1)
    assert crawled(crawler) == ["/", "/a", "/b", "/c", "/a/deep"]
    assert skipped(crawler) == dict.fromkeys(["/b/deep", "/c/deep"], "max_pages was reached before its turn")
    assert crawler.stats["total_requests"] == 5


def test_one_page_under_many_names(web):
    """Fragments, dots, default ports and escapes make no new page."""
    web.add_page("/", ["/a", "/a#top", "/x/../a", "http://SITE.test:80/a", "/%61", "http://me:pw@site.test/a", "#", ""])
    web.add_page("/a")
    crawler, _ = crawl(web)
    assert crawled(crawler) == ["/", "/a"]
    assert crawler.results[0].links == [f"{SITE}/a", f"{SITE}/"]


def test_other_hosts_are_out_of_scope(web):
    """Links leave the start's host, or the stated ones, in neither direction: they are skipped, and said to be."""
    web.add_page("/", ["http://site.test:8080/", "http://other.test/", "https://site.test/a", "mailto:me@site.test"])
    web.add_page("https://site.test/a")
    web.add_page("http://other.test/")
    crawler, _ = crawl(web)
    assert crawled(crawler) == ["/", "https://site.test/a"]
    assert set(crawler.skipped) == {"http://site.test:8080/", "http://other.test/"}
    assert all(reason.startswith("out of scope") for reason in crawler.skipped.values())
    crawler, _ = crawl(web, allowed_hosts={"http://site.test", "other.test"})
    assert crawled(crawler) == ["/", "http://other.test/"]
    crawler, _ = crawl(web, allowed_hosts={"site.test"})
    assert {result.url for result in crawler.results if result.error} == {"http://site.test:8080/"}
    assert set(crawler.skipped) == {"http://other.test/"}


def test_only_html_is_a_page(web):
    """What is not HTML, by its type, is skipped and not parsed; an icon in a <link> is not followed."""
    html = b'<link rel=icon href=/icon.png><a href=/a.pdf>a</a><area href="/b"><a href=/none></a><a href=/x></a>'
    web.add("/", Response(200, {"Content-Type": "text/html"}, html))
    web.add("/a.pdf", Response(200, {"Content-Type": "application/pdf"}, b"<a href=/wrong>"))
    web.add("/none", Response(200, {}, b"<a href=/wrong>"))
    web.add("/x", Response(200, {"Content-Type": "Application/XHTML+XML;charset=utf-8"}, b"<title>x</title>"))
    web.add_page("/b")
    crawler, _ = crawl(web)
    assert sorted(crawled(crawler)) == ["/", "/b", "/x"]
    assert skipped(crawler) == {"/a.pdf": "not HTML but application/pdf", "/none": "not HTML but of unknown type"}


# Redirects


def test_a_redirects_target_is_the_page_it_is(web):
    """The target of a redirect is as deep as its source, is requested once, and counts under its own URL."""
    web.add_page("/", ["/old", "/older", "/new"])
    web.add_redirect("/old", "/new")
    web.add_redirect("/older", "old#part")
    web.add_page("/new", ["/next"])
    web.add_page("/next")
    crawler, _ = crawl(web, max_depth=2)
    assert depths(crawler) == {"/": 0, "/new": 1, "/next": 2}
    assert skipped(crawler) == {"/old": f"redirects to {SITE}/new", "/older": f"redirects to {SITE}/old"}
    assert web.requests.count(f"{SITE}/new") == 1


def test_a_redirect_hands_on_a_shorter_way(web):
    """When a redirect turns out to be less deep, so does its target, and what that links to is within the depth."""
    web.add_page("/", ["/quick", "/slow"])
    web.add_page("/quick", ["/quick/2"])
    web.add_page("/quick/2", ["/moved"])
    web.add_page("/slow", ["/moved"], delay=5)
    web.add_redirect("/moved", "/target")
    web.add_page("/target", ["/last"])
    web.add_page("/last")
    crawler, _ = crawl(web, max_depth=3)
    assert {"/target": 2, "/last": 3}.items() <= depths(crawler).items()


def test_redirects_that_lead_nowhere(web):
    """A redirect out of scope, to what is no page, or to what robots.txt forbids ends there, and says why."""
    web.add_page("/", ["/away", "/mail", "/secret"])
    web.add_redirect("/away", "http://other.test/")
    web.add_redirect("/mail", "mailto:me@site.test")
    web.add_redirect("/secret", "/private/")
    web.add_robots("User-agent: *\nDisallow: /private/")
    crawler, _ = crawl(web)
    assert crawled(crawler) == ["/"] and not failed(crawler)
    assert skipped(crawler) == {
        "/away": "redirects to http://other.test/",
        "http://other.test/": "out of scope: not in allowed_hosts",
        "/mail": "redirects to 'mailto:me@site.test', which is no http or https URL",
        "/secret": f"redirects to {SITE}/private/",
        "/private/": "robots.txt disallows it",
    }


def test_a_loop_of_redirects_is_a_failure_of_each(web):
    """Each URL on a loop fails, wherever it was entered; what leads into the loop is a redirect."""
    web.add_page("/", ["/in", "/self", "/in-late"])
    web.add_redirect("/in", "/1")
    web.add_redirect("/1", "/2")
    web.add_redirect("/2", "/3")
    web.add_redirect("/3", "/1")
    web.add_redirect("/self", "/self")
    web.add_redirect("/in-late", "/2", delay=3)
    crawler, _ = crawl(web)
    assert set(failed(crawler)) == {"/1", "/2", "/3", "/self"}
    assert failed(crawler)["/self"] == f"RedirectLoop: {SITE}/self -> {SITE}/self"
    assert set(skipped(crawler)) == {"/in", "/in-late"}


def test_endless_redirects_are_cut(web):
    """Of a chain that never ends, max_redirects are followed; then a failure says so."""
    web.add_page("/", ["/0"])
    for n in range(30):
        web.add_redirect(f"/{n}", f"/{n + 1}")
    crawler, _ = crawl(web, max_redirects=4)
    assert failed(crawler) == {
        "/5": "TooManyRedirects: more than max_redirects=4 in a row lead here, so it was not requested"
    }
    assert list(skipped(crawler)) == [f"/{n}" for n in range(5)]


def test_a_link_to_the_middle_of_a_chain_begins_anew(web):
    """What lies too many redirects away is crawled if a page links to a URL nearer to it, however late."""
    web.add_page("/", ["/0", "/slow"])
    for n in range(4):
        web.add_redirect(f"/{n}", f"/{n + 1}")
    web.add_page("/4")
    web.add_page("/slow", ["/2"], delay=9)
    crawler, _ = crawl(web, max_redirects=2)
    assert sorted(crawled(crawler)) == ["/", "/4", "/slow"] and not failed(crawler)


# Failures and retries


@pytest.mark.parametrize("failure", [500, 503, 429, TimeoutError(), ConnectionResetError("reset")])
def test_what_may_pass_is_tried_again(web, failure):
    """A page that fails twice and then answers is crawled, in the third attempt."""
    web.add_page("/", failing=[failure, failure])
    crawler, timeline = crawl(web, retry_delay=1)
    assert [(r.status_code, r.error, r.attempts) for r in crawler.results] == [(200, None, 3)]
    assert timeline.end == 3  # 1 and 2 s, without jitter
    assert crawler.stats["retries"] == 2


def test_after_the_last_attempt_it_is_a_failure(web):
    """What fails every time is one failure, with its status, after max_retries more attempts; 0 is one attempt."""
    web.add("/", Response(500))
    for max_retries in (3, 0):
        web.requests.clear()
        crawler, _ = crawl(web, max_retries=max_retries)
        assert [(r.status_code, r.error) for r in crawler.results] == [(500, "HTTP 500")]
        assert web.requests.count(f"{SITE}/") == 1 + max_retries


@pytest.mark.parametrize("status", [400, 401, 404, 410])
def test_what_is_wrong_for_good_is_asked_for_once(web, status):
    """Another 4xx is a failure after one attempt."""
    web.add("/", Response(status))
    crawler, _ = crawl(web)
    assert failed(crawler) == {"/": f"HTTP {status}"} and web.requests.count(f"{SITE}/") == 1


def test_a_page_that_never_comes(web):
    """A request takes no longer than the timeout, and says so when it fails."""
    web.add_page("/", delay=math.inf)
    crawler, timeline = crawl(web, timeout=2, max_retries=1, retry_delay=1)
    assert failed(crawler) == {"/": "TimeoutError: not done within 2 s"} and timeline.end == 5


def test_waiting_to_retry_holds_nothing(web):
    """While one page waits for its next attempt, the only worker, and the host's only slot, serve the others."""
    web.add_page("/", ["/flaky", *(f"/{n}" for n in range(5))])
    web.add_page("/flaky", failing=[503], headers={"Retry-After": "20"})
    for n in range(5):
        web.add_page(f"/{n}", delay=1)
    crawler, timeline = crawl(web, max_concurrent=1, max_per_host=1)
    assert crawled(crawler)[-1] == "/flaky" and len(crawler.results) == 7
    assert timeline.end == 20


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("7", 7), ("Thu, 01 Jan 1970 00:00:09 GMT", 9), ("99999", 30), ("soon", 1), ("-5", 1), ("", 1)],
)
def test_retry_after(web, header, seconds):
    """The server's wish, in seconds or as a date, is granted up to a cap; what is neither counts for nothing."""
    web.add_page("/", failing=[503], headers={"Retry-After": header})
    _, timeline = crawl(web, retry_after_cap=30)
    assert timeline.end == seconds


def test_too_many_requests_means_all_of_them(web):
    """After 429 with Retry-After nothing is requested from that host until then; 503 is about its page alone."""
    for status, end in ((429, 10), (503, 2)):
        web.add_page("/", ["/busy", "/1", "/2"])
        web.add_page("/busy", failing=[status], headers={"Retry-After": "10"})
        web.add_page("/1", delay=1)
        web.add_page("/2", delay=1)
        crawler, timeline = crawl(web, max_concurrent=1)
        assert timeline.end == (12 if status == 429 else 10) and len(crawler.results) == 4, end


def test_a_bug_is_not_a_failure(web):
    """What is no failure of the web is raised, and ends the crawl."""
    web.add("/", ZeroDivisionError("a bug"))
    with pytest.raises(ExceptionGroup) as raised:
        crawl(web)
    assert raised.group_contains(ZeroDivisionError)


# Limits, and whose turn it is


def test_the_limits_are_reached_and_kept(web):
    """As many requests are in flight as the limits allow, in all and for each host, and never more."""
    hosts = [SITE, "http://b.test", "http://c.test"]
    web.add_page("/", [f"{host}/{n}" for host in hosts for n in range(20)], delay=1)
    for host in hosts:
        for n in range(20):
            web.add_page(f"{host}/{n}", delay=1)
    allowed = {"site.test", "b.test", "c.test"}
    _, timeline = crawl(web, max_concurrent=8, max_per_host=3, allowed_hosts=allowed)
    assert web.peak == {"": 8, **dict.fromkeys(hosts, 3)}
    assert timeline.end <= 1 + 9  # 60 pages of 1 s, 8 at a time, and the last ones of a host 3 at a time
    web.peak.clear()
    _, timeline = crawl(web, max_concurrent=20, max_per_host=7, allowed_hosts=allowed)
    assert web.peak == {"": 20, **dict.fromkeys(hosts, 7)}


def test_a_slow_host_starves_nobody(web):
    """With twenty slow pages waiting, a quick host's pages come as fast as they would without them."""
    fast = [f"http://fast.test/{n}" for n in range(20)]
    slow = [f"http://slow.test/{n}" for n in range(20)]
    web.add_page("/", [*slow, *fast])
    for url in fast:
        web.add_page(url, delay=1)
    for url in slow:
        web.add_page(url, delay=50)
    crawler, timeline = crawl(
        web, max_concurrent=4, max_per_host=2, allowed_hosts={"site.test", "fast.test", "slow.test"}
    )
    assert crawled(crawler)[1:21] == fast  # 10 s, while the first two slow ones are under way
    assert timeline.end == 500


def test_hosts_take_turns(web):
    """Of hosts that are as quick, one with many pages waiting does not keep another from its turn."""
    many = [f"http://many.test/{n}" for n in range(30)]
    few = [f"http://few.test/{n}" for n in range(3)]
    web.add_page("/", [*many, *few])
    for url in (*many, *few):
        web.add_page(url, delay=1)
    crawler, _ = crawl(web, max_concurrent=1, allowed_hosts={"site.test", "many.test", "few.test"})
    order = crawled(crawler)[1:7]
    assert [url.split(".")[0] for url in order] == ["http://many", "http://few"] * 3


# robots.txt


def test_robots(web):
    """What robots.txt forbids is not requested, and skipped; it is asked for once a host."""
    web.add_robots("User-agent: other\nDisallow: /\n\nUser-agent: asynccrawler\nDisallow: /private/\nDisallow: /*.cgi$")
    web.add_page("/", ["/private/a", "/a.cgi", "/a.cgi?b", "/public"])
    web.add_page("/public")
    crawler, _ = crawl(web)
    assert crawled(crawler) == ["/", "/public"]
    assert skipped(crawler) == dict.fromkeys(["/private/a", "/a.cgi"], "robots.txt disallows it")
    assert web.requests.count(f"{SITE}/robots.txt") == 1
    crawler, _ = crawl(web, obey_robots=False)
    assert not crawler.skipped and web.requests.count(f"{SITE}/robots.txt") == 1


@pytest.mark.parametrize("status", [401, 403, 404, 410])
def test_no_robots_allows_all(web, status):
    """A robots.txt that is not there, or not for us, allows everything (RFC 9309, section 2.3.1.3)."""
    web.add("/robots.txt", Response(status))
    web.add_page("/")
    crawler, _ = crawl(web)
    assert crawled(crawler) == ["/"]


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (Response(503), "HTTP 503"),
        (ConnectionRefusedError("refused"), "ConnectionRefusedError: refused"),
        (TimeoutError(), "TimeoutError: not done within 100 s"),
    ],
)
def test_unreachable_robots_forbids_all(web, answer, why):
    """When robots.txt cannot be had, also not in the last attempt, nothing is requested (RFC 9309, section 2.3.1.4)."""
    web.add("/robots.txt", answer)
    web.add_page("/")
    crawler, _ = crawl(web, max_retries=2)
    assert skipped(crawler) == {"/": f"robots.txt: {why}"} and not crawler.results
    assert web.requests == [f"{SITE}/robots.txt"] * 3


def test_robots_that_moved(web):
    """Redirects of robots.txt are followed, five of them also to other hosts; after more, all is allowed."""
    web.add_page("/", ["/private"])
    web.add_page("/private")
    for hops, allowed in ((5, 1), (6, 2)):
        for n in range(hops):
            web.add_redirect("/robots.txt" if n == 0 else f"http://h{n}.test/r", f"http://h{n + 1}.test/r")
        web.add(f"http://h{hops}.test/r", Response(200, {}, b"User-agent: *\nDisallow: /private"))
        crawler, _ = crawl(web)
        assert len(crawled(crawler)) == allowed


@pytest.mark.parametrize(
    ("text", "path", "allowed"),
    [
        # RFC 9309, section 2.2.1: the group of the whole product token, in any case; all of its groups; else "*"
        ("User-agent: asyncCRAWLER\nDisallow: /x", "/x", False),
        ("User-agent: AsyncCrawler/2.0 (comment)\nDisallow: /x", "/x", False),
        ("User-agent: Async\nDisallow: /x", "/x", True),
        ("User-agent: AsyncCrawlerPro\nDisallow: /x", "/x", True),
        ("User-agent: Crawler\nDisallow: /x", "/x", True),
        ("User-agent: Async\nAllow: /\nUser-agent: *\nDisallow: /x", "/x", False),
        ("User-agent: AsyncCrawler\nDisallow:\nUser-agent: *\nDisallow: /x", "/x", True),
        ("User-agent: AsyncCrawler\nDisallow: /y\nUser-agent: b\nUser-agent: asynccrawler\nDisallow: /x", "/x", False),
        ("User-agent: *\nDisallow: /y\n\nUser-agent: *\nDisallow: /x", "/x", False),
        ("Disallow: /x\nUser-agent: *\nDisallow: /y", "/x", True),
        # section 2.2.2: the longest rule counts, and of two as long, allow; paths have one form
        ("User-agent: *\nDisallow: /x\nAllow: /x/y", "/x/y/z", True),
        ("User-agent: *\nAllow: /x\nDisallow: /x", "/x", True),
        ("User-agent: *\nAllow: /x/\nDisallow: /x/*.html", "/x/a.html", False),
        ("User-agent: *\nDisallow: /foo/bar?baz=https://foo.bar", "/foo/bar?baz=https%3A%2F%2Ffoo.bar", False),
        ("User-agent: *\nDisallow: /\u30c4", "/%e3%83%84", False),
        ("User-agent: *\nDisallow: /%62%61%7A", "/baz", False),
        ("User-agent: *\nDisallow: /a%2Fb", "/a/b", True),
        ("User-agent: *\nDisallow: /X", "/x", True),
        # section 2.2.3: special characters, and how they are meant as themselves
        ("User-agent: *\nDisallow: /*.cgi$", "/a.cgi", False),
        ("User-agent: *\nDisallow: /*.cgi$", "/a.cgi?b", True),
        ("User-agent: *\nDisallow: /a*b*$", "/axxbyy", False),
        ("User-agent: *\nDisallow: *b$", "/ab", False),
        ("User-agent: *\nDisallow: /x$", "/xy", True),
        ("User-agent: *\nDisallow: /x$", "/x", False),
        ("User-agent: *\nDisallow: /a%2Ab%24", "/a*b$c", False),
        ("User-agent: *\nDisallow: /a%2Ab", "/axb", True),
        ("User-agent: *\nDisallow: /a$b", "/a$b", False),
        ("User-agent: *\nDisallow: /x # a comment", "/x", False),
        # section 2.2.4: other lines end no group
        ("User-agent: *\nSitemap: http://site.test/s\nCrawl-delay: 0\nDisallow: /x", "/x", False),
        ("User-agent: AsyncCrawler\nSitemap: /s\nUser-agent: b\nDisallow: /x", "/x", False),
        # section 2.3: UTF-8, whose byte order mark is no part of the first line; CR, LF, or both end a line
        ("\ufeffUser-agent: *\nDisallow: /x", "/x", False),
        ("User-agent: *\rDisallow: /x\r", "/x", False),
        ("User-agent: *\u2028\nDisallow: /y\u2028Disallow: /x", "/x", True),
        # as parsers in use read what is meant
        ("useragent *\nDissallow /x", "/x", False),
        ("  user agent : *\n\tDISALLOW:/x", "/x", False),
    ],
)  # fmt: skip
def test_what_robots_says(web, text, path, allowed):
    """What robots.txt says of a path is what RFC 9309 makes of it, for this crawler and for no other."""
    web.add_robots(text)
    web.add_page("/", [path])
    web.add_page(path)
    crawler, _ = crawl(web)
    assert (len(crawled(crawler)) == 2) is allowed and (DISALLOWED in crawler.skipped.values()) is not allowed


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (Response(200, {}, "User-agent: *\nDisallow:".encode("utf-16-be")), "it is no text in UTF-8"),
        (Response(200, {}, b"\0"), "it is no text in UTF-8"),
        (Response(302, {"Location": "http://[::1"}), "it redirects to no http or https URL"),
        (Response(302, {}), "it redirects to no http or https URL"),
        (Response(304), "HTTP 304"),
        (Response(429), "HTTP 429"),
    ],
)
def test_robots_that_is_not_understood_forbids_all(web, answer, why):
    """An answer that is neither rules nor "there are none" forbids everything: what the host wants is not known."""
    web.add("/robots.txt", answer)
    web.add_page("/")
    crawler, _ = crawl(web, max_retries=0)
    assert skipped(crawler) == {"/": f"robots.txt: {why}"}


def test_robots_with_another_mark_is_read_as_that(web):
    """A robots.txt that says by its mark that it is in UTF-16 is read, so that its rules count."""
    web.add("/robots.txt", Response(200, {}, "User-agent: *\nDisallow: /x".encode("utf-16")))
    web.add_page("/", ["/x"])
    crawler, _ = crawl(web)
    assert skipped(crawler) == {"/x": DISALLOWED}


def test_a_rule_that_was_cut_off_does_not_count(web):
    """Of a robots.txt that is too long, the last line, which may be half a rule, is left out (section 2.5)."""
    web.add("/robots.txt", Response(200, {}, b"User-agent: *\nDisallow: /x\nAllow: /x", complete=False))
    web.add_page("/", ["/x"])
    crawler, _ = crawl(web)
    assert skipped(crawler) == {"/x": DISALLOWED}


def test_a_rule_made_to_take_for_ever_does_not():
    """Rules with thousands of stars, and thousands of rules, are matched in a time that grows with their length."""
    rules = Rules("User-agent: *\nDisallow: /" + "*a" * 20_000 + "$", "x")
    assert rules.allow(f"{SITE}/" + "a" * 30_000 + "b")  # a regular expression would not come back
    many = "".join(f"Disallow: /{n}$\nDisallow: /{n}/\n" for n in range(10_000))
    assert not Rules(f"User-agent: *\n{many}", "x").allow(f"{SITE}/9999/a")


def test_crawl_delay(web):
    """Requests to a host that asks for it are as far apart as it asks, up to a cap; another host does not wait."""
    web.add_robots("User-agent: *\nCrawl-delay: 4")
    web.add_page("/", ["/1", "/2", "http://other.test/1"])
    for url in ("/1", "/2"):
        web.add_page(url)
    web.add_page("http://other.test/1", ["http://other.test/2"], delay=1)
    web.add_page("http://other.test/2", delay=1)
    hosts = {"site.test", "other.test"}
    crawler, timeline = crawl(web, allowed_hosts=hosts)
    assert crawled(crawler) == ["/", "http://other.test/1", "http://other.test/2", "/1", "/2"] and timeline.end == 8
    _, timeline = crawl(web, allowed_hosts=hosts, crawl_delay_cap=1.5)
    assert timeline.end == 3


def test_a_crawl_delay_does_not_shorten_another_wait(web):
    """Of Crawl-delay and a Retry-After that means the whole host, the longer wait counts."""
    web.add_robots("User-agent: *\nCrawl-delay: 1")
    web.add_page("/", ["/busy", "/slow", "/last"])
    web.add_page("/busy", failing=[429], headers={"Retry-After": "20"})
    web.add_page("/slow", delay=5)
    web.add_page("/last")
    crawler, timeline = crawl(web)
    # /busy is asked at 1 s, and again at 21 s; the others then, a second apart: /slow from 22 to 27 s.
    assert timeline.end == 27 and len(crawler.results) == 4


def test_pages_that_are_not_to_be_requested_cost_no_delay(web):
    """A crawl with a Crawl-delay ends with its last page, and does not wait for one that is forbidden."""
    web.add_robots("User-agent: *\nCrawl-delay: 4\nDisallow: /private/")
    web.add_page("/", ["/private/1", "/private/2"])
    crawler, timeline = crawl(web)
    assert len(crawler.skipped) == 2 and timeline.end == 0


def test_a_huge_robots_is_read_in_a_thread(web):
    """Twenty thousand rules block nobody, and count."""
    web.add_robots("User-agent: *\n" + "".join(f"Disallow: /{n}$\n" for n in range(20_000)))
    web.add_page("/", ["/19999", "/20000"])
    web.add_page("/20000")
    crawler, _ = crawl(web)
    assert crawled(crawler) == ["/", "/20000"]


# What else a server says


def test_a_page_that_sends_its_reader_on(web):
    """A Refresh, in a meta element or a header, is a link like any other (HTML Standard, sections 4.2.5.3 and 7.4)."""
    html = {"Content-Type": "text/html"}
    web.add("/", Response(200, html, b"<a href=/a></a><meta http-equiv=refresh content='0; url=/b'>"))
    web.add("/a", Response(200, html | {"Refresh": "5; url='/c'"}))
    for page in "bc":
        web.add_page(f"/{page}")
    crawler, _ = crawl(web)
    assert depths(crawler) == {"/": 0, "/a": 1, "/b": 1, "/c": 2}


def test_a_redirect_in_bytes_leads_to_the_page_that_was_meant(web):
    """A Location beyond ASCII is asked for as it was sent, in whatever encoding that is (RFC 9110, section 5.5)."""
    web.add_page("/", ["/latin", "/gbk"])
    web.add_redirect("/latin", "/caf\udce9")
    web.add_redirect("/gbk", b"/\xd6\xd0".decode("utf-8", "surrogateescape"))
    web.add_page("/caf%E9")
    web.add_page("/%D6%D0")
    crawler, _ = crawl(web)
    assert sorted(crawled(crawler)) == ["/", "/%D6%D0", "/caf%E9"]


def test_a_query_in_the_pages_encoding(web):
    """A link's query is asked for in the encoding of its page (URL Standard, section 4.4, query state)."""
    web.add("/", Response(200, {"Content-Type": "text/html; charset=gbk"}, "<a href='/?q=\u4e2d'>".encode("gbk")))
    crawler, _ = crawl(web)
    assert crawler.results[0].links == [f"{SITE}/?q=%D6%D0"]


def test_a_charset_that_is_not_decoded(web):
    """A page in an encoding that no browser decodes is a failure that says so, and not an empty page."""
    web.add("/", Response(200, {"Content-Type": "text/html; charset=iso-2022-kr"}, b"<a href=/x>"))
    crawler, _ = crawl(web)
    assert failed(crawler)["/"].startswith("Unreadable: its charset is one that is not decoded")


# A start page without a result


@pytest.mark.parametrize(
    ("prepare", "reason"),
    [
        (lambda web: web.add("/robots.txt", TimeoutError()), "robots.txt: TimeoutError: not done within 10 s"),
        (lambda web: web.add_robots("User-agent: *\nDisallow: /"), DISALLOWED),
        (lambda web: web.add("/", Response(404)), "HTTP 404"),
        (lambda web: web.add("/", Response(200, {"Content-Type": "image/png"})), "not HTML but image/png"),
        (
            lambda web: web.add_redirect("/", "http://www.site.test/"),
            "redirects to http://www.site.test/: out of scope: not in allowed_hosts",
        ),
        (lambda web: web.add_redirect("/", "http://["), "redirects to 'http://[', which is no http or https URL"),
        (lambda web: web.add_redirect("/", "/"), f"RedirectLoop: {SITE}/ -> {SITE}/"),
        (lambda web: web.add_redirect("/", "/gone"), f"redirects to {SITE}/gone: HTTP 404"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("as_stream", [False, True])
def test_why_the_start_page_has_no_result(web, capsys, prepare, reason, as_stream):
    """When nothing is found the statistics and what is printed say why."""
    prepare(web)
    crawler = AsyncWebCrawler(fetch=web.fetch, max_retries=0)

    async def main():
        if as_stream:
            return [result async for result in crawler.stream(f"{SITE}/")]
        return await crawler.crawl_recursive(f"{SITE}/")

    assert all(result.error for result in simulate(main).result)
    assert crawler.stats["start_error"] == reason
    crawler.print_statistics()
    assert f"The start page was not crawled: {reason}\n" in capsys.readouterr().out


def test_the_statistics_say_why(web, capsys):
    """Also after a stream, which keeps no results, some failures are shown, and the reasons for what was skipped."""
    web.add_page("/", [*(f"/{n}" for n in range(8)), "/a.png", "http://other.test/", "/old", "/older"])
    web.add("/a.png", Response(200, {"Content-Type": "image/png"}))
    web.add_redirect("/old", "/")
    web.add_redirect("/older", "/old")
    crawler = AsyncWebCrawler(fetch=web.fetch)

    async def main():
        return [result async for result in crawler.stream(f"{SITE}/")]

    assert len(simulate(main).result) == 9
    crawler.print_statistics()
    printed = capsys.readouterr().out
    assert printed.count("HTTP 404\n") == 5 and "  and 3 more\nskipped    4\n  2 redirects\n" in printed
    assert "  1 not HTML but image/png\n" in printed and "  1 out of scope: not in allowed_hosts\n" in printed


# Streams


def test_a_stream_yields_as_they_come(web):
    """Each result is yielded when it arrives, and kept nowhere."""
    web.add_page("/", ["/quick", "/slow"])
    web.add_page("/quick", delay=1)
    web.add_page("/slow", delay=5)
    crawler = AsyncWebCrawler(fetch=web.fetch)

    async def main():
        clock = asyncio.get_running_loop().time
        return [(path, clock()) async for result in crawler.stream(f"{SITE}/") for path in paths([result])]

    assert simulate(main).result == [("/", 0), ("/quick", 1), ("/slow", 5)]
    assert crawler.results == [] and crawler.stats["successful_requests"] == 3


def test_a_slow_consumer_slows_the_crawl(web):
    """Workers wait for a consumer that does not keep up: no more than a bounded number of pages is ahead of it."""
    web.add_page("/", [f"/{n}" for n in range(1000)])
    for n in range(1000):
        web.add_page(f"/{n}")
    crawler = AsyncWebCrawler(fetch=web.fetch)
    ahead = []

    async def main():
        seen = 0
        async for _ in crawler.stream(f"{SITE}/", max_pages=1001):
            seen += 1
            await asyncio.sleep(1)
            ahead.append(crawler.stats["total_requests"] - seen)
        return seen

    assert simulate(main).result == 1001
    assert 100 <= max(ahead) <= 120


@pytest.mark.parametrize("how", ["break", "cancel", "error"])
def test_a_stream_left_early_leaves_nothing(web, how):
    """Whoever stops listening, in whatever way, ends the crawl at that moment; the statistics are there."""
    web.add_page("/", ["/quick", "/hanging"])
    web.add_page("/quick", delay=1)
    web.add_page("/hanging", delay=math.inf)
    crawler = AsyncWebCrawler(fetch=web.fetch)

    async def consume():
        async with aclosing(crawler.stream(f"{SITE}/")) as results:
            async for result in results:
                if result.url.endswith("quick"):
                    if how == "break":
                        break
                    if how == "error":
                        raise ZeroDivisionError
                    asyncio.current_task().cancel()

    async def main():
        try:
            await asyncio.create_task(consume())
        except (asyncio.CancelledError, ZeroDivisionError) as error:
            return type(error).__name__
        return "break"

    timeline = simulate(main)
    assert timeline.result == {"break": "break", "cancel": "CancelledError", "error": "ZeroDivisionError"}[how]
    assert timeline.end == 1 and timeline.leaked == [] and timeline.notes == []
    assert crawler.stats["successful_requests"] == 2
    assert skipped(crawler) == {"/hanging": "the crawl was stopped before its turn"}


def test_a_bug_reaches_the_consumer_of_a_stream(web):
    """A stream whose crawl ends with a bug yields what came before it, and then raises."""
    web.add_page("/", ["/bug"])
    web.add("/bug", ZeroDivisionError("a bug"))
    crawler, seen = AsyncWebCrawler(fetch=web.fetch), []

    async def main():
        async for result in crawler.stream(f"{SITE}/"):
            seen.append(result.url)

    with pytest.raises(ExceptionGroup):
        simulate(main)
    assert paths(seen) == ["/"]


# One crawler, several crawls


def test_a_cancelled_crawl_keeps_what_it_has(web):
    """After a cancellation `results` has every page that was crawled, `skipped` the rest, and no task is left."""
    web.add_page("/", ["/quick", "/hanging", "/flaky"])
    web.add_page("/quick", ["/more"])
    web.add_page("/more", delay=math.inf)
    web.add_page("/hanging", delay=math.inf)
    web.add_page("/flaky", failing=[503])
    crawler = AsyncWebCrawler(2, fetch=web.fetch, timeout=100, jitter=always_longest, retry_delay=30)

    async def main():
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(5):
                await crawler.crawl_recursive(f"{SITE}/")

    timeline = simulate(main)
    assert timeline.end == 5 and timeline.leaked == []
    assert sorted(crawled(crawler)) == ["/", "/quick"]
    assert set(skipped(crawler)) == {"/more", "/hanging", "/flaky"}
    assert crawler.stats["skipped_urls"] == 3 and crawler.stats["duration"] == 5


def test_crawls_one_after_another_begin_anew(web):
    """A second crawl with the same crawler knows nothing of the first, whose results stay as they were."""
    web.add_page("/", ["/a"])
    web.add_page("/a", ["http://other.test/"])
    crawler = AsyncWebCrawler(fetch=web.fetch)

    async def main():
        return [await crawler.crawl_recursive(f"{SITE}/{page}") for page in ("", "a")]

    first, second = simulate(main).result
    assert (paths(first), paths(second)) == (["/", "/a"], ["/a"])
    assert crawler.results is second and crawler.stats["total_requests"] == 1


def test_two_crawls_at_once(web):
    """Two crawls at the same time, by two crawlers or one, have nothing to do with each other."""
    web.add_page("/", ["/a"], delay=1)
    web.add_page("/a", delay=1)
    crawlers = [AsyncWebCrawler(fetch=web.fetch)] * 2 + [AsyncWebCrawler(fetch=web.fetch)]

    async def main():
        return await asyncio.gather(*(crawler.crawl_recursive(f"{SITE}/") for crawler in crawlers))

    timeline = simulate(main)
    assert [paths(results) for results in timeline.result] == [["/", "/a"]] * 3 and timeline.end == 2


def test_one_url(web):
    """crawl_url returns the page's result, or its redirect's, or why there is none, and always a CrawlResult."""
    web.add_page("/", ["/a"], title="Home")
    web.add_redirect("/old", "/older")
    web.add_redirect("/older", "/")
    web.add_redirect("/away", "http://other.test/")
    web.add_robots("User-agent: *\nDisallow: /private")
    crawler = AsyncWebCrawler(fetch=web.fetch)

    async def main():
        return [await crawler.crawl_url(None, SITE + path) for path in ("/", "/old", "/gone", "/private", "/away")]

    results = simulate(main).result
    assert [paths([r])[0] for r in results] == ["/", "/", "/gone", "/private", "http://other.test/"]
    assert [r.title for r in results] == ["Home", "Home", "", "", ""]
    assert [r.error and r.error.partition(":")[0] for r in results] == [None, None, "HTTP 404", "skipped", "skipped"]
    assert crawler.results == [] and all(isinstance(r, CrawlResult) for r in results)


def test_a_swimlane_of_the_workers(web):
    """A simulated crawl shows its workers by name."""
    web.add_page("/", ["/a", "/b"], delay=1)
    web.add_page("/a", delay=1)
    web.add_page("/b", delay=2)
    _, timeline = crawl(web, max_concurrent=2)
    assert [lane.name for lane in timeline.lanes if lane.is_task] == ["main", "worker 1", "worker 2"]


# Statistics and arguments


def test_statistics(web, capsys):
    """The numbers are those of the crawl: URLs requested once each, pages, failures, bytes, seconds."""
    web.add_page("/", ["/a", "/gone"], delay=1)
    web.add_redirect("/a", "/", delay=1)
    crawler = AsyncWebCrawler(fetch=web.fetch)
    crawler.print_statistics()
    assert capsys.readouterr().out == "No crawl has begun.\n"
    crawler, _ = crawl(web)
    size = crawler.results[0].content_length
    counts = {"total_requests": 3, "successful_requests": 1, "failed_requests": 1, "total_bytes": size}
    times = {"start_time": 0, "end_time": 2, "duration": 2}  # seconds since 1970, in a simulation since it began
    failures = {"start_error": None, "first_failures": {f"{SITE}/gone": "HTTP 404"}}
    assert crawler.stats == counts | times | failures | {"skipped_urls": 1, "retries": 0}
    crawler.print_statistics()
    printed = capsys.readouterr().out
    assert (
        "requested  3 URLs" in printed and "http://site.test/gone: HTTP 404" in printed and "  1 redirects" in printed
    )


@pytest.mark.parametrize(
    ("options", "hint"),
    [
        ({"max_concurrent": 0}, "max_concurrent=0: pass 1 or more"),
        ({"max_per_host": 1.5}, "max_per_host=1.5: pass a whole number"),
        ({"timeout": 0}, "timeout=0: pass more than 0 seconds"),
        ({"max_retries": -1}, "max_retries=-1: pass 0 or more"),
        ({"user_agent": "a\nb"}, "user_agent='a\\nb': pass printable ASCII"),
        ({"allowed_hosts": "site.test"}, "pass a collection of str"),
        ({"allowed_hosts": {"http://site.test/a"}}, "pass hosts, as in 'example.com'"),
        ({"retry_delay": math.nan}, "retry_delay=nan: pass a finite number"),
        ({"jitter": asyncio.sleep}, "jitter=sleep is a coroutine function"),
    ],
)
def test_arguments_without_sense(options, hint):
    """An argument without sense is refused with its name, its value and what would do."""
    with pytest.raises((TypeError, ValueError)) as raised:
        AsyncWebCrawler(**options)
    assert hint in str(raised.value)


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (("site.test",), "start_url='site.test' is no http or https URL: pass one"),
        ((None,), "start_url=None is no http or https URL"),
        ((SITE, -1), "max_depth=-1: pass 0 or more"),
        ((SITE, 2, 0), "max_pages=0: pass 1 or more"),
        (("http://other.test/",), "start_url='http://other.test/' is not in allowed_hosts: add 'other.test' to it"),
    ],
)
def test_crawls_without_sense(web, arguments, hint):
    """A crawl that could not begin is refused, as a list and as a stream."""
    crawler = AsyncWebCrawler(fetch=web.fetch, allowed_hosts={"site.test"})

    async def stream():
        return [result async for result in crawler.stream(*arguments)]

    for main in (stream, lambda: crawler.crawl_recursive(*arguments)):
        with pytest.raises(ValueError, match=re.escape(hint)):
            simulate(main)
