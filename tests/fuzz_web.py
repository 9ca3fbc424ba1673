"""Spoil what servers say, by chance but reproducibly: python tests/fuzz_web.py [COUNT] [SEED]

Answers go over real sockets to the crawler and to both sides of `fetching`; links, headers, robots.txt, pages and
bodies go to what reads them. Whatever is said, no exception leaves, and every URL has one result. A command prints how
many there were of each kind; a failure prints the seed and number with which it comes again.
"""

import asyncio
import gzip
import io
import random
import re
import sys
import threading
import time
import zlib
from collections import Counter
from contextlib import redirect_stdout, suppress

from course_lib.crawler import AsyncWebCrawler
from course_lib.crawler.parsing import parse
from course_lib.crawler.results import _json
from course_lib.crawler.robots import Rules, robots_text
from course_lib.crawler.urls import base_of, normalise, resolve
from course_lib.fetching import async_fetch_multiple, sync_fetch_url
from course_lib.lab.hostile_answers import ANSWERS, head, page
from course_lib.standards.bodies import Unpacker, UnpackError
from course_lib.standards.encodings import decode, encoding_of_label
from course_lib.standards.headers import http_date, media_type, refresh, retry_after

HTML = b"""<!doctype html><meta charset=utf-8><title>A title</title><base href="/b/"><a href="page?x=1#y">1</a>
<svg><title>s</title><a xlink:href="/x">2</a></svg><meta http-equiv=refresh content="0; url='/r'"><area href=//h/z>"""
ROBOTS = b"""\xef\xbb\xbfUser-agent: *\nDisallow: /private/*.x$\nAllow: /private/y\nCrawl-delay: 0.5\n
User-agent: AsyncCrawler/1.0\nDisallow: /%7Ea?b=c:d\n"""
LINKS = [
    "http://site.test/a/../b?c=d#e",
    "//[::1]:80/",
    "..\\x",
    "http:x",
    "https://\u00e4.example/%zz",
    "///h",
    "?q;%3B+",
]
FIELDS = [
    *("Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994", "120"),
    *('text/html; charset="utf-8"; a=b', "text/html;charset=gbk, image/png", "5; url='/x'", "gzip, deflate"),
]
ANSWER_SEEDS = [
    *(answer for answer in ANSWERS.values() if isinstance(answer, bytes) and len(answer) < 5000),
    page(HTML),
    page(gzip.compress(HTML, mtime=0), Content_Encoding="gzip"),
    page(gzip.compress(gzip.compress(HTML, mtime=0), mtime=0), Content_Encoding="gzip, X-GZIP"),
    page(zlib.compress(HTML), Content_Encoding="deflate", Refresh="3; url=/r"),
    page("<title>\u65e5\u672c</title><a href='?\u65e5'>".encode("euc-jp"), "text/html; charset=euc-jp"),
    head("503 Busy", Retry_After="Sun, 06 Nov 1994 08:49:37 GMT", Content_Length=0),
    head("301 Moved", Location="../moved?a=b", Content_Length=0),
    head(Transfer_Encoding="chunked") + b"%x\r\n%s\r\n0\r\n\r\n" % (len(HTML), HTML),
]  # fmt: skip
WORDS = [
    *(b"\r\n", b"\n", b"\r\n\r\n", b"\0", b"\xff", b"\xed\xa0\x80", b"\xef\xbb\xbf", b"\xd9\xa3", b" ", b"\t"),
    *(b"%", b"%2e", b"//", b"\\", b"[::1", b":", b";", b",", b"$", b"#", b"?", b"..", b"*", b"<", b">", b'"', b"'"),
    *(b"9" * 400, b"x" * 9000, b"-1", b"nan", b"1e999", b"0x7f", "\u00e4\u3002\u202e".encode()),
    *(b"<!--", b"<svg>", b"&#xD800;", b"xlink:href=", b"charset=", b"hz-gb-2312", b"utf-16"),
    *(b"Content-Length: ", b"Transfer-Encoding: chunked\r\n", b"Content-Encoding: gzip\r\n", b"Location: "),
    *(b"Content-Type: text/html;charset=", b"Refresh: 0;url=", b"Retry-After: "),
    *(b"http://", b"https:", b"javascript:", b"xn--"),
]


