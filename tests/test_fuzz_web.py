"""A sample of tests/fuzz_web.py, the same each time."""

from fuzz_web import fuzz


def test_whatever_servers_say_each_url_has_one_result():
    """Spoiled answers, links, headers, rules, pages and bodies end no crawl and no fetch, and have one result each."""
    counts = fuzz(600, seed=7, batch=120)
    kinds = ("answers crawled", "answers fetched, on both sides", "links", "headers", "robots.txt", "pages", "bodies")
    assert [counts[kind] for kind in kinds] == [120, 120, 72, 72, 72, 72, 72]
