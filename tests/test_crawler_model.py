"""The model test: whatever the graph, the failures, the delays and the order, a crawl does what a simple loop would."""

import math

from hypothesis import given, settings
from hypothesis import strategies as st

from course_lib.crawler import AsyncWebCrawler, FakeWeb, Response
from course_lib.seeing import simulate

PAGES = 14
HOSTS = ("http://site.test", "http://other.test")
URLS = [f"{HOSTS[number % 3 == 2]}/{'private/' * (number % 7 == 6)}{number}" for number in range(PAGES)]
OUTSIDE = "http://outside.test/"
ROBOTS = "User-agent: *\nDisallow: /private/"
MAX_REDIRECTS = 2

KINDS = ["page"] * 12 + ["redirect"] * 4 + ["gone", "broken", "hanging", "image"]


def random_site(random):
    """Return (kind, where it leads, how it fails first, delay) for each page; the first has links."""
    site = []
    for number in range(PAGES):
        kind = random.choice(KINDS) if number else "page"
        links = [random.choice([*range(PAGES), "outside"]) for _ in range(random.randint(2, 4))]
        failing = random.choice([[], [], [], [500], [503, 429], [OSError("reset")]]) if kind == "page" else []
        site.append((kind, links if kind == "page" else links[0], failing, random.choice([0.0, 1.0, 2.0, 5.0])))
    return site


def url_of(number):
    return OUTSIDE if number == "outside" else URLS[number]


def web_of(site):
    web = FakeWeb()
    for url, (kind, value, failing, delay) in zip(URLS, site, strict=True):
        match kind:
            case "page":
                web.add_page(url, map(url_of, value), delay=delay, failing=failing)
            case "redirect":
                web.add_redirect(url, url_of(value), delay=delay)
            case "gone":
                web.add(url, Response(404), delay=delay)
            case "broken":
                web.add(url, Response(500), delay=delay)
            case "hanging":
                web.add_page(url, delay=math.inf)
            case "image":
                web.add(url, Response(200, {"Content-Type": "image/png"}), delay=delay)
    for host in HOSTS:
        web.add_robots(ROBOTS, host, delay=1)
    return web


def allowed(url):
    return "/private/" not in url


def plain_crawl(site, max_depth):
    """Return the depths of the crawled, and the sets of the failed and the skipped, found by going round and round."""
    depth, hops = {URLS[0]: 0}, {URLS[0]: 0}

    def requested():
        return [
            url
            for url in depth
            if url != OUTSIDE and depth[url] <= max_depth and hops[url] <= MAX_REDIRECTS and allowed(url)
        ]

    before = None
    while before != (depth, hops):
        before = (dict(depth), dict(hops))
        for url in requested():
            kind, value, _, _ = site[URLS.index(url)]
            targets = map(url_of, value) if kind == "page" else [url_of(value)] if kind == "redirect" else []
            for target in targets:
                deeper, further = (1, 0) if kind == "page" else (0, hops[url] + 1)
                depth[target] = min(depth.get(target, 99), depth[url] + deeper)
                hops[target] = min(hops.get(target, 99), further)
    crawled, failed, skipped = {}, set(), set()
    for url in depth:
        if url not in requested():
            far = url != OUTSIDE and depth[url] <= max_depth and hops[url] > MAX_REDIRECTS
            (failed if far else skipped).add(url)
            continue
        kind, value, _, _ = site[URLS.index(url)]
        if kind == "page":
            crawled[url] = depth[url]
        elif kind == "image":
            skipped.add(url)
        elif kind == "redirect":
            (failed if is_on_loop(site, url) else skipped).add(url)
        else:
            failed.add(url)
    return crawled, failed, skipped


def is_on_loop(site, url):
    seen, at = set(), url
    while at not in seen:
        seen.add(at)
        if at == OUTSIDE or not allowed(at) or site[URLS.index(at)][0] != "redirect":
            return False
        at = url_of(site[URLS.index(at)][1])
    return at == url


# True random: a seed, and sites that are random in every part. What hypothesis itself draws is mostly small and alike.
@settings(max_examples=400, deadline=None, derandomize=True, database=None)
@given(st.randoms(use_true_random=True))
def test_the_same_as_a_plain_loop(random):
    """The same URLs are crawled, failed and skipped, at the same depths, and no limit is exceeded on the way."""
    site = random_site(random)
    max_depth, max_concurrent, max_per_host = random.randint(1, 5), random.randint(1, 6), random.randint(1, 3)
    web = web_of(site)
    crawler = AsyncWebCrawler(
        max_concurrent,
        max_per_host,
        10,
        2,
        allowed_hosts={"site.test", "other.test"},
        max_redirects=MAX_REDIRECTS,
        jitter=random.uniform,
        fetch=web.fetch,
    )
    timeline = simulate(lambda: crawler.crawl_recursive(URLS[0], max_depth, 100))
    results = timeline.result
    crawled = {result.url: result.depth for result in results if result.error is None}
    failed = [result.url for result in results if result.error is not None]
    assert (crawled, set(failed), set(crawler.skipped)) == plain_crawl(site, max_depth)
    # Exactly one place for each: no URL has two results, and none with a result was skipped.
    assert len(results) == len(crawled) + len(set(failed)) and not crawler.skipped.keys() & {r.url for r in results}
    assert web.peak[""] <= max_concurrent and all(web.peak[host] <= max_per_host for host in HOSTS)
    assert len(timeline.leaked) == 0
