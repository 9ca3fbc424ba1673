"""What a person sees of a crawl: a bar while it runs, and some lines after it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from course_lib.crawler.results import CrawlResult

_FAILURES = 5  # shown


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


def report(stats: Mapping[str, Any], results: Sequence[CrawlResult]) -> str:
    """Return what a crawl did, and its first failures, in lines."""
    if not stats:
        return "No crawl has begun."
    crawled, seconds = stats["successful_requests"], stats["duration"]
    lines = [
        f"requested  {stats['total_requests']} URLs, and {stats['retries']} retries",
        f"crawled    {crawled} pages, {stats['total_bytes'] / 1e6:.2f} MB",
        f"failed     {stats['failed_requests']}",
        f"skipped    {stats['skipped_urls']}",
        f"time       {seconds:.2f} s, {stats['total_requests'] / seconds if seconds else 0:.0f} URLs/s",
    ]
    failures = [result for result in results if result.error]
    lines += [f"  {result.url}: {result.error}" for result in failures[:_FAILURES]]
    if len(failures) > _FAILURES:
        lines.append(f"  and {len(failures) - _FAILURES} more")
    return "\n".join(lines)
