"""Lesson 4b's crawler, Scrapy, the article's way, bare GETs: python tests/benchmarks/bench_crawler.py [--quick]

Scrapy is not among the course's packages (BeautifulSoup comes with JupyterLab); a row whose package is missing says so.
Each crawler runs in a process of its own, the site in another. The ways take turns, so that a busy moment
of the machine does not fall on one of them alone; the article's way, for it is slow, gets a small site and fewer runs.
"""

import importlib.util
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from course_lib.lab.synthetic import Seen, SyntheticSite

QUICK = "--quick" in sys.argv
RUNS, SLOW_RUNS = (1, 1) if QUICK else (5, 2)
PAGES, FEW_PAGES, MANY_PAGES = 2000, 200, 20_000
LATENCY, SLOW_LATENCY = 0.02, 0.1
HERE = Path(__file__).parent


@dataclass(frozen=True)
class Way:
    """A crawler to measure: its module, what it needs, and whether it is too slow for the whole site."""

    name: str
    module: str
    needs: str = ""
    install: str = ""
    slow: bool = False

    @property
    def missing(self) -> bool:
        return bool(self.needs) and importlib.util.find_spec(self.needs) is None


BARE = Way("bare aiohttp GETs: the limit", "bare")
OURS = Way("AsyncWebCrawler", "ours")
SCRAPY = Way("Scrapy, tuned", "scrapy_tuned", "scrapy", "scrapy")
ARTICLE = Way("the article's way", "article", "bs4", "beautifulsoup4", slow=True)
WAYS = (BARE, OURS, SCRAPY, ARTICLE)


@dataclass(frozen=True)
class Run:
    """One crawl: what the crawler said of itself, and what the server saw, in all and of each host."""

    pages: int
    seconds: float
    memory: float
    seen: Seen
    hosts: list[Seen]

    @property
    def rate(self) -> float:
        return self.pages / self.seconds


def crawl(way: Way, site: SyntheticSite, in_flight: int, per_host: int, depth: int = 100) -> Run:
    """Run one crawler in a process of its own, and fail with what it printed when it fails."""
    site.reset()
    job = {"start": site.url, "hosts": site.hosts, "urls": site.urls, "depth": depth}
    job |= {"in_flight": in_flight, "per_host": per_host}
    done = subprocess.run(
        [sys.executable, "-m", f"crawlers.{way.module}"],
        input=json.dumps(job),
        cwd=HERE,
        env=os.environ | {"PYTHONPATH": str(HERE.parent.parent)},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        timeout=300,
    )
    outcome = json.loads(done.stdout.splitlines()[-1])
    return Run(**outcome, seen=site.seen(), hosts=[site.seen(host) for host in range(len(site.hosts))])


def turns(title: str, options: dict[str, float], in_flight: int, per_host: int | None = None) -> dict[Way, list[Run]]:
    """Let the ways crawl a site in turn, print the table's head, and return the runs of each that is not missing."""
    runs: dict[Way, list[Run]] = {way: [] for way in WAYS if not way.missing}
    with ExitStack() as stack:
        sites = [stack.enter_context(SyntheticSite(pages=pages, **options)) for pages in (PAGES, FEW_PAGES)]
        for turn in range(RUNS):
            for way in runs:
                if turn < SLOW_RUNS or not way.slow:
                    runs[way].append(crawl(way, sites[way.slow], in_flight, per_host or in_flight))
    print(f"\n{title}")
    return runs


def table(runs: dict[Way, list[Run]], columns: dict[str, Callable[[Way, list[Run]], str]]) -> None:
    """Print a row for each way: its runs, pages found and pages a second, and what `columns` makes of it."""
    heads = ["runs", "found", "of", "pages/s", *columns]
    print(f"{'':<30}" + "".join(f"{head:>{max(8, len(head) + 3)}}" for head in heads))
    for way in WAYS:
        if way.missing:
            print(f"{way.name:<30}   missing: pip install {way.install}")
            continue
        each = runs[way]
        found = {run.pages for run in each}
        cells = [
            str(len(each)),
            f"{min(found)}" if len(found) == 1 else f"{min(found)}-{max(found)}",
            str(FEW_PAGES if way.slow else PAGES),
            f"{rate(each):,.0f}",
            *(column(way, each) for column in columns.values()),
        ]
        print(f"{way.name:<30}" + "".join(f"{c:>{max(8, len(h) + 3)}}" for c, h in zip(cells, heads, strict=True)))


def rate(runs: list[Run]) -> float:
    return median(run.rate for run in runs)


def speed() -> Iterator[str]:
    """Crawl without latency: the processor is the bound."""
    in_flight = 32
    runs = turns(f"No latency, {in_flight} in flight: the processor is the bound.", {}, in_flight)

    def times(other: Way) -> Callable[[Way, list[Run]], str]:
        return lambda way, each: "-" if other.missing else f"{rate(each) / rate(runs[other]):.2f}"

    columns = {"times Scrapy": times(SCRAPY), "times the article": times(ARTICLE)}
    columns["of the limit"] = lambda way, each: f"{rate(each) / rate(runs[BARE]):.0%}"
    columns["peak MB"] = lambda way, each: f"{median(run.memory for run in each):.0f}"
    table(runs, columns)
    yield f"all pages found: {all(run.pages == PAGES == run.seen.requests for run in runs[OURS])}"
    for other, wanted in ((SCRAPY, 4), (ARTICLE, 30)):
        if not other.missing:
            reached = rate(runs[OURS]) / rate(runs[other])
            yield f"at least {wanted} times {other.name}: {reached >= wanted} ({reached:.1f})"