def spoil(chance: random.Random, data: bytes, others: list[bytes]) -> bytes:
    """Change a few places of it: a byte, a piece, a word that is no good there, or another's end."""
    for _ in range(chance.choice((0, 1, 1, 1, 2, 3, 6))):
        at, to = sorted((chance.randint(0, len(data)), chance.randint(0, len(data))))
        to = min(to, at + chance.choice((1, 4, 40)))
        match chance.randrange(7):
            case 0:
                data = data[:at] + bytes([chance.randrange(256)]) + data[at + 1 :]
            case 1:
                data = data[:at] + data[to:]
            case 2:
                data = data[:at] + data[at:to] * chance.choice((2, 2, 300)) + data[to:]
            case 3:
                data = data[:at]
            case 4:
                data = data[:at] + chance.choice(others)[chance.randint(0, 80) :]
            case _:
                data = data[:at] + chance.choice(WORDS) + data[at:]
    return data


def spoiled_text(chance: random.Random, seeds: list[str]) -> str:
    """Return one of the texts, spoiled, with characters of all kinds."""
    encoded = [seed.encode("utf-8", "surrogatepass") for seed in seeds]
    return spoil(chance, chance.choice(encoded), encoded).decode("utf-8", chance.choice(("replace", "surrogateescape")))


