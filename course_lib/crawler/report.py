"""What a person sees of a crawl: a bar while it runs, and some lines after it."""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

_REASONS = 5  # shown


@contextmanager
def progress_bar() -> Iterator[Callable[[int, int], None]]:
    """Show a bar, a widget in a notebook and text elsewhere; yield what moves it: how many are done, of how many."""
    from tqdm.auto import tqdm  # type: ignore[import-untyped]  # here: it looks for a notebook, and few crawls ask

    with tqdm(unit="page", desc="crawling") as bar:

        def show(done: int, known: int) -> None:
            bar.total = known
            bar.update(done - bar.n)

        yield show
        bar.total = bar.n  # redirects were among the known, and have no result
        bar.refresh()


def report(stats: Mapping[str, Any], skipped: Mapping[str, str]) -> str:
    """Return what a crawl did, its first failures, and why URLs were skipped, in lines."""
    if not stats:
        return "No crawl has begun."
    crawled, seconds = stats["successful_requests"], stats["duration"]
    failures, reasons = stats["first_failures"], Counter(map(_kind, skipped.values()))
    lines = [
        f"requested  {stats['total_requests']} URLs, and {stats['retries']} retries",
        f"crawled    {crawled} pages, {stats['total_bytes'] / 1e6:.2f} MB",
        f"failed     {stats['failed_requests']}",
        *(f"  {url}: {error}" for url, error in failures.items()),
        *_more(stats["failed_requests"] - len(failures)),
        f"skipped    {stats['skipped_urls']}",
        *(f"  {number} {reason}" for reason, number in reasons.most_common(_REASONS)),
        *_more(sum(number for _, number in reasons.most_common()[_REASONS:])),
        f"time       {seconds:.2f} s, {stats['total_requests'] / seconds if seconds else 0:.0f} URLs/s",
    ]
    if stats["start_error"] is not None:
        lines.append(f"The start page was not crawled: {stats['start_error']}")
    return "\n".join(lines)


def _kind(reason: str) -> str:
    return re.sub(r"^redirects to (?=http).*", "redirects", reason)


def _more(number: int) -> list[str]:
    return [f"  and {number} more"] if number > 0 else []
