"""What a crawl found: one CrawlResult a page, and a file of them."""

import json
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from course_lib.crawler.threads import in_thread
from course_lib.files import replace_file
from course_lib.standards.headers import printable


@dataclass(slots=True)
class CrawlResult:
    """What became of one page that was requested.

    url: in normal form
    status_code: the HTTP status, 0 when no response arrived
    title: its text, "" when the page has none
    content_length: bytes of the body, decompressed
    links: the http and https URLs it links to, or sends its reader on to, in normal form, each once, in order
    crawl_time: seconds from the last attempt's start to the last byte of the body
    error: why it failed, None when it was crawled
    depth: links from the start to the page, by the shortest way known
    attempts: how often it was requested
    """

    url: str
    status_code: int
    title: str = ""
    content_length: int = 0
    links: list[str] = field(default_factory=list)
    crawl_time: float = 0.0
    error: str | None = None
    depth: int = 0
    attempts: int = 0


async def save(path: Path, stats: dict[str, Any], results: Sequence[CrawlResult]) -> None:
    """Write a crawl to a file that is, at every moment, the whole old one or the whole new one.

    It is written in a thread: the loop goes on meanwhile. A cancellation stops it and leaves the old file.

    path: ends in .json for one object with `stats` and `results`, in .jsonl for one result a line
    Raises ValueError for another ending, OSError, as `replace_file` does, when the file cannot be written.
    """
    lines = {".json": _json, ".jsonl": _json_lines}.get(path.suffix)
    if lines is None:
        raise ValueError(f"filename is {str(path)!r}, whose format is unknown: end it in .json or .jsonl")
    stopped = threading.Event()
    pieces = lines(dict(stats), list(results))  # copies: a crawl may still be adding to them
    await in_thread(lambda: replace_file(path, pieces, stopped.is_set), stopped.set)


def _json(stats: dict[str, Any], results: list[CrawlResult]) -> Iterator[str]:
    yield f'{{\n  "stats": {_text(stats)},\n  "results": ['
    for number, result in enumerate(results):
        yield ("," if number else "") + f"\n    {_dumped(result)}"
    yield "\n  ]\n}\n"


def _json_lines(stats: dict[str, Any], results: list[CrawlResult]) -> Iterator[str]:
    return (f"{_dumped(result)}\n" for result in results)


def _dumped(result: CrawlResult) -> str:
    return _text({name: getattr(result, name) for name in CrawlResult.__slots__})


def _text(value: object) -> str:
    return printable(json.dumps(value, ensure_ascii=False))