class Liar:
    """A server in a thread that answers `/NUMBER` with the spoiled answer of that number, and robots.txt too."""

    def __init__(self, seed: int) -> None:
        self.seed, self.start_page, self.harmless, ready = seed, b"", False, threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve(ready)), daemon=True)
        self._thread.start()
        ready.wait()

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join()

    def answer(self, path: str) -> bytes:
        if path == "/":
            return self.start_page
        if path == "/robots.txt":
            return page(b"", "text/plain")
        chance = random.Random(f"{self.seed} {path}")
        said = spoil(chance, chance.choice(ANSWER_SEEDS), ANSWER_SEEDS) if path[1:].isdigit() else page(HTML)
        # `fetching` follows a redirect to any host, so none is named to it.
        return re.sub(rb"(?i)(https?):|//|\\", rb"\1;", said) if self.harmless else said

    async def _serve(self, ready: threading.Event) -> None:
        self._loop, self._over = asyncio.get_running_loop(), asyncio.Event()
        self._loop.set_exception_handler(lambda *_: None)  # clients that hang up
        server = await asyncio.start_server(self._talk, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        ready.set()
        await self._over.wait()
        server.close()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            request = await reader.readuntil(b"\r\n\r\n")
            writer.write(self.answer(request.split(b" ", 2)[1].decode("latin-1")))
            await writer.drain()
        writer.close()


def fuzz_crawl(liar: Liar, first: int, count: int, counts: Counter[str]) -> None:
    """Crawl a page that links to so many spoiled answers: each URL ends in one place, and all can be told and saved."""
    liar.harmless = False
    links = "".join(f'<a href="/{number}">' for number in range(first, first + count))
    liar.start_page = page(links.encode())
    crawler = AsyncWebCrawler(40, 40, 5, 0, retry_delay=0, max_body=1_000_000, crawl_delay_cap=0)
    results = asyncio.run(crawler.crawl_recursive(liar.url, 1, 100_000))
    where = Counter([*(result.url for result in results), *crawler.skipped])
    assert set(where.values()) == {1}, f"seed {liar.seed}: {where.most_common(1)} has more than one place"
    missing = {f"{liar.url}/{number}" for number in range(first, first + count)} - where.keys()
    assert not missing, f"seed {liar.seed}: {missing} have no place"
    assert all(crawler.skipped.values()) and all(result.error != "" for result in results)
    with redirect_stdout(io.TextIOWrapper(io.BytesIO(), "utf-8")) as out:
        crawler.print_statistics()
        print(*results, *(result.title for result in results), *(result.error for result in results))
        print(*crawler.skipped, *crawler.skipped.values(), *_json(crawler.stats, results))
        out.flush()
    counts["answers crawled"] += count
    for result in results:
        counts[f"  {(result.error or 'a page').partition(':')[0]}"] += 1
    counts["  skipped"] += len(crawler.skipped)


def fuzz_fetch(liar: Liar, first: int, count: int, counts: Counter[str]) -> None:
    """Fetch so many spoiled answers, together and one after another: each URL has its result."""
    liar.harmless = True
    urls = [f"{liar.url}/{number}" for number in range(first, first + count)]
    together = asyncio.run(async_fetch_multiple(urls, 5, 40))
    alone = [sync_fetch_url(url, 5) for url in urls]
    for results in (together, alone):
        assert [result.url for result in results] == urls
        print(*results, *(result.error for result in results), file=io.TextIOWrapper(io.BytesIO(), "utf-8"))
    counts["answers fetched, on both sides"] += count
    counts["  of these ok on both sides"] += sum(a.ok and b.ok for a, b in zip(together, alone, strict=True))
    counts["  of these ok on one"] += sum(a.ok != b.ok for a, b in zip(together, alone, strict=True))


def fuzz_links(chance: random.Random, counts: Counter[str]) -> None:
    """A link has one normal form, its own, or none."""
    link, base = spoiled_text(chance, LINKS), normalise(spoiled_text(chance, LINKS)) or "http://site.test/a/b?c"
    codec = chance.choice(("utf-8", "gb18030", "euc_jp", "cp1252"))
    url = normalise(link, base, codec)
    counts["links"] += 1
    if url is not None:
        counts["  of these a URL"] += 1
        assert url.isascii() and normalise(url) == url, f"{link!r:.200} at {base!r:.200} becomes {url!r:.200}"
    assert resolve([link], base, codec) == [url] * (url is not None)
    base_of(link, base)


def fuzz_headers(chance: random.Random, counts: Counter[str]) -> None:
    """A header is understood, or None."""
    text = spoiled_text(chance, FIELDS)
    for read in (media_type, http_date, refresh, encoding_of_label):
        read(text)
    wait = retry_after(text, 0.0)
    assert wait is None or wait >= 0
    counts["headers"] += 1


def fuzz_robots(chance: random.Random, counts: Counter[str]) -> None:
    """A robots.txt says yes or no to any URL."""
    text = robots_text(spoil(chance, ROBOTS, [ROBOTS]), complete=chance.random() < 0.5)
    if text is not None:
        rules = Rules(text, chance.choice(("AsyncCrawler/1.0", "*", "\xe4")))
        assert 0 <= rules.delay < float("inf")
        counts["  of these forbidding"] += not rules.allow("http://site.test/private/a.x")
    counts["robots.txt"] += 1


def fuzz_pages(chance: random.Random, counts: Counter[str]) -> None:
    """Bytes make a page in any charset, and text that can be written."""
    label = chance.choice(
        ("utf-8", "gbk", "big5", "euc-jp", "iso-2022-jp", "shift_jis", "utf-16", "koi8-u", "windows-1255")
    )
    body = spoil(chance, HTML, [HTML, bytes(chance.randrange(256) for _ in range(50))])
    made = parse(body, chance.choice((None, label)))
    assert made.title.encode() is not None
    decode(body, encoding_of_label(label)).encode()
    resolve(made.references, base_of(made.base, "http://site.test/"), made.query_codec)
    counts["pages"] += 1


def fuzz_bodies(chance: random.Random, counts: Counter[str]) -> None:
    """A body is unpacked, or said to be none."""
    packed = spoil(chance, chance.choice((gzip.compress(HTML, mtime=0), zlib.compress(HTML))), [HTML])
    with suppress(UnpackError):
        unpacker = Unpacker(chance.choice(("gzip", "deflate", "gzip, deflate", "x-gzip, gzip")), 100_000)
        for at in range(0, len(packed), 50):
            assert all(unpacker.feed(packed[at : at + 50]))
        unpacker.end()
        counts["  of these whole"] += 1
    counts["bodies"] += 1


READERS = (fuzz_links, fuzz_headers, fuzz_robots, fuzz_pages, fuzz_bodies)


def fuzz(count: int, seed: int, batch: int = 250) -> Counter[str]:
    """Spoil so many things: four in ten are answers, half of them crawled, the others fetched; return the counts."""
    counts: Counter[str] = Counter()
    liar = Liar(seed)
    try:
        for first in range(0, count // 5, batch):
            size = min(batch, count // 5 - first)
            fuzz_crawl(liar, first, size, counts)
            fuzz_fetch(liar, first + count, size, counts)
    finally:
        liar.stop()
    for number in range(count - 2 * (count // 5)):
        reader = READERS[number % len(READERS)]
        try:
            reader(random.Random(f"{seed} {number}"), counts)
        except Exception as error:
            raise AssertionError(f"{reader.__name__}, seed {seed}, number {number}") from error
    return counts


if __name__ == "__main__":
    count, seed = (int(sys.argv[1]) if len(sys.argv) > 1 else 10_000), (int(sys.argv[2]) if len(sys.argv) > 2 else 1)
    begun = time.monotonic()
    for kind, number in fuzz(count, seed).items():
        print(f"{number:>8,}  {kind}")
    print(f"{count:>8,}  in all, seed {seed}, {time.monotonic() - begun:.0f} s, no exception, one result each")
