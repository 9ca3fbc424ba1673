"""What a crawl knows of each URL it has seen, and which of them it is to request.

Pages are requested as workers become free, not level by level, so a page may be found by a long way first and by a
shorter one later. Its depth then shrinks, and with it that of the pages it links to. In the end every depth is the
shortest, whatever the order of the answers, and exactly the pages within `max_depth` have been requested.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence


class Frontier:
    """The URLs in scope that one crawl has seen, in normal form.

    max_depth: how many links from the start a page may be
    max_redirects: how many in a row are followed
    in_scope: called with a URL that is not known; what it returns False for does not become known
    enqueue: called with a URL and its depth when it is to be requested, and again when it turns out to be less deep
    """

    def __init__(
        self,
        max_depth: int,
        max_redirects: int,
        in_scope: Callable[[str], bool],
        enqueue: Callable[[str, int], object],
    ) -> None:
        self.depths: dict[str, int] = {}  # of every URL seen: links from the start, by the shortest way known
        self.redirects: dict[str, str] = {}  # of every URL that redirects: where to
        self._max_depth, self._max_redirects = max_depth, max_redirects
        self._in_scope, self._enqueue = in_scope, enqueue
        # By how many redirects in a row a URL was reached, at least; not in here: 0, some page links to it.
        self._hops: dict[str, int] = {}
        # Sets, but in order, so that a crawl that is repeated says the same.
        self._held: dict[str, None] = {}  # too deep or too many redirects away, as far as is known
        self._queued: dict[str, None] = {}
        self._in_flight: dict[str, None] = {}
        self._unfinished: Counter[int] = Counter()  # queued or in flight, by depth
        # The links of pages that are done and whose depth may still shrink, by that depth.
        self._open_pages: dict[int, dict[str, Sequence[str]]] = {}

    @property
    def unfinished(self) -> int:
        """How many URLs wait or are in flight."""
        return len(self._queued) + len(self._in_flight)

    def link(self, urls: Iterable[str], depth: int) -> None:
        """Note that a page at `depth - 1` links to these (the start page, at 0, is linked to by nobody)."""
        depths, hops = self.depths, self._hops
        for url in urls:
            if depths.get(url, depth + 1) > depth or url in hops:  # of most links, nothing is new
                self._found(url, depth, 0)

    def is_queued(self, url: str, depth: int) -> bool:
        """Return whether a URL waits to be requested at that depth, and not, by now, at a smaller one."""
        return url in self._queued and self.depths[url] == depth

    def take(self, url: str) -> None:
        """Note that a queued URL is being requested."""
        del self._queued[url]
        self._in_flight[url] = None

    def drop(self, url: str) -> None:
        """Note that a queued URL is not going to be requested."""
        del self._queued[url]
        self._finish(url, ())

    def done(self, url: str, links: Sequence[str] = ()) -> None:
        """Note that a URL in flight was answered, or given up, and what it links to."""
        del self._in_flight[url]
        self.link(links, self.depths[url] + 1)
        self._finish(url, links)

    def redirect(self, url: str, target: str) -> list[str]:
        """Note that a URL in flight redirects; return the URLs of the loop that this closes, if it does."""
        del self._in_flight[url]
        self.redirects[url] = target
        self._found(target, self.depths[url], self._hops.get(url, 0) + 1)
        self._finish(url, ())
        chain = {url: None}  # in order, and quick to look up
        while (step := self.redirects.get(target)) is not None and target not in chain:
            chain[target] = None
            target = step
        return list(chain) if target == url else []

    def left(self) -> tuple[list[str], list[str], list[str]]:
        """Return the URLs that wait or are in flight, those that are too deep, and those too many redirects away."""
        deep = [url for url in self._held if self.depths[url] > self._max_depth]
        far = [url for url in self._held if self.depths[url] <= self._max_depth]
        return [*self._in_flight, *self._queued], deep, far

    def _found(self, url: str, depth: int, hops: int) -> None:
        """Note that there is a way of that many links to a URL, the last steps of which are that many redirects.

        The two are minimised each for itself. So what is requested grows with each way that is found and never depends
        on which was found first.
        """
        ways = [(url, depth, hops)]
        while ways:  # not by recursion: a chain of links may be long
            url, depth, hops = ways.pop()
            before = self.depths.get(url)
            if before is None:
                if not self._in_scope(url):
                    continue
                self._held[url] = None
                self.depths[url] = depth
                if hops:
                    self._hops[url] = hops
            else:
                fewer = hops < self._hops.get(url, 0)
                if depth >= before and not fewer:
                    continue
                depth = self.depths[url] = min(depth, before)
                hops = min(hops, self._hops.pop(url, 0))
                if hops:
                    self._hops[url] = hops
            if url in self._held:
                if depth <= self._max_depth and hops <= self._max_redirects:
                    del self._held[url]
                    self._queued[url] = None
                    self._unfinished[depth] += 1
                    self._enqueue(url, depth)
            elif url in self.redirects:
                ways.append((self.redirects[url], depth, hops + 1))
            elif before is not None and depth < before:
                if url in self._queued or url in self._in_flight:
                    self._unfinished[depth] += 1
                    self._count_out(before)
                    if url in self._queued:
                        self._enqueue(url, depth)
                elif (links := self._open_pages.get(before, {}).pop(url, None)) is not None:
                    self._open_pages.setdefault(depth, {})[url] = links
                    ways += [(link, depth + 1, 0) for link in links]

    def _finish(self, url: str, links: Sequence[str]) -> None:
        depth = self.depths[url]
        self._open_pages.setdefault(depth, {})[url] = links
        self._count_out(depth)
        # A shorter way leads over a page that is not finished, and so over its links (one deeper) or its redirect (as
        # deep): no depth up to that of the shallowest such page can shrink. What they link to need not be remembered.
        final = min(self._unfinished, default=self._max_depth)
        for known in [known for known in self._open_pages if known <= final]:
            del self._open_pages[known]

    def _count_out(self, depth: int) -> None:
        self._unfinished[depth] -= 1
        if not self._unfinished[depth]:
            del self._unfinished[depth]
