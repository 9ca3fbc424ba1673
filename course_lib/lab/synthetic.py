"""Synthetic sites to crawl: any number of pages, a known link graph, and a server quicker than any crawler.

The server is a process of its own. In a thread it would take turns with the crawler for the interpreter's lock, and a
measurement would be one of both. It ends when its standard input closes: with `stop`, and however its owner ends.

    with SyntheticSite(pages=2000, latency=0.02) as site:
        results = await AsyncWebCrawler().crawl_recursive(site.url, max_depth=2, max_pages=len(site.urls))
        print(len(results), len(site.reachable(2)), site.seen().peak)
"""

import json
import random
import subprocess
import sys
import threading
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any, Self

from course_lib.paths import REPO


@dataclass(frozen=True, slots=True)
class Seen:
    """What the server, or one of its hosts, saw of the requests for pages; robots.txt and wrong paths are not counted.

    requests: how many arrived
    pages: how many different pages they were for
    in_flight: how many have no answer yet
    peak: the most that were in flight at once; without latency every request is answered as it arrives
    seconds: from the first request's arrival to the last answer
    """

    requests: int
    pages: int
    in_flight: int
    peak: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Plan:
    """All that decides what a site is; owner and server work the same graph out of it, each for itself."""

    pages: int
    links: int
    size: int
    latency: float
    failure_rate: float
    failures: int | None
    hosts: int
    slow_host: int | None
    slow_latency: float
    seed: int

    def graph(self) -> tuple[list[list[int]], set[int]]:
        """Return the numbers of the pages that each page links to, in the order of its links, and those that fail."""
        chance = random.Random(self.seed)
        # Half of the links make a tree, by which every page is reachable; the rest lead anywhere.
        arity = max(1, self.links // 2)
        graph = []
        for page in range(self.pages):
            links = list(range(page * arity + 1, min(page * arity + arity + 1, self.pages)))
            links += chance.choices(range(self.pages), k=self.links - len(links))
            chance.shuffle(links)  # no crawler shall gain from following the first ones only
            graph.append(links)
        failing = chance.sample(range(1, self.pages), min(self.pages - 1, round(self.failure_rate * self.pages)))
        return graph, set(failing)


class SyntheticSite:
    """A site made by rule, served from its own process as soon as it is made; a context manager.

    pages: how many; page `i` is on host `i % hosts`, and every page is reachable from the first
    links: links on each page, some of them to pages already seen and some to itself
    size: bytes of a page's HTML; more where its links alone take more
    latency: seconds before a page is answered
    failure_rate: the share of pages, 0 to 1, that answer 503; the start page is never one of them
    failures: how often such a page answers 503 before it answers 200; None for always
    hosts: 1 to 4, at 127.0.0.1 to 127.0.0.4; where only the first is set up (macOS), on several ports of that
    slow_host: the number, from 0, of a host whose latency is `slow_latency` (seconds) instead
    seed: the same one gives the same pages, links and failures

    url: where to start
    hosts: the hosts' addresses, such as http://127.0.0.2:54321
    urls: all pages' URLs
    failing: the URLs of those that answer 503, at first or always
    Raises ValueError for a number that makes no site, OSError when the server cannot be started.
    """

    def __init__(
        self,
        pages: int = 2000,
        links: int = 20,
        size: int = 10_000,
        latency: float = 0.0,
        failure_rate: float = 0.0,
        hosts: int = 1,
        slow_host: int | None = None,
        seed: int = 1,
        *,
        failures: int | None = 1,
        slow_latency: float = 0.2,
    ) -> None:
        for name, value, low, high in (
            ("pages", pages, 1, 100_000),
            ("links", links, 1, 1000),
            ("size", size, 0, 10_000_000),
            ("latency", latency, 0, 60),
            ("failure_rate", failure_rate, 0, 1),
            ("failures", failures, 0, 1_000_000),
            ("hosts", hosts, 1, 4),
            ("slow_host", slow_host, 0, hosts - 1),
            ("slow_latency", slow_latency, 0, 60),
        ):
            if value is not None and not low <= value <= high:
                raise ValueError(f"{name} is {value}, but must be from {low} to {high}: give a number in between")
        self._plan = Plan(pages, links, size, latency, failure_rate, failures, hosts, slow_host, slow_latency, seed)
        self._lock = threading.Lock()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "course_lib.lab.synthetic_server"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=REPO,  # where -m finds this module, wherever the owner stands
            start_new_session=True,  # an interrupt of the owner's group, as from Jupyter, is not meant for the server
            text=True,
        )
        self.hosts: list[str] = self._ask(json.dumps(asdict(self._plan)))
        self._graph, failing = self._plan.graph()
        self._dead_ends = failing if failures is None else set()
        self.urls = [f"{self.hosts[page % hosts]}/page/{page}" for page in range(pages)]
        self.url = self.urls[0]
        self.failing = {self.urls[page] for page in failing}

    def reachable(self, depth: int | None = None) -> set[str]:
        """Return the URLs of the pages at most `depth` links from the start; None for however many.

        A page that always fails is among them, but nothing is reached by its links.
        """
        found = level = {0}
        steps = self._plan.pages if depth is None else depth
        while level and steps > 0:
            level = {link for page in level - self._dead_ends for link in self._graph[page]} - found
            found = found | level
            steps -= 1
        return {self.urls[page] for page in found}

    def seen(self, host: int | None = None) -> Seen:
        """Return what the server saw so far: of one host by its number, or of all together.

        Raises ConnectionError when the server has ended.
        """
        counts = self._ask("seen")
        return Seen(**counts[0 if host is None else host + 1])

    def reset(self) -> None:
        """Make the server forget what it saw, so that pages fail again from the start and counts are of one crawl.

        Raises ConnectionError when the server has ended.
        """
        self._ask("reset")

    def stop(self) -> None:
        """End the server's process and drop its connections; a second call does nothing."""
        with self._lock:
            for pipe in (self._process.stdin, self._process.stdout):
                with suppress(OSError):  # a question that a dead server did not read
                    pipe.close()  # type: ignore[union-attr]
            try:
                self._process.wait(timeout=5)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _ask(self, question: str) -> Any:
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None and stdout is not None  # they are pipes
        with self._lock:
            try:
                stdin.write(question + "\n")
                stdin.flush()
                answer = stdout.readline()
            except (OSError, ValueError):  # ValueError: a closed pipe
                answer = ""
        if not answer:
            raise ConnectionError("the synthetic site's server has ended: make a new SyntheticSite")
        return json.loads(answer)