def latency(in_flight: int) -> Iterator[str]:
    """Crawl with latency: how near the crawler comes to having always `in_flight` requests under way."""
    limit = in_flight / LATENCY
    bound = f"at most {in_flight} / {LATENCY:g} s = {limit:,.0f} pages/s"
    runs = turns(f"{LATENCY * 1000:g} ms latency, {in_flight} in flight: {bound}.", {"latency": LATENCY}, in_flight)
    columns = {"of the limit": lambda way, each: f"{rate(each) / limit:.1%}"}
    columns["of bare GETs"] = lambda way, each: f"{rate(each) / rate(runs[BARE]):.1%}"
    columns["peak in flight"] = lambda way, each: str(max(run.seen.peak for run in each))
    table(runs, columns)
    share = rate(runs[OURS]) / limit
    bare = rate(runs[OURS]) / rate(runs[BARE])
    sentence = f"at least 90 % of {limit:,.0f} pages/s with {in_flight} in flight: {share >= 0.9} ({share:.1%}"
    yield f"{sentence}; {bare:.1%} of bare GETs)"


def hosts() -> Iterator[str]:
    """Crawl four hosts of which one is slow: the others shall not wait for it."""
    in_flight, per_host, slow = 64, 16, 3
    options = {"latency": LATENCY, "hosts": 4, "slow_host": slow, "slow_latency": SLOW_LATENCY}
    title = f"4 hosts, {LATENCY * 1000:g} ms latency, one of them {SLOW_LATENCY * 1000:g} ms; "
    title += f"{in_flight} in flight, {per_host} a host."
    runs = turns(title, options, in_flight, per_host)
    columns = {
        "fast hosts done": lambda way, each: f"{median(fast(run) for run in each):.2f} s",
        "slow host done": lambda way, each: f"{median(run.hosts[slow].seconds for run in each):.2f} s",
        "peak in flight": lambda way, each: str(max(run.seen.peak for run in each)),
        "peak a host": lambda way, each: str(max(seen.peak for run in each for seen in run.hosts)),
    }

    def fast(run: Run) -> float:
        return max(seen.seconds for host, seen in enumerate(run.hosts) if host != slow)

    table(runs, columns)
    print(f"The slow host alone takes {PAGES / 4 * SLOW_LATENCY / per_host:.2f} s at best.")
    yield f"all pages of 4 hosts found: {all(run.pages == PAGES for run in runs[OURS])}"


def depth(links: int = 2) -> Iterator[str]:
    """Crawl to a depth: exactly the pages within it, and none twice."""
    print(f"\nAt most {links} links from the start, no latency, 32 in flight, one run each.")
    print(f"{'':<30}{'found':>8}{'of':>8}{'requests':>11}")
    with SyntheticSite(pages=PAGES) as site:
        there = len(site.reachable(links))
        for way in (OURS, SCRAPY, ARTICLE):
            if way.missing:
                print(f"{way.name:<30}   missing: pip install {way.install}")
                continue
            run = crawl(way, site, 32, 32, links)
            print(f"{way.name:<30}{run.pages:>8}{there:>8}{run.seen.requests:>11}")
            if way is OURS:
                yield f"exactly the {there} pages within {links} links: {run.pages == there == run.seen.requests}"


def memory() -> Iterator[str]:
    """Crawl a small site and one ten times its size, keeping no result."""
    print("\nPeak memory of the crawler's process, 32 in flight, one run each.")
    print(f"{'':<30}{'pages':>8}{'found':>8}{'MB':>8}")
    for way in (OURS, SCRAPY):
        if way.missing:
            print(f"{way.name:<30}   missing: pip install {way.install}")
            continue
        held = {}
        for pages in (PAGES, MANY_PAGES):
            with SyntheticSite(pages=pages) as site:
                run = crawl(way, site, 32, 32)
            held[pages] = run.memory
            print(f"{way.name:<30}{pages:>8,}{run.pages:>8,}{run.memory:>8.1f}")
        more = (held[MANY_PAGES] - held[PAGES]) * 1000 / (MANY_PAGES - PAGES)
        if way is OURS:
            yield f"memory a page, of {MANY_PAGES:,}: {more:.2f} KB, of which its URL is the least that must be kept"


def main() -> None:
    begun = time.monotonic()
    print(f"Python {platform.python_version()}, {os.cpu_count()} processors. {PAGES:,} pages of 10 KB with 20 links;")
    print(f"for the article's way, which is slow, {FEW_PAGES} such pages and fewer runs. Medians of the runs.")
    print("found: how many pages, of those there are")
    said = [*speed(), *latency(16), *latency(64), *hosts(), *depth(), *memory()]
    print("\nOf AsyncWebCrawler is required:")
    for sentence in said:
        print(f"  {sentence}")
    print(f"\nTook {time.monotonic() - begun:.0f} s.")


if __name__ == "__main__":
    main()
